"""What a batch holds: how many samples, how they lie, and their values."""

from __future__ import annotations

import enum
import math
from typing import NamedTuple

import numpy as np
from torch import Tensor

from ccnn_pc.domains.base import AbstractDomain
from ccnn_pc.domains.grid.grid import Grid
from ccnn_pc.domains.points.point_set import PointSet
from ccnn_pc.domains.series.irregular_series import IrregularSeries
from ccnn_pc.models.shift.item_places import places_of_points
from ccnn_pc.models.shift.item_values import ItemValues, item_values, on_host
from ccnn_pc.models.shift.steps import roughness, squares_to_nearest, steps_of_arrays
from ccnn_pc.ops.moments import Array, Range, Row, Side, Values, moments
from ccnn_pc.ops.neighbors.k_nearest import Neighbors

#: Values of a batch that channels are compared by.
_LIKENESS = 4096
#: Fewest points of a batch whose values are compared with those of their neighbours.
_ROW = 8


class Samples(enum.Enum):
    """What samples are: cells of an array, points of a cloud, stamps of a series."""

    GRID = "grid"
    POINTS = "points"
    SERIES = "series"


class Seen(NamedTuple):
    """What one batch holds; fields as those of :class:`TrainedOn`, over its items.

    ``unevenness`` is that of points: how much distances to the nearest other one vary, as a share of their mean;
    ``lonely`` how many times their mean the largest is. ``values`` are those of :class:`ItemValues`; None: nothing is
    known. ``flat`` counts items, of arrays, whose
    channels are all constant; ``unseen`` are channels that were nowhere observed. Of series ``pause`` is the longest
    step, ``together`` the share of stamps that are those before them. ``step_skewness``, of series and sequences, is
    that of the steps from sample to sample: it has the other sign where they are turned round in time.
    """

    kind: Samples
    samples: Range
    spacing: tuple[Range, ...]
    span: tuple[Range, ...]
    shape: tuple[int, ...]
    k: int | None
    reach: Range | None
    values: ItemValues | None = None
    likeness: tuple[float, ...] = ()
    roughness: tuple[Range, ...] = ()
    clipped: tuple[float, ...] = ()
    flat: int = 0
    items: int = 1
    lean: tuple[Range, ...] = ()
    unevenness: Range | None = None
    unseen: tuple[int, ...] = ()
    lonely: Range | None = None
    pause: Range | None = None
    together: Range | None = None
    step_skewness: tuple[Side, ...] = ()


@np.errstate(invalid="ignore", divide="ignore", over="ignore")  # of nothing there is no mean
def seen(x: Tensor, domain: AbstractDomain) -> Seen:
    """What a batch holds: features ``[n, C]`` as they were given, and where they lie; measured on the host."""
    values = on_host(x)
    if isinstance(domain, Grid):
        return _of_arrays(np.ascontiguousarray(values.T), domain)
    return _of_points(values, domain) if isinstance(domain, PointSet) else _of_series(values, domain)  # type: ignore[arg-type]


def _of_arrays(columns: Values, grid: Grid) -> Seen:
    shape, items = grid.shape, grid.batch_size
    filled = grid.occupied_cells is None
    rows = np.full(items, grid.cells) if filled else np.bincount(on_host(grid.segments()[0]))
    pointer = np.concatenate([[0], rows.cumsum()])
    found = moments(columns.T, pointer)
    rough, clipped = steps_of_arrays(columns, shape, found.of(Row.DEVIATION)) if filled else ((), ())
    samples = columns.shape[1] / items
    return Seen(
        Samples.GRID,
        Range(samples, samples),
        tuple(Range(step, step) for step in grid.spacing),
        tuple(Range(s * d, s * d) for s, d in zip(shape, grid.spacing, strict=True)),
        shape,
        None,
        None,
        item_values(found),
        _likeness(columns),
        rough,
        clipped,
        int((found.of(Row.SPAN) == 0).all(axis=0).sum()) if filled and items > 1 else 0,
        items,
        step_skewness=found.sides(Row.STEP_SKEWNESS) if filled and len(shape) == 1 else (),
    )


def _of_points(x: Values, points: PointSet) -> Seen:
    pointer = np.concatenate([[0], np.bincount(on_host(points.batch)).cumsum()])
    table = points.neighbors if isinstance(points.neighbors, Neighbors) and len(points.pos) else None
    found = moments(x, pointer)
    rough: tuple[Range, ...] = ()
    if table is not None and table.k > 1 and not points.bipartite and len(x) >= _ROW:
        nearest = on_host(table.index[:, 1])
        rough = roughness(squares_to_nearest(x, nearest, pointer), found.of(Row.DEVIATION))
    own, step, reach, *axes, unevenness, lonely = _ranges(places_of_points(points, pointer))
    return Seen(
        Samples.POINTS,
        own,
        (step,),
        tuple(axes[: points.dim]),
        (),
        int(on_host(table.count).max()) if table is not None else None,  # tables are padded to the widest
        _measured(reach),
        item_values(found),
        roughness=rough,
        items=points.num_clouds,
        lean=tuple(axes[points.dim :]),
        unevenness=_measured(unevenness),
        lonely=_measured(lonely),
    )


def _of_series(x: Values, series: IrregularSeries) -> Seen:
    pointer = on_host(series.pointer)
    observed = None if series.mask is None else on_host(series.mask)
    found, stamps = moments(x, pointer, observed), moments(on_host(series.times)[:, None], pointer)
    values = item_values(found)
    own, step, span, pause, together = (
        stamps.ranges(row)[0] for row in (Row.SAMPLES, Row.STEP, Row.SPAN, Row.STEP_MOST, Row.SAME)
    )
    return Seen(
        Samples.SERIES,
        own,
        (step,),
        (span,),
        (),
        None,
        None,
        values,
        roughness=found.ranges(Row.ROUGHNESS) if observed is None and len(x) >= _ROW else (),
        items=series.num_series,
        unseen=()
        if observed is None
        else tuple(c for c, mean in enumerate(values.mean) if math.isnan(mean.most)),
        pause=pause,
        together=together,
        step_skewness=found.sides(Row.STEP_SKEWNESS),
    )


def _ranges(places: Array) -> tuple[Range, ...]:
    """The least and the most of each row; NaN where an item has none."""
    return tuple(map(Range, places.min(axis=1).tolist(), places.max(axis=1).tolist()))


def _measured(found: Range) -> Range | None:
    return None if math.isnan(found.most) else found


def _likeness(columns: Values) -> tuple[float, ...]:
    """Absolute correlation of each channel with the first ``[C]``, where there are two to four; else nothing."""
    if not 2 <= len(columns) <= 4 or not columns.size:
        return ()
    some = columns[:, :: max(1, columns.shape[1] // _LIKENESS)].astype(np.float64)
    some -= some.mean(axis=1, keepdims=True)
    norm = np.sqrt(np.square(some).sum(axis=1))
    return tuple(np.abs(some @ some[0] / (norm * norm[0])).tolist())


def read_on_grid(found: Seen) -> Seen:
    """Scattered samples of a field that are read on a grid: their spacing is that of a lattice as dense as they are.

    Example:
        >>> batch = Seen(Samples.POINTS, Range(8, 32), (Range(0, 0),), (Range(4, 4), Range(8, 8)), (), 9, None, ())
        >>> read_on_grid(batch).spacing
        (Range(least=1.0, most=2.0),)
    """
    if found.kind is not Samples.POINTS:
        return found
    least, most = (
        (math.prod(side) / count) ** (1 / len(found.span))
        for side, count in (
            ([axis.least for axis in found.span], found.samples.most),
            ([axis.most for axis in found.span], found.samples.least),
        )
    )
    return found._replace(spacing=(Range(least or most, most),), reach=None)
