"""What a batch holds: how many samples, how they lie, and their values."""

from __future__ import annotations

import enum
import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ccnn_pc.domains.base import AbstractDomain
from ccnn_pc.domains.grid.grid import Grid
from ccnn_pc.domains.points.point_set import PointSet
from ccnn_pc.domains.series.irregular_series import IrregularSeries
from ccnn_pc.models.item_values import ItemValues, Range, value_rows, values_of_rows
from ccnn_pc.models.steps import roughness_of_points, roughness_of_series, steps_of_array
from ccnn_pc.ops.neighbors.k_nearest import Neighbors
from ccnn_pc.ops.segments import segment_count, segment_range, segment_sum

#: Samples of an item that most often tell whether it holds anything.
_FEW = 64
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
    step, ``together`` the share of stamps that are those before them.
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


def seen(x: Tensor, domain: AbstractDomain) -> Seen:
    """What a batch holds: features ``[n, C]`` as they were given, and where they lie.

    A device is waited for once.
    """
    x = x.detach()
    channels = value_rows(x, domain)
    if isinstance(domain, Grid):
        samples = domain.num_samples / domain.batch_size
        parts = [
            channels.flatten(),
            _likeness(x),
            *map(torch.flatten, steps_of_array(x, domain)),
            _flat(x, domain),
        ]
        numbers = torch.cat(parts).tolist()
        ends = list(itertools.accumulate(map(len, parts)))
        values, likeness, stepped, clipped = (numbers[a:b] for a, b in itertools.pairwise([0, *ends[:4]]))
        return Seen(
            Samples.GRID,
            Range(samples, samples),
            tuple(Range(step, step) for step in domain.spacing),
            tuple(Range(s * d, s * d) for s, d in zip(domain.shape, domain.spacing, strict=True)),
            domain.shape,
            None,
            None,
            values_of_rows(values),
            tuple(likeness),
            _pairs(stepped),
            tuple(clipped),
            int(numbers[-1]),
            domain.batch_size,
        )
    kind = Samples.SERIES if isinstance(domain, IrregularSeries) else Samples.POINTS
    table: Any = domain.neighbors if isinstance(domain, PointSet) else None
    per_item = _of_points(domain) if isinstance(domain, PointSet) else _of_series(domain)  # type: ignore[arg-type]
    known = isinstance(table, Neighbors) and len(table.count) > 0
    most = table.count.amax()[None].double() if known else channels.new_zeros(1)
    rows = torch.stack([torch.stack([row.amin(), row.amax()]) for row in per_item.flatten(1).double()])
    parts = [most, rows.flatten(), channels.flatten(), _rough(x, domain).flatten()]
    numbers = torch.cat(parts).tolist()
    ends = list(itertools.accumulate(map(len, parts)))
    placed, values, rough = (numbers[a:b] for a, b in itertools.pairwise(ends))
    own, step, reach, *axes = _by_item(placed)
    lonely, unevenness = (axes.pop(), axes.pop()) if kind is Samples.POINTS else (None, None)
    together, pause = (axes.pop(), axes.pop()) if kind is Samples.SERIES else (None, None)
    found = values_of_rows(values)
    masked = isinstance(domain, IrregularSeries) and domain.mask is not None
    return Seen(
        kind,
        own,
        (step,),
        tuple(axes[: len(axes) // 2] if kind is Samples.POINTS else axes),
        (),
        int(numbers[0]) if known else None,  # tables are padded to the widest
        None if kind is Samples.SERIES or math.isnan(reach.most) else reach,
        found,
        roughness=_pairs(rough),
        items=per_item.shape[-1],
        lean=tuple(axes[len(axes) // 2 :]) if kind is Samples.POINTS else (),
        unevenness=None if unevenness is None or math.isnan(unevenness.most) else unevenness,
        unseen=tuple(c for c, mean in enumerate(found.mean) if masked and math.isnan(mean.most)),
        lonely=None if lonely is None or math.isnan(lonely.most) else lonely,
        pause=pause,
        together=together,
    )


def _by_item(numbers: Sequence[float]) -> Iterator[Range]:
    """Ranges of numbers that lie least, most, least, most."""
    return (Range(*numbers[i : i + 2]) for i in range(0, len(numbers), 2))


def _pairs(numbers: Sequence[float]) -> tuple[Range, ...]:
    """Ranges of numbers of which first come the least, then the most."""
    half = len(numbers) // 2
    return tuple(map(Range, numbers[:half], numbers[half:]))


def _rough(x: Tensor, domain: AbstractDomain) -> Tensor:
    if isinstance(domain, IrregularSeries):
        return roughness_of_series(x, domain)
    table: Any = domain.neighbors if isinstance(domain, PointSet) else None
    if not isinstance(table, Neighbors) or table.k < 2 or domain.bipartite or len(x) < _ROW:  # type: ignore[attr-defined]
        return torch.zeros(0, dtype=torch.float64, device=x.device)
    where = domain.batch  # type: ignore[attr-defined]
    count = segment_count(where, domain.num_clouds).clamp(min=1)  # type: ignore[attr-defined]
    return roughness_of_points(x, table.index[:, 1].long(), where, count)


def _flat(x: Tensor, grid: Grid) -> Tensor:
    """How many items of several hold nothing: one value per channel, everywhere."""
    if grid.batch_size < 2 or grid.occupied_cells is not None or not len(x):
        return torch.zeros(1, dtype=torch.float64, device=x.device)
    items = x.reshape(grid.batch_size, -1, x.shape[1])
    some = items[:, :: max(1, items.shape[1] // _FEW)]
    if x.device.type == "cpu" and not bool((some == items[:, :1]).flatten(1).all(dim=1).any()):
        return torch.zeros(1, dtype=torch.float64)  # most often a few samples tell
    return (items == items[:, :1]).flatten(1).all(dim=1).sum()[None].double()


def _likeness(x: Tensor) -> Tensor:
    """Absolute correlation of each channel with the first ``[C]``, where there are two to four; else ``[0]``."""
    if not 2 <= x.shape[1] <= 4 or not len(x):
        return torch.zeros(0, dtype=torch.float64, device=x.device)
    some = x[:: max(1, len(x) // _LIKENESS)].double()
    some = some - some.mean(dim=0)
    norm = some.norm(dim=0)
    return ((some[:, :1] * some).sum(dim=0) / (norm[0] * norm)).abs()


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


def _of_series(series: IrregularSeries) -> Tensor:
    """Samples, mean step, nothing, span, longest step and share of equal stamps, ``[6, B]``.

    Of one stamp the step is that of the others.
    """
    count = series.pointer.diff().double()
    times, items = series.times.detach(), series.num_series
    span = times[series.pointer[1:] - 1] - times[series.pointer[:-1]]
    step = (span / (count - 1)).masked_fill(count < 2, math.nan)
    inside = series.batch[1:] == series.batch[:-1]
    steps = times.diff() * inside
    pause = torch.zeros_like(span).scatter_reduce(0, series.batch[1:], steps, "amax")
    same = segment_sum((inside & (steps == 0)).to(span), series.batch[1:], items) / (count - 1).clamp(min=1)
    step = torch.where(step.isnan(), step.nanmedian(), step)
    return torch.stack([count, step, torch.full_like(span, math.nan), span, pause, same])


def _of_points(points: PointSet) -> Tensor:
    """Samples, distance of the nearest other point and of the furthest neighbour, spans, leans, how they lie.

    ``[5 + 2 D, B]``; last how much distances to the nearest vary, and how many times their mean the largest is.
    """
    clouds, where, pos = points.num_clouds, points.batch, points.pos.detach()
    count = segment_count(where, clouds)
    low, high = segment_range(pos, where, clouds)
    span = (high - low).t()
    lean = (
        (segment_sum(pos, where, clouds) / count[:, None] - low) / (high - low)
    ).t()  # NaN: all at one place
    nearest = furthest = unevenness = alone_by = pos.new_full((clouds,), math.nan)
    table = points.neighbors
    if isinstance(table, Neighbors) and table.k > 1 and not points.bipartite:
        others = (table.count > 1).to(pos)
        near, far = ((pos[table.index[:, column].long()] - pos).norm(dim=1) for column in (1, -1))
        number = segment_sum(others, where, clouds)
        nearest, furthest = (
            segment_sum(near * others, where, clouds) / number,
            segment_sum(far, where, clouds) / count,
        )
        off = (near / nearest[where] - 1).square() * others  # NaN: all in pairs at one place
        unevenness = (segment_sum(off, where, clouds) / number).sqrt()
        alone_by = segment_range(near[:, None], where, clouds)[1][:, 0] / nearest
        alone = count < 2  # has no neighbour: those of the others
        nearest, furthest = (
            torch.where(alone, each.masked_fill(alone, math.nan).nanmedian(), each)
            for each in (nearest, furthest)
        )
    return torch.cat(
        [torch.stack([count.to(pos), nearest, furthest]), span, lean, torch.stack([unevenness, alone_by])]
    )
