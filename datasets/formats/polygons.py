"""Polygons of any shape into triangles: fans where one covers the polygon, ears where none does."""

from __future__ import annotations

import numpy as np

_FLAT = 1e-9
"""Share of a polygon's area by which a triangle may lie the wrong way round: rounding of its corners."""

_SMALL = 16
"""Up to so many corners, every corner is tried as the centre of a fan."""

_MOST = 10_000
"""Corners of a polygon whose ears are clipped: the time grows with their square."""

_STUCK = 8
"""After so many cuts where there was no ear, ears are no longer looked for."""

_CHUNK = 1 << 14
"""Polygons at a time: their corners stay in cache."""


def triangulate(vertices: np.ndarray, corners: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Cut polygons into triangles that cover them, also where they are not convex.

    A polygon is seen along its mean normal (Newell's). It becomes the fan from its first corner if all triangles of
    that have the polygon's orientation, else the fan from another such corner (every simple polygon of up to five
    corners has one), else ears are clipped (Meisters, "Polygons have ears", 1975). Holes may be there as polygons have
    them: joined to the outline by an edge that is walked both ways. Polygons that cross themselves have no area to
    keep.

    Args:
        vertices: ``[V, 3]`` float64.
        corners: rows of ``vertices``, polygon after polygon, ``[sum(sizes)]``.
        sizes: corners of each polygon ``[P]``; those of fewer than three give no triangle.

    Returns:
        ``[F, 3]`` int64, ``size - 2`` triangles of every polygon, in the order of the polygons.

    Raises:
        ValueError: a corner that is no row of ``vertices``; a polygon that needs ears and has over 10 000 corners.

    Example:
        >>> dart = np.array([[0.0, 0, 0], [1, 1, 0], [0, 3, 0], [-1, 1, 0], [0, 2, 0]])
        >>> triangulate(dart, np.array([0, 1, 2, 3]), np.array([4])).tolist()
        [[0, 1, 2], [0, 2, 3]]
        >>> triangulate(dart, np.array([0, 1, 4, 3]), np.array([4])).tolist()
        [[0, 1, 4], [0, 4, 3]]
        >>> triangulate(dart, np.array([1, 2, 3, 4]), np.array([4])).tolist()
        [[2, 3, 4], [2, 4, 1]]
    """
    corners, sizes = np.asarray(corners, dtype=np.int64), np.asarray(sizes, dtype=np.int64)
    if len(corners) and not 0 <= corners.min() <= corners.max() < len(vertices):
        wrong = int(corners[(corners < 0) | (corners >= len(vertices))][0])
        raise ValueError(f"a face names vertex {wrong} of {len(vertices)}, which count from 0")
    first = np.cumsum(sizes) - sizes
    counts = np.maximum(sizes - 2, 0)
    place = np.cumsum(counts) - counts  # of the first triangle of each polygon
    faces = np.empty((int(counts.sum()), 3), dtype=np.int64)
    for size in np.unique(sizes[sizes > 2]):
        chosen = np.flatnonzero(sizes == size)
        polygons = corners[first[chosen, None] + np.arange(size)]
        cut = _fans(polygons) if size == 3 else _cut(vertices, polygons)
        faces[place[chosen, None] + np.arange(size - 2)] = cut
    return faces


def _fans(polygons: np.ndarray) -> np.ndarray:
    """Triangles ``[m, n - 2, 3]`` of polygons ``[m, n]``, all from their first corner."""
    return np.stack(
        [np.broadcast_to(polygons[:, :1], polygons[:, 2:].shape), polygons[:, 1:-1], polygons[:, 2:]], axis=2
    )


def _cut(vertices: np.ndarray, polygons: np.ndarray) -> np.ndarray:
    """Triangles ``[m, n - 2, 3]`` of polygons ``[m, n]``."""
    faces, size = _fans(polygons), polygons.shape[1]
    for begin in range(0, len(polygons), _CHUNK):
        some = slice(begin, begin + _CHUNK)
        points = vertices[polygons[some]]
        with np.errstate(
            invalid="ignore", over="ignore"
        ):  # corners that are not finite: no triangle lies wrongly
            normal, misfits = _misfits(points, None)
            left = begin + np.flatnonzero(misfits)
            for start in range(1, size if size <= _SMALL else 0):
                if len(left) == 0:
                    break
                turned = np.roll(polygons[left], -start, axis=1)
                misfits = _misfits(vertices[turned], normal[left - begin])[1]
                faces[left[~misfits]] = _fans(turned[~misfits])
                left = left[misfits]
        for row in left if size > 5 else ():  # one of up to five corners that no fan fits crosses itself
            if size > _MOST:
                raise ValueError(f"a face that is not convex has {size} corners: cut it into triangles")
            faces[row] = polygons[row][_ears(_flattened(vertices[polygons[row]], normal[row - begin]))]
    return faces


def _misfits(points: np.ndarray, normal: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Normals of polygons ``[m, n, 3]``, and whether a triangle of the fan from the first corner lies the wrong way."""
    arms = points[:, 1:] - points[:, :1]
    triangles = np.cross(arms[:, :-1], arms[:, 1:])
    normal = triangles.sum(axis=1) if normal is None else normal
    along = (triangles * normal[:, None]).sum(axis=2)
    return normal, (along < -_FLAT * (normal**2).sum(axis=1)[:, None]).any(axis=1)


def _flattened(points: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """A polygon ``[n, 3]`` seen along its normal, of size 1, counter-clockwise ``[n, 2]``."""
    points = points - points[:1]
    right = np.cross(np.eye(3)[np.abs(normal).argmin()], normal)
    up = np.cross(normal, right)
    flat = np.column_stack([points @ (right / np.linalg.norm(right)), points @ (up / np.linalg.norm(up))])
    return flat / np.abs(flat).max()


def _ears(flat: np.ndarray) -> np.ndarray:
    """Triangles ``[n - 2, 3]`` of one polygon ``[n, 2]`` that runs counter-clockwise."""
    n = len(flat)
    before, after = [n - 1, *range(n - 1)], [*range(1, n), 0]
    x, y = flat.T.copy()
    xs, ys = x.tolist(), y.tolist()
    by_x = np.argsort(x)
    sorted_x = x[by_x]

    def turn(a: int, b: int, c: int) -> float:
        return (xs[b] - xs[a]) * (ys[c] - ys[a]) - (ys[b] - ys[a]) * (xs[c] - xs[a])

    slack = _FLAT * abs(sum(turn(0, i, i + 1) for i in range(1, n - 1)))
    # a corner that is cut off, or no longer hollow, is in nobody's way
    hollow = np.array([turn(before[i], i, after[i]) <= slack for i in range(n)])

    def is_ear(b: int, margin: float) -> bool:
        """Convex, and no hollow corner in the triangle; one that stands where a corner of it does is none."""
        a, c = before[b], after[b]
        size = turn(a, b, c)
        if size <= slack:
            return (
                size >= -slack
            )  # nothing of the polygon lies between these three: a straight line or a spike
        reach = sorted((xs[a], xs[b], xs[c]))
        near = by_x[slice(*np.searchsorted(sorted_x, [reach[0], np.nextafter(reach[2], np.inf)]))]
        near = near[hollow[near]]
        px, py = x[near], y[near]
        inside = np.ones(len(near), dtype=bool)
        for s, e in ((a, b), (b, c), (c, a)):
            inside &= (xs[e] - xs[s]) * (py - ys[s]) - (ys[e] - ys[s]) * (px - xs[s]) >= margin
            inside &= (px != xs[s]) | (py != ys[s])
        return not inside.any()

    triangles, corner, left, tried, stuck = [], 0, n, 0, 0
    margin = -slack  # first no corner may touch a cut, then it may
    while left > 3:
        if tried < left and stuck < _STUCK and not is_ear(corner, margin):
            corner, tried = after[corner], tried + 1
            continue
        if tried >= left and margin != slack:
            margin, tried = slack, 0
            continue
        stuck += tried >= left  # no ear: the polygon crosses itself, and one place is as good as another
        a, c = before[corner], after[corner]
        triangles.append((a, corner, c))
        after[a], before[c] = c, a
        hollow[corner] = False
        hollow[a], hollow[c] = turn(before[a], a, c) <= slack, turn(a, c, after[c]) <= slack
        margin, tried, left, corner = -slack, 0, left - 1, after[c]
    triangles.append((before[corner], corner, after[corner]))
    return np.array(triangles, dtype=np.int64)
