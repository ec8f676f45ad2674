"""Preprocessing of series."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from ccnn_pc._checks import check_at_least
from ccnn_pc._choices import choice
from ccnn_pc.datasets.preprocessing.base import Preprocessing, plain, set_fields
from ccnn_pc.datasets.series.dataset import SeriesForm
from ccnn_pc.datasets.transforms.base import Compose, Transform
from ccnn_pc.datasets.transforms.resample import every as every_nth
from ccnn_pc.datasets.transforms.series import AsSeries, DropSamples, RandomStamps


@dataclass(frozen=True)
class SeriesPreprocessing(Preprocessing):
    """Every n-th sample of a series, some left out, with stamps if wanted (see :func:`series_transform`).

    Args:
        every: step between samples (default 1: all); of arrays also 1.5, on cubic curves.
        drop: per cent of :class:`DropSamples` (default 0), or the smallest and the largest.
        observed: True: grids say what was observed also where nothing is dropped.
        form: GRID (default) or IRREGULAR.
        table: how :class:`LongCSV` read its tables in training (:meth:`LongCSV.description`); None: data of another
            kind.
        times: of an estimator, what times were in its ``fit`` (:class:`ccnn_pc.models.shift.times_of_fit.TimesOfFit`);
            None: nobody said.

    Raises:
        ValueError: an unknown form, or a step below 1.

    Example:
        >>> SeriesPreprocessing(every=2, form="irregular").transform()
        Compose([EveryNth(2, 1.0), AsSeries(1.0)])
    """

    kind: ClassVar[str] = "series"
    renamed: ClassVar[Mapping[str, str]] = {"series": "form"}

    every: float = 1
    drop: float | Sequence[float] = 0.0
    observed: bool | None = None
    form: SeriesForm | str = SeriesForm.GRID
    table: Mapping[str, Any] | None = None
    times: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        drop = self.drop if isinstance(self.drop, (int, float)) else tuple(self.drop)
        between = isinstance(self.every, float) and 1 < self.every < math.inf
        set_fields(self, every=self.every if between else check_at_least("every", self.every, 1), drop=drop)  # type: ignore[arg-type]
        set_fields(self, form=choice("form", self.form, SeriesForm), table=plain(self.table))
        set_fields(self, times=plain(self.times))

    @property
    def channel_names(self) -> tuple[str, ...]:
        """The variables of the table, each behind what it says of how often and how far away it was observed.

        Example:
            >>> SeriesPreprocessing(table={"variables": ["heat", "rain"], "gap": 2.0}).channel_names
            ('remoteness of heat', 'remoteness of rain', 'heat', 'rain')
        """
        table = self.table or {}
        variables = [str(name) for name in table.get("variables") or ()]
        said = {"counts": "observations of", "indicators": "presence of", "gap": "remoteness of"}
        before = [f"{what} {name}" for key, what in said.items() if table.get(key) for name in variables]
        return (*before, *variables)

    def transform(self, augment: Sequence[Transform] = ()) -> Compose:
        """``augment``, then the steps above."""
        irregular = self.form is SeriesForm.IRREGULAR
        made = series_transform(
            self.every, self.drop, irregular=irregular, observed=self.observed, augment=augment
        )
        return made or Compose([])


def series_transform(
    every: float = 1,
    drop: float | Sequence[float] = 0.0,
    *,
    irregular: bool = False,
    observed: bool | None = None,
    random_times: bool = False,
    trained: float = 1,
    augment: Sequence[Transform] = (),
) -> Compose | None:
    """Every n-th sample of a series, some of them left out, with stamps if wanted; None where nothing is to do.

    Args:
        every: step between samples, :func:`~ccnn_pc.datasets.transforms.resample.every` (default 1: all).
        drop: per cent of :class:`DropSamples`, or the smallest and the largest.
        irregular: series with stamps instead of arrays.
        observed: whether a channel of grids is added that says what was observed: True, also where nothing is dropped;
            False, never, for grids that have one already; None (default), where ``drop`` is not 0.
        random_times: series at random times between their samples (:class:`RandomStamps`), so many per cent fewer.
        trained: the step in training (default 1); where it is another, all samples are said to be 1 apart.
        augment: what comes first; only for training.

    Example:
        >>> series_transform(2, 30), series_transform()
        (Compose([EveryNth(2, 1.0), DropSamples(30.0, irregular=False)]), None)
    """
    steps: list[Transform] = list(augment)
    if (every, trained) != (1, 1):
        steps.append(every_nth(every))
    if irregular:
        steps.append(AsSeries())
    if random_times:
        steps.append(RandomStamps(drop))
    elif drop or (observed and not irregular):
        steps.append(DropSamples(drop, irregular=irregular, channel=observed is not False))
    return Compose(steps) if steps else None
