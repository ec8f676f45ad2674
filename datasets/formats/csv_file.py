"""Tables with a header: the names of their columns, what stands between them, rows with their lines."""

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

from ccnn_pc.datasets.formats.columnar_file import SUFFIXES as COLUMNAR
from ccnn_pc.datasets.formats.columnar_file import open_columnar
from ccnn_pc.datasets.formats.limits import check_unpacked

TEXT = tuple(kind + packed for packed in ("", ".gz", ".xz") for kind in (".csv", ".tsv", ".txt"))
SUFFIXES = (*TEXT, *COLUMNAR)
DELIMITERS = ",;\t|"
_OPENERS: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".xz": lzma.open}
_DAMAGED = (csv.Error, EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, UnicodeDecodeError)


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
    """A file of text; ``.gz`` and ``.xz`` are decompressed, Parquet and Feather become csv.

    Raises:
        FileNotFoundError: no such file.
        ImportError: polars is missing for Parquet and Feather.
        ValueError: a damaged Parquet or Feather file.
    """
    if not path.is_file():
        raise FileNotFoundError(f"'{path}' must be an existing file")
    if path.suffix.lower() in COLUMNAR:
        return open_columnar(path)
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
        raise ValueError(f"'{path}' is no UTF-8 table, or is cut off ({error}): save it as UTF-8") from error
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
