"""Points in plain calls of torch: dense tables of neighbours, kernels edge by edge; what exported files compute."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ccnn_pc.domains.base import AbstractDomain, ConvolutionTerms
from ccnn_pc.domains.points.pyramid import PointPyramid
from ccnn_pc.domains.pooling import Pool, pool_segments
from ccnn_pc.domains.ragged import at_reference
from ccnn_pc.ops.coordinates import in_support, kernel_coordinates
from ccnn_pc.ops.segments import segment_sum


def clouds_of(sizes: Tensor, count: int) -> Tensor:
    """Cloud of each of ``count`` points, int64 ``[n]``, of the sizes of clouds ``[B]`` one after the other.

    Example:
        >>> clouds_of(torch.tensor([2, 3]), 5).tolist()
        [0, 0, 1, 1, 1]
    """
    return (torch.arange(count, device=sizes.device)[:, None] >= sizes.cumsum(0)[None]).long().sum(dim=1)


@dataclasses.dataclass(frozen=True)
class Nearby:
    """Which neighbours points have: k, and fewer in clouds of fewer than ``per`` points, as the data of training had.

    Attributes:
        k: the point itself included.
        metric: factors of the axes in the search; None: all alike.
        per: points of a cloud that k is meant for; None: k, whatever the number of points.
        fewest: neighbours that smaller clouds keep at least.

    Example:
        >>> Nearby(96, per=1024, fewest=8).counts(torch.tensor([2048, 1024, 512, 32])).tolist()
        [96, 96, 48, 8]
    """

    k: int
    metric: Sequence[float] | None = None
    per: int | None = None
    fewest: int = 1

    def counts(self, sizes: Tensor) -> Tensor:
        """How many neighbours there are in clouds of some sizes, like ``sizes``."""
        if self.per is None:
            return torch.full_like(sizes, self.k)
        share = (sizes.double() * self.k / self.per).round().long()
        return share.clamp(min=min(self.k, self.fewest), max=self.k)

    def search(self, pos: Tensor, sizes: Tensor) -> Tensor:
        """Neighbours of every point, int64 ``[n, k]``; see :func:`nearest`."""
        clouds = clouds_of(sizes, pos.shape[0])
        index = nearest(pos, clouds, pos, clouds, self.k, self.metric)
        kept = torch.arange(self.k, device=pos.device) < self.counts(sizes)[clouds][:, None]
        return torch.where(kept, index, -1)


def nearest(
    pos: Tensor, clouds: Tensor, query: Tensor, query_clouds: Tensor, k: int, metric: Sequence[float] | None
) -> Tensor:
    """The k nearest samples of each query in its own cloud, nearest first, int64 ``[m, k]``; -1 where there are fewer.

    All distances are formed, float64 ``[m, n]``: for clouds of a few thousand points. Of samples at equal distances
    at the end of a row any may be taken.

    Example:
        >>> pos, one = torch.tensor([[0.0], [1.0], [5.0]]), torch.zeros(3, dtype=torch.long)
        >>> nearest(pos, one, pos, one, 2, None).tolist(), nearest(pos, one, pos[:1], one[:1], 4, None).tolist()
        ([[0, 1], [1, 0], [2, 1]], [[0, 1, 2, -1]])
    """
    distance = torch.zeros((), dtype=torch.float64)
    for axis, factor in enumerate(metric or [1.0] * pos.shape[1]):
        if factor != 0:
            offset = (query[:, None, axis] - pos[None, :, axis]).double()
            distance = distance + (factor * offset).square()
    distance = torch.where(query_clouds[:, None] == clouds[None], distance, torch.inf)
    none = distance.new_full((1, k), torch.inf).expand(query.shape[0], k)  # rows shorter than k
    found, index = torch.cat([distance, none], dim=1).topk(k, dim=1, largest=False)
    return torch.where(found < torch.inf, index, -1)


class PlainPoints(AbstractDomain):
    """Points with a table of neighbours, which a graph of torch's own operators computes on.

    Args:
        pos: ``[n, D]``.
        sizes: points of each cloud, int64 ``[B]``.
        index: neighbours of each query among the samples, int64 ``[m, k]``; -1: none.
        query_pos: where outputs are wanted ``[m, D]``; None: at the samples.
        query_sizes: queries of each cloud ``[B]``.
        volume: V of each sample ``[n]``; None: all alike.
    """

    renders = True  # any kernel

    def __init__(
        self,
        pos: Tensor,
        sizes: Tensor,
        index: Tensor,
        query_pos: Tensor | None = None,
        query_sizes: Tensor | None = None,
        volume: Tensor | None = None,
    ) -> None:
        self.pos, self.sizes, self.index, self.volume = pos, sizes, index, volume
        self.query_pos = pos if query_pos is None else query_pos
        self.dim, self.num_samples, self.num_queries = pos.shape[1], pos.shape[0], self.query_pos.shape[0]
        self.batch = clouds_of(sizes, self.num_samples)
        self.query_batch = self.batch if query_sizes is None else clouds_of(query_sizes, self.num_queries)

    def to(self, device: Any) -> PlainPoints:
        """Exported files stay where they are."""
        raise NotImplementedError("points of an exported file stay on their device")

    def edges(self, reach: float) -> Tensor:
        """There are none: kernels are summed over the table."""
        raise NotImplementedError("points of an exported file have a table of neighbours, no edges")

    def rel(self, edge_index: Tensor) -> Tensor:
        """See :meth:`edges`."""
        raise NotImplementedError("points of an exported file have a table of neighbours, no edges")

    def segments(self) -> tuple[Tensor, int]:
        """Cloud of each query, and how many clouds there are."""
        return self.query_batch, self.sizes.shape[0]

    def quadrature(
        self, spacing: Tensor | Sequence[float], reference_count: float | Tensor | None
    ) -> Tensor | None:
        """As :meth:`ccnn_pc.domains.PointSet.quadrature` has them."""
        own = self.sizes.to(self.pos)
        total = own if self.volume is None else segment_sum(self.volume, self.batch, self.sizes.shape[0])
        count = own if reference_count is None else at_reference(own, reference_count)
        weights = (count / total)[self.batch]
        return weights if self.volume is None else self.volume * weights

    def convolve(self, x: Tensor, terms: ConvolutionTerms) -> tuple[Tensor, Tensor | None]:
        """The definition, over ``[m, k]`` pairs at once."""
        there = self.index.clamp(min=0)
        rel = self.pos[there] - self.query_pos[:, None]
        u = kernel_coordinates(rel, terms.extent, terms.causal)
        inside = (in_support(u) & (self.index >= 0))[..., None].to(terms.extent)
        u = u.clamp(-1, 1).to(terms.extent)
        values = terms.kernel(u) * (terms.window(u) * inside)
        if terms.separable:
            return (values * x[there]).sum(dim=1), None
        full = values.unflatten(-1, (-1, terms.channels_in))
        return torch.einsum("mkoc,mkc->mo", full, x[there]), None

    def pool(self, x: Tensor, reduce: Pool = Pool.MEAN) -> Tensor:
        """One row per cloud; the mean is weighted by the volumes."""
        return pool_segments(x, *self.segments(), reduce, self.volume)


class PlainPyramid(PlainPoints, PointPyramid):  # type: ignore[misc]
    """A cloud with coarser clouds of itself, as :class:`ccnn_pc.domains.PointPyramid`.

    Args:
        clouds: from fine to coarse.
        down: samples on a cloud, queries on the next coarser one.
        up: samples on the coarser cloud, queries on the finer one.
    """

    def __init__(
        self, clouds: Sequence[PlainPoints], down: Sequence[PlainPoints], up: Sequence[PlainPoints]
    ) -> None:
        self.__dict__.update(clouds[0].__dict__)
        self.clouds, self.down, self.up = tuple(clouds), tuple(down), tuple(up)  # type: ignore[assignment, arg-type]
