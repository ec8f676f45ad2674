"""Tables with one observation per row (id, time, variable, value) become series, whatever the order of the rows."""

from __future__ import annotations

import dataclasses
import io
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

from ccnn_pc._optional import require
from ccnn_pc.datasets.series.stored import StoredSeries
from ccnn_pc.datasets.tables.lines import (
    DAMAGED,
    blocks_of_rows,
    has_columns,
    open_text,
    place_of,
    read_header,
    rows_with_lines,
)

SUFFIXES = tuple(kind + packed for packed in ("", ".gz", ".xz") for kind in (".csv", ".tsv", ".txt"))
#: Seconds of the units in which dates may be counted.
DATE_UNITS = {"seconds": 1.0, "minutes": 60.0, "hours": 3600.0, "days": 86400.0}
_LARGEST = float(np.finfo(np.float32).max)


@dataclasses.dataclass(frozen=True)
class LongColumns:
    """What the columns of a long table are called.

    Args:
        id: says which series an observation belongs to (default "id").
        time: when it was made (default "time").
        variable: what was observed (default "variable").
        value: the number (default "value").
        label: class of the series (default "label"), in the table or in a file of labels beside ``id``.

    Raises:
        ValueError: two columns of one name, or an empty name.

    Example:
        >>> LongColumns(id="patient", value="result").observation
        ('patient', 'time', 'variable', 'result')
    """

    id: str = "id"
    time: str = "time"
    variable: str = "variable"
    value: str = "value"
    label: str = "label"

    def __post_init__(self) -> None:
        names = dataclasses.astuple(self)
        if len(set(names)) < len(names) or not all(isinstance(name, str) and name for name in names):
            raise ValueError(f"'columns' must have five different names (got {', '.join(map(str, names))})")

    @property
    def observation(self) -> tuple[str, str, str, str]:
        """The columns that every table must have."""
        return self.id, self.time, self.variable, self.value


def as_columns(columns: LongColumns | Mapping[str, str] | None) -> LongColumns:
    """:class:`LongColumns` from themselves, from a mapping of those that are called otherwise, or the default.

    Raises:
        ValueError: a key that is none of id, time, variable, value, label.

    Example:
        >>> as_columns({"time": "hour"}).time
        'hour'
    """
    if isinstance(columns, LongColumns):
        return columns
    known = [field.name for field in dataclasses.fields(LongColumns)]
    given = dict(columns or {})
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise ValueError(
            f"'columns' must have no other keys than {', '.join(known)} (got {', '.join(unknown)})"
        )
    return LongColumns(**given)


def find_tables(root: Any, labels: str | os.PathLike[str] | None = None) -> list[Path]:
    """The files of a table: itself, those of a list, or those of a folder, by name and without the file of labels.

    Raises:
        FileNotFoundError: there are none, or one of a list is missing.
    """
    if not isinstance(root, (str, os.PathLike)):
        found = [Path(path) for path in root]
    elif Path(root).is_dir():
        other = None if labels is None else Path(labels).resolve()
        files = sorted(path for path in Path(root).iterdir() if path.name.lower().endswith(SUFFIXES))
        found = [path for path in files if path.resolve() != other]
    else:
        found = [Path(root)]
    missing = [path for path in found if not path.is_file()]
    if missing or not found:
        raise FileNotFoundError(
            f"'root' must be a table of observations, a list of tables or a folder with some of "
            f"{', '.join(SUFFIXES[:3])} (got '{missing[0] if missing else root}')"
        )
    if labels is not None and not Path(labels).is_file():
        raise FileNotFoundError(f"'labels' must be an existing file (got '{labels}')")
    return found


def as_number(cell: str) -> float:
    """A finite number; a ValueError says what it must be, as the end of a message."""
    try:
        number = float(cell)
    except ValueError:
        raise ValueError("a finite number") from None
    if not -np.inf < number < np.inf:
        raise ValueError("a finite number")
    return number


def as_value(cell: str) -> float:
    """A number that float32 can hold; NaN where nothing or NaN stands; a ValueError as for :func:`as_number`."""
    try:
        number = float(cell) if cell else float("nan")
    except ValueError:
        raise ValueError("a number, or empty where nothing was observed") from None
    if abs(number) > _LARGEST:
        raise ValueError("a finite number, in float32")
    return number


def date_reader(unit: str) -> Callable[[str], float]:
    """What makes a number of a date (ISO 8601; without a zone: UTC), counted from 1970.

    Args:
        unit: seconds, minutes, hours or days.

    Raises:
        ValueError: no such unit; when called: what the cell must be, as the end of a message.

    Example:
        >>> date_reader("hours")("1970-01-02 12:30")
        36.5
    """
    if unit not in DATE_UNITS:
        raise ValueError(f"'dates' must be None or one of {', '.join(DATE_UNITS)} (got {unit!r})")

    def read(cell: str) -> float:
        try:
            date = datetime.fromisoformat(cell)
        except ValueError:
            raise ValueError("a date as 2024-01-31 or 2024-01-31 12:30:00") from None
        return (date if date.tzinfo else date.replace(tzinfo=timezone.utc)).timestamp() / DATE_UNITS[unit]

    return read


class LongTable:
    """Collects the observations of one or several files.

    pandas reads blocks of rows; where it or a check refuses one, the file is read again row by row, to say what is
    wrong in which line.

    Args:
        columns: what the columns are called.
        variables: the variables of the series, in the order of their channels; None: all that occur, sorted.
        ignore_others: leave out the observations of other variables instead of refusing them.
        dates: unit in which times, which are dates then, are counted: seconds, minutes, hours or days; None: numbers.
        labelled: read the column of labels too, where every row says the label of its series, or nothing.

    Attributes:
        labels: label of each series, by id.

    Raises:
        ImportError: pandas is missing.
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
        self._pandas: Any = require("pandas", extra="tables", purpose="to read tables of observations")
        self.columns, self.ignore_others = columns, ignore_others
        self.wanted = None if variables is None else list(variables)
        self.names = (*columns.observation, columns.label) if labelled else columns.observation
        self._as_time = as_number if dates is None else date_reader(dates)
        self._id: dict[str, int] = {}
        self._variable: dict[str, int] = {name: number for number, name in enumerate(self.wanted or ())}
        self._parts: list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]] = []
        self._files: list[Path] = []
        self.labels: dict[str, str] = {}

    def add(self, path: Path) -> None:
        """Read one more file.

        Raises:
            FileNotFoundError: no such file.
            ValueError: what a row must not hold; the message names file and line.
        """
        self._files.append(path)
        with open_text(path) as file:
            header = read_header(file, path, self.names)
            places, count = header.places(path, self.names), 0
            try:
                for block in blocks_of_rows(file, header):
                    count += self._add(block, header.delimiter, places, len(header.names))
            except (ValueError, OverflowError, *DAMAGED) as error:
                raise self._fault(path, error) from None
        if count == 0:
            raise ValueError(f"'{path}' must have at least one row below its header (got none)")

    def _add(self, block: str, delimiter: str, places: list[int], width: int) -> int:
        try:
            frame = self._pandas.read_csv(
                io.StringIO(block),
                sep=delimiter,
                header=None,
                names=range(width),
                usecols=places,
                dtype=str,
                skipinitialspace=True,
                na_filter=False,
                low_memory=False,
            )
        except self._pandas.errors.EmptyDataError:
            return 0  # blank lines
        ids, times, variables, values, *labels = (
            _texts(*self._pandas.factorize(frame[place])) for place in places
        )
        series, channel = self._numbered(ids, self._id), self._channels(variables)
        for each in labels:
            self._note(series, each)
        kept = np.flatnonzero(channel >= 0)
        time, value = _numbers(times, kept, self._as_time), _numbers(values, kept, as_value)
        known = ~np.isnan(value)  # an empty cell or NaN: not observed
        self._parts.append((series[kept][known], channel[kept][known], time[known], value[known]))
        return len(frame)

    def _numbered(self, column: Texts, index: dict[str, int], grow: bool = True) -> np.ndarray:
        """Number of the text of each cell, int32; new texts get the next number, or -1."""
        codes, names = column
        if not all(names):
            raise ValueError("a cell that must not be empty")
        found = [index.setdefault(name, len(index)) if grow else index.get(name, -1) for name in names]
        return np.array(found, dtype=np.int32)[codes]

    def _channels(self, variables: Texts) -> np.ndarray:
        """Channel of each row; -1 where its variable is none of the wanted ones."""
        channel = self._numbered(variables, self._variable, grow=self.wanted is None)
        if not self.ignore_others and bool((channel < 0).any()):
            raise ValueError("a variable that is not wanted")
        return channel

    def _note(self, series: np.ndarray, column: Texts) -> None:
        codes, names = column
        pairs, ids = np.unique(series.astype(np.int64) * len(names) + codes), list(self._id)
        for pair in pairs.tolist():
            label = names[pair % len(names)]
            if label and self.labels.setdefault(ids[pair // len(names)], label) != label:
                raise ValueError("two labels of one id")

    def _fault(self, path: Path, error: Exception) -> ValueError:
        """What is wrong in which line of the files that were read."""
        try:
            known: dict[str, tuple[str, str]] = {}
            for each in self._files:
                for line, cells in rows_with_lines(each, self.names):
                    self._check(f"'{each}' line {line}", cells, known)
        except (ValueError, OverflowError) as found:
            return ValueError(str(found))
        return ValueError(f"'{path}' must be a table that pandas reads ({error})")

    def _check(self, where: str, cells: list[str], known: dict[str, tuple[str, str]]) -> None:
        name, time, variable, value, *labels = cells
        for column, cell in ((self.columns.id, name), (self.columns.variable, variable)):
            if not cell:
                raise ValueError(f"{where}: '{column}' must not be empty")
        if labels and labels[0]:
            _check_label(known, name, labels[0], where, self.columns)
        if self.wanted is not None and variable not in self.wanted:
            if self.ignore_others:
                return
            raise ValueError(
                f"{where}: '{self.columns.variable}' must be one of {', '.join(self.wanted)} (got {variable!r}); "
                "ignore_others leaves other variables out"
            )
        for column, cell, convert in (
            (self.columns.time, time, self._as_time), (self.columns.value, value, as_value),
        ):  # fmt: skip
            try:
                convert(cell)
            except (ValueError, OverflowError) as error:
                raise ValueError(f"{where}: '{column}' must be {error} (got {cell!r})") from None

    def series(self) -> StoredSeries:
        """All series, sorted by id, one sample per time at which anything was observed, NaN where a variable was not.

        Values of one variable at one time are averaged. Every label is 0.

        Raises:
            ValueError: nothing was observed.
        """
        series, channel, times, values = (np.concatenate(part) for part in zip(*self._parts, strict=True))
        if not len(series):
            raise ValueError(f"'{self._files[0]}' must hold at least one observed value (got none)")
        variables = sorted(self._variable) if self.wanted is None else self.wanted
        place = {name: number for number, name in enumerate(variables)}
        channel = np.array([place[name] for name in self._variable])[channel]
        ids = list(self._id)
        seen = np.bincount(series, minlength=len(ids)) > 0
        if not seen.all():
            first = ids[int((~seen).argmax())]
            warnings.warn(
                f"{int((~seen).sum())} of {len(ids)} series have no observed value and are left out "
                f"(the first: {first!r}, {place_of(self._files, self.names, {0: first})})",
                stacklevel=5,
            )
        order = sorted(np.flatnonzero(seen), key=ids.__getitem__)
        rank = np.empty(len(ids), np.int64)
        rank[order] = np.arange(len(order))
        return _wide(rank[series], channel, times, values, [ids[i] for i in order], variables)


#: Cells of a column: the number of each one's text, and these texts, without spaces at their ends.
Texts = tuple[np.ndarray, list[str]]


def _texts(codes: np.ndarray, names: Any) -> Texts:
    return codes, [str(name).strip() for name in names]


def _numbers(column: Texts, kept: np.ndarray, convert: Callable[[str], float]) -> np.ndarray:
    """The numbers of some rows, float64; each text that differs is converted once."""
    codes, names = column[0][kept], column[1]
    used, found = np.unique(codes), np.full(len(names), np.nan)
    found[used] = [convert(names[code]) for code in used.tolist()]
    return found[codes]


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


def unlabelled_series(table: LongTable, files: Sequence[Path]) -> StoredSeries:
    """The series of the files, every label 0.

    Raises:
        ValueError: what a table must not hold; the message names file and line.
    """
    for path in files:
        table.add(path)
    return table.series()


def labelled_series(
    table: LongTable,
    files: Sequence[Path],
    labels: str | os.PathLike[str] | None,
    classes: Sequence[str] | None,
) -> StoredSeries:
    """The series of the files with their labels, from the table or from a file of labels.

    Raises:
        FileNotFoundError: no such file.
        ValueError: as for :func:`unlabelled_series`, or labels that are missing, contradict each other, are none of the
            classes, or are all the same; the message names file and line.
    """
    columns = table.columns
    bare = next((path for path in files if labels is None and not has_columns(path, table.names)), None)
    if bare is not None and has_columns(bare, columns.observation):
        raise ValueError(
            f"'{bare}' line 1 must name a column '{columns.label}', or 'labels' a file with '{columns.id}' and "
            f"'{columns.label}'"
        )
    stored = unlabelled_series(table, files)
    found, names, sources = table.labels, table.names, list(files)
    if labels is not None:
        found, names, sources = (
            _read_labels(Path(labels), columns),
            (columns.id, columns.label),
            [Path(labels)],
        )

    def where(name: str) -> str | None:
        return place_of(sources, names, {0: name, len(names) - 1: found[name]})

    ids = [str(name) for name in stored.name or ()]
    stored.classes = list(
        _classes_of({found[name] for name in ids if name in found}) if classes is None else classes
    )
    unlabelled = [name for name in ids if name not in found]
    if unlabelled:
        raise ValueError(
            f"{place_of(files, columns.observation, {0: unlabelled[0]})}: '{columns.id}' {unlabelled[0]!r} must have a "
            f"label (got none for {len(unlabelled)} of {len(ids)} series)"
        )
    index = {name: number for number, name in enumerate(stored.classes)}
    for name in ids:
        if found[name] not in index:
            raise ValueError(
                f"{where(name)}: '{columns.label}' must be one of {', '.join(stored.classes)} "
                f"(got {found[name]!r} for {name!r})"
            )
    unused = [name for name in found if name not in set(ids)] if len(found) > len(ids) else []
    if unused:
        warnings.warn(
            f"{len(unused)} labels belong to no series and are not used (the first: {unused[0]!r}, {where(unused[0])})",
            stacklevel=5,
        )
    stored.label = np.array([index[found[name]] for name in ids], dtype=np.int64)
    if len(stored.classes) < 2:
        raise ValueError(
            f"'{labels or files[0]}' must have at least two labels (got {', '.join(stored.classes)})"
        )
    return stored


def _read_labels(path: Path, columns: LongColumns) -> dict[str, str]:
    """The label of each id of a file with one row per id."""
    known: dict[str, tuple[str, str]] = {}
    names = (columns.id, columns.label)
    for line, cells in rows_with_lines(path, names):
        where = f"'{path}' line {line}"
        for column, cell in zip(names, cells, strict=True):
            if not cell:
                raise ValueError(f"{where}: '{column}' must not be empty")
        _check_label(known, cells[0], cells[1], where, columns)
    return {name: label for name, (label, _) in known.items()}


def _check_label(
    known: dict[str, tuple[str, str]], name: str, label: str, where: str, columns: LongColumns
) -> None:
    before, other = known.setdefault(name, (label, where))
    if before != label:
        raise ValueError(
            f"{where}: '{columns.label}' must be one and the same for all rows of '{columns.id}' {name!r} "
            f"(got {label!r}; {other} says {before!r})"
        )


def _classes_of(labels: set[str]) -> list[str]:
    """The labels, sorted: as numbers where all of them are numbers, else as text."""
    try:
        return sorted(sorted(labels), key=float)
    except ValueError:
        return sorted(labels)
