"""Series on lattices as arrays: side by side, on a common span, stretched to one length, and their slopes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from ccnn_pc.domains.base import AbstractDomain
from ccnn_pc.domains.grid.grid import Grid
from ccnn_pc.domains.series.irregular_series import IrregularSeries


class SideBySide(NamedTuple):
    """Series as arrays.

    Attributes:
        values: ``[B, C, L]``, 0 behind the end of shorter ones.
        lengths: of the series ``[B]``.
        seen: samples next to a stamp at which the channel was observed, boolean ``[B, C, L]``.
    """

    values: Tensor
    lengths: Tensor
    seen: Tensor


def side_by_side(
    x: Tensor, domain: AbstractDomain, span: Sequence[float | None] = (None, None), most: int = 0
) -> SideBySide:
    """Series on a lattice as arrays.

    Args:
        x: samples ``[n, C]``.
        domain: where they lie.
        span: from when to when series last: the first value of a series holds from the begin on, its last up to the
            end. None: from their first stamp, to their last.
        most: how many samples are added at an end; where more are missing, none: that series lies elsewhere.

    Raises:
        ValueError: series with gaps between their samples.

    Example:
        >>> times, batch = torch.tensor([1.0, 2.0, 0.0, 1.0, 2.0]), torch.tensor([0, 0, 1, 1, 1])
        >>> series = IrregularSeries(times, batch, lattice=1.0)
        >>> found = side_by_side(torch.arange(1.0, 6.0)[:, None], series, (0.0, 3.0), 2)
        >>> found.values.tolist(), found.seen[0].tolist()
        ([[[1.0, 1.0, 2.0, 2.0]], [[3.0, 4.0, 5.0, 5.0]]], [[False, True, True, False]])
    """
    if isinstance(domain, Grid):
        values = domain.unflatten(x)
        lengths = torch.full((len(values),), values.shape[2], device=x.device)
        return SideBySide(values, lengths, torch.ones_like(values, dtype=torch.bool))
    if not isinstance(domain, IrregularSeries) or domain.lattice is None:
        raise ValueError("'series_interpolation' must be 'linear' or 'cubic' for kernels of impulses")
    lengths = domain.pointer.diff()
    place = torch.arange(len(x), device=x.device) - domain.pointer[domain.batch]
    if not torch.equal(domain.lattice.cell - domain.lattice.cell[domain.pointer[:-1]][domain.batch], place):
        raise ValueError("'series_interpolation' must be 'linear' or 'cubic' for kernels of impulses")
    both = torch.cat([x, _observed(x, domain)], dim=1)
    arrays = both.new_zeros(len(lengths), int(lengths.max()), both.shape[1])
    arrays[domain.batch, place] = both
    before, after = _missing(domain, lengths, span, most)
    after = torch.where(before + lengths + after == 1, 1, after)  # a sample alone lasts a step
    total = before + lengths + after
    place = torch.arange(int(total.max()), device=x.device) - before[:, None]
    values, seen = _taken(arrays.transpose(1, 2), lengths, place).chunk(2, dim=1)
    there = (place >= 0) & (place < lengths[:, None])
    return SideBySide(_ended(values, total), total, (seen > 0) & there[:, None])


def ends_of_series(domain: IrregularSeries) -> tuple[Tensor, Tensor]:
    """First and last stamp of each series ``[B]``, as they were given.

    Example:
        >>> times, batch = torch.tensor([5.0, 7.0, 1.0, 2.0]), torch.tensor([0, 0, 1, 1])
        >>> [ends.tolist() for ends in ends_of_series(IrregularSeries(times, batch))]
        [[5.0, 1.0], [7.0, 2.0]]
    """
    source: Any = domain if domain.resampled_from is None else domain.resampled_from[0]
    times = source.times + source.center[source.batch, 0]
    return times[source.pointer[:-1]], times[source.pointer[1:] - 1]


def stretched(x: Tensor, lengths: Tensor, length: int) -> Tensor:
    """Series ``[B, C, L]`` of any length on their straight lines at ``length`` places from their first to last sample.

    Example:
        >>> series = torch.tensor([[[0.0, 1.0, 4.0]], [[2.0, 3.0, 0.0]]])
        >>> stretched(series, torch.tensor([3, 2]), 5).tolist()
        [[[0.0, 0.5, 1.0, 2.5, 4.0]], [[2.0, 2.25, 2.5, 2.75, 3.0]]]
    """
    share = torch.arange(length, device=x.device, dtype=torch.float64) / max(length - 1, 1)
    place = share * (lengths[:, None] - 1)
    before = place.floor()
    weight = (place - before).to(x)[:, None]
    left, right = (_taken(x, lengths, before.long() + step) for step in (0, 1))
    return torch.lerp(left, right, weight)


def slopes(x: Tensor, lengths: Tensor) -> Tensor:
    """Rise ``[B, C, L]`` of series ``[B, C, L]`` from each sample to the next; the last has that before it, 0 follows.

    Example:
        >>> slopes(torch.tensor([[[1.0, 3.0, 2.0, 0.0]]]), torch.tensor([3])).tolist()
        [[[2.0, -1.0, -1.0, 0.0]]]
    """
    rise = functional.pad(x.diff(dim=2), (0, 1))
    place = torch.arange(x.shape[2], device=x.device).expand(len(x), -1)
    return _ended(_taken(rise, (lengths - 1).clamp(min=1), place), lengths)


def _missing(
    domain: IrregularSeries, lengths: Tensor, span: Sequence[float | None], most: int
) -> tuple[Tensor, Tensor]:
    """Samples that are missing before and behind series."""
    first, last = ends_of_series(domain)
    begin, end = (math.nan if each is None else each for each in span)
    step = domain.lattice.spacing  # type: ignore[union-attr]
    earlier = (last - begin) / step - (lengths - 1)  # unless pauses were cut
    return _steps(torch.minimum(earlier, (first - begin) / step + 1), most), _steps((end - last) / step, most)


def _observed(x: Tensor, domain: IrregularSeries) -> Tensor:
    """More than 0 at samples next to a stamp at which a channel was observed, ``[n, C]``."""
    source, place = domain.resampled_from or (None, None)
    if not isinstance(source, IrregularSeries) or not isinstance(place, Tensor):
        return torch.ones_like(x)
    mask = torch.ones_like(x[:1]).expand(len(place), -1) if source.mask is None else source.mask
    return torch.zeros_like(x).index_add_(0, place.round().long(), mask.to(x))


def _steps(count: Tensor, most: int) -> Tensor:
    """Whole steps; none where there is none, where nobody knows, and where there are more than that."""
    steps = count.nan_to_num(0.0).round()
    return torch.where((steps > 0) & (steps <= most), steps, 0.0).long()


def _taken(x: Tensor, lengths: Tensor, place: Tensor) -> Tensor:
    """Samples ``[B, C, P]`` of series at places ``[B, P]``, of the nearest there is."""
    near = torch.minimum(place.clamp(min=0), lengths[:, None] - 1)
    return x.gather(2, near[:, None].expand(-1, x.shape[1], -1))


def _ended(x: Tensor, lengths: Tensor) -> Tensor:
    """0 behind the end of series."""
    inside = torch.arange(x.shape[2], device=x.device) < lengths[:, None]
    return torch.where(inside[:, None], x, x.new_zeros(()))
