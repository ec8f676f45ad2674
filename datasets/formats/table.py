"""Clouds as tables of text: xyz, txt, csv, pts."""

from __future__ import annotations

import codecs
import csv
import math
import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ccnn_pc.datasets.formats.columns import MEASURED, PARTS, column_name, names_positions, shape_of_columns
from ccnn_pc.datasets.formats.columns_in_front import check_positions_first
from ccnn_pc.datasets.formats.raw import RawShape, is_number, numbers

_COMMENTS = (b"#", b"//")
_DECIMAL_COMMA = re.compile(r"([+-]?\d*),(\d+(?:[eE][+-]?\d+)?)", re.ASCII)
_LIKE_A_NUMBER = re.compile(r"[+-]?[\d_.,]+(?:[eEdD][+-]?\d+)?")
_NUMBERS_APART = re.compile(rb"\d\s+[-+.\d]")
#: What Leica's pts files hold behind x, y, z.
_PTS = ("intensity", "red", "green", "blue")
Line = tuple[int, bytes]
"""Number of a line in the file, and its text."""


def read_text(data: bytes, suffix: str = "txt") -> RawShape:
    """Read one point per line; columns are separated by commas, semicolons, tabs or spaces.

    A first line of names, also as a comment (``//X Y Z``), says what the columns are, see
    :func:`~ccnn_pc.datasets.formats.columns.column_name`. Without one they are x y z, then a normal if the next three
    are unit vectors; others are called ``column_4`` … (in pts files intensity, red, green, blue). A named column of
    words is kept as words, empty cells of attributes are NaN. Decimal commas are read where no comma separates.
    Lines that start with ``#`` or ``//`` are comments. A number of points alone in a line must be that of the lines.

    Args:
        data: the file; UTF-8 or UTF-16.
        suffix: of its name.

    Raises:
        ValueError: no points, fewer than three columns, lines of different length, or a cell that is no number; the
            message names the line.
    """
    table = parse_table(data, suffix)
    return (
        shape_of_columns(table.columns)
        if table.heading
        else shape_of_table([values for _, values in table.columns])
    )


class TextTable(NamedTuple):
    """A table of text, and where its parts are in the file.

    Attributes:
        lines: those of the points, with their numbers.
        separator: what stands between columns; None: spaces.
        heading: names of the columns; None: no line names them.
        heading_line: number of the line that does; None: the format does.
        columns: names, empty without a heading, and values.
    """

    lines: list[Line]
    separator: bytes | None
    heading: list[str] | None
    heading_line: int | None
    columns: list[tuple[str, np.ndarray]]


def parse_table(data: bytes, suffix: str = "txt") -> TextTable:
    """The columns of a text with one point per line; see :func:`read_text`."""
    lines, comment = _lines(data)
    if not lines:
        raise ValueError("it holds no points")
    lines = _counted(lines)
    separator = _separator(lines[min(1, len(lines) - 1)][1])
    heading = _heading(lines, separator)
    heading_line = lines[0][0] if heading else None
    lines = _counted(lines[1:]) if heading else lines
    if not lines:
        raise ValueError("it holds no points")
    width = len(_cells(*lines[0], separator))
    if heading is None and comment is not None:
        names = _names(comment[1], separator, width)
        heading = names if len(names) == width and names_positions(names) else None
        heading_line = comment[0] if heading else None
    if heading is None and suffix == "pts" and width in (4, 7):
        heading = ["x", "y", "z", *_PTS[: width - 3]]
    if heading is not None and not names_positions(heading):
        raise ValueError(
            f"its first line is neither numbers nor names of columns with x, y, z (got {', '.join(heading)})"
        )
    if width < 3:
        raise ValueError(f"line {lines[0][0]} must have at least 3 columns x, y, z (got {width})")
    check_not_cut([line for _, line in lines], data)
    if heading is None and separator == b",":
        _check_decimal_commas(lines, width)
    table = _plain(lines, separator, len(heading) if heading else width)
    if table is None:
        columns = _columns(lines, separator, heading or [""] * width)
    else:
        columns = list(zip(heading or [""] * width, table.T, strict=True))
    return TextTable(lines, separator, heading, heading_line, columns)


def shape_of_table(columns: Sequence[np.ndarray]) -> RawShape:
    """A cloud of columns without names: x y z, then a normal if the next three are unit vectors."""
    names = ["x", "y", "z"]
    check_positions_first(columns)
    if len(columns) >= 6:
        candidate = np.column_stack(columns[3:6])
        length = np.linalg.norm(candidate[np.isfinite(np.column_stack(columns)).all(axis=1)], axis=1)
        if len(length) and (np.abs(length - 1) < 0.02).mean() > 0.95:
            names += ["nx", "ny", "nz"]
    names += [f"column_{number}" for number in range(len(names) + 1, len(columns) + 1)]
    return shape_of_columns(list(zip(names, columns, strict=True)))


def check_not_cut(rows: Sequence[bytes], data: bytes) -> None:
    """A file that ends in a number with fewer decimals than those above it was cut off.

    Only where it has no end of line and the other rows, eight or more, agree in three decimals or more.

    Raises:
        ValueError: so.
    """
    if data.endswith((b"\n", b"\r")) or len(rows) < 9:
        return
    decimals = [len(re.split(rb"[\s,;]+", row.strip())[-1].partition(b".")[2]) for row in rows[-200:]]
    if min(decimals[:-1]) == max(decimals[:-1]) >= 3 and decimals[-1] < decimals[0]:
        raise ValueError(
            f"it is truncated: its last number has {decimals[-1]} decimals, those above it {decimals[0]}"
        )


def as_utf8(data: bytes) -> bytes:
    """A text in UTF-8, without a mark of its encoding.

    Example:
        >>> as_utf8("x y z".encode("utf-16"))
        b'x y z'
    """
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        data = data.decode("utf-16").encode()
    return data.removeprefix(codecs.BOM_UTF8)


def _lines(data: bytes) -> tuple[list[Line], Line | None]:
    """Lines that are neither empty nor comments, and the comment that comes right before them."""
    lines: list[Line] = []
    comment = None
    data = as_utf8(data)
    for number, line in enumerate(data.splitlines(), 1):
        if not line.strip():
            continue
        if not line.lstrip().startswith(_COMMENTS):
            lines.append((number, line))
        elif not lines:
            comment = number, line.strip().lstrip(b"#/")
    return lines, comment


def _counted(lines: list[Line]) -> list[Line]:
    """The lines without a number of points that stands alone before them."""
    if len(lines) < 2:
        return lines
    (number, first), rest = lines[0], lines[1:]
    words = re.split(rb"[\s,;]+", first.strip(b" \t,;"))
    if len(words) > 1 or len(re.split(rb"[\s,;]+", rest[0][1].strip(b" \t,;"))) == 1:
        return lines
    if not words[0].isdigit():
        return lines
    if int(words[0]) != len(rest):
        raise ValueError(
            f"line {number} announces {int(words[0])} points, {len(rest)} follow: it was cut off, or holds more scans"
        )
    return rest


def _separator(line: bytes) -> bytes | None:
    """What stands between the columns of a line of numbers; None: spaces."""
    bare = re.sub(rb'"[^"]*"', b"0", line)
    if b";" in bare:
        return b";"
    for separator in (b",", b"\t"):
        if separator in bare and not any(
            _NUMBERS_APART.search(cell.strip()) for cell in bare.split(separator)
        ):
            return separator
    return None


def _cells(number: int, line: bytes, separator: bytes | None) -> list[str]:
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        text = line.decode("latin-1")
    if '"' in text:
        try:
            found = next(
                csv.reader(
                    [text.strip()], delimiter=(separator or b" ").decode(), skipinitialspace=True, strict=True
                )
            )
        except csv.Error as error:
            raise ValueError(f"line {number} cannot be cut into columns ({error})") from None
        return [cell.strip() for cell in found]
    return text.split() if separator is None else [cell.strip() for cell in text.split(separator.decode())]


def _names(line: bytes, separator: bytes | None, width: int) -> list[str]:
    """Names of columns; they may be separated otherwise than the numbers."""
    names = _cells(1, line, separator)
    return names if len(names) == width else [name for name in re.split(r"[\s,;]+", " ".join(names)) if name]


def _heading(lines: list[Line], separator: bytes | None) -> list[str] | None:
    """The names in the first line; None where numbers stand in it, damaged or not."""
    number, line = lines[0]
    cells = _cells(number, line, separator)
    if len(lines) > 1:
        width = len(_cells(*lines[1], separator))
        cells = cells if len(cells) == width else _names(line, separator, width)
    words = [cell for cell in cells if cell]
    if not words or any(_value(cell) is not None for cell in words) or not re.match(r"'?[^\W\d]", words[0]):
        return None
    return cells


def _plain(lines: list[Line], separator: bytes | None, width: int) -> np.ndarray | None:
    """The table ``[n, width]``, fast; None unless every cell is a number and every line has as many."""
    text = b"\n".join(line for _, line in lines)
    if b'"' in text:
        return None
    if separator is not None:
        if any(line.count(separator) != width - 1 for _, line in lines):
            return None
        text = text.replace(separator, b" ")
    if b"," in text:
        if b"." in text:
            return None
        text = text.replace(b",", b".")
    try:
        values = numbers(text)
    except ValueError:
        return None
    if values.size != width * len(lines) or (
        separator is None and any(len(line.split()) != width for _, line in lines)
    ):
        return None
    return values.reshape(len(lines), width)


def _columns(
    lines: list[Line], separator: bytes | None, heading: Sequence[str]
) -> list[tuple[str, np.ndarray]]:
    """The same cell by cell: words, empty cells, quotes, decimal commas; and what is wrong with a line."""
    width, named = len(heading), any(heading)
    rows = [_cells(number, line, separator) for number, line in lines]
    for (number, _), row in zip(lines, rows, strict=True):
        if len(row) > width and not any(row[width:]):  # separators at the end of a line
            del row[width:]
        if len(row) != width:
            above = "its heading" if named else f"line {lines[0][0]}"
            commas = "; separate columns with decimal commas by semicolons" if len(row) == 2 * width else ""
            raise ValueError(
                f"line {number} must have the {width} columns of {above} (got {len(row)}{commas})"
            )
    columns = []
    for place, name in enumerate(heading):
        cells = [row[place] for row in rows]
        if not any(cells) and not name and place >= 3:
            continue  # the separator at the end of every line
        columns.append((name, _column(cells, name, place, [number for number, _ in lines])))
    _check_one_mark(lines, rows)
    return columns


def _column(cells: list[str], name: str, place: int, lines: Sequence[int]) -> np.ndarray:
    called = f"column {name!r}" if name else f"column {place + 1}"
    attribute = bool(name) and column_name(name) not in PARTS
    values = [_value(cell) for cell in cells]
    wordy = attribute and column_name(name) not in MEASURED and not any(map(_LIKE_A_NUMBER.fullmatch, cells))
    if wordy and any(cells) and all(value is None for value in values):
        return np.array(cells, dtype=np.str_)
    for line, cell, value in zip(lines, cells, values, strict=True):
        if value is None and not (attribute and not cell):
            if not cell:
                raise ValueError(f"line {line}: {called} is empty")
            commas = "; decimal commas and commas between columns cannot be told apart" if "," in cell else ""
            raise ValueError(f"line {line}: {cell[:40]!r} is not a number ({called}{commas})")
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def _value(cell: str) -> float | None:
    """The number in a cell, with a decimal point or a decimal comma; None where there is none."""
    comma = _DECIMAL_COMMA.fullmatch(cell)
    text = f"{comma[1]}.{comma[2]}" if comma else cell
    if not is_number(text):
        return None
    value = float(text)
    return value if math.isfinite(value) or "n" in text.lower() else None  # not 1e400


def _check_one_mark(lines: list[Line], rows: list[list[str]]) -> None:
    """Decimal commas and decimal points do not stand in one file: one of them would separate thousands."""
    comma = point = None
    for (number, line), row in zip(lines, rows, strict=True):
        if b"," in line or comma is not None:
            for cell in row:
                comma = comma or (number if _DECIMAL_COMMA.fullmatch(cell) else None)
        point = point or (number if any("." in cell and is_number(cell) for cell in row) else None)
        if comma and point:
            raise ValueError(
                f"it has decimal commas (line {comma}) and decimal points (line {point}): write one of them"
            )


def _check_decimal_commas(lines: list[Line], width: int) -> None:
    """Numbers like 0,500,1,500,2,500 are six columns of whole numbers, or three with decimal commas.

    They are taken for the latter where what would be decimals has as many digits everywhere, two or more, and what
    would stand before the comma has not.

    Raises:
        ValueError: so.
    """
    if width < 6 or width % 2:
        return
    whole, decimals = set(), set()
    for _, line in lines[:200]:
        cells = [cell.strip() for cell in line.split(b",")]
        if not all(re.fullmatch(rb"[+-]?\d+", cell) for cell in cells):
            return
        whole |= {len(cell.lstrip(b"+-")) for cell in cells[::2]}
        decimals |= {len(cell) for cell in cells[1::2]}
    if len(decimals) == 1 and min(decimals) > 1 and whole != decimals:
        raise ValueError(
            "it seems to have decimal commas and commas between columns, which cannot be told apart: write decimal "
            "points, or semicolons between columns (or a first line x,y,z,... that names every column)"
        )
