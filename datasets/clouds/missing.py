"""Points that were not measured and lie at a place that marks it: 0, 0, 0 in range images, -999 in tables."""

from __future__ import annotations

import numpy as np

#: Copies that are a mark: so many, such a share of all, and so many times as many as any other place has.
FEWEST, SHARE, TIMES = 5, 0.01, 10
#: Other points whose copies are counted.
_LOOKED_AT = 4096


def is_measured(points: np.ndarray) -> np.ndarray:
    """Which points ``[n, 3]`` lie somewhere ``[n]``: not those that are NaN or infinite, or copies of a mark.

    A mark has three coordinates alike, is 0 or the least or the largest of all, and has many copies where other places
    have few.

    Example:
        >>> points = np.random.default_rng(0).normal(size=(90, 3))
        >>> [int(is_measured(np.vstack([points, np.full((10, 3), mark)])).sum()) for mark in (0.0, -999.0, np.nan)]
        [90, 90, 90]
        >>> int(is_measured(np.vstack([points, points[:40]])).sum())
        130
    """
    measured: np.ndarray = np.isfinite(points).all(axis=1)
    finite = points[measured]
    if len(finite) <= FEWEST:
        return measured
    marks = {0.0, float(finite.min()), float(finite.max())}
    for mark in sorted(marks, key=abs):
        copies = measured & (points == mark).all(axis=1)
        count = int(copies.sum())
        others = points[measured & ~copies][:_LOOKED_AT]
        if count < max(FEWEST, SHARE * len(finite)) or not len(others):
            continue
        usual = int(np.unique(others, axis=0, return_counts=True)[1].max())
        if usual == 1 or count >= TIMES * usual:
            measured = measured & ~copies
    return measured
