"""Points that were not measured: at a place that marks it (0, 0, 0 in range images, -999), or to fill an array up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

#: Copies that are a mark: so many, such a share of all, and so many times as many as any other place has.
FEWEST, SHARE, TIMES = 5, 0.01, 10
#: Other points whose copies are counted.
_LOOKED_AT = 4096


def is_measured(points: np.ndarray) -> np.ndarray:
    """Which points ``[n, 3]`` lie somewhere ``[n]``: not those that are NaN or infinite, copies of a mark, or padding.

    A mark has three coordinates alike, is 0 or the least or the largest of all, and has many copies where other places
    have few. Padding is one point again and again at the end: the first one of it stays.

    Example:
        >>> points = np.random.default_rng(0).normal(size=(90, 3))
        >>> [int(is_measured(np.vstack([points, np.full((10, 3), mark)])).sum()) for mark in (0.0, -999.0, np.nan)]
        [90, 90, 90]
        >>> int(is_measured(np.vstack([points, points[:40]])).sum())
        130
        >>> int(is_measured(np.vstack([points, points[[7] * 40]])).sum())
        91
    """
    measured: np.ndarray = np.isfinite(points).all(axis=1)
    finite = points[measured]
    if len(finite) <= FEWEST:
        return measured
    marks = {0.0, float(finite.min()), float(finite.max())}
    for mark in sorted(marks, key=abs):
        copies = measured & (points == mark).all(axis=1)
        if _are_many(copies, points, measured):
            measured = measured & ~copies
    left = points[measured]
    tail = np.flatnonzero(measured)[len(left) - _at_end(left) :]
    copies = np.zeros(len(points), dtype=bool)
    copies[tail] = True
    if _are_many(copies, points, measured):
        measured[tail[1:]] = False
    return measured


def which_measured(clouds: Sequence[np.ndarray]) -> list[np.ndarray]:
    """:func:`is_measured` of clouds ``[n_i, 3]`` that were filled up alike: what marks the end of one marks all ends.

    Example:
        >>> points = np.random.default_rng(0).normal(size=(90, 3))
        >>> padded = [np.vstack([points, np.zeros((count, 3))]) for count in (30, 1)]
        >>> [int(each.sum()) for each in which_measured(padded)]
        [90, 90]
    """
    found = [is_measured(points) for points in clouds]
    ends = [tuple(points[-1].tolist()) for points in clouds]
    padded = Counter(end for end, measured in zip(ends, found, strict=True) if not measured[-1])
    for end, points, measured in zip(ends, clouds, found, strict=True) if padded else ():
        here = (points == points[-1]).all(axis=1)
        count = _at_end(points)
        shared = padded[end] > 1 or (padded[end] and end.count(end[0]) == len(end))
        if shared and count < len(points) and measured[~here].any():
            measured[len(points) - count :] = False
    return found


def _are_many(copies: np.ndarray, points: np.ndarray, measured: np.ndarray) -> bool:
    """Whether some of the points that were measured are copies as no others are."""
    count, others = int(copies.sum()), points[measured & ~copies][:_LOOKED_AT]
    if count < max(FEWEST, SHARE * measured.sum()) or not len(others):
        return False
    usual = int(np.unique(others, axis=0, return_counts=True)[1].max())
    return usual == 1 or count >= TIMES * usual


def _at_end(points: np.ndarray) -> int:
    """How many points at the end are one and the same."""
    other = np.flatnonzero((points != points[-1:]).any(axis=1))
    return len(points) - 1 - int(other[-1]) if len(other) else len(points)
