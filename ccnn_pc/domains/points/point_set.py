"""Point clouds: samples anywhere, neighbours by k-NN, radius or any graph."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ccnn_pc._checks import check_at_least, check_batch, check_extent, check_positions, check_positive
from ccnn_pc._choices import choice
from ccnn_pc.domains.base import AbstractDomain, ConvolutionTerms
from ccnn_pc.domains.factorized import fused_terms, penalty_from_moments
from ccnn_pc.domains.grid.rendered import TAP_TOLERANCE
from ccnn_pc.domains.points.checks import (
    centered,
    centers,
    check_neighbors,
    check_on_lattice,
    check_query_batch,
    check_volume,
)
from ccnn_pc.domains.points.joined_rows import JoinedRows
from ccnn_pc.domains.points.lattice import convolve_on_lattice
from ccnn_pc.domains.pooling import Pool, pool_segments
from ccnn_pc.ops.neighbors.graph import Graph, check_edges
from ccnn_pc.ops.neighbors.k_nearest import Backend, Neighbors, knn
from ccnn_pc.ops.neighbors.radius_graph import radius
from ccnn_pc.ops.neighbors.rows import Rows
from ccnn_pc.ops.points.convolution import PointGeometry, point_convolution


class PointSet(AbstractDomain):
    """A ragged batch of point clouds.

    Positions are moved to the centre of their cloud in float64 before anything else happens, so that clouds in map
    coordinates keep their detail; convolutions see differences only and do not notice.

    Args:
        pos: samples ``[n, D]``, float32 or float64, in the data's own units.
        batch: cloud of each sample, sorted int64 ``[n]``; None is one cloud.
        query_pos: where outputs are wanted ``[m, D]``; default at the samples.
        query_batch: cloud of each query ``[m]``.
        edge_index: neighbours as a graph ``[2, E]``, row 0 samples, row 1 queries, in any order.
        neighbors: neighbours as a table or graph, e.g. computed in a data loader; sorted by distance here if they
            are not.
        volume: the volume V each sample stands for ``[n]``, e.g. from
            :func:`ccnn_pc.ops.points.density.inverse_density_volume`; None: all samples of a cloud alike.
        lattice: spacing of the lattice that all positions of a cloud lie on, one number or one per axis (voxels):
            offsets become exact, and kernels are evaluated once per distinct offset.

    Raises:
        TypeError: half precision or integer positions, a batch vector that is not of integers.
        ValueError: empty clouds, NaN or infinite positions, mismatched lengths, an unsorted batch vector, neighbours
            out of range, positions off the lattice.

    Example:
        >>> pos, batch = torch.rand(5, 3), torch.tensor([0, 0, 0, 1, 1])
        >>> PointSet(pos, batch).knn(3)
        PointSet(samples=5, clouds=2, dim=3, neighbors=3)
    """

    def __init__(
        self,
        pos: Tensor,
        batch: Tensor | None = None,
        *,
        query_pos: Tensor | None = None,
        query_batch: Tensor | None = None,
        edge_index: Tensor | None = None,
        neighbors: Neighbors | Graph | None = None,
        volume: Tensor | None = None,
        lattice: float | Sequence[float] | None = None,
    ) -> None:
        check_positions("pos", pos)
        self.batch = check_batch("batch", batch, pos)
        self.num_clouds = int(self.batch[-1]) + 1
        self.dim = pos.shape[1]
        self.center = centers(pos, self.batch, self.num_clouds)
        self.pos = centered(pos, self.center, self.batch)
        self.bipartite = query_pos is not None
        if query_pos is None:
            if query_batch is not None:
                raise ValueError("'query_batch' needs 'query_pos' beside it (got query_pos=None)")
            self.query_pos, self.query_batch = self.pos, self.batch
        else:
            check_positions("query_pos", query_pos, self.dim)
            if query_pos.dtype != pos.dtype:
                raise TypeError(
                    f"'query_pos' must have the dtype of 'pos' ({pos.dtype}; got {query_pos.dtype})"
                )
            self.query_batch = check_query_batch(query_batch, query_pos, self.num_clouds)
            self.query_pos = centered(query_pos, self.center, self.query_batch)
        self.num_samples, self.num_queries = len(self.pos), len(self.query_pos)
        self.lattice = None if lattice is None else check_extent("lattice", lattice, self.dim).double()
        if self.lattice is not None:
            check_on_lattice(self.pos, self.query_pos, self.batch, self.query_batch, self.lattice)
        self.volume = check_volume(volume, self.pos)
        if edge_index is not None and neighbors is not None:
            raise ValueError("'edge_index' and 'neighbors' exclude each other (got both)")
        self.neighbors: Neighbors | Graph | None = neighbors
        if edge_index is not None:
            self.neighbors = self._graph(edge_index)
        elif neighbors is not None:
            check_neighbors(neighbors, self.num_samples, self.num_queries)
        self._joined: JoinedRows | None = None
        if neighbors is not None and not self._joined_rows().nearest_first():
            self.neighbors, self._joined = self._graph(neighbors.to_edge_index()), None

    def __repr__(self) -> str:
        parts = [f"samples={self.num_samples}", f"clouds={self.num_clouds}", f"dim={self.dim}"]
        if self.bipartite:
            parts.insert(1, f"queries={self.num_queries}")
        if isinstance(self.neighbors, Neighbors):
            parts.append(f"neighbors={self.neighbors.k}")
        elif self.neighbors is not None:
            parts.append(f"edges={len(self.neighbors.index)}")
        return f"PointSet({', '.join(parts)})"

    def _with(self, **changes: Any) -> PointSet:
        """A copy that shares all tensors but ``changes``; positions are not checked or centred again."""
        other = object.__new__(PointSet)
        other.__dict__.update(self.__dict__, _joined=None)
        other.__dict__.update(changes)
        return other

    def to(self, device: Any) -> PointSet:
        """The same points on another device."""
        tensors = {
            k: v.to(device) for k, v in self.__dict__.items() if isinstance(v, (Tensor, Neighbors, Graph))
        }
        return self._with(**tensors)

    def knn(self, k: int, backend: Backend = Backend.AUTO) -> PointSet:
        """The same points, joined to their ``k`` nearest samples (fewer where a cloud has fewer).

        Args:
            k: neighbours per query, the query itself included where it is a sample.
            backend: who searches; see :class:`ccnn_pc.ops.neighbors.k_nearest.Backend`.

        Raises:
            ValueError: k < 1.
        """
        check_at_least("k", k, 1)
        if self.bipartite:
            table = knn(
                self.pos,
                k,
                self.batch,
                query_pos=self.query_pos,
                query_batch=self.query_batch,
                backend=backend,
            )
        else:
            table = knn(self.pos, k, self.batch, backend=backend)
        return self._with(neighbors=table)

    def radius(self, r: float) -> PointSet:
        """The same points, joined to every sample within ``r`` (position units), however many there are.

        Raises:
            ValueError: r is not positive and finite.
        """
        check_positive("r", r)
        if self.bipartite:
            edge_index = radius(
                self.pos, r, self.batch, query_pos=self.query_pos, query_batch=self.query_batch
            )
        else:
            edge_index = radius(self.pos, r, self.batch)
        return self._with(neighbors=Graph.from_edge_index(edge_index, self.num_queries))

    def weighted(self, volume: Tensor | None) -> PointSet:
        """The same points with other volumes V ``[n]``; see the class."""
        return self._with(volume=check_volume(volume, self.pos))

    def covers(self, reach: float) -> Tensor:
        """For which queries every sample within ``reach`` is a neighbour, boolean ``[m]``.

        Where it is False the k-th neighbour lies closer than the kernel reaches, and sums over neighbours do not
        converge to the integral, however many points there are.
        """
        joined = self._joined_rows()
        rows = joined.rows
        last = rows.start + rows.length.clamp(min=1) - 1
        furthest = torch.where(rows.length > 0, joined.distances()[last], -torch.inf)
        in_cloud = torch.bincount(self.batch, minlength=self.num_clouds)[self.query_batch]
        return (furthest > reach) | (rows.length >= in_cloud)

    def edges(self, reach: float = math.inf) -> Tensor:
        """Neighbours as ``edge_index [2, E]``, those farther than ``reach`` left out."""
        edge_index = self._given().to_edge_index()
        if math.isinf(reach):
            return edge_index
        return edge_index[:, self.rel(edge_index).norm(dim=1) <= reach]

    def rel(self, edge_index: Tensor) -> Tensor:
        """Offsets sample - query ``[E, D]``; on a lattice float64, whole steps times spacing."""
        rel = self.pos[edge_index[0]] - self.query_pos[edge_index[1]]
        if self.lattice is None:
            return rel
        spacing = self.lattice.to(rel.device)
        return (rel.double() / spacing).round() * spacing

    def tolerance(self, extent: Tensor) -> float | None:
        """On a lattice a small part of its spacing, in kernel coordinates."""
        if self.lattice is None:
            return None
        return TAP_TOLERANCE * float((self.lattice / extent.detach().cpu().double()).min())

    def segments(self) -> tuple[Tensor, int]:
        """Cloud of each query, and how many clouds there are."""
        return self.query_batch, self.num_clouds

    def quadrature(
        self, spacing: Tensor | None = None, reference_count: float | None = None
    ) -> Tensor | None:
        r"""Weights of the samples, :math:`w_j = N_\mathrm{ref} V_j / \sum_\mathrm{cloud} V`.

        Args:
            spacing: not used: clouds have no common one.
            reference_count: points per cloud in training; None is the cloud's own count.

        Returns:
            ``[n]``, or None where every weight is 1.
        """
        if self.volume is None and reference_count is None:
            return None
        volume = self.pos.new_ones(self.num_samples) if self.volume is None else self.volume
        total = volume.new_zeros(self.num_clouds).index_add(0, self.batch, volume)
        if reference_count is None:
            count = torch.bincount(self.batch, minlength=self.num_clouds).to(total)
        else:
            count = torch.full_like(total, reference_count)
        return volume * (count / total)[self.batch]

    def convolve(self, x: Tensor, terms: ConvolutionTerms) -> tuple[Tensor, Tensor | None]:
        """The fused operator: see :func:`ccnn_pc.ops.points.convolution.point_convolution`."""
        if self.lattice is not None:
            return convolve_on_lattice(
                x, terms, self._joined_rows(), self.lattice.to(x.device), self.tolerance(terms.extent)
            )
        profile, table = fused_terms(terms)
        joined = self._joined_rows()
        reach = float(terms.window.reach(terms.extent, terms.threshold))
        geometry = PointGeometry(
            self.pos,
            self.query_pos,
            joined.within(reach),
            terms.extent,
            terms.causal,
            self.tolerance(terms.extent),
            rel=joined.offsets(),
        )
        y, moments = point_convolution(x, geometry, profile, table, gram=terms.penalty)
        return y, None if moments is None else penalty_from_moments(moments, table, self.num_queries)

    def pool(self, x: Tensor, reduce: Pool = Pool.MEAN) -> Tensor:
        """One row per cloud; the mean is weighted by the volumes."""
        reduce = choice("reduce", reduce, Pool)
        if reduce is Pool.LAST:
            raise ValueError("'reduce' must not be LAST where samples have no order (got a PointSet)")
        volume = None if self.bipartite else self.volume
        return pool_segments(x, self.query_batch, self.num_clouds, reduce, volume)

    def _graph(self, edge_index: Tensor) -> Graph:
        """A user's graph, each query's samples sorted by distance so that a prefix of them is all within a radius."""
        check_edges(edge_index, self.num_queries)
        if edge_index.shape[1] and int(edge_index[0].max()) >= self.num_samples:
            raise ValueError(
                f"'edge_index' must name samples below {self.num_samples} in row 0 (got {int(edge_index[0].max())})"
            )
        distance = self.rel(edge_index).norm(dim=1)
        return Graph.from_edge_index(edge_index[:, distance.argsort(stable=True)], self.num_queries)

    def _given(self) -> Neighbors | Graph:
        if self.neighbors is None:
            raise ValueError(
                "this PointSet has no neighbours yet: call .knn(k) or .radius(r), or give 'edge_index'"
            )
        return self.neighbors

    @property
    def requires_grad(self) -> bool:
        """Whether somebody wants gradients with respect to positions."""
        return self.pos.requires_grad or self.query_pos.requires_grad

    def _joined_rows(self) -> JoinedRows:
        if self._joined is None:
            self._joined = JoinedRows(self.pos, self.query_pos, Rows(*self._given().flat()))
        return self._joined
