"""Mean and deviation of series, from training data alone."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

#: Added to the deviation in the published experiments.
EPSILON = 1e-5
#: Of a mean: smaller deviations of float32 numbers are not told from none.
_ROUNDING = 1e-6


class Normalization(enum.Enum):
    """What shares one mean and one deviation.

    CHANNEL: all samples of a channel. STEP: all channels at one sample of a grid (the released code of CKConv does so
    with character trajectories and speech, by taking the last axis for the channels). NONE: values stay as they are.
    """

    CHANNEL = "channel"
    STEP = "step"
    NONE = "none"


class SeriesScaling(NamedTuple):
    r"""Makes :math:`(v - \mathrm{mean}) / (\mathrm{std} + \epsilon)` of ``v [C, L]``.

    Attributes:
        mean, std: ``[C, 1]`` per channel or ``[1, L]`` per step, float32.
        epsilon: the published 1e-5, unless values may be so small themselves.
    """

    mean: np.ndarray
    std: np.ndarray
    epsilon: float = EPSILON

    def of(self, values: np.ndarray) -> np.ndarray:
        """Scaled values ``[C, L]``; with one mean per step a shorter series takes the first ones."""
        steps = values.shape[1]
        return (values - self.mean[:, :steps]) / (self.std[:, :steps] + np.float32(self.epsilon))

    def to_json(self) -> list[list[float]]:
        """Means and deviations as plain numbers; :meth:`from_json` makes the same of them."""
        return [self.mean.ravel().tolist(), self.std.ravel().tolist()]

    @staticmethod
    def from_json(given: Any, normalize: Normalization) -> SeriesScaling:
        """What :meth:`to_json` wrote.

        Raises:
            ValueError: no means and deviations of the same number of channels, or steps.

        Example:
            >>> SeriesScaling.from_json([[2.0], [0.5]], Normalization.CHANNEL).of(np.array([[3.0]])).round(3).tolist()
            [[2.0]]
        """
        try:
            mean, std = (np.array(numbers, dtype=np.float32) for numbers in given)
        except (TypeError, ValueError):
            mean = std = np.zeros((), dtype=np.float32)
        if mean.ndim != 1 or mean.shape != std.shape:
            raise ValueError(f"'scaling' must be as many means as deviations (got {given!r})")
        shape = (1, -1) if normalize is Normalization.STEP else (-1, 1)
        return SeriesScaling(mean.reshape(shape), std.reshape(shape))

    def of_variables(self) -> SeriesScaling:
        """That of variables in any unit: the deviation as it is, and 1 where it is rounding."""
        constant = self.std <= _ROUNDING * np.abs(self.mean)
        return SeriesScaling(self.mean, np.where(constant, np.float32(1), self.std), epsilon=0.0)


def series_scaling(series: Iterable[np.ndarray], normalize: Normalization) -> SeriesScaling | None:
    """Mean and deviation (n - 1 in its denominator) of all values that are not NaN.

    Args:
        series: arrays ``[C, L]``; for STEP all of one length.
        normalize: what is put together; NONE gives None.

    Raises:
        ValueError: no series.

    Example:
        >>> scaling = series_scaling([np.array([[0.0, 2.0, np.nan]]), np.array([[4.0]])], Normalization.CHANNEL)
        >>> scaling.mean.tolist(), scaling.std.tolist()
        ([[2.0]], [[2.0]])
    """
    if normalize is Normalization.NONE:
        return None
    axis = 1 if normalize is Normalization.CHANNEL else 0
    moments: np.ndarray | None = None
    for values in series:
        exact = values.astype(np.float64)
        known = np.isfinite(exact)
        exact[~known] = 0.0
        found = np.stack([known.sum(axis), exact.sum(axis), np.square(exact).sum(axis)]).astype(np.float64)
        moments = found if moments is None else moments + found
    if moments is None:
        raise ValueError("'series' must hold at least one training series to normalise by (got none)")
    count, total, squares = moments
    mean = total / np.maximum(count, 1)
    variance = np.maximum(squares - count * mean**2, 0) / np.maximum(count - 1, 1)
    shape = (-1, 1) if normalize is Normalization.CHANNEL else (1, -1)
    return SeriesScaling(
        mean.reshape(shape).astype(np.float32), np.sqrt(variance).reshape(shape).astype(np.float32)
    )
