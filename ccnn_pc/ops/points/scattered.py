"""Values of scattered samples at other places."""

from __future__ import annotations

import torch
from torch import Tensor

from ccnn_pc.ops.neighbors.k_nearest import knn

#: Nearest samples that a value is made of, and the width of the weights in mean distances of samples around.
NEAREST, WIDTH = 9, 0.3
#: Nearer than this part of that distance a sample lies where a value is wanted.
SAME_PLACE = 1e-3


def interpolate_scattered(
    x: Tensor, pos: Tensor, batch: Tensor, wanted: Tensor, query_batch: Tensor
) -> Tensor:
    r"""Normalised Gaussian weights over the nearest samples, as wide as these are far apart.

    .. math::
        \tilde x(q) = \frac{\sum_j g_j x_j}{\sum_j g_j}, \qquad g_j = e^{-|p_j - q|^2 / 2 \sigma^2}, \qquad
        \sigma = 0.3\, h, \qquad h = r_k (V_D / k)^{1/D}

    over the k = 9 nearest samples of a place q, with the distance :math:`r_k` of the furthest of them and the volume
    :math:`V_D` of the unit ball: h is the spacing that a lattice of that density has (Nadaraya 1964, Watson 1964).
    Constants are reproduced; the error is of first order in the spacing. Where a sample lies, its own value is read.

    Args:
        x: samples ``[n, C]``.
        pos: where they lie ``[n, D]``.
        batch: cloud of each, sorted ``[n]``; every cloud has one.
        wanted: where values are wanted ``[m, D]``.
        query_batch: cloud of each, sorted ``[m]``.

    Returns:
        ``[m, C]``; differentiable in x.

    Example:
        >>> pos = torch.cartesian_prod(torch.arange(4.0), torch.arange(4.0))
        >>> one, where = torch.zeros(16, dtype=torch.long), torch.tensor([[1.0, 2.0], [1.5, 2.0]])
        >>> interpolate_scattered(pos[:, :1], pos, one, where, one[:2]).flatten().tolist()
        [1.0, 1.49999...]
    """
    found = knn(pos, NEAREST, batch, query_pos=wanted, query_batch=query_batch)
    index, count = found.index.long(), found.count.to(torch.float64)
    square = (pos.double()[index] - wanted.double()[:, None]).square().sum(2)  # [m, k]
    dim = pos.shape[1]
    ball = torch.pi ** (dim / 2) / torch.exp(torch.lgamma(torch.tensor(dim / 2 + 1, dtype=torch.float64)))
    spacing = square[:, -1].sqrt() * (ball.to(square) / count) ** (
        1 / dim
    )  # rows are padded with their furthest
    width = (WIDTH * spacing).clamp(min=torch.finfo(square.dtype).tiny ** 0.5)
    nearer = (square[:, :1] - square) / (
        2 * width.square()[:, None]
    )  # 0 for the nearest, so that weights never vanish
    real = torch.arange(found.k, device=pos.device) < found.count[:, None]
    there = square[:, 0] <= (SAME_PLACE * spacing).square()  # then the nearest alone
    real[:, 1:] &= ~there[:, None]
    weight = torch.where(real, nearer, -torch.inf).softmax(1).to(x)
    return torch.einsum("mk,mkc->mc", weight, x[index])
