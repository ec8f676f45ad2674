"""Oscillations seen at random times: a procedural data set of irregular series; no file is read."""

from __future__ import annotations

from typing import Any

import numpy as np

from ccnn_pc._checks import check_at_least
from ccnn_pc._choices import choice
from ccnn_pc.datasets.common.splits import Split
from ccnn_pc.datasets.registry import register_dataset
from ccnn_pc.datasets.series.dataset import SeriesDataset, SeriesForm
from ccnn_pc.datasets.series.stored import join_series

#: Class → growth rate and change of frequency over the whole time.
KINDS = {
    "damped": (-3.0, 0.0),
    "falling": (0.0, -3.0),
    "growing": (3.0, 0.0),
    "rising": (0.0, 3.0),
    "steady": (0.0, 0.0),
}
_SIZES = {Split.TRAIN: 200, Split.VAL: 50, Split.TEST: 100}


@register_dataset("oscillations", sample={"per_class": 2})
class Oscillations(SeriesDataset):
    r"""Five classes of oscillations at random times in [0, 1]: damped, falling, growing, rising, steady.

    .. math:: v(t) = a\,e^{g t} \sin\big(2\pi (f t + \tfrac12 c\, t^2) + \varphi\big) + 0.05\,\epsilon

    with g = ∓3 (damped, growing) or 0, c = ∓3 (falling, rising) or 0, both times U(0.8, 1.2); the mean frequency
    :math:`f + c/2` of U(4, 6), so that only its change tells falling from rising; φ uniform; a such that the
    mean square over the time is 1/2. The irregular form has 40 to 80 stamps, drawn uniformly; the grid form has
    ``length`` regular ones, ``x [1, 1, length]``. Every split has series of its own; a series is a function of
    (``series_seed``, split, class, number).

    Args:
        split: TRAIN (200 per class), VAL (50) or TEST (100).
        per_class: another number of series per class.
        stamps: smallest and largest number of stamps (default 40 and 80).
        length: samples of the grid form (default 64).
        form: irregular (default) or grid.
        series_seed: of the series.
        options: drop, drop_seed, transform, pre_transform, seed: see :class:`SeriesDataset`. Values are of order 1
            and not normalised.

    Example:
        >>> item = Oscillations("test", per_class=2)[3]
        >>> item.x.shape[1], len(item.times) == len(item.x), bool((item.times.diff() > 0).all())
        (1, True, True)
    """

    def __init__(
        self,
        split: Split | str = Split.TRAIN,
        *,
        per_class: int | None = None,
        stamps: tuple[int, int] = (40, 80),
        length: int = 64,
        form: SeriesForm | str = SeriesForm.IRREGULAR,
        series_seed: int = 0,
        **options: Any,
    ) -> None:
        split = choice("split", split, Split)
        size = check_at_least("per_class", _SIZES[split] if per_class is None else per_class, 1)
        check_at_least("series_seed", series_seed, 0)
        fewest, most = check_at_least("stamps", int(stamps[0]), 2), int(stamps[1])
        if most < fewest:
            raise ValueError(f"'stamps' must be a smallest and a largest number (got {stamps})")
        check_at_least("length", length, 2)
        regular = choice("form", form, SeriesForm) is SeriesForm.GRID
        times, values, labels = [], [], []
        for label, kind in enumerate(KINDS):
            for number in range(size):
                r = np.random.default_rng((series_seed, list(Split).index(split), label, number))
                curve = _curve(r, kind)
                t = np.sort(r.uniform(0.0, 1.0, int(r.integers(fewest, most + 1))))
                t = np.arange(length) / (length - 1) if regular else t
                times.append(t)
                values.append((curve(t) + 0.05 * r.standard_normal(len(t)))[:, None])
                labels.append(label)
        stored = join_series(values, labels, list(KINDS), times=np.concatenate(times))
        rows = np.arange(len(stored))
        spacing = 1.0 / (length - 1)
        super().__init__(
            stored,
            rows,
            rows,
            form=form,
            length=length if regular else most,
            normalize="none",
            spacing=spacing,
            **options,
        )


def _curve(r: np.random.Generator, kind: str) -> Any:
    growth, change = (rate * r.uniform(0.8, 1.2) for rate in KINDS[kind])
    start, phase = r.uniform(4.0, 6.0) - change / 2, r.uniform(0.0, 2 * np.pi)
    fine = np.linspace(0.0, 1.0, 513)

    def shape(t: np.ndarray) -> np.ndarray:
        wave: np.ndarray = np.exp(growth * t) * np.sin(2 * np.pi * (start * t + change * t**2 / 2) + phase)
        return wave

    scale = np.sqrt(0.5 / np.mean(shape(fine) ** 2))
    return lambda t: scale * shape(t)
