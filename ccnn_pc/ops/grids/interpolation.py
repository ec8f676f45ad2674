"""Cubic interpolation between the samples of regular grids."""

from __future__ import annotations

import torch
from torch import Tensor


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
    size = x.shape[axis]
    left = position.floor().long().clamp(0, size - 1)
    share = (position - left).to(x.dtype).view([-1] + [1] * (x.dim() - 1 - axis % x.dim()))
    padded = _wrapped(x, axis) if circular else _extrapolated(x, axis)
    before, here, after, beyond = (padded.index_select(axis, left + t) for t in range(4))
    s, s2, s3 = share, share.square(), share**3
    return (
        (2 * s2 - s - s3) / 2 * before
        + (3 * s3 - 5 * s2 + 2) / 2 * here
        + (4 * s2 + s - 3 * s3) / 2 * after
        + (s3 - s2) / 2 * beyond
    )


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
