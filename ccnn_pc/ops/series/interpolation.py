"""Values of irregular series between their stamps: on straight lines, on curves, or the last one observed."""

from __future__ import annotations

import torch
from torch import Tensor

from ccnn_pc.ops.segments import segment_mean, segment_sum
from ccnn_pc.ops.series.segment_search import search_segments

#: Of the length of an interval, how far behind its ends the samples lie that bend a curve across it.
SUPPORT = 0.5
#: Intervals so many times as long as the median of their series are pauses, which no curve knows how to cross.
PAUSE = 16.0


def interpolate_series(
    x: Tensor,
    times: Tensor,
    pointer: Tensor,
    wanted: Tensor,
    series: Tensor,
    mask: Tensor | None = None,
    *,
    cubic: bool = False,
) -> Tensor:
    r"""Values of series at any times: linear or cubic between stamps, constant before the first and after the last.

    .. math::
        \tilde x(t) = (1 - s)\, x_a + s\, x_b + (t - a)(t - b) \big[(1 - s)\, x[p, a, b] + s\, x[a, b, q]\big],
        \qquad s = \frac{t - a}{b - a}

    between the stamps a and b; the last term, of second divided differences, with ``cubic`` alone. It blends the
    parabolas through a, b and the nearest samples p and q that lie at least half of b - a away from them: the curves of
    :func:`ccnn_pc.ops.grids.interpolation.cubic_axis` at even stamps, of third order in the steps at any. Where one of
    p and q is missing, the other parabola stands alone. Intervals 16 times as long as the median of their series are
    crossed on lines, as all are where there are two samples.

    Samples of the same stamp count as their mean. With a mask each channel has the stamps at which it was observed,
    and is 0 in series where it never was.

    Args:
        x: samples ``[n, C]``; what stands where a channel was not observed does not matter.
        times: sorted within each series ``[n]``.
        pointer: samples ``pointer[s]`` to ``pointer[s + 1]`` belong to series s, int64 ``[S + 1]``.
        wanted: when values are wanted ``[m]``.
        series: of each wanted value ``[m]``.
        mask: which channels were observed at which stamps, boolean ``[n, C]``.
        cubic: curves, not lines (default).

    Returns:
        ``[m, C]``; differentiable in x, and linear.

    Example:
        >>> times, pointer = torch.tensor([0.0, 2.0, 2.0]), torch.tensor([0, 3])
        >>> x, wanted = torch.tensor([[0.0], [1.0], [3.0]]), torch.tensor([-1.0, 1.0, 2.0])
        >>> interpolate_series(x, times, pointer, wanted, torch.zeros(3, dtype=torch.long)).flatten().tolist()
        [0.0, 1.0, 2.0]
        >>> times, one = torch.tensor([0.0, 1.0, 3.0]), torch.zeros(2, dtype=torch.long)
        >>> wanted = torch.tensor([0.5, 2.0])
        >>> interpolate_series(times[:, None].square(), times, pointer, wanted, one, cubic=True).flatten().tolist()
        [0.25, 4.0]
    """
    if mask is None:
        return _interpolate(x, times, pointer, wanted, series, cubic)
    patterns, which = mask.unique(dim=1, return_inverse=True)
    values = x.new_zeros(len(wanted), x.shape[1])
    for number, seen in enumerate(patterns.unbind(1)):
        columns, rows = (which == number).nonzero()[:, 0], seen.nonzero()[:, 0]
        before = torch.cat([seen.new_zeros(1, dtype=torch.long), seen.cumsum(0)])
        part = x[rows][:, columns]
        values[:, columns] = _interpolate(part, times[rows], before[pointer], wanted, series, cubic)
    return values


def _interpolate(
    x: Tensor, times: Tensor, pointer: Tensor, wanted: Tensor, series: Tensor, cubic: bool
) -> Tensor:
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
    share = torch.where(gap > 0, (wanted - times[left]) / torch.where(gap > 0, gap, 1.0), 0.0).clamp(0, 1)
    values = torch.lerp(x[left], x[right], share[:, None].to(x))
    if cubic:
        values = values + _bent(x, times, pointer, series, left, right, share)
    return torch.where((high >= low)[:, None], values, values.new_zeros(()))


def _bent(
    x: Tensor, times: Tensor, pointer: Tensor, series: Tensor, left: Tensor, right: Tensor, share: Tensor
) -> Tensor:
    """What a curve adds to the line from ``left`` to ``right``, ``share`` of the way; nothing at both ends."""
    a, b = times[left], times[right]
    gap = b - a
    before = search_segments(times, pointer, a - SUPPORT * gap, series, right=True) - 1
    behind = search_segments(times, pointer, b + SUPPORT * gap, series)
    has_before, has_behind = before >= pointer[series], behind < pointer[series + 1]
    before, behind = torch.where(has_before, before, left), torch.where(has_behind, behind, right)

    def part(of: Tensor) -> Tensor:
        return (gap / torch.where(of > 0, of, 1.0))[:, None].to(x)

    rise = x[right] - x[left]
    first = (rise - (x[left] - x[before]) * part(a - times[before])) * part(b - times[before])
    second = ((x[behind] - x[right]) * part(times[behind] - b) - rise) * part(times[behind] - a)
    blend = torch.where(has_before & has_behind, share, has_behind.to(share))
    curved = (has_before | has_behind) & (gap <= PAUSE * _median_steps(times, pointer)[series])
    much = torch.where(curved, share * (share - 1), 0.0)
    return much[:, None].to(x) * torch.lerp(first, second, blend[:, None].to(x))


def _median_steps(times: Tensor, pointer: Tensor) -> Tensor:
    """Median distance of consecutive different stamps of each series ``[S]``; infinite where there is one stamp."""
    count = pointer.diff()
    series = torch.arange(len(count), device=times.device).repeat_interleave(count, output_size=len(times))
    rises = (series[1:] == series[:-1]) & (times[1:] > times[:-1])
    step = torch.cat([torch.where(rises, times.diff(), torch.inf), times.new_full((1,), torch.inf)])
    order = step.argsort()
    order = order[series[order].argsort(stable=True)]  # by series, then by distance
    steps = segment_sum(rises.long(), series[:-1], len(count))
    middle = pointer[:-1] + (steps - 1).clamp(min=0) // 2
    return step[order][middle.clamp(max=len(times) - 1)]


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
