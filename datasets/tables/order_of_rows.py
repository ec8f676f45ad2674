"""Series whose rows begin anew: two under one id, a clock that was set back, hours without AM and PM."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

#: Of the steps from row to row, at most, that go back where rows stand in order of time.
_SELDOM = 0.25
#: Samples of either part that lie among those of the other.
_AMONG = 2


class Restart(NamedTuple):
    """Where a series begins anew: which series, its time before, and its time then; how many series do so."""

    series: int
    before: float
    after: float
    many: int


def restarts(series: np.ndarray, times: np.ndarray, channel: np.ndarray | None = None) -> Restart | None:
    """The first place where the rows of a series go back in time, and what follows lies among what was before.

    Rows that stand in no order of time say nothing, nor do single late ones, parts one after the other, and times that
    are sorted as text, 10 before 9.

    Args:
        series: of each row ``[n]``, whole numbers from 0.
        times: of each row ``[n]``.
        channel: of each row ``[n]``, where rows are observations of one of several variables.

    Example:
        >>> restarts(np.zeros(6, int), np.array([0.0, 1.0, 2.0, 0.5, 1.5, 2.5]))
        Restart(series=0, before=2.0, after=0.5, many=1)
        >>> restarts(np.zeros(6, int), np.array([3.0, 4.0, 5.0, 0.0, 1.0, 2.0])) is None
        True
    """
    key = np.asarray(series, dtype=np.int64)
    if channel is not None and len(key):
        key = key * (int(channel.max()) + 1) + channel
    order = np.argsort(key, kind="stable")
    key, times, series = key[order], np.asarray(times, dtype=np.float64)[order], np.asarray(series)[order]
    steps, inside = np.diff(times), key[1:] == key[:-1]
    down, up = inside & (steps < 0), inside & (steps > 0)
    if down.sum() > up.sum():  # the newest first
        down, up = up, down
    if not down.any() or down.sum() > _SELDOM * (down.sum() + up.sum()):
        return None
    starts = np.flatnonzero(np.concatenate([[True], ~inside | down]))
    piece = np.cumsum(np.concatenate([[True], ~inside | down])) - 1
    low, high = np.minimum.reduceat(times, starts), np.maximum.reduceat(times, starts)
    again = np.concatenate([[False], key[starts[1:]] == key[starts[:-1]]])  # goes on with the piece before
    first, last = low.copy(), high.copy()
    first[1:], last[1:] = np.maximum(low[1:], low[:-1]), np.minimum(high[1:], high[:-1])
    here = np.add.reduceat(((times >= first[piece]) & (times <= last[piece])).astype(np.int64), starts)
    follow = np.minimum(piece + 1, len(starts) - 1)
    there = np.add.reduceat(((times >= first[follow]) & (times <= last[follow])).astype(np.int64), starts)
    found = np.flatnonzero(again[1:] & (here[1:] >= _AMONG) & (there[:-1] >= _AMONG)) + 1
    keys = np.unique(key[starts[found]])
    ends = zip(np.searchsorted(key, keys), np.searchsorted(key, keys, side="right"), strict=True)
    odd = keys[np.array([not _sorted_as_text(times[a:b]) for a, b in ends], dtype=bool)]
    found = found[np.isin(key[starts[found]], odd)]
    if not len(found):
        return None
    row = int(starts[found[0]])
    count = len(np.unique(series[starts[found]]))
    return Restart(int(series[row]), float(times[row - 1]), float(times[row]), count)


def _sorted_as_text(times: np.ndarray) -> bool:
    texts = [f"{time:.10g}" for time in times]
    return texts == sorted(texts)


def restart_in_words(found: Restart, what: str, said: Callable[[float], str] = "{:.10g}".format) -> str:
    """A message: what goes back, from when to when, why that may be, and what mends it."""
    more = f" ({found.many - 1} more series do so)" * (found.many > 1)
    return (
        f"{what} goes back from row to row, from {said(found.before)} to {said(found.after)}{more}: {_CAUSE}"
    )


_CAUSE = (
    "are these two series under one id, copies of rows, a clock that was set back, or hours without AM and PM? They "
    "are read as one series in the order of time; give each series an id of its own, dates a zone"
)
