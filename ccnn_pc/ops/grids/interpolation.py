"""Values of regular grids between their samples: on straight lines, or on cubic curves."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor


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
    left, share = _before(x, axis, position)
    right = (left + 1) % size if circular else (left + 1).clamp(max=size - 1)
    return torch.lerp(x.index_select(axis, left), x.index_select(axis, right), share)


def cubic_axis(x: Tensor, axis: int, position: Tensor, *, circular: bool = False) -> Tensor:
    r"""Values of a regular grid along one axis, piecewise cubic through the samples.

    .. math:: \tilde x(j + s) = \sum_{t=-1}^{2} k(s - t)\, x_{j+t}

    with the kernel of Keys (1981, eq. 8, a = -1/2), whose error is of third order in the spacing; polynomials of degree
    two are reproduced. Beyond both ends stand samples of the parabola through the last three (his eq. 25).

    Args:
        x: ``[..., S, ...]``.
        axis: which axis.
        position: where values are wanted, in samples, float64 ``[m]`` in [0, S - 1], or in [0, S) on a circle.
        circular: whether the first sample follows the last.

    Returns:
        ``[..., m, ...]``; differentiable in x. At whole positions exactly the samples.

    Example:
        >>> x = torch.arange(5.0)[None].square()
        >>> cubic_axis(x, 1, torch.tensor([0.5, 1.0, 2.5], dtype=torch.float64)).tolist()
        [[0.25, 1.0, 6.25]]
    """
    left, s = _before(x, axis, position)
    padded = _wrapped(x, axis) if circular else _extrapolated(x, axis)
    before, here, after, beyond = (
        weight * padded.index_select(axis, left + t) for t, weight in enumerate(_weights(s))
    )
    return before + here + after + beyond


def coarser_axis(x: Tensor, axis: int, step: float) -> Tensor:
    r"""Values of a regular grid along one axis at cells of ``step`` samples: what a coarser camera would have seen.

    .. math:: \tilde x_j = \frac{\sum_i k((i - c_j) / \Delta)\, x_i}{\sum_i k((i - c_j) / \Delta)}, \qquad
        c_j = (j + \tfrac12) \Delta - \tfrac12

    with Keys' kernel k of :func:`cubic_axis`, stretched over the step :math:`\Delta`, so that it cuts frequencies that
    the cells cannot show; at a step of 1 the samples themselves. Cells fill the axis from its first border on; the last
    one reaches beyond it by at most half, or leaves less than half of one.

    Args:
        x: ``[..., S, ...]``.
        axis: which axis.
        step: samples per cell, at least 1.

    Returns:
        ``[..., m, ...]``, m being S / step, rounded, at least 1; differentiable in x.

    Example:
        >>> coarser_axis(torch.arange(16.0), 0, 2).tolist()[3:5]
        [6.5, 8.5]
    """
    size = x.shape[axis]
    place = torch.arange(size, dtype=torch.float64, device=x.device)
    center = (place[: max(1, round(size / step))] + 0.5) * step - 0.5
    weight = _keys((place - center[:, None]) / step)
    weight = (weight / weight.sum(1, keepdim=True)).to(x.dtype)
    return torch.tensordot(x.movedim(axis, -1), weight, dims=([-1], [1])).movedim(-1, axis)


def between_cells(y: Tensor, axis: int, size: int, step: float) -> Tensor:
    """Values at the ``size`` samples of an axis from those at its cells, straight lines between their centres.

    Args:
        y: ``[..., m, ...]``, at cells of :func:`coarser_axis`.
        axis: which axis.
        size: samples S.
        step: samples per cell.

    Example:
        >>> between_cells(torch.tensor([0.5, 2.5, 4.5]), 0, 6, 2).tolist()
        [0.5, 1.0, 2.0, 3.0, 4.0, 4.5]
    """
    place = (torch.arange(size, dtype=torch.float64, device=y.device) + 0.5) / step - 0.5
    return interpolate_axis(y, axis, place.clamp(0, y.shape[axis] - 1))


def _keys(distance: Tensor) -> Tensor:
    """Keys' kernel (1981, eq. 8 with a = -1/2)."""
    t = distance.abs()
    near, far = 1.5 * t**3 - 2.5 * t**2 + 1, -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2
    return torch.where(t <= 1, near, torch.where(t < 2, far, 0.0))


def cubic_at(x: Tensor, position: Tensor) -> Tensor:
    r"""Values of a regular grid of any dimension at places of their own, by :func:`cubic_axis` along every axis.

    .. math:: \tilde x(p) = \sum_{t \in \{-1, \dots, 2\}^D} x_{j + t} \prod_d k(s_d - t_d), \qquad p = j + s

    Args:
        x: one grid ``[C, *S]``.
        position: where values are wanted, in samples, float64 ``[m, D]``, each in [0, S_d - 1].

    Returns:
        ``[m, C]``; differentiable in x.

    Example:
        >>> x = torch.arange(4.0)[:, None].square() + torch.arange(5.0)
        >>> cubic_at(x[None], torch.tensor([[0.5, 3.25], [3.0, 4.0]], dtype=torch.float64)).flatten().tolist()
        [3.5, 13.0]
    """
    sizes = torch.tensor(x.shape[1:], device=x.device)
    left = torch.minimum(position.floor().long().clamp(min=0), sizes - 1)
    weights = [
        torch.stack(_weights(share)) for share in (position - left).to(x.dtype).unbind(1)
    ]  # D of [4, m]
    for axis in range(len(sizes)):
        x = _extrapolated(x, axis + 1)
    values = x.new_zeros(len(position), len(x))
    for taps in itertools.product(range(4), repeat=len(sizes)):
        weight = torch.stack([each[t] for each, t in zip(weights, taps, strict=True)]).prod(0)
        place: tuple[Tensor, ...] = (left + left.new_tensor(taps)).unbind(1)
        values = values + weight[:, None] * x.movedim(0, -1)[place]
    return values


def _weights(s: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """What the four samples around a place count there, s behind the second of them."""
    s2, s3 = s.square(), s**3
    return (2 * s2 - s - s3) / 2, (3 * s3 - 5 * s2 + 2) / 2, (4 * s2 + s - 3 * s3) / 2, (s3 - s2) / 2


def _wrapped(x: Tensor, axis: int) -> Tensor:
    """One sample more in front of a circle, and two behind."""
    size = x.shape[axis]
    around = torch.arange(-1, size + 2, device=x.device) % size
    return x.index_select(axis, around)


def _extrapolated(x: Tensor, axis: int) -> Tensor:
    """The same for an axis with ends: of parabolas, lines where there are two samples, constants where there is one."""
    size = x.shape[axis]
    first = _beyond([x.narrow(axis, i, 1) for i in range(min(size, 3))])
    last = _beyond([x.narrow(axis, size - 1 - i, 1) for i in range(min(size, 3))])
    return torch.cat([first, x, last, last], dim=axis)


def _beyond(ends: list[Tensor]) -> Tensor:
    """The next of up to three equally spaced numbers, counted from the end."""
    if len(ends) == 1:
        return ends[0]
    return 2 * ends[0] - ends[1] if len(ends) == 2 else 3 * ends[0] - 3 * ends[1] + ends[2]


def _before(x: Tensor, axis: int, position: Tensor) -> tuple[Tensor, Tensor]:
    """The sample before each position along an axis, and how far behind it the position lies, as wide as ``x``."""
    left = position.floor().long().clamp(0, x.shape[axis] - 1)
    return left, (position - left).to(x.dtype).view([-1] + [1] * (x.dim() - 1 - axis % x.dim()))
