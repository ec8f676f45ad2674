"""How many samples a kernel sums over: what its initial values are divided by."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ccnn_pc._checks import check_at_least, check_positive
from ccnn_pc.kernels.windows import AbstractWindow
from ccnn_pc.ops.cells import cell_coordinates
from ccnn_pc.ops.coordinates import in_support, kernel_coordinates

#: Reference geometries are thinned out to this many points, or taps: more would cost more than they tell.
MAX_REFERENCE_POINTS, MAX_REFERENCE_TAPS = 1024, 1 << 14
#: Queries of a reference cloud that are looked at.
REFERENCE_QUERIES = 64


@dataclass(frozen=True)
class Reference:
    """Offsets that a layer will typically sum over.

    Attributes:
        rel: offsets sample - query ``[queries, taps, D]``, float64, in position units.
        repeats: how many real taps each stands for, where the geometry was thinned out.
    """

    rel: Tensor
    repeats: float = 1.0

    def coordinates(
        self, window: AbstractWindow, extent: Tensor, causal: bool = False, endpoint: float = 1.0
    ) -> tuple[Tensor, Tensor]:
        """Kernel coordinates ``[E, D]`` and squared window ``[E]`` (0 outside of the support), float64.

        The window counts ``endpoint`` times at offset 0.
        """
        u = kernel_coordinates(self.rel.flatten(0, 1), extent.double(), causal)
        inside = in_support(u, 1e-6)
        dtype = next(window.parameters(), torch.zeros(())).dtype
        with torch.no_grad():
            squared = window(u.clamp(-1, 1).to(dtype))[:, 0].double().square() * inside
        present = (self.rel.flatten(0, 1) == 0).all(dim=1).to(squared)
        squared = squared * (1.0 + (endpoint**2 - 1.0) * present)
        return u.clamp(-1, 1), squared

    def fan(
        self, window: AbstractWindow, extent: Tensor, causal: bool = False, endpoint: float = 1.0
    ) -> float:
        r"""The fan :math:`\sum_j m(u_j)^2`, mean over queries; ``endpoint`` as in :meth:`coordinates`.

        Example:
            >>> from ccnn_pc.kernels import NoWindow
            >>> grid_reference(torch.tensor([2.0, 1.0]), torch.ones(2)).fan(NoWindow(2), torch.tensor([2.0, 1.0]))
            15.0
        """
        squared = self.coordinates(window, extent, causal, endpoint)[1]
        return self.repeats * float(squared.sum()) / len(self.rel)


def grid_reference(extent: Tensor, spacing: Tensor, causal: bool = False) -> Reference:
    """All taps of a regular grid within the extent: ``2 * extent / spacing + 1`` per axis (one side if causal).

    Raises:
        ValueError: more of them than int64 counts.
    """
    steps = spacing.tolist()
    behind = [math.floor(reach / step + 1e-4) for reach, step in zip(extent.tolist(), steps, strict=True)]
    sizes = [taps + 1 if causal else 2 * taps + 1 for taps in behind]
    count = math.prod(sizes)
    if count >= 1 << 63:
        raise ValueError(
            f"'extent' must hold fewer than 2^63 samples at the spacing {steps} (got {extent.tolist()})"
        )
    every = -(-count // MAX_REFERENCE_TAPS)
    number = torch.arange((count // 2) % every, count, every)  # the middle tap, the query itself, stays
    tap = cell_coordinates(number, sizes) - torch.tensor(behind)
    thin = tap.double() * torch.tensor(steps, dtype=torch.float64)
    return Reference(thin[None], count / len(thin))


@dataclass(frozen=True)
class CloudReference:
    """Points spread evenly over the unit sphere, each with its nearest neighbours, itself included.

    In one or two dimensions the points fill the interval [-1, 1] or a disc. Real surfaces differ by a factor of about
    two either way; the norms after a layer absorb it.

    Attributes:
        num_points: points of a cloud in training.
        num_neighbors: neighbours per query.
        spacing: distance of neighbouring points, in position units: the sphere is as large as that asks for. None: 1
            is its radius.

    Raises:
        ValueError: a number below 1, a spacing that is not positive.

    Example:
        >>> CloudReference(100, 9).offsets(3).rel.shape
        torch.Size([100, 9, 3])
    """

    num_points: int = 512
    num_neighbors: int = 256
    spacing: float | None = None

    def __post_init__(self) -> None:
        check_at_least("num_points", self.num_points, 1)
        check_at_least("num_neighbors", self.num_neighbors, 1)
        if self.spacing is not None:
            check_positive("spacing", self.spacing)

    def offsets(self, dim: int) -> Reference:
        """The offsets in so many dimensions."""
        found = _cloud_offsets(dim, self.num_points, self.num_neighbors)
        if self.spacing is None:
            return found
        nearest = found.rel.norm(dim=2).topk(min(2, found.rel.shape[1]), largest=False).values[:, -1].median()
        return Reference(found.rel * (self.spacing / nearest.clamp(min=1e-300)), found.repeats)


@functools.lru_cache(maxsize=16)
def _cloud_offsets(dim: int, num_points: int, num_neighbors: int) -> Reference:
    used = min(num_points, MAX_REFERENCE_POINTS)
    k = max(1, min(used, round(num_neighbors * used / num_points)))
    pos = _even_cloud(dim, used)
    query = pos[:: max(1, used // REFERENCE_QUERIES)]
    nearest = torch.cdist(query, pos).topk(k, largest=False).indices
    return Reference(pos[nearest] - query[:, None], min(num_points, num_neighbors) / k)


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
