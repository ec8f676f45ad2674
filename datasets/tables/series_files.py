"""One file per series: a row per sample, a column per variable, with or without names and times."""

from __future__ import annotations

import dataclasses
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ccnn_pc.datasets.common.broken import DataWarning, warn_broken
from ccnn_pc.datasets.common.folders import files_below
from ccnn_pc.datasets.common.items import Division, find_items
from ccnn_pc.datasets.common.splits import Split
from ccnn_pc.datasets.formats.csv_file import SUFFIXES, open_text
from ccnn_pc.datasets.formats.numerals import is_number, number_in
from ccnn_pc.datasets.series.stored import StoredSeries, join_series, rows_of_labels, sorted_names
from ccnn_pc.datasets.tables.observations import TableFormat
from ccnn_pc.datasets.tables.order_of_rows import restart_in_words, restarts
from ccnn_pc.datasets.tables.separators import DECIMAL_COMMA, check_written
from ccnn_pc.datasets.tables.zones import Zones

_UNKNOWN = {"", "nan", "na", "n/a", "null", "none", "?"}


def is_table(path: Path) -> bool:
    """Whether the name of a file ends as those of tables do."""
    return path.name.lower().endswith(SUFFIXES)


def series_files(root: Any) -> list[Path]:
    """The tables at a path: itself, those of a list, those below a folder.

    Raises:
        FileNotFoundError: there are none.
    """
    if not isinstance(root, (str, os.PathLike)):
        found = [Path(path) for path in root]
    else:
        found = files_below(Path(root), is_table) if Path(root).is_dir() else [Path(root)]
    missing = [path for path in found if not path.is_file()]
    if missing or not found:
        raise FileNotFoundError(
            f"'root' must be a table, or a folder of tables, {', '.join(SUFFIXES[:3])} "
            f"(got '{missing[0] if missing else root}')"
        )
    return found


class FileOfNumbers(NamedTuple):
    """The cells of a table.

    Attributes:
        names: of the columns, ``column_1`` … where the first line holds numbers.
        rows: number of the line, and its cells.
        commas: whether commas may be decimal.
    """

    names: list[str]
    rows: list[tuple[int, list[str]]]
    commas: bool


def read_cells(path: Path) -> FileOfNumbers:
    """The cells of a table, separated by ``;``, tabs, ``|``, commas or spaces.

    Raises:
        OSError: it cannot be read.
        ValueError: empty, no text, or lines of several widths; the message names file and line.
    """
    try:
        with open_text(path) as file:
            lines = [(number, line.strip("\r\n")) for number, line in enumerate(file, 1)]
    except UnicodeDecodeError as error:
        raise ValueError(f"'{path}' must be text in UTF-8 ({error.reason}): save it again") from error
    lines = [(number, line) for number, line in lines if line.strip() and not line.lstrip().startswith("#")]
    if not lines:
        raise ValueError(f"'{path}' must hold rows of numbers (got an empty file): copy or export it again")
    mark = next((mark for mark in ";\t|," if mark in lines[0][1]), None)
    rows = [(number, [cell.strip().strip('"') for cell in line.split(mark)]) for number, line in lines]
    names = rows[0][1]
    if any(not _is_value(name, mark != ",") for name in names):
        rows = rows[1:]
    else:
        names = [f"column_{place}" for place in range(1, len(names) + 1)]
    if not rows:
        raise ValueError(f"'{path}' must have rows of numbers below its header (got none)")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"'{path}' must name '{twice}' once (got {', '.join(names)})")
    wrong = next(((number, row) for number, row in rows if len(row) != len(names)), None)
    if wrong is not None:
        raise ValueError(
            f"'{path}' line {wrong[0]} must have {len(names)} fields, as the first (got {len(wrong[1])})"
        )
    return FileOfNumbers(names, rows, mark != ",")


def read_one(path: Path, form: TableFormat) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Times ``[n]``, rising, values ``[n, C]``, NaN where nothing was observed, and names of the variables.

    Rows of one time become their mean. Without a column of times these are the numbers of the rows.

    Raises:
        OSError: it cannot be read.
        ValueError: as :func:`read_cells`; a cell that is no number, a variable that is not there.
    """
    table = read_cells(path)
    time = form.columns.time if form.columns.time in table.names else None
    if form.timed is not None and form.timed is not (time is not None):
        raise ValueError(
            f"'{path}' must have the column '{form.columns.time}', as the others and those of training "
            f"(got {', '.join(table.names)}): call it so; of a training data.columns.time=NAME says what it is called"
            if form.timed
            else f"'{path}' must have no column '{time}', for the others and those of training have none: their "
            "samples are counted; leave it out"
        )
    said = {time, form.columns.id, form.columns.label}
    variables = (
        list(form.variables) if form.variables is not None else [n for n in table.names if n not in said]
    )
    missing = [name for name in variables if name not in table.names]
    if missing or not variables:
        raise ValueError(
            f"'{path}' must have the column{'s' * (len(missing) > 1)} {', '.join(missing) or 'of a variable'} "
            f"(got {', '.join(table.names)})"
        )
    others = [name for name in table.names if name not in said and name not in variables]
    if others and not form.ignore_others:
        raise ValueError(
            f"'{path}' has the column {others[0]!r}, which the others have not: data.ignore_others=true leaves it out"
        )
    places = [table.names.index(name) for name in variables]
    for name in [*variables, *([] if time is None or form.dates is not None else [time])]:
        cells = [row[table.names.index(name)] for _, row in table.rows]
        texts, codes = np.unique(cells, return_inverse=True)
        try:
            check_written(texts.tolist(), codes, commas=table.commas)
        except ValueError as error:
            raise ValueError(f"'{path}': '{name}' {error}") from None
    values = np.array(
        [[_value(row[place], path, line, table) for place in places] for line, row in table.rows]
    )
    if time is None:
        return np.arange(len(values), dtype=np.float64), values, variables
    where, stamps = table.names.index(time), []
    if form.dates is not None:
        Zones(time).check(path, [row[where] for _, row in table.rows])
    for line, row in table.rows:
        cell = (
            row[where].replace(",", ".")
            if table.commas and DECIMAL_COMMA.fullmatch(row[where])
            else row[where]
        )
        try:
            stamps.append(form.time(cell))
        except ValueError as error:
            raise ValueError(f"'{path}' line {line}: '{time}' {error}") from None
    _warn_of_order(path, np.array(stamps), form)
    return *_rising(np.array(stamps), values), variables


def _warn_of_order(path: Path, times: np.ndarray, form: TableFormat) -> None:
    found = restarts(np.zeros(len(times), dtype=np.int64), times)
    repeated = len(times) - len(np.unique(times))
    what = f"'{path}': '{form.columns.time}'"
    if found is not None:
        text = restart_in_words(found, what, form.said)
    elif repeated:
        text = f"{what} repeats {repeated} times: rows of one time become their mean"
    else:
        return
    warnings.warn(text, DataWarning, stacklevel=4)


def _rising(times: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Samples by time; those of one time become their mean."""
    stamps, place = np.unique(times, return_inverse=True)
    known = np.isfinite(values)
    total, count = np.zeros((len(stamps), values.shape[1])), np.zeros((len(stamps), values.shape[1]))
    np.add.at(total, place, np.where(known, values, 0.0))
    np.add.at(count, place, known)
    with np.errstate(invalid="ignore"):
        return stamps, total / np.where(count > 0, count, np.nan)


def _is_value(cell: str, commas: bool) -> bool:
    return (
        cell.lower() in _UNKNOWN - {""}
        or is_number(cell)
        or (commas and DECIMAL_COMMA.fullmatch(cell) is not None)
    )


def _value(cell: str, path: Path, line: int, table: FileOfNumbers) -> float:
    if cell.lower() in _UNKNOWN:
        return float("nan")
    try:
        return number_in(cell.replace(",", ".") if table.commas and DECIMAL_COMMA.fullmatch(cell) else cell)
    except ValueError:
        raise ValueError(
            f"'{path}' line {line} must hold numbers, or nothing (got {cell!r}); data.variables=[...] names the "
            "columns to read"
        ) from None


def are_timed(paths: Sequence[Path], form: TableFormat) -> bool | None:
    """Whether the first file that can be read has a column of times; None: none can be read."""
    for path in paths:
        try:
            return form.columns.time in read_cells(path).names
        except (OSError, ValueError):
            continue
    return None


def read_series_files(root: Any, paths: Sequence[Path], form: TableFormat) -> StoredSeries:
    """The series of some files; their names are the ways from the root. All labels are 0.

    Raises:
        ValueError: no file can be read, or one of several has other variables; the message names the file.
    """
    series, times, kept, broken = [], [], [], []
    names: list[str] = []
    if form.timed is None:
        form = dataclasses.replace(form, timed=are_timed(paths, form))
    for row, path in enumerate(paths):
        try:
            stamps, values, variables = read_one(path, form)
            if not np.isfinite(values).any():
                raise ValueError(f"'{path}' must hold one observed value at least (got none)")
            if names and sorted(variables) != names:
                raise ValueError(
                    f"'{path}' must have the columns {', '.join(names)} (got {', '.join(variables)})"
                )
        except (OSError, ValueError) as error:
            broken.append((str(path), str(error)))
            continue
        names = names or (list(form.variables) if form.variables is not None else sorted(variables))
        series.append(values[:, [variables.index(name) for name in names]])
        times.append(stamps)
        kept.append(row)
    if not series:
        raise ValueError(f"none of the {len(broken)} files can be read; the first: {broken[0][1]}")
    warn_broken(broken, len(paths), root)
    ways = [_way(paths[row], root) for row in kept]
    return join_series(
        series, np.zeros(len(kept)), [], times=np.concatenate(times), name=ways, channels=names, broken=broken,
        static=np.array(kept, dtype=np.float32)[:, None],
    )  # fmt: skip


def _way(path: Path, root: Any) -> str:
    folder = Path(root) if isinstance(root, (str, os.PathLike)) else path.parent
    return (
        path.relative_to(folder).as_posix() if path.is_relative_to(folder) and path != folder else path.name
    )


def read_files(
    root: str | os.PathLike[str], form: TableFormat, division: Division, classes: Sequence[str] | None
) -> StoredSeries:
    """Labelled series of a folder: by class folders or by a table, with parts, groups and targets as ``static``.

    Raises:
        FileNotFoundError: no such folder, or no file.
        ValueError: as :func:`read_series_files` and :func:`~ccnn_pc.datasets.common.items.find_items`.
    """
    tables = {Path(each).resolve() for each in (division.labels, division.split_file) if each is not None}
    items = find_items(Path(root), lambda path: is_table(path) and path.resolve() not in tables, division)
    stored = read_series_files(root, items.paths, form)
    rows = np.asarray(stored.static)[:, 0].astype(np.int64)
    names = [items.classes[items.labels[row]] for row in rows]
    stored.classes = sorted_names(set(items.classes)) if not classes else [str(name) for name in classes]
    stored.label = rows_of_labels(names, stored.classes)
    facts = np.full(
        (len(rows), 2 if items.numbers is None else 2 + items.numbers.shape[1]), np.nan, dtype=np.float32
    )
    groups: dict[str, int] = {}
    for place, row in enumerate(rows):
        part = items.parts[row]
        if part is not None:
            facts[place, 0] = list(Split).index(part)
        if items.groups is not None:
            facts[place, 1] = groups.setdefault(items.groups[row], len(groups))
        if items.numbers is not None:
            facts[place, 2:] = items.numbers[row]
    stored.static = facts
    return stored
