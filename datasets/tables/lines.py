"""Delimited text with named columns: rows with their line in the file, and blocks of whole rows for a table library."""

from __future__ import annotations

import csv
import gzip
import io
import lzma
import os
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

DELIMITERS = ",;\t|"
#: Characters that are read at once.
BLOCK = 1 << 24
_OPENERS: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".xz": lzma.open}
DAMAGED = (csv.Error, EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, UnicodeDecodeError)


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
            raise ValueError(
                f"'{path}' line {self.line} must name the column{plural} {', '.join(missing)} {got}"
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
    opened: IO[str] = _OPENERS.get(path.suffix.lower(), open)(path, "rt", encoding="utf-8-sig", newline="")
    return opened


def read_header(file: IO[str], path: Path, names: Sequence[str]) -> Header:
    """Read as far as the header; the delimiter is the one of ``, ; tab |`` with which all names are found, if any.

    Raises:
        ValueError: an empty or damaged file.
    """
    try:
        line, number = file.readline(), 1
        while line and not line.strip():
            line, number = file.readline(), number + 1
    except DAMAGED as error:
        raise ValueError(f"'{path}' is no UTF-8 table, or is cut off ({error})") from error
    if not line:
        raise ValueError(f"'{path}' must have a header and rows below it (got an empty file)")
    found = []
    for delimiter in DELIMITERS:
        cells = next(csv.reader([line], delimiter=delimiter, skipinitialspace=True))
        found.append(Header([cell.strip() for cell in cells], delimiter, number))
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
        except DAMAGED as error:
            near = header.line + reader.line_num
            raise ValueError(
                f"'{path}' is no UTF-8 table, or is cut off, near line {near} ({error})"
            ) from error
    if row is None:
        raise ValueError(f"'{path}' must have at least one row below its header (got none)")


def place_of(paths: Sequence[Path], names: Sequence[str], cells: Mapping[int, str]) -> str | None:
    """``'path' line 17``: the first row with these texts in these of the columns ``names``; None if there is none."""
    for path in paths:
        for line, row in rows_with_lines(path, names):
            if all(row[place] == text for place, text in cells.items()):
                return f"'{path}' line {line}"
    return None


def blocks_of_rows(file: IO[str], header: Header) -> Iterator[str]:
    """What is left of a file, in blocks that end where a row does.

    Raises:
        ValueError: a row of another width than the header's.
    """
    while block := file.read(BLOCK):
        parts = [block, file.readline()]
        quotes = sum(part.count('"') for part in parts)
        while quotes % 2 and (more := file.readline()):  # in the middle of a quoted cell
            parts.append(more)
            quotes += more.count('"')
        block = "".join(parts)
        block = block.replace("\r\n", "\n").replace("\r", "\n") if "\r" in block else block
        if not _is_even(block, header, quotes > 0):
            raise ValueError("a row of another width")
        yield block


def _is_even(block: str, header: Header, quoted: bool) -> bool:
    """Whether every row has as many cells as the header; blank lines do not count."""
    width = len(header.names)
    if quoted:
        return all(len(row) in (0, width) for row in header.reader(io.StringIO(block)))
    characters = np.frombuffer(block.encode(), dtype=np.uint8)
    ends = np.flatnonzero(characters == ord("\n"))
    if not len(ends) or ends[-1] != len(characters) - 1:
        ends = np.append(ends, len(characters))
    before = np.searchsorted(np.flatnonzero(characters == ord(header.delimiter)), ends)
    blank = np.diff(ends, prepend=-1) == 1
    return bool((blank | (np.diff(before, prepend=0) == width - 1)).all())
