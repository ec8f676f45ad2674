"""Numbers that stand where nothing was observed: -999 and their like."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

#: Numbers that nobody measures, and many write for what is missing.
_NINES = [float("9" * digits) for digits in range(2, 8)]
_ENDS = [-32768.0, 32767.0, 65535.0, -2147483648.0, 2147483647.0, 1e20]
_USUAL = np.array([*_NINES, *(-each for each in _NINES), *_ENDS])
#: Times the range of all other values that such a number lies off; values that differ, of which a range is known.
_FAR, _SOME = 3.0, 5


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
    for channel, name in enumerate(names):
        found = np.asarray(values[:, channel])
        found = found[np.isfinite(found)]
        if not len(found):
            continue
        for end in (found.min(), found.max()):
            if not np.isin(end, _USUAL.astype(found.dtype)):
                continue
            rest = found[~np.isin(found, _USUAL.astype(found.dtype))]
            if len(np.unique(rest[: 100 * _SOME])) < _SOME:
                continue
            low, high = float(rest.min()), float(rest.max())
            if min(abs(end - low), abs(end - high)) > _FAR * (high - low):
                return (
                    f"{name!r} is {end:g} in {int((found == end).sum())} of {len(found)} values, and lies between "
                    f"{low:g} and {high:g} in all others: where that says that nothing was observed, leave it empty "
                    "(NaN)"
                )
    return None
