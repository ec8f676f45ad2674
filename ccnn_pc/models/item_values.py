"""Values of each item of a batch, channel by channel: how large, where, how far they vary, between which ends."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ccnn_pc.domains.base import AbstractDomain
from ccnn_pc.domains.grid.grid import Grid
from ccnn_pc.domains.points.point_set import PointSet
from ccnn_pc.domains.series.irregular_series import IrregularSeries
from ccnn_pc.ops.segments import segment_count, segment_sum


class Range(NamedTuple):
    """The least and the largest of a number among the items of a batch."""

    least: float
    most: float


class ItemValues(NamedTuple):
    """Of each channel, over the items of a batch; NaN where it was observed in none.

    Attributes:
        scale: root mean square; 0 where nothing was observed.
        mean, deviation: of an item.
        lowest, highest: the least and the largest value of an item.
        faintest: root mean squares of the channels in the item that has least in all of them together.
    """

    scale: tuple[Range, ...]
    mean: tuple[Range, ...]
    deviation: tuple[Range, ...]
    lowest: tuple[Range, ...]
    highest: tuple[Range, ...]
    faintest: tuple[float, ...]


def value_rows(x: Tensor, domain: AbstractDomain) -> Tensor:
    """What :func:`values_of_rows` reads, float64 ``[11, C]``: five rows of least, five of most, and the faintest."""
    per_item = _of_segments(x, domain) if _is_ragged(domain) else _of_arrays(x, domain)
    least, most = (
        torch.where(per_item.isnan(), end, per_item) for end in (math.inf, -math.inf)
    )  # of what was observed
    least, most = least.amin(dim=1), most.amax(dim=1)
    never = least > most
    least, most = (each.masked_fill(never, math.nan) for each in (least, most))
    total = per_item[0].square().sum(dim=1)
    place = torch.where(total > 0, total, math.inf).argmin()  # of nothing there is no item
    return torch.cat([least, most, per_item[0].index_select(0, place[None])])


def values_of_rows(numbers: list[float]) -> ItemValues:
    """Numbers of :func:`value_rows`, flattened, on the host.

    Example:
        >>> batch = torch.tensor([[1.0], [3.0], [5.0], [5.0]])
        >>> found = values_of_rows(value_rows(batch, Grid([2], batch_size=2)).flatten().tolist())
        >>> found.mean, found.deviation, found.highest
        ((Range(least=2.0, most=5.0),), (Range(least=0.0, most=1.0),), (Range(least=3.0, most=5.0),))
    """
    count = len(numbers) // 11
    rows = [numbers[i * count : (i + 1) * count] for i in range(11)]
    scale, mean, deviation, lowest, highest = (tuple(map(Range, rows[i], rows[i + 5])) for i in range(5))
    return ItemValues(scale, mean, deviation, lowest, highest, tuple(rows[10]))


def _is_ragged(domain: AbstractDomain) -> bool:
    return not isinstance(domain, Grid) or domain.occupied_cells is not None


def _of_arrays(x: Tensor, grid: Any) -> Tensor:
    """Root mean square, mean, deviation and both ends of each item and channel, ``[5, B, C]``."""
    items = x.to(torch.promote_types(x.dtype, torch.float32)).reshape(grid.batch_size, -1, x.shape[1])
    mean = items.mean(dim=1)
    off = items - mean[:, None]  # two passes: three to ten times as fast as torch.std_mean on few columns
    rest, root = off.mean(dim=1), off.square().mean(dim=1).sqrt()  # rest: of rounding
    deviation, mean = ((root - rest.abs()) * (root + rest.abs())).clamp(min=0).sqrt(), mean + rest
    if x.device.type == "cpu" and x.dtype is not torch.float64 and not bool(root.isfinite().all()):
        return _of_arrays(x.double(), grid)  # squares were too large
    low, high = items.aminmax(dim=1)
    return torch.stack([torch.hypot(deviation, mean), mean, deviation, low, high]).double()


def _of_segments(x: Tensor, domain: Any) -> Tensor:
    """The same of clouds, series and arrays of occupied cells, of what was observed."""
    mask = domain.mask if isinstance(domain, IrregularSeries) else None
    if isinstance(domain, Grid):
        segment, items = domain.segments()
    else:
        segment, items = (
            domain.batch,
            domain.num_clouds if isinstance(domain, PointSet) else domain.num_series,
        )
    wide = x.double() if mask is None else torch.where(mask, x, 0.0).double()  # elsewhere stands anything
    count = segment_count(segment, items)[:, None].expand(-1, x.shape[1])
    if mask is not None:
        count = segment_sum(mask.to(torch.int64), segment, items)
    mean = segment_sum(wide, segment, items) / count  # NaN: nothing
    off = (wide - mean[segment]).square()
    low, high = (_end(wide, mask, segment, items, way) for way in ("amin", "amax"))
    if mask is not None:
        off = torch.where(mask, off, 0.0)
    root = (segment_sum(wide.square(), segment, items) / count.clamp(min=1)).sqrt()
    deviation = (segment_sum(off, segment, items) / count).sqrt()
    nothing = count == 0
    low, high = (each.masked_fill(nothing, math.nan) for each in (low, high))
    return torch.stack([root, mean, deviation, low, high])


def _end(wide: Tensor, mask: Tensor | None, segment: Tensor, items: int, way: str) -> Tensor:
    none = math.inf if way == "amin" else -math.inf
    found = wide if mask is None else wide.masked_fill(~mask, none)
    rows = segment[:, None].expand_as(found)
    return found.new_full((items, found.shape[1]), none).scatter_reduce(0, rows, found, way)
