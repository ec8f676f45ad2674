"""Your own irregular series: tables with one observation per row."""

from __future__ import annotations

import dataclasses
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ccnn_pc._choices import choice
from ccnn_pc.datasets.common.broken import DataWarning
from ccnn_pc.datasets.common.cache import fingerprint
from ccnn_pc.datasets.common.items import Division
from ccnn_pc.datasets.common.labelled import taken
from ccnn_pc.datasets.common.placeholders import placeholders
from ccnn_pc.datasets.common.splits import Split
from ccnn_pc.datasets.formats.csv_file import SUFFIXES, has_columns, place_of
from ccnn_pc.datasets.preprocessing.base import plain
from ccnn_pc.datasets.registry import register_dataset
from ccnn_pc.datasets.series.data import SeriesData
from ccnn_pc.datasets.series.dataset import SeriesDataset, SeriesForm
from ccnn_pc.datasets.series.observation_channels import ObservationChannels
from ccnn_pc.datasets.series.scaling import Normalization, SeriesScaling
from ccnn_pc.datasets.series.stored import (
    StoredSeries,
    cached_series,
    long_pauses,
    on_lattice,
    rows_of_split,
    typical_duration,
    typical_grid,
)
from ccnn_pc.datasets.series.tells_target import said_of, tells_target
from ccnn_pc.datasets.tables.dates_in_digits import warn_of_digits
from ccnn_pc.datasets.tables.facts import part_of_facts
from ccnn_pc.datasets.tables.observations import (
    Layout,
    LongColumns,
    TableFormat,
    find_tables,
    read_labelled_series,
    read_series,
)
from ccnn_pc.datasets.tables.series_files import are_timed, read_files, read_series_files, series_files
from ccnn_pc.ops.series.stamps import LATTICE_SLACK

#: A pause of more than so many durations of a typical series is named.
LONGEST_PAUSE = 10.0


def _with_warnings(read: Callable[[], StoredSeries]) -> StoredSeries:
    """Series that were read, with what was warned of instead of the warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        stored = read()
    for each in caught:
        if not issubclass(each.category, DataWarning):
            warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)
    stored.told = [str(each.message) for each in caught if issubclass(each.category, DataWarning)]
    return stored


def _is_table(path: Path) -> bool:
    return (
        path.is_file()
        and path.name.lower().endswith(SUFFIXES)
        and has_columns(path, LongColumns().observation)
    )


@register_dataset("long_csv", recognises=_is_table)
class LongCSV(SeriesDataset):
    r"""Series from tables with the columns id, time, variable and value: one observation per row, in any order.

    All observations of an id are one series: a sample for each time at which anything was observed, a channel for each
    variable (sorted by name), a mask of what was observed when. An empty value, NaN, NA or NULL is no observation (as a
    label it is none). Rows that repeat id, time and variable are averaged. Labels stand in a column of the table, on
    one row of each id at least, or in a second file with the columns id and label.

    Series are sorted by id and divided 70/15/15 as :func:`published_rows`, so the order of rows changes nothing. Values
    are normalised per variable by the training part; a variable that is constant there is only centred. Stamps that lie
    on a lattice, up to the rounding of the digits that are written, are taken to lie on it exactly; items say so. A
    pause of more than ten times what series last is named in a warning: it may be a wrong stamp.

    Args:
        root: a file (csv, also ``.gz`` or ``.xz``; Parquet or Feather), several, or a folder whose
            tables are read; ids may go on from file to file. Columns are separated by commas, semicolons, tabs or
            ``|``.
        split: TRAIN, VAL, TEST; None: all.
        labels: file of labels; None: they stand in the table.
        labelled: False reads no labels: items have no ``y``, there are no classes and no split.
        classes: names of the classes, in the order of their numbers; None: the labels that occur, sorted.
        split_seeds: of the two draws of the split (default 0 and 1).
        scaling: mean and deviation per variable ``[C, 1]``, in place of those of the training part.
        cache: folder of processed data (None: the default cache).
        options: columns, variables, ignore_others, dates: see :class:`TableFormat`; counts, indicators: see
            :class:`ObservationChannels`; lattice, normalize, drop, drop_seed, transform, pre_transform, seed: see
            :class:`SeriesDataset`. A ``lattice`` that is given is not looked for, and a stamp off it is an error;
            ``direct=True`` looks for none.

    Attributes:
        variables: names, in the order of the channels of values.
        ids: of all series, in the order of their rows.
        lattice: spacing of the lattice of the stamps, as given or found; None without one.
        long_pauses: how many series have one that was named in a warning.

    Raises:
        FileNotFoundError: no such file.
        ImportError: pandas is missing, or polars for Parquet and Feather.
        ValueError: what a table must not hold; the message names file and line.
    """

    words = (TableFormat, ObservationChannels, Division)

    def __init__(
        self,
        root: Any,
        split: Split | str | None = Split.TRAIN,
        *,
        labels: str | os.PathLike[str] | None = None,
        labelled: bool = True,
        classes: Sequence[str] | None = None,
        split_seeds: tuple[int, int] = (0, 1),
        scaling: SeriesScaling | None = None,
        cache: str | os.PathLike[str] | None = None,
        **options: Any,
    ) -> None:
        if choice("form", options.pop("form", SeriesForm.IRREGULAR), SeriesForm) is SeriesForm.GRID:
            raise ValueError("'form' must be 'irregular' for tables of observations (got 'grid')")
        split = None if split is None else choice("split", split, Split)
        if split is not None and not labelled:
            raise ValueError(f"'split' must be None for series without labels (got {split.value!r})")
        self.table, self.said = taken(TableFormat, options), taken(ObservationChannels, options)
        division = dataclasses.replace(taken(Division, options), labels=labels, targets=self.table.targets)
        if self.table.targets is not None:  # numbers of columns, not names of classes that are some
            options["numbers"] = False
        self.labelled, self._by_number = labelled, bool(options.get("numbers"))
        self.split_seeds = (int(split_seeds[0]), int(split_seeds[1]))
        self._files = (
            series_files(root)
            if self.table.layout is Layout.FILES
            else find_tables(root, labels, self.table.needed)
        )
        if self.table.layout is Layout.FILES:
            if self.table.timed is None:
                self.table = dataclasses.replace(self.table, timed=are_timed(self._files, self.table))
            labelled_files = read_files(root, self.table, division, classes) if labelled else None
            stored = labelled_files or read_series_files(root, self._files, self.table)
        elif labelled:
            known = None if classes is None else [str(name) for name in classes]
            if known is not None and len(set(known)) < len(known):
                raise ValueError(f"'classes' must be different names (got {', '.join(known)})")
            files = [*self._files, *([] if labels is None else [Path(labels)])]
            settings = {
                "version": 4, "source": fingerprint(files), "in_table": labels is None, "table": str(self.table),
                "classes": known,
            }  # fmt: skip
            stored = cached_series(
                cache,
                "long_csv",
                settings,
                lambda: _with_warnings(lambda: read_labelled_series(self._files, self.table, labels, known)),
            )
            for text in stored.told:  # also of series that lie in the cache
                warnings.warn(text, DataWarning, stacklevel=2)
        else:
            stored, _ = read_series(self._files, self.table)
        self.variables = list(stored.channels or ())
        self.ids = [str(name) for name in (() if stored.name is None else stored.name)]
        if (odd := placeholders(stored.values, self.variables)) is not None:
            warnings.warn(f"'{self._files[0]}': {odd}", DataWarning, stacklevel=2)
        if scaling is not None or not labelled:
            options["normalize"] = Normalization.NONE
        normalize = choice("normalize", options.get("normalize", "channel") or "none", Normalization)
        scaled = normalize is not Normalization.NONE
        self.given_lattice, found = options.get("lattice"), None
        if self.given_lattice is None and not options.get("direct"):
            found = on_lattice(stored)
        as_written, stored = stored, stored if found is None else found[0]
        super().__init__(
            stored,
            np.arange(len(stored)) if split is None else self._part(stored, split),
            self._part(stored, Split.TRAIN) if scaled else np.arange(0),
            form=SeriesForm.IRREGULAR,
            **options,
        )
        if labelled and self.table.targets is not None:
            self._values, self.classes = (
                np.asarray(stored.static, dtype=np.float64)[:, 2:],
                list(self.table.targets),
            )
        self._missing = bool(np.isnan(stored.values).any())
        if self.lattice is not None:
            self._check_lattice(self.lattice)
        self.lattice = self.lattice if found is None else found[1]
        self._name_long_pauses(as_written)
        if self.table.dates is None and as_written.times is not None:
            warn_of_digits(as_written.times, self._files[0])
        if scaled and self.scaling is not None:
            self._check_observed()
            self.scaling = self.scaling.of_variables()
        elif scaling is not None:
            self.scaling = scaling

    @classmethod
    def as_trained(
        cls,
        root: Any,
        description: Mapping[str, Any],
        split: Split | str | None = None,
        *,
        classes: Sequence[str] = (),
        **options: Any,
    ) -> LongCSV:
        """Other tables, read as those of a training were.

        Args:
            root: as for the class.
            description: :meth:`description` of the training's data, as it is stored with its model.
            split: part to open (default: all).
            classes: those of the model.
            options: labels, labelled, cache, transform, pre_transform, seed.

        Raises:
            FileNotFoundError: as for the class.
            ValueError: as for the class, or a variable that the training had not.
        """
        known = dict(description)
        if split is None:  # parts are those of the table of training
            known |= {"split_column": None, "group_column": None}
        mean, std = known.pop("mean"), known.pop("std")
        if mean is not None:
            mean, std = (np.array(each, dtype=np.float32)[:, None] for each in (mean, std))
            options["scaling"] = SeriesScaling(mean, std, epsilon=0.0)
        else:
            options["normalize"] = Normalization.NONE
        return cls(root, split, classes=list(classes) or None, **known, **options)

    def description(self) -> dict[str, Any]:
        """What :meth:`as_trained` needs, as plain numbers, strings and lists."""
        scaling = self.scaling
        return {
            **plain(dataclasses.asdict(self.table)),
            **dataclasses.asdict(self.said),
            "variables": self.variables,
            "lattice": self.given_lattice,
            "split_seeds": list(self.split_seeds),
            "mean": None if scaling is None else scaling.mean.ravel().tolist(),
            "std": None if scaling is None else scaling.std.ravel().tolist(),
        }

    def measured(self) -> dict[str, Any]:
        """What a network must know of these data, found in the training part.

        Returns:
            ``in_channels``; ``spacing``: the lattice, if it was given or at least every fourth of its times was seen,
            else :func:`typical_spacing` (1 where nothing was observed twice); ``shape``: samples so far apart that
            span :func:`typical_duration`, at least 2; ``table``: :meth:`description`.

        Raises:
            ValueError: a variable that is never observed in the training part.
        """
        self._check_observed()
        numbers = self._values if self.table.targets is not None else None
        if self.labelled and not self._by_number and (name := tells_target(self.stored, numbers)) is not None:
            warnings.warn(f"'{self._files[0]}': {said_of(name)}", DataWarning, stacklevel=2)
        rows = self._part(self.stored, Split.TRAIN)
        spacing, length = typical_grid(self.stored, rows, self.lattice, self.given_lattice)
        return {
            "in_channels": len(self.variables) * (1 + self.said.per_variable),
            "shape": [length],
            "spacing": spacing,
            "table": self.description(),
        }

    def load(self, row: int) -> Any:
        item: SeriesData = super().load(row)
        if not self.labelled:
            del item.y
        return item

    def series_channels(
        self, row: int, values: np.ndarray, known: np.ndarray, times: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        return self.said.before(values, known, times)

    @property
    def has_missing(self) -> bool:
        return self._missing

    def _part(self, stored: StoredSeries, split: Split) -> np.ndarray:
        said = part_of_facts(stored, split, self.split_seeds[0])
        if said is not None:
            return said
        if self._by_number or self.table.targets is not None:  # numbers are no strata
            stored = dataclasses.replace(stored, label=np.zeros_like(stored.label), classes=["value"])
        return rows_of_split(os.path.commonpath(self._files), stored, split, self.split_seeds)

    def _check_observed(self) -> None:
        """Every variable must occur in the training part: nobody learns what it means otherwise."""
        left = set(range(len(self.variables)))
        for row in self._part(self.stored, Split.TRAIN):
            if not left:
                return
            left -= set(np.flatnonzero(np.isfinite(self.stored.series(int(row))).any(axis=0)).tolist())
        if left:
            name = self.variables[min(left)]
            place = place_of(self._files, {self.table.columns.variable: name}) or f"'{self._files[0]}'"
            raise ValueError(
                f"{place}: '{self.table.columns.variable}' {name!r} is never observed in the training part; "
                "leave it out (variables=, ignore_others=True) or find more data"
            )

    def _name_long_pauses(self, stored: StoredSeries) -> None:
        """Warn of pauses that the sampling of the table does not explain: one message, with the longest of them."""
        usual = typical_duration(stored, np.arange(len(stored)))
        found = long_pauses(stored, self._rows, LONGEST_PAUSE * usual) if usual > 0 else []
        self.long_pauses = len(found)
        if not found:
            return
        row, place = max(found, key=lambda each: np.diff(stored.stamps(each[0]))[each[1] - 1])
        before, after = (float(stored.stamps(row)[place - 1 + step]) for step in (0, 1))
        columns, more = self.table.columns, f" ({len(found) - 1} more series have such pauses)"
        warnings.warn(
            f"'{self._files[0]}': '{columns.time}' of '{columns.id}' {self.ids[row]!r} goes from {before:.10g} to "
            f"{after:.10g}, and series last {usual:.4g}: is a stamp wrong? Correct its row or leave it out, or make "
            f"two series of this one; else such a pause counts as long as kernels reach{more * (len(found) > 1)}",
            DataWarning,
            stacklevel=3,
        )

    def _check_lattice(self, lattice: float) -> None:
        for row in range(len(self.stored)):
            steps = (self.stored.stamps(row) - self.stored.stamps(row)[0]) / lattice
            off = np.abs(steps - np.rint(steps))
            if off.max() > LATTICE_SLACK:
                raise ValueError(
                    f"'lattice' must divide the times between samples (got {lattice:g}, and "
                    f"{self.table.columns.time} {self.stored.stamps(row)[int(off.argmax())]:g} of {self.ids[row]!r})"
                )
