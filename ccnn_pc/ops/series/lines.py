"""Straight lines between the samples of series."""

from __future__ import annotations

import torch
from torch import Tensor

from ccnn_pc.ops.series.segment_search import search_segments


def line_values(
    x: Tensor, times: Tensor, pointer: Tensor, place: Tensor, series: Tensor, mask: Tensor | None = None
) -> Tensor:
    r"""Values of series at any times: linear between stamps, constant before the first and after the last.

    Samples of the same stamp count as their mean. With a mask each channel has the stamps at which it was observed,
    and is 0 in series where it never was.

    Args:
        x: samples ``[n, C]``; what stands where a channel was not observed does not matter.
        times: sorted within each series ``[n]``.
        pointer: samples ``pointer[s]`` to ``pointer[s + 1]`` belong to series s, int64 ``[S + 1]``.
        place: when values are wanted ``[m]``.
        series: of each place ``[m]``.
        mask: which channels were observed at which stamps, boolean ``[n, C]``.

    Returns:
        ``[m, C]``; differentiable in x.

    Example:
        >>> times, pointer = torch.tensor([0.0, 2.0, 2.0]), torch.tensor([0, 3])
        >>> x, place = torch.tensor([[0.0], [1.0], [3.0]]), torch.tensor([-1.0, 1.0, 2.0])
        >>> line_values(x, times, pointer, place, torch.zeros(3, dtype=torch.long)).flatten().tolist()
        [0.0, 1.0, 2.0]
    """
    if mask is None:
        return _lines(x, times, pointer, place, series)
    patterns, which = mask.unique(dim=1, return_inverse=True)
    values = x.new_zeros(len(place), x.shape[1])
    for number, seen in enumerate(patterns.unbind(1)):
        columns, rows = (which == number).nonzero()[:, 0], seen.nonzero()[:, 0]
        before = torch.cat([seen.new_zeros(1, dtype=torch.long), seen.cumsum(0)])
        values[:, columns] = _lines(x[rows][:, columns], times[rows], before[pointer], place, series)
    return values


def _lines(x: Tensor, times: Tensor, pointer: Tensor, place: Tensor, series: Tensor) -> Tensor:
    """Values where every channel was observed at every stamp; 0 in series without any."""
    if not len(times):
        return x.new_zeros(len(place), x.shape[1])
    x = _stamp_means(x, times, pointer)
    low, high = pointer[series], pointer[series + 1] - 1
    left = search_segments(times, pointer, place, series, right=True) - 1
    right = search_segments(times, pointer, place, series)
    last = len(times) - 1
    left = torch.minimum(torch.maximum(left, low), high).clamp(0, last)
    right = torch.minimum(torch.maximum(right, low), high).clamp(0, last)
    gap = times[right] - times[left]
    share = torch.where(gap > 0, (place - times[left]) / torch.where(gap > 0, gap, 1.0), 0.0)
    values = torch.lerp(x[left], x[right], share.clamp(0, 1)[:, None].to(x))
    return torch.where((high >= low)[:, None], values, values.new_zeros(()))


def _stamp_means(x: Tensor, times: Tensor, pointer: Tensor) -> Tensor:
    """Each sample replaced by the mean of those of its stamp."""
    new = torch.ones_like(times, dtype=torch.bool)
    new[1:] = times[1:] != times[:-1]
    new[pointer[:-1][pointer[:-1] < len(times)]] = True
    group = new.cumsum(0) - 1
    if bool(new.all()):
        return x
    count = torch.bincount(group)
    return (x.new_zeros(len(count), x.shape[1]).index_add(0, group, x) / count[:, None])[group]
