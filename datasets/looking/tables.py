"""Tables of series: long, wide, or a file per series."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ccnn_pc.datasets.common.columns import usual_column
from ccnn_pc.datasets.common.file_table import ANSWERED
from ccnn_pc.datasets.formats.csv_file import SUFFIXES, open_text, read_header, rows_with_lines
from ccnn_pc.datasets.formats.numerals import is_number
from ccnn_pc.datasets.looking.found import Found, NotTakenError, counted, listed, training_words
from ccnn_pc.datasets.looking.items import look_at_items
from ccnn_pc.datasets.looking.peek import Kind
from ccnn_pc.datasets.looking.survey import Survey
from ccnn_pc.datasets.tables.observations import TableFormat
from ccnn_pc.datasets.tables.series_files import is_table, read_cells

_SEEN = 12000
#: Seconds of units, the widest first.
_UNITS = {"days": 86400.0, "hours": 3600.0, "minutes": 60.0, "seconds": 1.0}


def look_at_tables(paths: Sequence[Path], root: Path, kind: Kind, given: Mapping[str, Any]) -> Found:
    """Long or wide tables: which columns are what, and where the labels stand.

    Raises:
        NotTakenError: no ids, no times, or no labels.
    """
    names = _header(paths[0])
    words: dict[str, Any] = {"data.layout": "wide"} if kind is Kind.WIDE_TABLE else {}
    time = _column(names, "time", given, [])
    key = _column(names, "id", given, [time] if time else [])
    if key is None or time is None:
        what = "id (which series a row belongs to)" if key is None else "time"
        raise NotTakenError(
            f"'{paths[0]}' must have a column {what} (got {listed(names, 12)}): data.columns."
            f"{'id' if key is None else 'time'}=NAME says what it is called"
        )
    labels, source = _labels(paths, root, key, given)
    found = {"id": key, "time": time}
    taken = [key, time]
    targets = given.get("data.targets")
    if targets is None:
        label = _column(source, "label", given, taken)
        if label is None:
            raise NotTakenError(
                f"'{paths[0]}' must have a column 'label', or a table beside it the columns '{key}' and 'label' "
                f"(got {listed(names, 12)}): data.columns.label=NAME, or data.labels=FILE; numbers to learn have "
                "task=regression data.targets=[NAME, ...]"
            )
        found["label"] = label
        taken.append(label)
    for role, word in (("split", "data.split_column"), ("group", "data.group_column")):
        column = usual_column(source, role, [*taken, *(targets or ())])
        if column is not None and given.get(word) is None:
            words[word] = column
            taken.append(column)
    if labels is not None:
        words["data.labels"] = str(labels)
    words |= {f"data.columns.{role}": name for role, name in found.items() if name != role}
    unit = _unit(paths[0], key, time)
    if unit is not None:
        words["data.dates"] = unit
    ids = {row[0] for path in paths for _, row in rows_with_lines(path, [key])}
    notes = []
    if kind is Kind.WIDE_TABLE:
        said = {*taken, *(targets or ())}
        variables = [name for name in names if name and name not in said]
        text = [name for name in variables if not _is_numeric(paths[0], name)]
        if text:
            variables = [name for name in variables if name not in text]
            words |= {"data.variables": variables, "data.ignore_others": True}
            notes.append(f"not used: the column{'s' * (len(text) > 1)} {', '.join(text)} of words")
        what = f"{counted(len(variables), 'variable')} ({listed(variables)})"
    else:
        what = "one observation per row"
    words |= training_words(len(ids), _SEEN)
    place = paths[0] if len(paths) == 1 else root
    said_of = f"the numbers {listed(targets)}" if targets else f"labels in '{found['label']}'"
    text_of = f"{counted(len(ids), 'series', 'series')} by '{key}' and '{time}', {what}, {said_of}"
    if labels is not None:
        text_of += f" of '{labels.name}'"
    return Found("long_csv_tiny", text_of, place, len(ids), words, notes)


def look_at_series(found: Survey, given: Mapping[str, Any]) -> Found:
    """A file per series, in class folders or with a table of labels: its times and variables."""
    known = set(found.files[Kind.SERIES])
    seen = look_at_items(found, Kind.SERIES, lambda path: is_table(path) and path in known, given)
    paths = seen.items.paths
    table = None
    for path in paths[:10]:
        try:
            table = read_cells(path)
            break
        except (OSError, ValueError) as error:
            first = error
    if table is None:
        raise NotTakenError(f"none of the series looked at in '{found.root}' can be read; the first: {first}")
    names = table.names
    words: dict[str, Any] = {**seen.words, **training_words(len(paths), _SEEN)}
    time = given.get("data.columns.time") or usual_column(names, "time")
    if time is None and names[0] == "column_1" and len(names) > 1:
        first_column = np.array([float(row[0]) if is_number(row[0]) else np.nan for _, row in table.rows])
        time = "column_1" if bool((np.diff(first_column) > 0).all()) else None
    if time is not None and time != "time":
        words["data.columns.time"] = time
    cells = {name: [row[place] for _, row in table.rows[:50]] for place, name in enumerate(names)}
    text = [name for name in names if name != time and not all(_is_value(cell) for cell in cells[name])]
    variables = [name for name in names if name != time and name not in text]
    notes = list(seen.notes)
    if text and variables:
        words |= {"data.variables": variables, "data.ignore_others": True}
        notes.append(f"not used: the column{'s' * (len(text) > 1)} {', '.join(text)} of words")
    if time is not None and (unit := _unit_of(cells[time])) is not None:
        words["data.dates"] = unit
    by = f"by '{time}'" if time is not None else "in the order of their rows"
    what = f"{counted(len(paths), 'series', 'series')} {by} of {counted(len(variables), 'variable')}"
    what += f" ({listed(variables)})"
    return Found("series_folder", f"{what} {seen.text}", found.root, len(paths), words, notes)


def _header(path: Path) -> list[str]:
    with open_text(path) as file:
        return read_header(file, path, ()).names


def _column(names: Sequence[str], role: str, given: Mapping[str, Any], but: Sequence[str]) -> str | None:
    said = given.get(f"data.columns.{role}")
    return str(said) if said is not None else usual_column(names, role, but)


def _labels(
    paths: Sequence[Path], root: Path, key: str, given: Mapping[str, Any]
) -> tuple[Path | None, list[str]]:
    """The file of labels, None where they stand in the table, and its columns."""
    names = _header(paths[0])
    if given.get("data.labels") is not None:
        return Path(str(given["data.labels"])), _header(Path(str(given["data.labels"])))
    wanted, named = given.get("data.targets"), given.get("data.columns.label")

    def holds(columns: Sequence[str]) -> bool:
        if wanted or named:
            return set(wanted or [named]) <= set(columns)
        return usual_column(columns, "label", [key]) is not None

    if holds(names):
        return None, names
    for path in sorted(root.iterdir()):
        if path in paths or path.name.startswith(".") or not path.name.lower().endswith(SUFFIXES):
            continue
        try:
            others = _header(path)
        except (OSError, ValueError):
            continue
        if key in others and holds(others) and not set(others) >= ANSWERED:
            return path, others
    return None, names


def _is_value(cell: str) -> bool:
    return not cell or is_number(cell.replace(",", ".")) or cell.lower() in ("nan", "na", "null", "none", "?")


def _is_numeric(path: Path, name: str) -> bool:
    cells = [row[0] for _, (_, row) in zip(range(200), rows_with_lines(path, [name]), strict=False)]
    return all(_is_value(cell) for cell in cells)


def _unit(path: Path, key: str, time: str) -> str | None:
    """The unit in which dates of a table are counted; None where times are numbers."""
    rows = [row for _, (_, row) in zip(range(200), rows_with_lines(path, [key, time]), strict=False)]
    return _unit_of([row[1] for row in rows if row[0] == rows[0][0]])


def _unit_of(cells: Sequence[str]) -> str | None:
    """The widest unit of which usual distances of dates are one at least; None where times are numbers."""
    if not cells or is_number(cells[0].replace(",", ".")):
        return None
    try:
        stamps = np.array([TableFormat(dates="seconds").time(cell) for cell in cells])
    except ValueError:
        return None
    gaps = np.diff(np.unique(stamps))
    usual = float(np.median(gaps)) if len(gaps) else 1.0
    return next((unit for unit, seconds in _UNITS.items() if usual >= seconds), "seconds")
