"""Hourly records of one patient: ``|``-separated text with a header, ``NaN`` where nothing was measured."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from ccnn_pc.datasets.formats.numerals import number_in, numbers_in

_LINE_END = re.compile(r"\r\n|\n|\r")


def read_psv(content: bytes, name: str, columns: Sequence[str], optional: Sequence[str] = ()) -> np.ndarray:
    r"""The rows of a file, float64 ``[n, len(columns)]``, n at least 1.

    Args:
        content: of the file.
        name: of the file, for messages.
        columns: names that the header must have, in any order.
        optional: those of them that may be missing: NaN then.

    Raises:
        ValueError: another header, no row, a row that is cut off, or a cell that is no number; the message names file
            and line.

    Example:
        >>> read_psv(b"Temp|HR\nNaN|80\n36.5|81\n", "p1.psv", ["HR", "Temp"]).tolist()
        [[80.0, nan], [81.0, 36.5]]
    """
    if not content.strip():
        raise ValueError(f"'{name}' is empty ({len(content)} bytes); copy it again")
    header, *lines = _LINE_END.split(content.decode("utf-8-sig", errors="replace"))
    found = [cell.strip() for cell in header.split("|")]
    required = set(columns) - set(optional)
    if len(set(found)) < len(found) or not required <= set(found) <= set(columns):
        raise ValueError(
            f"'{name}' must have the {len(columns)} columns {columns[0]} to {columns[-1]} "
            f"(got {len(found)}: {found[0][:20]!r} to {found[-1][:20]!r})"
        )
    while lines and not lines[-1].strip():
        lines.pop()
    rows = [line.split("|") for line in lines]
    short = next((number for number, row in enumerate(rows, 2) if len(row) != len(found)), None)
    if short is not None or not rows:
        raise ValueError(f"'{name}' is cut off or damaged in line {short or 2}; copy it again")
    try:
        cells = [cell.strip() for cell in "|".join(lines).split("|")]
        values = numbers_in(cells).reshape(len(rows), len(found))
    except ValueError:
        raise ValueError(f"'{name}' is damaged in {_first_fault(rows, found)}") from None
    order = [found.index(column) if column in found else -1 for column in columns]
    return np.where(np.array(order) < 0, np.nan, values[:, order])


def _first_fault(rows: Sequence[Sequence[str]], columns: Sequence[str]) -> str:
    for number, row in enumerate(rows, 2):
        for column, cell in zip(columns, row, strict=True):
            try:
                number_in(cell.strip())
            except ValueError as error:
                return f"line {number}: '{column}' {error}"
    return "a cell"
