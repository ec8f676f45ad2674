"""Hourly records of one patient: ``|``-separated text with a header, ``NaN`` where nothing was measured."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ccnn_pc.datasets.formats.raw import numbers


def read_psv(content: bytes, name: str, columns: Sequence[str]) -> np.ndarray:
    r"""The rows of a file, float64 ``[n, len(columns)]``, n at least 1.

    Args:
        content: of the file.
        name: of the file, for messages.
        columns: names that the header must have, in this order.

    Raises:
        ValueError: another header, no row, a row that is cut off, or something that is no number.

    Example:
        >>> read_psv(b"HR|Temp\n80|NaN\n81|36.5\n", "p1.psv", ["HR", "Temp"]).tolist()
        [[80.0, nan], [81.0, 36.5]]
    """
    if not content.strip():
        raise ValueError(f"'{name}' is empty ({len(content)} bytes); copy it again")
    header, _, body = content.decode("ascii", errors="replace").replace("\r", "").partition("\n")
    found = header.strip().split("|")
    if found != list(columns):
        raise ValueError(
            f"'{name}' must have the {len(columns)} columns {columns[0]} to {columns[-1]} "
            f"(got {len(found)}: {found[0][:20]!r} to {found[-1][:20]!r})"
        )
    lines = body.split("\n")
    while lines and not lines[-1].strip():
        lines.pop()
    short = [i for i, line in enumerate(lines) if line.count("|") != len(columns) - 1]
    if short or not lines:
        where = f"line {short[0] + 2}" if short else "line 2"
        raise ValueError(f"'{name}' is cut off or damaged in {where}; copy it again")
    try:
        values = numbers(" ".join(lines).replace("|", " "))
    except ValueError as error:
        raise ValueError(f"'{name}' is damaged: {error}") from error
    if len(values) != len(lines) * len(columns):
        raise ValueError(f"'{name}' is damaged: a value is missing between two '|'; copy it again")
    return values.reshape(len(lines), len(columns))
