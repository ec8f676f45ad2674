"""Numbers that stand where nothing was observed, -999 and their like, and single ones that outweigh all others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

#: Numbers that nobody measures, and many write for what is missing.
_NINES = [float("9" * digits) for digits in range(2, 8)]
_ENDS = [-32768.0, 32767.0, 65535.0, -2147483648.0, 2147483647.0, 1e20]
_USUAL = np.array([*_NINES, *(-each for each in _NINES), *_ENDS])
#: Times the range of all other values that such a number lies off; values that differ, of which a range is known.
_FAR, _SOME = 3.0, 5
#: Times their range that a few values lie off all others, to outweigh them; what share a few are, at most.
_WILD, _FEW = 100.0, 0.05


class _Odd(NamedTuple):
    """Values off all others: the nearest of them, how many of how many, and between what the others lie."""

    value: float
    times: int
    of: int
    low: float
    high: float

    def said(self, name: str, what: str) -> str:
        return (
            f"{name} is {self.value:.10g} in {self.times} of {self.of} {what}, and lies between {self.low:g} and "
            f"{self.high:g} in all others"
        )


def placeholders(values: np.ndarray, names: Sequence[str]) -> str | None:
    """What is said of the first channel with such a number, far off all its other values; None: there is none.

    Args:
        values: ``[N, C]``, NaN where nothing was observed.
        names: of the channels.

    Example:
        >>> heat = np.array([[36.5], [36.9], [-999.0], [37.2], [37.4], [37.0], [-999.0]])
        >>> placeholders(heat, ["heat"])
        "'heat' is -999 in 2 of 7 values, and lies between 36.5 and 37.4 in all others: where that says that nothing \
was observed, leave it empty (NaN)"
    """
    for name, column in zip(names, values.T, strict=True):
        if (odd := _mark(column[np.isfinite(column)])) is not None:
            mend = "where that says that nothing was observed, leave it empty (NaN)"
            return f"{odd.said(repr(name), 'values')}: {mend}"
    return None


def odd_targets(values: np.ndarray, names: Sequence[str]) -> str | None:
    """What is said of the first column of targets with a mark of what is not known, or a few that outweigh all others.

    Args:
        values: ``[N, K]``, NaN where nothing is known.
        names: of the columns, as messages call them.

    Example:
        >>> ages = np.array([[36.0], [51.0], [17.0], [64.0], [43.0], [25.0], [-999.0]])
        >>> odd_targets(ages, ["'y'"])
        "'y' is -999 in 1 of 7 targets, and lies between 17 and 64 in all others: where that marks what is not known, \
leave it out"
        >>> odd_targets(np.append(np.arange(40.0), 1e9)[:, None], ["'y'"])
        "'y' is 1000000000 in 1 of 41 targets, and lies between 0 and 39 in all others: one so far off outweighs all \
others; mend it, or leave it out"
    """
    for name, column in zip(names, values.T, strict=True):
        known = column[np.isfinite(column)]
        if (odd := _mark(known)) is not None:
            return f"{odd.said(name, 'targets')}: where that marks what is not known, leave it out"
        if (odd := _wild(known)) is not None:
            return (
                f"{odd.said(name, 'targets')}: one so far off outweighs all others; mend it, or leave it out"
            )
    return None


def _mark(found: np.ndarray) -> _Odd | None:
    usual = _USUAL.astype(found.dtype)
    for end in (found.min(), found.max()) if len(found) else ():
        if not np.isin(end, usual):
            continue
        rest = found[~np.isin(found, usual)]
        if len(np.unique(rest[: 100 * _SOME])) < _SOME:
            continue
        low, high = float(rest.min()), float(rest.max())
        if min(abs(end - low), abs(end - high)) > _FAR * (high - low):
            return _Odd(float(end), int((found == end).sum()), len(found), low, high)
    return None


def _wild(found: np.ndarray) -> _Odd | None:
    """The largest few values, or the least few, behind a gap of many times the range of all others."""
    for sign in (1.0, -1.0):
        rising = np.sort(sign * found.astype(np.float64))
        width, gap = rising[:-1] - rising[:1], np.diff(rising)
        off = (
            (width > 0)
            & (gap > _WILD * width)
            & (np.arange(len(rising) - 1, 0, -1) <= max(1, _FEW * len(rising)))
        )
        count = len(rising) - 1 - int(off.argmax()) if off.any() else 0
        rest = sign * rising[: len(rising) - count]
        if count and len(np.unique(rest)) >= _SOME:
            value = float(sign * rising[-count])
            return _Odd(value, count, len(found), float(rest.min()), float(rest.max()))
    return None
