"""Tables with one observation per row (id, time, variable, value) become series, whatever the order of the rows."""

from __future__ import annotations

import csv
import dataclasses
import gzip
import io
import lzma
import os
import re
import warnings
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from ccnn_pc._optional import require
from ccnn_pc.datasets.common.folders import visible
from ccnn_pc.datasets.formats.limits import check_unpacked
from ccnn_pc.datasets.formats.numerals import number_in
from ccnn_pc.datasets.series.stored import StoredSeries, rows_of_labels, sorted_names

SUFFIXES = tuple(kind + packed for packed in ("", ".gz", ".xz") for kind in (".csv", ".tsv", ".txt"))
DELIMITERS = ",;\t|"
#: Rows that are in memory as text at once.
ROWS = 1 << 18
#: Seconds of the units in which dates may be counted.
DATE_UNITS = {"seconds": 1.0, "minutes": 60.0, "hours": 3600.0, "days": 86400.0}
#: What stands in small letters where nothing was observed, or nobody knows the class.
_UNKNOWN = {"", "nan", "na", "n/a", "null"}
_OPENERS: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".xz": lzma.open}
_DAMAGED = (csv.Error, EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, UnicodeDecodeError)


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


@dataclasses.dataclass(frozen=True)
class TableFormat:
    """How a table of observations is read.

    Args:
        columns: what the columns are called, :class:`LongColumns` or a mapping of those that are called otherwise.
        variables: the variables to read, in the order of the channels; None: all that occur, sorted.
        ignore_others: leave out other variables instead of refusing them (default False).
        dates: times are dates (ISO 8601, without a zone: UTC), counted from 1970 in "seconds", "minutes", "hours" or
            "days"; None: they are numbers, in any unit.
        every_stamp: keep times of a series at which nothing was observed (an empty value), for networks that answer
            there.

    Raises:
        ValueError: an unknown unit, or names of columns as for :class:`LongColumns`.
    """

    columns: LongColumns = LongColumns()
    variables: Sequence[str] | None = None
    ignore_others: bool = False
    dates: str | None = None
    every_stamp: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.columns, LongColumns):
            object.__setattr__(self, "columns", as_columns(self.columns))
        if self.variables is not None:
            object.__setattr__(self, "variables", tuple(map(str, self.variables)))
        if self.dates not in (None, *DATE_UNITS):
            raise ValueError(f"'dates' must be None or one of {', '.join(DATE_UNITS)} (got {self.dates!r})")

    def time(self, cell: str) -> float:
        """A time, finite; a ValueError ends a message.

        Example:
            >>> TableFormat(dates="hours").time("1970-01-02 12:30")
            36.5
        """
        if self.dates is not None:
            return _date(cell) / DATE_UNITS[self.dates]
        try:
            if (number := number_in(cell)) == number:
                return number
        except ValueError:
            pass
        hint = (
            "; dates='hours' reads dates in training (data.dates=hours), and a model reads times as its training did"
            if re.search(r"\d[-/:]\d", cell)
            else ""
        )
        raise ValueError(f"must be a finite number (got {cell!r}){hint}")


def _date(cell: str) -> float:
    """Seconds since 1970; digits alone may be a date or a count, so they are neither."""
    try:
        if cell.isascii() and not cell.replace(".", "").isdigit():
            date = datetime.fromisoformat(re.sub("[zZ]$", "+00:00", cell))
            return (date if date.tzinfo else date.replace(tzinfo=timezone.utc)).timestamp()
    except (ValueError, OverflowError):
        pass
    raise ValueError(
        f"must be a date as 2024-01-31 or 2024-01-31 12:30:00 (got {cell!r}); "
        "times that are numbers are read without 'dates'"
    )


def _value(cell: str) -> float:
    """A number that float32 can hold; NaN where nothing or NaN, NA, NULL stands; a ValueError ends a message."""
    if cell.lower() in _UNKNOWN or cell == "None":
        return float("nan")
    try:
        return number_in(cell)
    except ValueError as error:
        infinite = "inf" in cell.lower() or "finite" in str(error)
        what = "a finite number, in float32" if infinite else "a number, or empty where nothing was observed"
        raise ValueError(f"must be {what} (got {cell!r})") from None


def _label(cell: str) -> str:
    if cell.lower() in _UNKNOWN:
        raise ValueError(f"must be a class (got {cell!r}, which is none)" if cell else "must not be empty")
    return cell


def find_tables(root: Any, labels: str | os.PathLike[str] | None = None) -> list[Path]:
    """The files of a table: itself, those of a list, or those of a folder, by name and without the file of labels.

    Raises:
        FileNotFoundError: there are none, or one of a list is missing.
    """
    if not isinstance(root, (str, os.PathLike)):
        found = [Path(path) for path in root]
    elif Path(root).is_dir():
        other = None if labels is None else Path(labels).resolve()
        files = visible(Path(root).iterdir(), Path(root))
        found = [path for path in files if path.name.lower().endswith(SUFFIXES) and path.resolve() != other]
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


class Header(NamedTuple):
    """The first line that is not blank: its names, what stands between them, and its number."""

    names: list[str]
    delimiter: str
    line: int

    def places(self, path: Path, names: Sequence[str]) -> list[int]:
        """Where the wanted columns stand.

        Raises:
            ValueError: one is missing or there twice; the message names file and line.
        """
        missing = [name for name in names if name not in self.names]
        got = f"(got {', '.join(self.names)})"
        if missing:
            plural = "s" * (len(missing) > 1)
            hint = "'columns' says what they are called, data.columns.time=when"
            if len(names) > 3 and missing == [*names[2:4]]:
                hint = f"a table with one column per variable becomes long by pandas.melt(table, {list(names[:2])})"
            raise ValueError(
                f"'{path}' line {self.line} must name the column{plural} {', '.join(missing)} {got}: {hint}"
            )
        twice = [name for name in names if self.names.count(name) > 1]
        if twice:
            raise ValueError(f"'{path}' line {self.line} must name '{twice[0]}' once {got}")
        return [self.names.index(name) for name in names]

    def reader(self, lines: Any) -> Any:
        """The reader of csv for what follows."""
        return csv.reader(lines, delimiter=self.delimiter, skipinitialspace=True, strict=True)


def open_text(path: Path) -> IO[str]:
    """A file of text; ``.gz`` and ``.xz`` are decompressed.

    Raises:
        FileNotFoundError: no such file.
    """
    if not path.is_file():
        raise FileNotFoundError(f"'{path}' must be an existing file")
    unpack = _OPENERS.get(path.suffix.lower())
    if unpack is None:
        return open(path, encoding="utf-8-sig", newline="")
    bounded = _Bounded(unpack(path, "rb"), path)
    return io.TextIOWrapper(io.BufferedReader(bounded), encoding="utf-8-sig", newline="")


class _Bounded(io.RawIOBase):
    """A decompressing stream that ends with a ValueError where it is longer than the file accounts for."""

    def __init__(self, stream: IO[bytes], path: Path) -> None:
        self.stream, self.path, self.packed, self.passed = stream, path, path.stat().st_size, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count: int = self.stream.readinto(buffer)  # type: ignore[attr-defined]
        self.passed += count
        check_unpacked(self.passed, self.packed, f"'{self.path}'")
        return count

    def close(self) -> None:
        self.stream.close()
        super().close()


def read_header(file: IO[str], path: Path, names: Sequence[str]) -> Header:
    """Read as far as the header; the delimiter is the one of ``, ; tab |`` with which all names are found, if any.

    Raises:
        ValueError: an empty or damaged file.
    """
    found = []
    try:
        line, number = file.readline(), 1
        while line and not line.strip():
            line, number = file.readline(), number + 1
        for delimiter in DELIMITERS:
            cells = next(csv.reader([line], delimiter=delimiter, skipinitialspace=True))
            found.append(Header([cell.strip() for cell in cells], delimiter, number))
    except _DAMAGED as error:
        raise ValueError(f"'{path}' is no UTF-8 table, or is cut off ({error})") from error
    if not line:
        raise ValueError(f"'{path}' must have a header and rows below it (got an empty file)")
    return max(found, key=lambda header: (sum(name in header.names for name in names), len(header.names)))


def has_columns(path: str | os.PathLike[str], names: Sequence[str]) -> bool:
    """Whether the header of a file has all of these columns; see :func:`read_header`."""
    with open_text(Path(path)) as file:
        return set(names) <= set(read_header(file, Path(path), names).names)


def rows_with_lines(path: str | os.PathLike[str], names: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """Line number, as an editor counts, and cells of the columns ``names`` of every row, without spaces at their ends.

    Raises:
        FileNotFoundError: no such file.
        ValueError: empty, another header, a row of another width, not UTF-8, damaged; the message names file and line.
    """
    path, row, line = Path(path), None, 0
    with open_text(path) as file:
        header = read_header(file, path, names)
        places, reader = header.places(path, names), header.reader(file)
        try:
            for row in reader:
                line = header.line + reader.line_num
                if row and len(row) != len(header.names):
                    raise ValueError(
                        f"'{path}' line {line} must have {len(header.names)} fields, as the header has (got {len(row)})"
                    )
                if row:
                    yield line, [row[place].strip() for place in places]
        except _DAMAGED as error:
            near = header.line + reader.line_num
            raise ValueError(
                f"'{path}' is no UTF-8 table, or is cut off, near line {near} ({error})"
            ) from error
    if row is None:
        raise ValueError(f"'{path}' must have at least one row below its header (got none)")


def place_of(paths: Sequence[Path], cells: Mapping[str, str]) -> str | None:
    """``'path' line 17``: the first row with these texts in the columns of these names; None if there is none."""
    for path in paths:
        for line, row in rows_with_lines(path, list(cells)):
            if row == list(cells.values()):
                return f"'{path}' line {line}"
    return None


def _frames(path: Path, names: Sequence[str]) -> Iterator[Any]:
    """The columns ``names`` of a file as frames of text, some rows at a time; raises as :func:`rows_with_lines`."""
    pandas = _pandas()
    for _ in rows_with_lines(path, names):  # pandas would fill up short rows and take broken quotes
        pass
    with open_text(path) as file:
        header = read_header(file, path, names)
        wanted = dict(zip(header.places(path, names), names, strict=True))
        for frame in pandas.read_csv(
            file,
            sep=header.delimiter,
            header=None,
            names=range(len(header.names)),
            usecols=list(wanted),
            dtype=str,
            skipinitialspace=True,
            na_filter=False,
            chunksize=ROWS,
        ):
            yield frame.rename(columns=wanted)


def _pandas() -> Any:
    return require("pandas", extra="tables", purpose="to read tables of observations")


def _each(path: Path, frame: Any, column: str, convert: Callable[[str], Any]) -> np.ndarray:
    """``convert(cell)`` of every row, called once for each text that differs; its ValueErrors get file and line."""
    codes, texts = frame[column].factorize()
    found = []
    for text in texts:
        try:
            found.append(convert(text.strip()))
        except ValueError as error:
            row = frame.iloc[int((codes == len(found)).argmax())].str.strip()
            raise ValueError(f"{place_of([path], dict(row))}: '{column}' {error}") from None
    return np.array(found)[codes]


def _check_zones(path: Path, cells: Any, column: str) -> None:
    """Times of day have a zone in every row or in none: UTC for those without would move them against the others."""
    timed = cells[cells.str.contains(":", regex=False)]
    zoned = timed.str.contains(r":\d\d(?:[.,]\d+)?\s*(?:[zZ]|[+-]\d\d(?::?\d\d)?)\s*$")
    if bool(zoned.any()) and not bool(zoned.all()):
        raise ValueError(
            f"'{path}': '{column}' must say its time zone in every row or in none (got {timed[zoned].iloc[0]!r} and "
            f"{timed[~zoned].iloc[0]!r}): add +00:00 or another to the others"
        )


def _number_in(index: dict[str, int], names: Sequence[str] | None = None, others: bool = True) -> Any:
    """What gives each text its number, new texts the next one, or -1 where only ``names`` are known."""

    def number(cell: str) -> int:
        if not cell:
            raise ValueError("must not be empty")
        if names is None or cell in index:
            return index.setdefault(cell, len(index))
        if others:
            return -1
        raise ValueError(
            f"must be one of {', '.join(names)} (got {cell!r}); ignore_others leaves other variables out"
        )

    return number


def read_series(
    files: Sequence[Path], form: TableFormat, *, labelled: bool = False
) -> tuple[StoredSeries, dict[str, str]]:
    """All series, sorted by id, one sample per time at which anything was observed, NaN where a variable was not.

    Values of one variable at one time are averaged. Every label is 0.

    Args:
        files: tables; ids may go on from one to the next.
        form: how they are read.
        labelled: read the column of labels too, where every row says the label of its series, or nothing.

    Returns:
        the series, and the labels by id.

    Raises:
        FileNotFoundError: no such file.
        ImportError: pandas is missing.
        ValueError: what a table must not hold; the message names file and line.
    """
    pandas, columns = _pandas(), form.columns
    index: dict[str, int] = {}
    channels = {name: number for number, name in enumerate(form.variables or ())}
    channel_of = _number_in(channels, form.variables, form.ignore_others)
    labels: dict[str, str] = {}
    parts = []
    for path in files:
        for frame in _frames(path, [*columns.observation, *[columns.label] * labelled]):
            series = _each(path, frame, columns.id, _number_in(index))
            if labelled:
                _note_labels(files, frame, columns, labels)
            channel = _each(path, frame, columns.variable, channel_of)
            wanted = channel >= 0
            frame = frame[wanted]
            if form.dates is not None:
                _check_zones(path, frame[columns.time], columns.time)
            numbers = {
                "series": series[wanted].astype(np.int32),
                "time": _each(path, frame, columns.time, form.time),
                "channel": channel[wanted].astype(np.int32),
                "value": _each(path, frame, columns.value, _value),
            }
            rows = pandas.DataFrame(numbers)  # an empty cell or NaN: not observed
            parts.append(rows if form.every_stamp else rows.dropna())
    observed, ids = pandas.concat(parts, ignore_index=True), sorted(index)
    seen = set(observed.series[observed.value.notna()].unique())
    if not seen:
        raise ValueError(f"'{files[0]}' must hold at least one observed value (got none)")
    silent = [name for name in index if index[name] not in seen]
    if silent:
        warnings.warn(
            f"{len(silent)} of {len(ids)} series have no observed value and are left out "
            f"(the first: {silent[0]!r}, {place_of(files, {columns.id: silent[0]})})",
            stacklevel=2,
        )
        ids = [name for name in ids if index[name] in seen]
        observed = observed[observed.series.isin(seen)].copy()
    observed["series"] = observed.series.map({index[name]: place for place, name in enumerate(ids)})
    return _wide(observed, ids, form.variables or sorted(channels), channels), labels


def _wide(
    observed: Any, ids: list[str], variables: Sequence[str], channels: Mapping[str, int]
) -> StoredSeries:
    keys = ["series", "time", "channel"]
    repeated = int(observed[observed.value.notna()].duplicated(keys).sum())
    if repeated:
        warnings.warn(
            f"{repeated} rows repeat an id, a time and a variable: each becomes the mean of its rows",
            stacklevel=3,
        )
    wide = observed.groupby(keys).value.mean().unstack("channel")
    wide = wide.reindex(columns=[channels[name] for name in variables])
    series = wide.index.get_level_values("series").to_numpy()
    return StoredSeries(
        np.ascontiguousarray(wide.to_numpy(np.float32)),
        np.searchsorted(series, np.arange(len(ids) + 1)),
        np.zeros(len(ids), dtype=np.int64),
        [],
        times=wide.index.get_level_values("time").to_numpy(),
        name=ids,
        channels=list(variables),
    )


def _note_labels(files: Sequence[Path], frame: Any, columns: LongColumns, labels: dict[str, str]) -> None:
    """Enter the label of each id where a row says one."""
    for name, label in frame[[columns.id, columns.label]].drop_duplicates().itertuples(index=False):
        name, label = name.strip(), label.strip()
        label = "" if label.lower() in _UNKNOWN else label
        known = labels.setdefault(name, label) if label else label
        if known != label:
            here, there = (
                place_of(files, {columns.id: name, columns.label: each}) for each in (label, known)
            )
            raise ValueError(
                f"{here}: '{columns.label}' must be one and the same for all rows of '{columns.id}' {name!r} "
                f"(got {label!r}; {there} says {known!r})"
            )


def _read_labels(path: Path, columns: LongColumns) -> dict[str, str]:
    """The label of each id of a file with one row per id."""
    labels: dict[str, str] = {}
    for frame in _frames(path, [columns.id, columns.label]):
        _each(path, frame, columns.id, _number_in({}))
        _each(path, frame, columns.label, _label)
        _note_labels([path], frame, columns, labels)
    return labels


def read_labelled_series(
    files: Sequence[Path],
    form: TableFormat,
    labels: str | os.PathLike[str] | None,
    classes: Sequence[str] | None,
) -> StoredSeries:
    """The series of the files with their labels, from the table or from a file of labels.

    Raises:
        FileNotFoundError: no such file.
        ImportError: pandas is missing.
        ValueError: as for :func:`read_series`, or labels that are missing, contradict each other, are none of the
            classes, or are all the same; the message names file and line.
    """
    columns = form.columns
    names = [*columns.observation, columns.label]
    bare = next((path for path in files if labels is None and not has_columns(path, names)), None)
    if bare is not None and has_columns(bare, columns.observation):
        raise ValueError(
            f"'{bare}' line 1 must name a column '{columns.label}', or 'labels' a file with '{columns.id}' and "
            f"'{columns.label}'"
        )
    stored, found = read_series(files, form, labelled=labels is None)
    sources = list(files)
    if labels is not None:
        found, sources = _read_labels(Path(labels), columns), [Path(labels)]

    def where(name: str) -> str | None:
        return place_of(sources, {columns.id: name, columns.label: found[name]})

    ids = [str(name) for name in stored.name or ()]
    unlabelled = [name for name in ids if name not in found]
    if unlabelled:
        raise ValueError(
            f"{place_of(files, {columns.id: unlabelled[0]})}: '{columns.id}' {unlabelled[0]!r} must have a label "
            f"(got none for {len(unlabelled)} of {len(ids)} series)"
        )
    stored.classes = sorted_names({found[name] for name in ids}) if classes is None else list(classes)
    other = next((name for name in ids if found[name] not in stored.classes), None)
    if other is not None:
        raise ValueError(
            f"{where(other)}: '{columns.label}' must be one of {', '.join(stored.classes)} "
            f"(got {found[other]!r} for {other!r})"
        )
    if len(stored.classes) < 2:
        raise ValueError(
            f"'{labels or files[0]}' must have at least two labels (got {', '.join(stored.classes)})"
        )
    known = set(ids)
    unused = [name for name in found if name not in known]
    if unused:
        warnings.warn(
            f"{len(unused)} labels belong to no series and are not used (the first: {unused[0]!r}, {where(unused[0])})",
            stacklevel=2,
        )
    stored.label = rows_of_labels([found[name] for name in ids], stored.classes)
    return stored
