"""Straight lines between samples, of irregular series and of regular grids."""

from __future__ import annotations

import torch
from torch import Tensor

from ccnn_pc.ops.segments import segment_mean
from ccnn_pc.ops.series.segment_search import search_segments


def interpolate_series(
    x: Tensor, times: Tensor, pointer: Tensor, wanted: Tensor, series: Tensor, mask: Tensor | None = None
) -> Tensor:
    r"""Values of series at any times: linear between stamps, constant before the first and after the last.

    Samples of the same stamp count as their mean. With a mask each channel has the stamps at which it was observed,
    and is 0 in series where it never was.

    Args:
        x: samples ``[n, C]``; what stands where a channel was not observed does not matter.
        times: sorted within each series ``[n]``.
        pointer: samples ``pointer[s]`` to ``pointer[s + 1]`` belong to series s, int64 ``[S + 1]``.
        wanted: when values are wanted ``[m]``.
        series: of each wanted value ``[m]``.
        mask: which channels were observed at which stamps, boolean ``[n, C]``.

    Returns:
        ``[m, C]``; differentiable in x.

    Example:
        >>> times, pointer = torch.tensor([0.0, 2.0, 2.0]), torch.tensor([0, 3])
        >>> x, wanted = torch.tensor([[0.0], [1.0], [3.0]]), torch.tensor([-1.0, 1.0, 2.0])
        >>> interpolate_series(x, times, pointer, wanted, torch.zeros(3, dtype=torch.long)).flatten().tolist()
        [0.0, 1.0, 2.0]
    """
    if mask is None:
        return _interpolate(x, times, pointer, wanted, series)
    patterns, which = mask.unique(dim=1, return_inverse=True)
    values = x.new_zeros(len(wanted), x.shape[1])
    for number, seen in enumerate(patterns.unbind(1)):
        columns, rows = (which == number).nonzero()[:, 0], seen.nonzero()[:, 0]
        before = torch.cat([seen.new_zeros(1, dtype=torch.long), seen.cumsum(0)])
        values[:, columns] = _interpolate(x[rows][:, columns], times[rows], before[pointer], wanted, series)
    return values


def _interpolate(x: Tensor, times: Tensor, pointer: Tensor, wanted: Tensor, series: Tensor) -> Tensor:
    """Values where every channel was observed at every stamp; 0 in series without any."""
    if not len(times):
        return x.new_zeros(len(wanted), x.shape[1])
    x = _stamp_means(x, times, pointer)
    low, high = pointer[series], pointer[series + 1] - 1
    left = search_segments(times, pointer, wanted, series, right=True) - 1
    right = search_segments(times, pointer, wanted, series)
    last = len(times) - 1
    left = torch.minimum(torch.maximum(left, low), high).clamp(0, last)
    right = torch.minimum(torch.maximum(right, low), high).clamp(0, last)
    gap = times[right] - times[left]
    share = torch.where(gap > 0, (wanted - times[left]) / torch.where(gap > 0, gap, 1.0), 0.0)
    values = torch.lerp(x[left], x[right], share.clamp(0, 1)[:, None].to(x))
    return torch.where((high >= low)[:, None], values, values.new_zeros(()))


def last_observed(x: Tensor, mask: Tensor, pointer: Tensor) -> Tensor:
    """Samples ``[n, C]`` in which a channel keeps its last observed value until the next; 0 before the first.

    Args:
        x: samples ``[n, C]`` in the order of time; what stands where a channel was not observed does not matter.
        mask: which channels were observed, boolean ``[n, C]``.
        pointer: series s has rows ``pointer[s]`` to ``pointer[s + 1]``.

    Example:
        >>> x, mask = torch.tensor([[5.0], [1.0], [7.0]]), torch.tensor([[False], [True], [False]])
        >>> last_observed(x, mask, torch.tensor([0, 3])).flatten().tolist()
        [0.0, 1.0, 1.0]
    """
    row = torch.arange(len(x), device=x.device)[:, None]
    last = torch.where(mask, row, -1).cummax(0).values
    first = pointer[:-1].repeat_interleave(pointer.diff())[:, None]
    return torch.where(last >= first, x.gather(0, last.clamp(min=0)), x.new_zeros(()))


def _stamp_means(x: Tensor, times: Tensor, pointer: Tensor) -> Tensor:
    """Each sample replaced by the mean of those of its stamp."""
    new = torch.ones_like(times, dtype=torch.bool)
    new[1:] = times[1:] != times[:-1]
    new[pointer[:-1][pointer[:-1] < len(times)]] = True
    if bool(new.all()):
        return x
    stamp = new.cumsum(0) - 1
    return segment_mean(x, stamp, int(stamp[-1]) + 1)[stamp]


def interpolate_axis(x: Tensor, axis: int, position: Tensor, *, circular: bool = False) -> Tensor:
    """Values of a regular grid along one axis, linear between samples.

    Args:
        x: ``[..., S, ...]``.
        axis: which axis.
        position: where values are wanted, in samples, float64 ``[m]`` in [0, S - 1], or in [0, S) on a circle.
        circular: whether the first sample follows the last.

    Returns:
        ``[..., m, ...]``; differentiable in x. At whole positions exactly the samples.

    Example:
        >>> x = torch.tensor([[0.0, 2.0, 6.0]])
        >>> interpolate_axis(x, 1, torch.tensor([0.0, 0.5, 2.0])).tolist()
        [[0.0, 1.0, 6.0]]
        >>> interpolate_axis(x, 1, torch.tensor([2.5]), circular=True).tolist()
        [[3.0]]
    """
    size = x.shape[axis]
    left = position.floor().long().clamp(0, size - 1)
    right = (left + 1) % size if circular else (left + 1).clamp(max=size - 1)
    share = (position - left).to(x.dtype).view([-1] + [1] * (x.dim() - 1 - axis % x.dim()))
    return torch.lerp(x.index_select(axis, left), x.index_select(axis, right), share)


def finer_positions(
    size: int, ratio: float, *, circular: bool = False, device: torch.device | None = None
) -> Tensor:
    """Positions ``1 / ratio`` samples apart on an axis of a regular grid, the last sample one of them.

    Args:
        size: number of samples S.
        ratio: new samples per old one, at least 1; whole numbers give every old sample exactly.
        circular: whether the first sample follows the last; then ``size * ratio`` positions from the first sample.
        device: of the result.

    Returns:
        Float64 ``[m]``, rising, in samples.

    Example:
        >>> finer_positions(3, 2).tolist(), finer_positions(2, 2, circular=True).tolist()
        ([0.0, 0.5, 1.0, 1.5, 2.0], [0.0, 0.5, 1.0, 1.5])
        >>> finer_positions(3, 1.6).tolist()
        [0.125, 0.75, 1.375, 2.0]
    """
    if circular:
        count = round(size * ratio)
        return torch.arange(count, device=device, dtype=torch.float64) * size / count
    count = int((size - 1) * ratio + 1e-6) + 1
    back = torch.arange(count - 1, -1, -1, device=device, dtype=torch.float64)
    return (size - 1 - back / ratio).clamp(min=0)
