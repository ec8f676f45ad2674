"""How many samples a kernel sums over: what its initial values are divided by."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ccnn_pc.kernels.windows import AbstractWindow
from ccnn_pc.ops.coordinates import in_support, kernel_coordinates

#: A reference cloud with more points than this would cost more than it tells.
MAX_REFERENCE_POINTS = 1024


def fan_of_offsets(rel: Tensor, window: AbstractWindow, extent: Tensor, causal: bool = False) -> float:
    r"""The fan of given offsets, :math:`\sum_j m(u_j)^2`, averaged over queries.

    Args:
        rel: offsets sample - query, ``[queries, taps, D]``, in position units.
        window: the envelope m.
        extent: reach per axis ``[D]``.
        causal: see :func:`kernel_coordinates`.
    """
    u = kernel_coordinates(rel.double(), extent.double(), causal)
    with torch.no_grad():
        m = window(u.clamp(-1, 1).to(next(window.parameters(), torch.zeros(())).dtype))[..., 0].double()
    return float((m.square() * in_support(u, 1e-6)).sum(-1).mean())


def grid_fan(window: AbstractWindow, extent: Tensor, spacing: Tensor, causal: bool = False) -> float:
    """The fan on a regular grid: all taps within the extent, ``2 * extent / spacing + 1`` per axis (one side if causal).

    Example:
        >>> from ccnn_pc.kernels import NoWindow
        >>> grid_fan(NoWindow(2), torch.tensor([2.0, 1.0]), torch.ones(2))  # 5 x 3 taps
        15.0
    """
    axes = []
    for reach, step in zip(extent.tolist(), spacing.tolist(), strict=True):
        taps = math.floor(reach / step + 1e-4)
        axes.append(torch.arange(-taps, 1 if causal else taps + 1, dtype=torch.float64) * step)
    rel = torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1).flatten(0, -2)
    return fan_of_offsets(rel[None], window, extent, causal)


def cloud_fan(
    window: AbstractWindow, extent: Tensor, num_points: int = 512, num_neighbors: int = 256, causal: bool = False
) -> float:
    """The fan on a reference cloud: points spread evenly over the unit sphere, each with its nearest neighbours.

    In one or two dimensions the points fill the interval [-1, 1] or a Fibonacci disc. Real surfaces differ by a factor
    of about two either way; the norms after the first layer absorb it.

    Args:
        window: the envelope m.
        extent: reach per axis ``[D]``.
        num_points: points of a cloud in training (beyond 1024 the fan of 1024 is scaled up).
        num_neighbors: neighbours per query, itself included.
        causal: see :func:`kernel_coordinates`.
    """
    used = min(num_points, MAX_REFERENCE_POINTS)
    k = max(1, min(used, round(num_neighbors * used / num_points)))
    pos = _even_cloud(len(extent), used)
    query = pos[:: max(1, used // 64)]
    nearest = torch.cdist(query, pos).topk(k, largest=False).indices
    fan = fan_of_offsets(pos[nearest] - query[:, None], window, extent, causal)
    # the query itself counts once; all others in proportion to the density
    return 1.0 + max(fan - 1.0, 0.0) * min(num_points, num_neighbors) / k if num_points > used else max(fan, 1.0)


def _even_cloud(dim: int, n: int) -> Tensor:
    """``n`` points spread evenly, float64 ``[n, dim]``: interval, Fibonacci disc, Fibonacci sphere."""
    i = torch.arange(n, dtype=torch.float64) + 0.5
    angle = i * math.pi * (3 - math.sqrt(5))
    if dim == 1:
        return (2 * i / n - 1)[:, None]
    if dim == 2:
        return (i / n).sqrt()[:, None] * torch.stack([angle.cos(), angle.sin()], 1)
    if dim == 3:
        z = 1 - 2 * i / n
        ring = (1 - z.square()).sqrt()
        return torch.stack([ring * angle.cos(), ring * angle.sin(), z], 1)
    return 2 * torch.quasirandom.SobolEngine(dim).draw(n, dtype=torch.float64) - 1
