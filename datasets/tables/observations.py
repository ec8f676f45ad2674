"""Tables with one observation per row (id, time, variable, value) become series, whatever the order of the rows."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from ccnn_pc.datasets.formats.columns import Rows, first_place, line_of, read_columns
from ccnn_pc.datasets.series.stored import StoredSeries
from ccnn_pc.datasets.tables.cells import as_number, as_value, date_reader
from ccnn_pc.datasets.tables.columns import LongColumns
from ccnn_pc.datasets.tables.labels import note_labels


class LongTable:
    """Collects the observations of one or several files.

    Args:
        columns: what the columns are called.
        variables: the variables of the series, in the order of their channels; None: all that occur, sorted.
        ignore_others: leave out the observations of other variables instead of refusing them.
        dates: unit in which times, which are dates then, are counted: seconds, minutes, hours or days; None: numbers.
        labelled: read the column of labels too, where every row says the label of its series, or nothing.

    Attributes:
        labels: label of each series, by id, and where it stands: file and row.
    """

    def __init__(
        self,
        columns: LongColumns,
        variables: Sequence[str] | None = None,
        *,
        ignore_others: bool = False,
        dates: str | None = None,
        labelled: bool = False,
    ) -> None:
        self.columns, self.ignore_others, self.labelled = columns, ignore_others, labelled
        self.wanted = None if variables is None else list(variables)
        self._as_time = as_number if dates is None else date_reader(dates)
        self._id: dict[str, int] = {}
        self._variable: dict[str, int] = {name: number for number, name in enumerate(self.wanted or ())}
        self._parts: list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]] = []
        self.labels: dict[str, tuple[str, Path, int]] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that are read."""
        return (*self.columns.observation, self.columns.label) if self.labelled else self.columns.observation

    def add(self, path: Path) -> None:
        """Read one more file.

        Raises:
            FileNotFoundError: no such file.
            ValueError: what a row must not hold; the message names file and line.
        """
        for rows in read_columns(path, self.names):
            self._add(path, rows)

    def _add(self, path: Path, rows: Rows) -> None:
        ids, times, variables, values, *labels = rows.cells
        for column, cells in ((self.columns.id, ids), (self.columns.variable, variables)):
            if "" in cells:
                raise ValueError(f"{self._line(path, rows, cells.index(''))}: '{column}' must not be empty")
        if labels:
            note_labels(self.labels, ids, labels[0], path, rows.first, self.names, self.columns)
        series = _numbered(ids, self._id)
        channel, kept = self._channels(path, rows, variables), None
        if bool((channel < 0).any()):
            kept = np.flatnonzero(channel >= 0)
            series, channel = series[kept], channel[kept]
            times, values = [times[i] for i in kept], [values[i] for i in kept]
        read = [
            self._numbers(path, rows, kept, name, cells, convert)
            for name, cells, convert in (
                (self.columns.time, times, self._as_time),
                (self.columns.value, values, as_value),
            )
        ]
        known = ~np.isnan(read[1])  # an empty cell or NaN: not observed
        self._parts.append((series[known], channel[known], read[0][known], read[1][known]))

    def _channels(self, path: Path, rows: Rows, variables: list[str]) -> np.ndarray:
        """Channel of each row; -1 where its variable is none of the wanted ones."""
        if self.wanted is None:
            return _numbered(variables, self._variable)
        channel = np.fromiter((self._variable.get(name, -1) for name in variables), np.int64, len(variables))
        if not self.ignore_others and bool((channel < 0).any()):
            row = int((channel < 0).argmax())
            raise ValueError(
                f"{self._line(path, rows, row)}: '{self.columns.variable}' must be one of "
                f"{', '.join(self.wanted)} (got {variables[row]!r}); ignore_others leaves other variables out"
            )
        return channel

    def _numbers(
        self,
        path: Path,
        rows: Rows,
        kept: np.ndarray | None,
        name: str,
        cells: list[str],
        convert: Callable[[str], float],
    ) -> np.ndarray:
        try:
            return np.fromiter(map(convert, cells), np.float64, len(cells))
        except (ValueError, OverflowError):
            for number, cell in enumerate(cells):
                try:
                    convert(cell)
                except (ValueError, OverflowError) as error:
                    row = number if kept is None else int(kept[number])
                    line = self._line(path, rows, row)
                    raise ValueError(f"{line}: '{name}' must be {error} (got {cell!r})") from None
            raise

    def _line(self, path: Path, rows: Rows, row: int) -> str:
        return line_of(path, self.names, rows.first + row)

    def series(self, paths: Sequence[Path]) -> StoredSeries:
        """All series, sorted by id, one sample per time at which anything was observed, NaN where a variable was not.

        Values of one variable at one time are averaged. Every label is 0.

        Args:
            paths: the files that were read, for messages.

        Raises:
            ValueError: nothing was observed.
        """
        series, channel, times, values = (np.concatenate(part) for part in zip(*self._parts, strict=True))
        if not len(series):
            raise ValueError(f"'{paths[0]}' must hold at least one observed value (got none)")
        variables = sorted(self._variable) if self.wanted is None else self.wanted
        place = {name: number for number, name in enumerate(variables)}
        channel = np.array([place[name] for name in self._variable])[channel]
        ids = list(self._id)
        seen = np.bincount(series, minlength=len(ids)) > 0
        if not seen.all():
            first = ids[int((~seen).argmax())]
            warnings.warn(
                f"{int((~seen).sum())} of {len(ids)} series have no observed value and are left out "
                f"(the first: {first!r}, {first_place(paths[0], self.names, 0, first) or 'in another file'})",
                stacklevel=5,
            )
        order = sorted(np.flatnonzero(seen), key=ids.__getitem__)
        rank = np.empty(len(ids), np.int64)
        rank[order] = np.arange(len(order))
        return _wide(rank[series], channel, times, values, [ids[i] for i in order], variables)


def _numbered(names: Sequence[str], index: dict[str, int]) -> np.ndarray:
    """Number of each name, int64; new names get the next ones."""
    return np.fromiter((index.setdefault(name, len(index)) for name in names), np.int64, len(names))


def _wide(
    series: np.ndarray,
    channel: np.ndarray,
    times: np.ndarray,
    values: np.ndarray,
    ids: list[str],
    variables: list[str],
) -> StoredSeries:
    order = np.lexsort((channel, times, series))
    series, channel, times, values = (each[order] for each in (series, channel, times, values))
    new = np.ones(len(series), dtype=bool)
    new[1:] = (series[1:] != series[:-1]) | (times[1:] != times[:-1])
    cell = (np.cumsum(new) - 1) * len(variables) + channel
    first = np.ones(len(cell), dtype=bool)
    first[1:] = cell[1:] != cell[:-1]
    if not first.all():
        warnings.warn(
            f"{int((~first).sum())} rows repeat an id, a time and a variable: each becomes the mean of its rows",
            stacklevel=6,
        )
        values = np.add.reduceat(values, np.flatnonzero(first)) / np.bincount(np.cumsum(first) - 1)
        cell = cell[first]
    wide = np.full(int(new.sum()) * len(variables), np.nan, dtype=np.float32)
    wide[cell] = values
    return StoredSeries(
        wide.reshape(-1, len(variables)),
        np.concatenate([[0], np.cumsum(np.bincount(series[new], minlength=len(ids)))]),
        np.zeros(len(ids), dtype=np.int64),
        [],
        times=times[new],
        name=ids,
        channels=variables,
    )
