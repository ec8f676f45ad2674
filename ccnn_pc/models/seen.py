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
from ccnn_pc.models.steps import roughness_of_series, steps_of_array
from ccnn_pc.ops.neighbors.k_nearest import Neighbors
from ccnn_pc.ops.segments import segment_count, segment_range, segment_sum

#: Samples of an item that most often tell whether it holds anything.
_FEW = 64
#: Values of a batch that channels are compared by.
_LIKENESS = 4096


class Samples(enum.Enum):
    """What samples are: cells of an array, points of a cloud, stamps of a series."""

    GRID = "grid"
    POINTS = "points"
    SERIES = "series"


class Range(NamedTuple):
    """The least and the largest of a number among the items of a batch."""

    least: float
    most: float


class Seen(NamedTuple):
    """What one batch holds; fields as those of :class:`TrainedOn`, those of channels over the whole batch.

    ``unevenness`` is that of points: how much distances to the nearest other one vary, as a share of their mean.
    A channel that was never observed has a mean and a deviation of NaN. ``flat`` counts items, of arrays, whose
    channels are all constant.
    """

    kind: Samples
    samples: Range
    spacing: tuple[Range, ...]
    span: tuple[Range, ...]
    shape: tuple[int, ...]
    k: int | None
    reach: Range | None
    scale: tuple[float, ...]
    mean: tuple[float, ...] = ()
    deviation: tuple[float, ...] = ()
    likeness: tuple[float, ...] = ()
    roughness: tuple[float, ...] = ()
    clipped: tuple[float, ...] = ()
    flat: int = 0
    items: int = 1
    lean: tuple[Range, ...] = ()
    unevenness: Range | None = None


def seen(x: Tensor, domain: AbstractDomain) -> Seen:
    """What a batch holds: features ``[n, C]`` as they were given, and where they lie.

    A device is waited for once.
    """
    x = x.detach()
    mask = domain.mask if isinstance(domain, IrregularSeries) else None
    channels = _of_channels(x, mask)
    if isinstance(domain, Grid):
        samples = domain.num_samples / domain.batch_size
        parts = [channels.flatten(), _likeness(x), *steps_of_array(x, domain), _flat(x, domain)]
        numbers = torch.cat(parts).tolist()
        ends = list(itertools.accumulate(map(len, parts)))
        likeness, stepped, clipped = (tuple(numbers[ends[i] : ends[i + 1]]) for i in range(3))
        scale, mean, deviation = _thirds(numbers[: ends[0]], x, mask)
        return Seen(
            Samples.GRID,
            Range(samples, samples),
            tuple(Range(step, step) for step in domain.spacing),
            tuple(Range(s * d, s * d) for s, d in zip(domain.shape, domain.spacing, strict=True)),
            domain.shape,
            None,
            None,
            scale,
            mean,
            deviation,
            likeness,
            stepped,
            clipped,
            int(numbers[-1]),
            domain.batch_size,
        )
    table: Any = None if isinstance(domain, IrregularSeries) else domain.neighbors  # type: ignore[attr-defined]
    kind, per_item = (
        (Samples.SERIES, _of_series(domain))
        if isinstance(domain, IrregularSeries)
        else (Samples.POINTS, _of_points(domain))  # type: ignore[arg-type]
    )
    known = isinstance(table, Neighbors) and len(table.count) > 0
    most = table.count.amax()[None].double() if known else channels.new_zeros(1)
    rows = torch.stack([torch.stack([row.amin(), row.amax()]) for row in per_item.flatten(1).double()])
    rough = roughness_of_series(x, domain) if isinstance(domain, IrregularSeries) else channels.new_zeros(0)
    k, *numbers = torch.cat([most, rows.flatten(), channels.flatten(), rough]).tolist()
    placed, last = 2 * len(rows), 2 * len(rows) + channels.numel()
    scale, mean, deviation = _thirds(numbers[placed:last], x, mask)
    own, step, reach, *axes = (Range(*numbers[2 * i : 2 * i + 2]) for i in range(len(rows)))
    unevenness = axes.pop() if kind is Samples.POINTS else None
    return Seen(
        kind,
        own,
        (step,),
        tuple(axes[: len(axes) // 2] if kind is Samples.POINTS else axes),
        (),
        int(k) if known else None,  # tables are padded to the widest
        None if kind is Samples.SERIES or math.isnan(reach.most) else reach,
        scale,
        mean,
        deviation,
        roughness=tuple(numbers[last:]),
        lean=tuple(axes[len(axes) // 2 :]) if kind is Samples.POINTS else (),
        unevenness=None if unevenness is None or math.isnan(unevenness.most) else unevenness,
    )


def _of_channels(x: Tensor, mask: Tensor | None) -> Tensor:
    """Root mean square, mean and deviation of each channel, float64 ``[3, C]``, of what was observed."""
    if mask is None:
        wide = x.to(torch.promote_types(x.dtype, torch.float32))
        mean = wide.mean(dim=0)
        off = (
            wide - mean
        )  # two passes: three to ten times as fast as torch.std_mean on one axis of a few columns
        rest, root = off.mean(dim=0), off.square().mean(dim=0).sqrt()  # rest: of rounding
        deviation, mean = ((root - rest.abs()) * (root + rest.abs())).clamp(min=0).sqrt(), mean + rest
        return torch.stack([torch.hypot(deviation, mean), mean, deviation]).double()
    values, count = (
        torch.where(mask, x, 0.0).double(),
        mask.sum(dim=0),
    )  # what stands elsewhere does not matter
    mean = values.sum(dim=0) / count
    squares = torch.where(mask, values - mean, 0.0).square().sum(dim=0)
    return torch.stack(
        [(values.square().sum(dim=0) / count.clamp(min=1)).sqrt(), mean, (squares / count).sqrt()]
    )


def _flat(x: Tensor, grid: Grid) -> Tensor:
    """How many items of several hold nothing: one value per channel, everywhere."""
    if grid.batch_size < 2 or grid.occupied_cells is not None or not len(x):
        return torch.zeros(1, dtype=torch.float64, device=x.device)
    items = x.reshape(grid.batch_size, -1, x.shape[1])
    some = items[:, :: max(1, items.shape[1] // _FEW)]
    if x.device.type == "cpu" and not bool((some == items[:, :1]).flatten(1).all(dim=1).any()):
        return torch.zeros(1, dtype=torch.float64)  # most often a few samples tell
    return (items == items[:, :1]).flatten(1).all(dim=1).sum()[None].double()


def _thirds(numbers: Sequence[float], x: Tensor, mask: Tensor | None) -> Iterator[tuple[float, ...]]:
    """The rows of :func:`_of_channels`, from a wider type where the squares were too large for the first."""
    if any(map(math.isinf, numbers)) and x.dtype is not torch.float64:
        numbers = _of_channels(x.double(), mask).flatten().tolist()
    count = len(numbers) // 3
    return (tuple(numbers[i * count : (i + 1) * count]) for i in range(3))


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
    """Samples, mean step, nothing, and span of each series, ``[4, B]``; of one stamp the step of the others."""
    count = series.pointer.diff().double()
    times = series.times.detach()
    span = times[series.pointer[1:] - 1] - times[series.pointer[:-1]]
    step = span / (count - 1).clamp(min=1)
    step = torch.where(step > 0, step, math.nan)
    return torch.stack(
        [count, torch.where(step.isnan(), step.nanmedian(), step), torch.full_like(span, math.nan), span]
    )


def _of_points(points: PointSet) -> Tensor:
    """Samples, distance of the nearest other point and of the furthest neighbour, spans, leans and unevenness.

    ``[4 + 2 D, B]``
    """
    clouds, where, pos = points.num_clouds, points.batch, points.pos.detach()
    count = segment_count(where, clouds)
    low, high = segment_range(pos, where, clouds)
    span = (high - low).t()
    lean = (
        (segment_sum(pos, where, clouds) / count[:, None] - low) / (high - low)
    ).t()  # NaN: all at one place
    nearest = furthest = unevenness = pos.new_full((clouds,), math.nan)
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
        alone = count < 2  # has no neighbour: those of the others
        nearest, furthest = (
            torch.where(alone, each.masked_fill(alone, math.nan).nanmedian(), each)
            for each in (nearest, furthest)
        )
    return torch.cat([torch.stack([count.to(pos), nearest, furthest]), span, lean, unevenness[None]])
