"""A table about files: what each is, which part it belongs to, which of them belong together."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Any

from ccnn_pc.datasets.common.columns import USUAL, usual_column
from ccnn_pc.datasets.common.folders import split_named
from ccnn_pc.datasets.common.splits import Split
from ccnn_pc.datasets.formats.csv_file import open_text, read_header, rows_with_lines
from ccnn_pc.datasets.formats.numerals import number_in

#: Numbers with a comma for a point.
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+(?:[eE][+-]?\d+)?", re.ASCII)
#: Columns of what ``ccnn-pc predict`` writes: a model's answers are no labels, unless somebody names the file.
ANSWERED = {"class", "probability"}


@dataclasses.dataclass(frozen=True)
class FileRow:
    """What a table says of one file.

    Attributes:
        line: where.
        label: its class; None: nothing is said.
        split: its part; None: nothing is said.
        group: what it shares with others that must not be divided from it, a patient; None: nothing is said.
        numbers: targets of a regression.
    """

    line: int
    label: str | None = None
    split: Split | None = None
    group: str | None = None
    numbers: tuple[float, ...] = ()


def read_file_table(
    table: str | os.PathLike[str],
    root: Path,
    paths: Sequence[Path],
    targets: Sequence[str] = (),
    wanted: Sequence[str] = ("label", "split", "group"),
) -> dict[Path, FileRow]:
    """The rows of a table (csv, also with ``;`` or tabs) with a column ``file``, by the file that each names.

    Columns are found by their usual names (:data:`~ccnn_pc.datasets.common.columns.USUAL`), in any case. Files are
    named by their way from ``root`` or from the folder of the table, or by their bare name where one file has it.

    Args:
        table: the file.
        root: folder of the files.
        paths: the files that there are.
        targets: columns of numbers.
        wanted: roles of columns to read, where they are there.

    Raises:
        FileNotFoundError: no such table.
        ValueError: no column of files, an unknown file or part, a file twice, a target that is no number; the message
            names the line.
    """
    table = Path(table)
    with open_text(table) as file:
        header = read_header(file, table, [name for names in USUAL.values() for name in names])
    roles = {role: usual_column(header.names, role, targets) for role in ("file", *wanted)}
    if roles["file"] is None:
        raise ValueError(
            f"'{table}' line {header.line} must name a column 'file' (got {', '.join(header.names)}): write one with "
            f"the ways of the files from '{root}'"
        )
    named = {role: name for role, name in roles.items() if name is not None}
    known = _names_of(paths, root, table.parent)
    found: dict[Path, FileRow] = {}
    for line, cells in rows_with_lines(table, [*named.values(), *targets]):
        said = dict(zip(named, cells, strict=False))
        where = f"'{table}' line {line}"
        path = known.get(said["file"].replace("\\", "/").removeprefix("./"))
        if path is None:
            raise ValueError(f"{where}: 'file' must be one of the files of '{root}' (got {said['file']!r})")
        if path in found:
            raise ValueError(
                f"{where}: {said['file']!r} must be named once (also in line {found[path].line})"
            )
        found[path] = FileRow(
            line,
            said.get("label") or None,
            _part(said.get("split"), where),
            said.get("group") or None,
            tuple(
                _number(cell, name, where) for name, cell in zip(targets, cells[len(named) :], strict=True)
            ),
        )
    return found


def file_columns(table: Path) -> list[str]:
    """The columns of a table about files; none where it is another one, holds answers, or cannot be read."""
    try:
        with open_text(table) as file:
            names = read_header(file, table, USUAL["file"]).names
    except (OSError, ValueError):
        return []
    return names if usual_column(names, "file") is not None and not set(names) >= ANSWERED else []


def _names_of(paths: Sequence[Path], *folders: Path) -> dict[str, Path]:
    """Every name that means one of the files: ways from the folders, bare names, also without suffix."""
    known: dict[str, Path | None] = {}
    for path in paths:
        bare = path.name.split(".")[0] if path.name.lower().endswith((".gz", ".xz")) else path.stem
        for name in {path.name, bare}:
            known[name] = path if name not in known else None  # several: no name of one
    ways: dict[str, Path] = {}
    for path in paths:
        for folder in folders:
            if path.is_relative_to(folder):
                way = path.relative_to(folder)
                ways[way.as_posix()] = ways[PurePath(way).with_suffix("").as_posix()] = path
        ways[str(path)] = path
    return {**{name: path for name, path in known.items() if path is not None}, **ways}


def _part(cell: str | None, where: str) -> Split | None:
    if not cell:
        return None
    split = split_named(cell)
    if split is None:
        raise ValueError(f"{where}: 'split' must be train, val or test (got {cell!r})")
    return split


def _number(cell: Any, name: str, where: str) -> float:
    try:
        number = number_in(cell.replace(",", ".") if _DECIMAL_COMMA.fullmatch(cell) else cell)
    except ValueError:
        number = float("nan")
    if number != number:
        raise ValueError(f"{where}: '{name}' must be a number for regression (got {cell!r})")
    return number
