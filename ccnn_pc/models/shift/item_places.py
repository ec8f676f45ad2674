"""How the points of each cloud of a batch lie: how many, how far apart, over which span, how evenly."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from ccnn_pc.domains.points.point_set import PointSet
from ccnn_pc.models.shift.item_values import on_host
from ccnn_pc.ops.moments import Array, Pointer, Row, moments
from ccnn_pc.ops.neighbors.k_nearest import Neighbors


def places_of_points(points: PointSet, pointer: Pointer) -> Array:
    """Samples, distance of the nearest other point and of the furthest neighbour, spans, leans, how they lie.

    ``[5 + 2 D, B]``; last how much distances to the nearest vary, and how many times their mean the largest is.
    """
    pos, count = on_host(points.pos), pointer[1:] - pointer[:-1]
    found = moments(pos, pointer)
    mean, low, span = (found.of(row) for row in (Row.MEAN, Row.LOW, Row.SPAN))
    lean = (mean - low) / span  # NaN: all at one place
    near = np.full((4, len(count)), math.nan)
    table = points.neighbors
    if isinstance(table, Neighbors) and table.k > 1 and not points.bipartite:
        near = _neighborhoods(pos, table, pointer)
    nearest, furthest, *evenness = near
    return np.concatenate([[count, nearest, furthest], span, lean, evenness])


def _neighborhoods(pos: Array, table: Neighbors, pointer: Pointer) -> Array:
    """Distance to the nearest other point and to the furthest neighbour, unevenness and loneliness, ``[4, B]``."""
    others = on_host(table.count) > 1
    near, far = (_distance(pos, on_host(table.index[:, column])) for column in (1, -1))
    found = moments(near[:, None], pointer, None if others.all() else others[:, None])
    nearest, deviation, most = (found.of(row)[0] for row in (Row.MEAN, Row.DEVIATION, Row.HIGH))
    count = pointer[1:] - pointer[:-1]
    furthest = np.add.reduceat(far, pointer[:-1]) / count
    evenness = [deviation / nearest, most / nearest]  # NaN: all in pairs at one place
    return np.stack([*(_of_the_others(each, count > 1) for each in (nearest, furthest)), *evenness])


def _distance(pos: Array, other: Pointer) -> Array:
    off = (pos.take(other, axis=0) - pos).astype(np.float64)
    return np.sqrt(np.einsum("nd,nd->n", off, off))


def _of_the_others(numbers: Array, known: npt.NDArray[np.bool_]) -> Array:
    """Numbers of items, where they are not known the median of the others."""
    return (
        numbers
        if known.all()
        else np.where(known, numbers, np.nanmedian(numbers[known]) if known.any() else math.nan)
    )
