"""Cubic splines through ragged series, in the form of torchcde's coefficients."""

from __future__ import annotations

import enum

import torch
from torch import Tensor

from ccnn_pc.peers.padded import PaddedSeries


class Spline(enum.Enum):
    """HERMITE: slopes are backward differences, the past is all it knows. NATURAL: twice smooth, knows all samples."""

    HERMITE = "hermite"
    NATURAL = "natural"


def filled_path(series: PaddedSeries) -> Tensor:
    """Time and values ``[B, L, 1 + C]``, missing values filled in linearly in time.

    Before the first observation of a channel stands the first one, after the last the last; 0 in a channel that was
    never observed. That is what torchcde's ``linear_interpolation_coeffs`` does.

    Example:
        >>> times, mask = torch.tensor([[0.0, 1.0, 4.0]]), torch.tensor([[[True], [False], [True]]])
        >>> series = PaddedSeries(torch.tensor([[[2.0], [0.0], [10.0]]]), mask, times, torch.tensor([3]))
        >>> filled_path(series)[0, :, 1].tolist()
        [2.0, 4.0, 10.0]
    """
    length, mask = series.x.shape[1], series.mask
    index = torch.arange(length, device=mask.device)[None, :, None]
    before = torch.where(mask, index, -1).cummax(dim=1).values
    after = torch.where(mask, index, length).flip(1).cummin(dim=1).values.flip(1)
    none = (before < 0) & (after >= length)
    low = torch.where(before < 0, after, before).clamp(max=length - 1)
    high = torch.where(after >= length, before, after).clamp(min=0)
    times = series.times[..., None].expand_as(series.x)
    start, end = times.gather(1, low), times.gather(1, high)
    share = torch.where(high > low, (times - start) / (end - start).where(high > low, 1.0), 0.0)
    values = torch.lerp(series.x.gather(1, low), series.x.gather(1, high), share)
    return torch.cat([series.times[..., None], torch.where(none, 0.0, values)], dim=-1)


def spline_coefficients(path: Tensor, times: Tensor, lengths: Tensor, spline: Spline) -> Tensor:
    r"""Coefficients of the splines through the samples of each series, over the index of its samples.

    Between samples i and i + 1, with :math:`t = t_i + \sigma (t_{i+1} - t_i)`,

    .. math:: X(t) = a + b\, \sigma + \tfrac12 (2c)\, \sigma^2 + \tfrac13 (3d)\, \sigma^3

    which is the spline over times, run through at one interval per unit. A controlled equation does not see how fast
    its path is run through, so that series of different stamps can be solved together. Behind the end of a series X
    rests.

    Args:
        path: ``[B, L, C]``, L at least 2.
        times: ``[B, L]``, rising up to the end of each series.
        lengths: samples of each series ``[B]``.
        spline: hermite or natural.

    Returns:
        a, b, 2c, 3d side by side, ``[B, L - 1, 4 C]``, as ``torchcde.CubicSpline`` takes them.

    Raises:
        ValueError: a stamp that occurs twice.
    """
    inside = torch.arange(1, path.shape[1], device=path.device) < lengths[:, None]
    widths = torch.where(inside, times.diff(dim=1), 1.0)[..., None]
    if not bool((widths > 0).all()):
        raise ValueError(
            "'times' must rise within each series (got a stamp twice): a path has one value at a time"
        )
    change = torch.where(inside[..., None], path.diff(dim=1), 0.0)
    if spline is Spline.HERMITE:
        slope = change / widths
        b = widths * torch.cat([slope[:, :1], slope[:, :-1]], dim=1)
        two_c, three_d = 4 * (change - b), -3 * (change - b)
    else:
        slope = natural_slopes(change, torch.where(inside[..., None], 1 / widths, 0.0))
        b, end = widths * slope[:, :-1], widths * slope[:, 1:]
        two_c, three_d = 6 * change - 4 * b - 2 * end, 3 * (b + end) - 6 * change
    moving = [torch.where(inside[..., None], part, 0.0) for part in (b, two_c, three_d)]
    return torch.cat([path[:, :-1], *moving], dim=-1)


def natural_slopes(change: Tensor, rate: Tensor) -> Tensor:
    r"""Slopes k of natural splines at their samples, ``[B, L, C]``.

    .. math::
        r_{i-1} k_{i-1} + 2 (r_{i-1} + r_i) k_i + r_i k_{i+1} = 3 (r_{i-1}^2 \Delta_{i-1} + r_i^2 \Delta_i)

    with the change Δ ``[B, L - 1, C]`` over each interval and the inverse r ``[B, L - 1, 1]`` of its length, 0 beyond
    the ends.
    """
    nothing = torch.zeros_like(rate[:, :1])
    left, right = torch.cat([nothing, rate], dim=1), torch.cat([rate, nothing], dim=1)
    pull = 3 * rate.square() * change
    rest = torch.zeros_like(pull[:, :1])
    rhs = list((torch.cat([rest, pull], dim=1) + torch.cat([pull, rest], dim=1)).unbind(1))
    sums = left + right
    diagonal = list(torch.where(sums > 0, 2 * sums, 1.0).unbind(1))
    for i in range(1, len(rhs)):
        factor = left[:, i] / diagonal[i - 1]
        diagonal[i] = diagonal[i] - factor * right[:, i - 1]
        rhs[i] = rhs[i] - factor * rhs[i - 1]
    slopes = [rhs[-1] / diagonal[-1]]
    for i in range(len(rhs) - 2, -1, -1):
        slopes.append((rhs[i] - right[:, i] * slopes[-1]) / diagonal[i])
    return torch.stack(slopes[::-1], dim=1)
