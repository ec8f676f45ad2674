"""Data sets of time series: on a regular grid, or with time stamps of their own."""

from __future__ import annotations

import copy
import dataclasses
import enum
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ccnn_pc._checks import check_at_least, check_positive
from ccnn_pc._choices import choice
from ccnn_pc.datasets.common.grids import GridDataset
from ccnn_pc.datasets.common.labelled import as_label
from ccnn_pc.datasets.series.data import SeriesData, as_lattice
from ccnn_pc.datasets.series.drops import DROP_SEED, SeriesDrops, check_percent
from ccnn_pc.datasets.series.scaling import Normalization, SeriesScaling, series_scaling
from ccnn_pc.datasets.series.stored import StoredSeries
from ccnn_pc.datasets.transforms.base import Transform


class SeriesForm(enum.Enum):
    """GRID: ``GridData`` of one length, ``x [1, C, L]``. IRREGULAR: ``SeriesData``, ``times [n]`` and ``x [n, C]``."""

    GRID = "grid"
    IRREGULAR = "irregular"


class Fill(enum.Enum):
    """What follows the last sample of a shorter series on a grid: LAST repeats it, MISSING is not observed."""

    LAST = "last"
    MISSING = "missing"


@dataclasses.dataclass(frozen=True)
class SeriesOptions:
    """How series become items.

    Args:
        form: grid (default) or irregular.
        length: samples of the grid (default: the longest series); longer series are cut.
        fill: what stands behind the end of a series on the grid.
        normalize: channel (default), step (grids only) or none.
        drop: per cent of the samples that are left out; on the grid they become 0 and a last channel says what
            was observed, as published; in the irregular form they are gone.
        drop_seed: see :class:`SeriesDrops`.
        observed: whether grids have the last channel that says what was observed; None (default): where ``drop`` is
            not 0. With True a transform may drop samples (``DropSamples(percent, channel=False)``).
        spacing: distance of samples in units of ``times``, where the file has no time stamps.
        lattice: stamps are whole multiples of it; None: they may be anything. Files without stamps: ``spacing``.
        direct: do not tell so (default False): layers then convolve on the stamps as they are, without a grid.

    Raises:
        ValueError: an unknown option, or one that needs the other form.
    """

    form: SeriesForm | str = SeriesForm.GRID
    length: int | None = None
    fill: Fill | str = Fill.MISSING
    normalize: Normalization | str | None = Normalization.CHANNEL
    drop: float = 0.0
    drop_seed: int | None = DROP_SEED
    observed: bool | None = None
    spacing: float = 1.0
    lattice: float | None = None
    direct: bool = False

    def __post_init__(self) -> None:
        for name, value, kind in (
            ("form", self.form, SeriesForm),
            ("fill", self.fill, Fill),
            ("normalize", self.normalize or "none", Normalization),
        ):
            object.__setattr__(self, name, choice(name, value, kind))
        if self.normalize is Normalization.STEP and self.form is SeriesForm.IRREGULAR:
            raise ValueError("'normalize' must be 'channel' or 'none' for irregular series (got 'step')")
        check_percent("drop", self.drop)
        check_positive("spacing", self.spacing)
        if self.length is not None:
            check_at_least("length", self.length, 1)
        if self.lattice is not None:
            check_positive("lattice", self.lattice)


class SeriesDataset(GridDataset):
    r"""Labelled series, normalised by their training part, some samples left out if wanted.

    A value is normalised first, then becomes 0 where it is missing or dropped; transforms see the result. The two
    forms hold the same samples.

    Args:
        stored: all series, of every split.
        rows: the series of this split.
        training_rows: those that mean and deviation come from.
        transform, pre_transform, seed, numbers: see :class:`LabelledDataset`.
        scaling: means and deviations to normalise by (:meth:`scaling_of_training`), in place of those of the training
            part.
        options: form, length and all others of :class:`SeriesOptions`.

    Attributes:
        stored: the series as they were read.
        options: :class:`SeriesOptions`.
        scaling: mean and deviation, or None.
        broken: files that could not be read, with the reason.

    Raises:
        ValueError: an unknown option, or one that needs the other form; a scaling of other channels.
    """

    _what = "series"
    words: tuple[type, ...] = (SeriesOptions,)

    def __init__(
        self,
        stored: StoredSeries,
        rows: np.ndarray,
        training_rows: np.ndarray,
        *,
        transform: Transform | None = None,
        pre_transform: Transform | None = None,
        seed: int = 0,
        numbers: bool = False,
        scaling: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(
            stored.classes,
            stored.label,
            transform=transform,
            pre_transform=pre_transform,
            seed=seed,
            numbers=numbers,
        )
        self.stored, self.broken = stored, stored.broken
        self.options = chosen = SeriesOptions(**options)
        self.form, self.spacing = chosen.form, chosen.spacing
        longest = int(stored.lengths.max()) if len(stored) else 1
        self.length = longest if chosen.length is None else chosen.length
        self.lattice = self.spacing if stored.times is None else chosen.lattice
        self._rows = np.asarray(rows, dtype=np.int64)
        self._drops: SeriesDrops | None = None
        if chosen.drop:
            self._drops = SeriesDrops(chosen.drop, len(stored), self.length, chosen.drop_seed, seed)
        self.observed = bool(chosen.drop) if chosen.observed is None else chosen.observed
        values = self._placed if chosen.normalize is Normalization.STEP else self._kept
        normalize = choice("normalize", chosen.normalize or "none", Normalization)
        given = (scaling or {}).get("variables")
        self.scaling = (
            series_scaling((values(int(row)) for row in training_rows), normalize)
            if given is None
            else self._fitting(SeriesScaling.from_json(given, normalize))
        )

    def _fitting(self, scaling: SeriesScaling) -> SeriesScaling:
        """The same, if these series have the channels, or the steps, that it was measured on.

        Raises:
            ValueError: they have not; numpy would repeat a single one for all.
        """
        steps = self.options.normalize is Normalization.STEP
        known, own = scaling.mean.size, self.length if steps else self.stored.values.shape[1]
        if known != own:
            what = "steps" if steps else "channels"
            raise ValueError(
                f"'data' must have {known} {what}, as the series of the training had (got {own}): give series of the "
                f"same {what}, in the same order"
            )
        return scaling

    def without_drops(self) -> SeriesDataset:
        """The same series with all of their samples; grids keep the channel that says so."""
        other = copy.copy(self)
        other._drops = None
        return other

    def scaling_of_training(self) -> dict[str, Any]:
        """Means and deviations that values are normalised by, as plain numbers; None where nothing is.

        Other series are read as those of a training were with ``scaling=training.scaling_of_training()``.
        """
        return {"variables": None if self.scaling is None else self.scaling.to_json()}

    @property
    def item_lengths(self) -> np.ndarray:
        """Samples of each series, as they are stored: grids are filled up, or cut, to one length."""
        return self.stored.lengths[self._rows]

    @property
    def cut_at(self) -> int | None:
        """What longer series are cut to, in the samples of :attr:`item_lengths`; None: they are not."""
        return self.length if self.form is SeriesForm.GRID else None

    @property
    def drops(self) -> bool:
        """Whether samples are left out."""
        return self._drops is not None

    def places(self, row: int) -> np.ndarray:
        """Where the samples of a series lie on the grid, rising, int64 ``[n]``."""
        return np.arange(min(int(self.stored.lengths[row]), self.length))

    def _kept(self, row: int) -> np.ndarray:
        """Values of a series with NaN where dropped or missing, ``[C, n]``."""
        places = self.places(row)
        values = np.ascontiguousarray(self.stored.series(row)[: len(places)].T)
        if self._drops is not None:
            values[:, ~self._drops.kept(row)[places]] = np.nan
        return values

    def _placed(self, row: int) -> np.ndarray:
        """The same on the grid, ``[C, length]``."""
        places = self.places(row)
        series = self.stored.series(row)[: len(places)].T
        values = np.full((len(series), self.length), np.nan, dtype=np.float32)
        values[:, places] = series
        if self.options.fill is Fill.LAST:
            values[:, places[-1] + 1 :] = series[:, -1:]
        if self._drops is not None:
            values[:, ~self._drops.kept(row)] = np.nan
        return values

    def _scaled(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Normalised values, 0 where unknown, and where they are known, both ``[C, L]``."""
        known = np.isfinite(values)
        scaled = values if self.scaling is None else self.scaling.of(values)
        return np.where(known, scaled, np.float32(0)), known

    def grid_channels(self, row: int, values: np.ndarray, known: np.ndarray) -> np.ndarray:
        """What a grid holds: the values ``[C, L]`` and, if wanted, what was observed ``[1, L]``."""
        if not self.observed:
            return values
        return np.concatenate([values, known.any(axis=0, keepdims=True).astype(np.float32)])

    def series_channels(
        self, row: int, values: np.ndarray, known: np.ndarray, times: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """What a series holds, values and mask ``[C', n]``."""
        return values, known

    def raw(self, rows: np.ndarray) -> Tensor:
        made = [self.grid_channels(int(row), *self._scaled(self._placed(int(row)))) for row in rows]
        return torch.from_numpy(np.stack(made).astype(np.float32, copy=False))

    def load(self, row: int) -> Any:
        return super().load(row) if self.form is SeriesForm.GRID else self._series(row)

    def _series(self, row: int) -> SeriesData:
        values = self._kept(row)
        times = self.stored.stamps(row)[: values.shape[1]]
        times = times * self.spacing if self.stored.times is None else times
        if self._drops is not None:
            stay = self._drops.kept(row)[self.places(row)]
            stay[-1] |= not stay.any()  # a series keeps its last sample at least
            values, times = values[:, stay], times[stay]
        x, mask = self.series_channels(row, *self._scaled(values), times)
        item = SeriesData(
            times=torch.from_numpy(np.array(times, dtype=np.float64)),
            x=torch.from_numpy(np.ascontiguousarray(x.T, dtype=np.float32)),
            y=as_label(int(self._labels[row])),
        )
        if self.has_missing:
            item.mask = torch.from_numpy(np.ascontiguousarray(mask.T))
        if self.lattice is not None and not self.options.direct:
            item.lattice = as_lattice(self.lattice)
        return item

    @property
    def has_missing(self) -> bool:
        """Whether single values of a sample can be missing, so that items have a ``mask``."""
        return False

    def finish(self, item: Any) -> Any:
        return item

    @property
    def batches_at_once(self) -> bool:
        """Whether :meth:`batch` needs no single items: grids without transform."""
        return self.form is SeriesForm.GRID and super().batches_at_once

    @property
    def shape(self) -> tuple[int, ...]:
        """Channels and length of an item on the grid ``(C, L)``; channels alone ``(C,)`` of irregular series."""
        row = int(self._rows[0])
        if self.form is SeriesForm.GRID:
            return tuple(self.raw(np.array([row])).shape[1:])
        return (int(self._series(row).x.shape[1]),)
