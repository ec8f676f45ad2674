"""Tables with one observation per row (id, time, variable, value) become series, whatever the order of the rows."""

from __future__ import annotations

import dataclasses
import enum
import os
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np

from ccnn_pc._choices import choice
from ccnn_pc._optional import require
from ccnn_pc.datasets.common.broken import DataWarning
from ccnn_pc.datasets.common.class_names import spelt_twice
from ccnn_pc.datasets.common.folders import split_named, visible
from ccnn_pc.datasets.common.splits import Split
from ccnn_pc.datasets.common.written_alike import written_alike
from ccnn_pc.datasets.formats.csv_file import (
    SUFFIXES,
    has_columns,
    open_text,
    place_of,
    read_header,
    rows_with_lines,
)
from ccnn_pc.datasets.formats.numerals import number_in
from ccnn_pc.datasets.series.stored import StoredSeries, rows_of_labels, sorted_names
from ccnn_pc.datasets.tables.order_of_rows import restart_in_words, restarts
from ccnn_pc.datasets.tables.separators import DECIMAL_COMMA, check_written
from ccnn_pc.datasets.tables.zones import Zones

#: Rows that are in memory as text at once.
ROWS = 1 << 18
#: Seconds of the units in which dates may be counted.
DATE_UNITS = {"seconds": 1.0, "minutes": 60.0, "hours": 3600.0, "days": 86400.0}
#: What stands in small letters where nothing was observed, or nobody knows the class.
_UNKNOWN = {"", "nan", "na", "n/a", "null"}
#: What ids and variables are called where nobody knew them.
_NOBODY = {"nan", "na", "n/a", "null", "none", "nat", "<na>"}


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


class Layout(enum.Enum):
    """LONG: a row per observation. WIDE: a row per id and time, a column per variable. FILES: a file per series."""

    LONG = "long"
    WIDE = "wide"
    FILES = "files"


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
        layout: LONG (default), WIDE or FILES, see :class:`Layout`.
        split_column: says the part of each series, train, val or test; None: it is drawn.
        group_column: what must not be divided between parts, a patient of several series; None: there is none.
        targets: columns whose numbers are learned instead of a label; None: the label is.
        timed: of FILES: whether they must have the column of times; None: all as the first of them.

    Raises:
        ValueError: an unknown unit, or names of columns as for :class:`LongColumns`.
    """

    columns: LongColumns = LongColumns()
    variables: Sequence[str] | None = None
    ignore_others: bool = False
    dates: str | None = None
    every_stamp: bool = False
    layout: Layout | str = Layout.LONG
    split_column: str | None = None
    group_column: str | None = None
    targets: Sequence[str] | None = None
    timed: bool | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "layout", choice("layout", self.layout, Layout))
        if self.targets is not None:
            object.__setattr__(self, "targets", tuple(map(str, self.targets)))
        if not isinstance(self.columns, LongColumns):
            object.__setattr__(self, "columns", as_columns(self.columns))
        if self.variables is not None:
            object.__setattr__(self, "variables", tuple(map(str, self.variables)))
        if self.dates not in (None, *DATE_UNITS):
            raise ValueError(f"'dates' must be None or one of {', '.join(DATE_UNITS)} (got {self.dates!r})")

    @property
    def needed(self) -> tuple[str, ...]:
        """The columns that a table of a layout must have."""
        return self.columns.observation[: None if self.layout is Layout.LONG else 2]

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
            "; dates='hours' reads dates as 2024-01-31 12:30:00 in training (data.dates=hours), and a model reads "
            "times as its training did: for one that was trained on numbers, write them as numbers in the unit of its "
            "training"
            if re.search(r"\d[-/:]\d", cell)
            else ""
        )
        raise ValueError(f"must be a finite number (got {cell!r}){hint}")

    def said(self, time: float) -> str:
        """A time in words.

        Example:
            >>> TableFormat(dates="hours").said(36.5), TableFormat().said(0.25)
            ('1970-01-02 12:30:00', '0.25')
        """
        if self.dates is None:
            return f"{time:.10g}"
        return str(datetime(1970, 1, 1) + timedelta(seconds=round(time * DATE_UNITS[self.dates])))


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
        "times that are numbers are read without 'dates'; a model that was trained on dates reads dates alone"
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


def find_tables(
    root: Any, labels: str | os.PathLike[str] | None = None, names: Sequence[str] = ()
) -> list[Path]:
    """The files of a table: itself, those of a list, or those of a folder, by name and without the file of labels.

    Of a folder with files that have the columns ``names`` those that have not are left out with a warning.

    Raises:
        FileNotFoundError: there are none, or one of a list is missing.
    """
    if not isinstance(root, (str, os.PathLike)):
        found = [Path(path) for path in root]
    elif Path(root).is_dir():
        other = None if labels is None else Path(labels).resolve()
        files = visible(Path(root).iterdir(), Path(root))
        found = [path for path in files if path.name.lower().endswith(SUFFIXES) and path.resolve() != other]
        found = _with_columns(found, names)
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


def _with_columns(paths: list[Path], names: Sequence[str]) -> list[Path]:
    """The files that have some columns, if any has; what cannot be read stays, and is named when it is."""

    def fits(path: Path) -> bool:
        try:
            return has_columns(path, names)
        except ValueError:
            return True

    kept = [path for path in paths if fits(path)]
    left = [path for path in paths if path not in kept]
    if not kept or not left:
        return paths
    warnings.warn(
        f"{len(left)} of {len(paths)} tables in '{left[0].parent}' have no columns {', '.join(names)} and are left out "
        f"(the first: '{left[0].name}')",
        DataWarning,
        stacklevel=4,
    )
    return kept


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
            frame = frame.rename(columns=wanted)
            frame.attrs["commas"] = header.delimiter != ","
            yield frame


def _pandas() -> Any:
    return require("pandas", extra="tables", purpose="to read tables of observations")


def _each(
    path: Path,
    frame: Any,
    column: str,
    convert: Callable[[str], Any],
    groups: np.ndarray | None = None,
    *,
    numbers: bool = False,
) -> np.ndarray:
    """``convert(cell)`` of every row, called once for each text that differs; its ValueErrors get file and line.

    Of ``numbers`` of some ``groups``, one way of writing them is asked for.
    """
    codes, texts = frame[column].factorize()
    texts = [text.strip() for text in texts]
    commas = numbers and bool(frame.attrs.get("commas", False))
    found: list[Any] = []
    for text in texts:
        try:
            comma = commas and DECIMAL_COMMA.fullmatch(text) is not None
            found.append(convert(text.replace(",", ".") if comma else text))
        except ValueError as error:
            row = frame.iloc[int((codes == len(found)).argmax())].str.strip()
            raise ValueError(f"{place_of([path], dict(row))}: '{column}' {error}") from None
    if numbers:
        try:
            check_written(texts, codes, groups, commas=commas)
        except ValueError as error:
            raise ValueError(f"'{path}': '{column}' {error}") from None
    return np.array(found)[codes]


def _times(path: Path, frame: Any, form: TableFormat, zones: Zones) -> np.ndarray:
    column = form.columns.time
    if form.dates is not None:
        zones.check(path, frame[column].unique())
    return _each(path, frame, column, form.time, numbers=form.dates is None)


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
    parts: list[Any] = []
    zones = Zones(columns.time)
    if form.layout is Layout.WIDE:
        parts = _wide_parts(files, form, index, channels, labels if labelled else None, zones)
    for path in files if form.layout is Layout.LONG else ():
        for frame in _frames(path, [*columns.observation, *[columns.label] * labelled]):
            series = _each(path, frame, columns.id, _number_in(index))
            if labelled:
                _note(files, frame, columns.id, columns.label, labels)
            channel = _each(path, frame, columns.variable, channel_of)
            wanted = channel >= 0
            frame = frame[wanted]
            numbers = {
                "series": series[wanted].astype(np.int32),
                "time": _times(path, frame, form, zones),
                "channel": channel[wanted].astype(np.int32),
                "value": _each(path, frame, columns.value, _value, channel[wanted], numbers=True),
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
            DataWarning,
            stacklevel=2,
        )
        ids = [name for name in ids if index[name] in seen]
        observed = observed[observed.series.isin(seen)].copy()
    observed["series"] = observed.series.map({index[name]: place for place, name in enumerate(ids)})
    _warn_of_names(files, form, ids, sorted(channels))
    _warn_of_restarts(files, form, ids, observed)
    return _wide(observed, ids, form.variables or sorted(channels), channels), labels


def _warn_of_names(
    files: Sequence[Path], form: TableFormat, ids: Sequence[str], variables: Sequence[str]
) -> None:
    """Warn of ids and variables that say that nobody knows them, and of such that may be one and the same."""
    wide, columns = form.layout is Layout.WIDE, form.columns
    for column, names, what in ((columns.id, ids, "series"), (columns.variable, variables, "variable")):
        if wide and column == columns.variable:
            continue
        nobody = next((name for name in names if name.lower() in _NOBODY and (name != "Na")), None)
        if nobody is not None:
            warnings.warn(
                f"{place_of(files, {column: nobody})}: '{column}' is {nobody!r}: where that says that nobody knows it, "
                f"leave such rows out, all of which are read as one {what}; else call it otherwise",
                DataWarning,
                stacklevel=3,
            )
    pairs = [(written_alike(ids), "series"), (next(iter(spelt_twice(variables)), None), "variables")]
    for pair, what in pairs:
        if pair is not None:
            warnings.warn(
                f"'{files[0]}' has the {what} {pair[0]!r} and {pair[1]!r}: where these are one and the same, write "
                "them alike; they are read as two",
                DataWarning,
                stacklevel=3,
            )


def _warn_of_restarts(files: Sequence[Path], form: TableFormat, ids: Sequence[str], observed: Any) -> None:
    found = restarts(observed.series.to_numpy(), observed.time.to_numpy(), observed.channel.to_numpy())
    if found is None:
        return
    what = f"'{files[0]}': '{form.columns.time}' of '{form.columns.id}' {ids[found.series]!r}"
    warnings.warn(restart_in_words(found, what, form.said), DataWarning, stacklevel=3)


def _wide(
    observed: Any, ids: list[str], variables: Sequence[str], channels: Mapping[str, int]
) -> StoredSeries:
    keys = ["series", "time", "channel"]
    repeated = int(observed[observed.value.notna()].duplicated(keys).sum())
    if repeated:
        warnings.warn(
            f"{repeated} rows repeat an id, a time and a variable: each becomes the mean of its rows",
            DataWarning,
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


def _wide_parts(
    files: Sequence[Path],
    form: TableFormat,
    index: dict[str, int],
    channels: dict[str, int],
    labels: dict[str, str] | None,
    zones: Zones,
) -> list[Any]:
    """Observations of tables with a row per id and time and a column per variable; ids and channels are entered."""
    pandas, columns, parts = _pandas(), form.columns, []
    said = {
        columns.id,
        columns.time,
        columns.label,
        form.split_column,
        form.group_column,
        *(form.targets or ()),
    }
    for path in files:
        with open_text(path) as file:
            names = read_header(file, path, [columns.id, columns.time]).names
        there = [name for name in names if name and name not in said]
        missing = [name for name in form.variables or () if name not in names]
        if missing:
            raise ValueError(f"'{path}' line 1 must name the column {missing[0]} (got {', '.join(names)})")
        others = [name for name in there if form.variables is not None and name not in form.variables]
        if others and not form.ignore_others:
            raise ValueError(
                f"'{path}' line 1: column {others[0]!r} must be one of {', '.join(form.variables or ())}; "
                "ignore_others leaves other variables out"
            )
        variables = [name for name in there if name not in others]
        for frame in _frames(
            path, [columns.id, columns.time, *[columns.label] * (labels is not None), *variables]
        ):
            series = _each(path, frame, columns.id, _number_in(index)).astype(np.int32)
            if labels is not None:
                _note(files, frame, columns.id, columns.label, labels)
            time = _times(path, frame, form, zones)
            for name in variables:
                channel = channels.setdefault(name, len(channels))
                value = _each(path, frame, name, _value, numbers=True)
                numbers = {"series": series, "time": time, "channel": np.full(len(time), channel, np.int32)}
                rows = pandas.DataFrame({**numbers, "value": value})
                parts.append(rows if form.every_stamp else rows.dropna())
    if not parts:
        raise ValueError(
            f"'{files[0]}' must have a column for each variable beside '{columns.id}' and '{columns.time}'"
        )
    return parts


def _note(files: Sequence[Path], frame: Any, key: str, column: str, labels: dict[str, str]) -> None:
    """Enter what a column says of each id where a row says it."""
    for name, label in frame[[key, column]].drop_duplicates().itertuples(index=False):
        name, label = name.strip(), label.strip()
        label = "" if label.lower() in _UNKNOWN else label
        known = labels.setdefault(name, label) if label else label
        if known != label:
            here, there = (place_of(files, {key: name, column: each}) for each in (label, known))
            raise ValueError(
                f"{here}: '{column}' must be one and the same for all rows of '{key}' {name!r} "
                f"(got {label!r}; {there} says {known!r})"
            )


def _read_labels(path: Path, columns: LongColumns) -> dict[str, str]:
    """The label of each id of a file with one row per id."""
    labels: dict[str, str] = {}
    for frame in _frames(path, [columns.id, columns.label]):
        _each(path, frame, columns.id, _number_in({}))
        _each(path, frame, columns.label, _label)
        _note([path], frame, columns.id, columns.label, labels)
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
    needed = form.needed
    names = [*needed, *[columns.label] * (form.targets is None)]
    bare = next((path for path in files if labels is None and not has_columns(path, names)), None)
    if bare is not None and has_columns(bare, needed):
        raise ValueError(
            f"'{bare}' line 1 must name a column '{columns.label}', or 'labels' a file with '{columns.id}' and "
            f"'{columns.label}' (--labels FILE; of a training data.labels=FILE)"
        )
    stored, found = read_series(files, form, labelled=labels is None and form.targets is None)
    sources = list(files)
    if form.targets is not None:
        return _with_facts(stored, form, sources if labels is None else [Path(labels)], targets=True)
    if labels is not None:
        found, sources = _read_labels(Path(labels), columns), [Path(labels)]

    def where(name: str) -> str | None:
        return place_of(sources, {columns.id: name, columns.label: found[name]})

    ids = [str(name) for name in stored.name or ()]
    unlabelled = [name for name in ids if name not in found]
    if unlabelled:
        pair = written_alike(name for name in (*unlabelled, *found) if name in found or name == unlabelled[0])
        hint = f": the labels say {pair[1]!r}, write both alike" if pair and pair[0] == unlabelled[0] else ""
        raise ValueError(
            f"{place_of(files, {columns.id: unlabelled[0]})}: '{columns.id}' {unlabelled[0]!r} must have a label "
            f"(got none for {len(unlabelled)} of {len(ids)} series){hint}"
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
            DataWarning,
            stacklevel=2,
        )
    stored.label = rows_of_labels([found[name] for name in ids], stored.classes)
    if labels is not None:
        _warn_of_other_labels(files, Path(labels), columns, found)
    return _with_facts(stored, form, sources)


def _warn_of_other_labels(
    files: Sequence[Path], labels: Path, columns: LongColumns, found: Mapping[str, str]
) -> None:
    """Warn where a table has labels of its own that differ from those of the file of labels, which are taken."""
    other: dict[str, str] = {}
    for path in files:
        if not has_columns(path, (columns.id, columns.label)):
            continue
        for frame in _frames(path, [columns.id, columns.label]):
            for name, label in frame.drop_duplicates().itertuples(index=False):
                known = found.get(name.strip(), "")
                if known and label.strip().lower() not in _UNKNOWN and label.strip() != known:
                    other.setdefault(name.strip(), label.strip())
    if other:
        name, label = next(iter(other.items()))
        warnings.warn(
            f"'{labels}' says another '{columns.label}' than the table for {len(other)} series (the first: {name!r} is "
            f"{found[name]!r} there, and {label!r} in the table): those of the file are taken",
            DataWarning,
            stacklevel=3,
        )


def _with_facts(
    stored: StoredSeries, form: TableFormat, sources: Sequence[Path], *, targets: bool = False
) -> StoredSeries:
    """The same with the part, the group and the targets of each series as ``static [n, 2 + T]``; NaN: nothing is said.

    Raises:
        ValueError: no such column, another word than the names of parts, a target that is missing or no number.
    """
    wanted = [
        name for name in (form.split_column, form.group_column, *(form.targets or ())) if name is not None
    ]
    if targets:
        stored.classes, stored.label = ["value"], np.zeros(len(stored), dtype=np.int64)
    if not wanted:
        return stored
    key = form.columns.id
    said: dict[str, dict[str, str]] = {name: {} for name in wanted}
    commas = False
    for path in sources:
        for frame in _frames(path, [key, *wanted]):
            commas = commas or bool(frame.attrs["commas"])
            for name in wanted:
                _note(sources, frame, key, name, said[name])
    ids = [str(name) for name in stored.name or ()]
    facts = np.full((len(ids), 2 + len(form.targets or ())), np.nan, dtype=np.float32)
    groups: dict[str, int] = {}
    for row, name in enumerate(ids):
        if form.split_column is not None and name in said[form.split_column]:
            part = split_named(said[form.split_column][name])
            if part is None:
                place = place_of(sources, {key: name, form.split_column: said[form.split_column][name]})
                word = said[form.split_column][name]
                raise ValueError(f"{place}: '{form.split_column}' must be train, val or test (got {word!r})")
            facts[row, 0] = list(Split).index(part)
        if form.group_column is not None:
            facts[row, 1] = groups.setdefault(
                said[form.group_column].get(name, f" {name}"), len(groups)
            )  # none: its own
        for number, target in enumerate(form.targets or ()):
            word = said[target].get(name, "")
            try:
                facts[row, 2 + number] = number_in(
                    word.replace(",", ".") if commas and DECIMAL_COMMA.fullmatch(word) else word
                )
            except ValueError:
                where = place_of(sources, {key: name}) or f"'{sources[0]}'"
                raise ValueError(f"{where}: '{target}' of {name!r} must be a number (got {word!r})") from None
    stored.static = facts
    return stored
