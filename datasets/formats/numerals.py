"""Numbers as text: decimal numerals alone, for Python also takes ``1_5``, ``٣`` and ``infinity`` for numbers."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np

LARGEST = float(np.finfo(np.float32).max)
"""Data become float32: a larger number would become infinite."""

_NUMERAL = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[nN][aA][nN]", re.ASCII)
_OTHER = re.compile(r"[^0-9eE+.\-]")
_NAN = re.compile(r"[nN][aA][nN]")


def number_in(cell: str) -> float:
    """The number that a text is, NaN where it says so in any case.

    Raises:
        ValueError: no decimal numeral, or one that float32 cannot hold.

    Example:
        >>> number_in("-1.5e3")
        -1500.0
        >>> number_in("2019_11")
        Traceback (most recent call last):
        ...
        ValueError: must be a number (got '2019_11')
    """
    if not _NUMERAL.fullmatch(cell):
        raise ValueError(f"must be a number (got {cell!r})")
    value = float(cell)
    if abs(value) > LARGEST:
        raise ValueError(f"must be a finite number, in float32 (got {cell!r})")
    return value


def is_number(cell: str) -> bool:
    """Whether a text is a number that is known.

    Example:
        >>> is_number("0.5"), is_number("nan"), is_number("1_5")
        (True, False, False)
    """
    try:
        return not math.isnan(number_in(cell))
    except ValueError:
        return False


def numbers_in(cells: Sequence[str]) -> np.ndarray:
    """The same of many texts, float64 ``[n]``.

    Raises:
        ValueError: as for :func:`number_in`, of the first that is none.

    Example:
        >>> numbers_in(["1", "NaN", ".5"]).tolist()
        [1.0, nan, 0.5]
    """
    try:
        if not _OTHER.search(_NAN.sub("", "".join(cells).replace("NaN", ""))):
            values = np.array(list(map(float, cells)), dtype=np.float64)
            if not (np.abs(values) > LARGEST).any():
                return values
    except ValueError:
        pass
    return np.array([number_in(cell) for cell in cells], dtype=np.float64)
