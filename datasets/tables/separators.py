"""What stands inside of numbers: decimal commas and points, and separators of thousands that look like these."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

#: Numbers with a comma for a point, where commas do not separate columns.
DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+(?:[eE][+-]?\d+)?", re.ASCII)
DECIMAL_POINT = re.compile(r"[+-]?\d*\.\d+(?:[eE][+-]?\d+)?", re.ASCII)
_THREE = re.compile(r"[+-]?[1-9]\d{0,2}[.,]\d{3}", re.ASCII)
_WHOLE = re.compile(r"[+-]?[1-9]\d{0,2}", re.ASCII)
_DIGIT = re.compile(r"\d", re.ASCII)
#: Numbers of a column that say something together.
_SOME = 2


def check_written(
    texts: Sequence[str], codes: np.ndarray, groups: np.ndarray | None = None, *, commas: bool
) -> None:
    """The numbers of a column must be written in one way.

    Args:
        texts: the numbers that differ, as they are written.
        codes: which of them each row has.
        groups: variable of each row; None: all are of one.
        commas: whether commas may be decimal.

    Raises:
        ValueError: they are not; the message begins behind the name of the column.

    Example:
        >>> check_written(["0,5", "1.5"], np.arange(2), commas=True)
        Traceback (most recent call last):
        ...
        ValueError: has decimal commas and a decimal point (got '0,5' and '1.5'): write one of them
    """
    comma = next((text for text in texts if commas and DECIMAL_COMMA.fullmatch(text)), None)
    point = None if comma is None else next((text for text in texts if DECIMAL_POINT.fullmatch(text)), None)
    if point is not None:
        raise ValueError(
            f"has decimal commas and a decimal point (got {comma!r} and {point!r}): write one of them"
        )
    check_thousands(texts, codes, groups)


def check_thousands(texts: Sequence[str], codes: np.ndarray, groups: np.ndarray | None = None) -> None:
    """Refuse columns where a point or a comma may separate thousands: 987, 1.010 and 1.250 are no decimals.

    They are where a column has such numbers and whole ones below 1000, and no other: decimals that are written as short
    as they can be have one and two digits as well.

    Args:
        texts: the numbers that differ, as they are written.
        codes: which of them each row has.
        groups: variable of each row, from -1 on; None: all are of one.

    Raises:
        ValueError: such a column; the message begins behind its name.

    Example:
        >>> check_thousands(["0.5", "12", "1.25", "3"], np.arange(4))
        >>> check_thousands(["987", "1.010", "995", "1.250"], np.arange(4))
        Traceback (most recent call last):
        ...
        ValueError: has '1.010' beside '987': where that is 1010, write it without a separator; where it is little \
more than 1, write all numbers of the column with as many digits behind the point
    """
    whole, three = (
        np.array([len(text) <= most and kind.fullmatch(text) is not None for text in texts], dtype=bool)
        for kind, most in ((_WHOLE, 4), (_THREE, 8))
    )
    if min(whole.sum(), three.sum()) < _SOME:
        return
    other = np.array([_DIGIT.search(text) is not None for text in texts], dtype=bool) & ~three & ~whole
    other &= np.array([text.strip("+-") != "0" for text in texts], dtype=bool)
    of = np.zeros(len(codes), dtype=np.int64) if groups is None else np.asarray(groups, dtype=np.int64) + 1
    of, codes = np.divmod(np.unique(of * len(texts) + codes), len(texts))  # each number of a variable once
    counts = [np.bincount(of, weights=kind[codes]) for kind in (three, whole, other)]
    odd = (counts[0] >= _SOME) & (counts[1] >= _SOME) & (counts[2] == 0)
    if not odd.any():
        return
    mine = codes[of == int(odd.argmax())]
    first, second = (texts[int(mine[kind[mine].argmax()])] for kind in (three, whole))
    plain = first.replace(".", "").replace(",", "")
    raise ValueError(
        f"has {first!r} beside {second!r}: where that is {plain}, write it without a separator; where it is little "
        f"more than {re.split('[.,]', first)[0]}, write all numbers of the column with as many digits behind the point"
    )
