"""Channels that are the target itself: a column of the answer, read as a measurement."""

from __future__ import annotations

import numpy as np

from ccnn_pc.datasets.series.stored import StoredSeries

#: Series of each class, at least, and correlation of numbers, from which on chance is no reason.
_SERIES, _SAME = 4, 1 - 1e-6


def tells_target(stored: StoredSeries, numbers: np.ndarray | None = None) -> str | None:
    """The name of a channel that is one number in every series, and says its class, or one of its ``numbers [n, T]``.

    Args:
        stored: series with names of their channels.
        numbers: the targets; None: the classes are.

    Example:
        >>> from ccnn_pc.datasets.series.stored import join_series
        >>> series = [np.array([[float(i), 5.0 + i % 2], [2.0, 5.0 + i % 2]]) for i in range(8)]
        >>> tells_target(join_series(series, np.arange(8) % 2, ["a", "b"], channels=["heat", "outcome"]))
        'outcome'
    """
    names, count = list(stored.channels or ()), len(stored)
    classes = np.unique(stored.label)
    if not names or count < 2 * _SERIES or (numbers is None and not 2 <= len(classes) <= count / _SERIES):
        return None
    values = np.asarray(stored.values, dtype=np.float32)
    low, high = (np.fmin.reduceat(values, stored.offset[:-1]), np.fmax.reduceat(values, stored.offset[:-1]))
    for channel in np.flatnonzero((low == high).all(axis=0)):
        found = low[:, channel].astype(np.float64)
        if numbers is None:
            kinds = len(np.unique(found))
            if kinds == len(classes) == len(np.unique(np.stack([found, stored.label]), axis=1).T):
                return str(names[channel])
        elif found.std() > 0:
            for target in np.asarray(numbers, dtype=np.float64).T:
                if target.std() > 0 and abs(np.corrcoef(found, target)[0, 1]) > _SAME:
                    return str(names[channel])
    return None


def said_of(name: str) -> str:
    """A message about such a channel."""
    return (
        f"the channel {name!r} is one number in every series, and says its target: where that is the answer itself, "
        "leave the column out, for new series do not have it and every score would be too good"
    )
