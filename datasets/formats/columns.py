"""Named columns of a delimited text file, some thousand rows at a time, with the line of what is wrong."""

from __future__ import annotations

import csv
import gzip
import itertools
import lzma
import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from operator import itemgetter
from pathlib import Path
from typing import IO, Any, NamedTuple

DELIMITERS = ",;\t|"
#: Rows that are read at once: so few that they are gone before Python's collector of garbage starts to count them.
CHUNK = 1 << 9
_OPENERS: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".xz": lzma.open}
_DAMAGED = (csv.Error, EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, UnicodeDecodeError)


class Rows(NamedTuple):
    """Some rows of a file.

    Attributes:
        first: number of the first one, from 0; blank lines are not counted.
        cells: for each wanted column the text of these rows, without spaces at its ends.
    """

    first: int
    cells: list[list[str]]


def read_columns(path: str | os.PathLike[str], names: Sequence[str], chunk: int = CHUNK) -> Iterator[Rows]:
    """The columns called ``names``, in this order, wherever they stand; other columns are skipped.

    The first line that is not blank names the columns. The delimiter is the one of ``, ; tab |`` with which all names
    are found there. UTF-8, quotes as in the usual csv; ``.gz`` and ``.xz`` are decompressed.

    Args:
        path: the file.
        names: of the wanted columns.
        chunk: rows at a time.

    Raises:
        FileNotFoundError: no such file.
        ValueError: empty, another header, a row of another width, not UTF-8, damaged; the message names file and line.
    """
    path, number = Path(path), 0
    with _opened(path) as file:
        table = _Table(file, path, names)
        while True:
            block = table.next(chunk)
            rows = [row for row in block if row]
            if any(len(row) != table.width for row in rows):
                wrong = next(i for i, row in enumerate(rows) if len(row) != table.width)
                raise ValueError(
                    f"{line_of(path, names, number + wrong)} must have {table.width} fields, as the header has "
                    f"(got {len(rows[wrong])})"
                )
            if rows:
                picked = zip(*map(itemgetter(*table.places), rows), strict=True)
                yield Rows(number, [list(map(str.strip, cells)) for cells in picked])
            number += len(rows)
            if len(block) < chunk:
                break
    if number == 0:
        raise ValueError(f"'{path}' must have at least one row below its header (got none)")


def line_of(path: str | os.PathLike[str], names: Sequence[str], row: int) -> str:
    """``'path' line 17``: where a row stands that :func:`read_columns` gave a number; the file is read again."""
    path = Path(path)
    with _opened(path) as file:
        table = _Table(file, path, names)
        left = row + 1
        while left > 0:
            left -= bool(table.next(1)[0])
        return f"'{path}' line {table.line}"


def first_place(path: str | os.PathLike[str], names: Sequence[str], column: int, text: str) -> str | None:
    """Where ``text`` stands first in one of the columns ``names``; None if nowhere."""
    for first, cells in read_columns(path, names):
        if text in cells[column]:
            return line_of(path, names, first + cells[column].index(text))
    return None


def has_columns(path: str | os.PathLike[str], names: Sequence[str]) -> bool:
    """Whether the header of a file has all of these columns.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it is empty or damaged.
    """
    path = Path(path)
    with _opened(path) as file:
        header, _ = _header(file, path, names)
    return set(names) <= set(header)


def _opened(path: Path) -> IO[str]:
    if not path.is_file():
        raise FileNotFoundError(f"'{path}' must be an existing file")
    opener = _OPENERS.get(path.suffix.lower(), open)
    opened: IO[str] = opener(path, "rt", encoding="utf-8-sig", newline="")
    return opened


class _Table:
    """Rows of an open file below its header.

    Args:
        file: at its start.
        path: for messages.
        names: of the wanted columns; there must be two at least.
    """

    def __init__(self, file: IO[str], path: Path, names: Sequence[str]) -> None:
        header, self._above = _header(file, path, names)
        missing = [name for name in names if name not in header]
        if missing:
            raise ValueError(
                f"'{path}' line {self._above} must name the column{'s' * (len(missing) > 1)} {', '.join(missing)} "
                f"(got {', '.join(header)})"
            )
        twice = [name for name in names if header.count(name) > 1]
        if twice:
            raise ValueError(
                f"'{path}' line {self._above} must name '{twice[0]}' once (got {', '.join(header)})"
            )
        self.path, self.width, self.places = path, len(header), [header.index(name) for name in names]
        self._reader = csv.reader(file, delimiter=header.delimiter, skipinitialspace=True, strict=True)

    @property
    def line(self) -> int:
        """Number of the line that was read last, from 1."""
        return self._above + self._reader.line_num

    def next(self, count: int) -> list[list[str]]:
        """At most ``count`` further rows; blank lines are empty lists."""
        try:
            return list(itertools.islice(self._reader, count))
        except _DAMAGED as error:
            raise ValueError(
                f"'{self.path}' is no UTF-8 table, or is cut off, near line {self.line} ({error})"
            ) from error


class _Header(list[str]):
    """Names of columns, with what stands between them."""

    delimiter: str


def _header(file: IO[str], path: Path, names: Sequence[str]) -> tuple[_Header, int]:
    """The first line that is not blank, split where all names are found if that is possible, and its number."""
    try:
        for number, line in enumerate(iter(file.readline, ""), start=1):
            if line.strip():
                return _split(line, names), number
    except _DAMAGED as error:
        raise ValueError(f"'{path}' is no UTF-8 table, or is cut off ({error})") from error
    raise ValueError(f"'{path}' must have a header and rows below it (got an empty file)")


def _split(line: str, names: Sequence[str]) -> _Header:
    found = []
    for delimiter in DELIMITERS:
        cells = next(csv.reader([line], delimiter=delimiter, skipinitialspace=True))
        header = _Header(cell.strip() for cell in cells)
        header.delimiter = delimiter
        found.append(header)
    return max(found, key=lambda header: (sum(name in header for name in names), len(header)))
