"""Point clouds: samples anywhere, neighbours by k-NN, radius or any graph."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ccnn_pc._autograd import is_tracked
from ccnn_pc._checks import (
    check_at_least,
    check_batch,
    check_extent,
    check_metric,
    check_positions,
    check_positive,
    check_query_batch,
    check_same_length,
)
from ccnn_pc._choices import choice
from ccnn_pc._values import is_batched, number, readable
from ccnn_pc.domains.base import AbstractDomain, ConvolutionTerms
from ccnn_pc.domains.factorized import (
    convolve_factorized,
    fused_terms,
    penalty_from_moments,
    runs_natively,
)
from ccnn_pc.domains.grid.grid import Grid
from ccnn_pc.domains.grid.rendered import TAP_TOLERANCE
from ccnn_pc.domains.points.coverage import judge_coverage
from ccnn_pc.domains.points.edge_geometry import EdgeGeometry
from ccnn_pc.domains.points.on_grid import cells_of_samples, first_cells, on_background
from ccnn_pc.domains.pooling import Pool, pool_segments
from ccnn_pc.domains.ragged import at_reference, centered, centers
from ccnn_pc.domains.sampling import Interpolation, Sampling
from ccnn_pc.kernels.windows import AbstractWindow
from ccnn_pc.ops.coordinates import in_support, kernel_coordinates
from ccnn_pc.ops.neighbors.graph import Graph
from ccnn_pc.ops.neighbors.k_nearest import Backend, Neighbors, knn, nearest_first
from ccnn_pc.ops.neighbors.radius_graph import radius
from ccnn_pc.ops.points.convolution import PointGeometry
from ccnn_pc.ops.points.lattice_convolution import lattice_convolution
from ccnn_pc.ops.points.scattered import interpolate_scattered
from ccnn_pc.ops.points.z_order import z_order
from ccnn_pc.ops.segments import segment_count, segment_sum

#: Points per cloud from which queries are worked off along a space-filling curve, so that their samples stay in cache.
LARGE_CLOUD = 4096


class PointSet(AbstractDomain):
    """A ragged batch of point clouds.

    Positions are moved to the centre of their cloud in float64 before anything else happens, so that clouds in map
    coordinates keep their detail; convolutions see differences only and do not notice.

    Args:
        pos: samples ``[n, D]``, float32 or float64, in the data's own units.
        batch: cloud of each sample, sorted int64 ``[n]``; None is one cloud.
        query_pos: where outputs are wanted ``[m, D]``; default at the samples.
        query_batch: cloud of each query ``[m]``.
        edge_index: neighbours as a graph ``[2, E]``, row 0 samples, row 1 queries, in any order; none between clouds.
        neighbors: neighbours as a table or graph, e.g. computed in a data loader; sorted by distance here if they
            are not.
        volume: the volume V each sample stands for ``[n]``, e.g. from
            :func:`ccnn_pc.ops.points.density.inverse_density_volume`; None: all samples of a cloud alike.
        lattice: spacing of the lattice that all positions of a cloud lie on, one number or one per axis (voxels):
            offsets become exact, and kernels are evaluated once per distinct offset.

    Raises:
        TypeError: half precision or integer positions, a batch vector that is not of integers.
        ValueError: empty clouds, NaN or infinite positions, mismatched lengths, an unsorted batch vector, neighbours
            out of range or of another cloud, positions off the lattice.

    Example:
        >>> pos, batch = torch.rand(5, 3), torch.tensor([0, 0, 0, 1, 1])
        >>> PointSet(pos, batch).knn(3)
        PointSet(samples=5, clouds=2, dim=3, neighbors=3)
    """

    #: Whether somebody else judges where neighbours end; layers then say only where they see nothing.
    neighbors_judged = False

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
        self.num_clouds, self.dim = 1 if batch is None else int(self.batch[-1]) + 1, pos.shape[1]
        self.bipartite = query_pos is not None
        query_pos, self.query_batch = _check_queries(query_pos, query_batch, pos, self)
        self.num_samples, self.num_queries = len(pos), len(query_pos)
        self.volume = _check_volume(volume, pos)

        self.center = centers(pos, self.batch, self.num_clouds)
        self.pos = centered(pos, self.center, self.batch)
        self.query_pos = centered(query_pos, self.center, self.query_batch) if self.bipartite else self.pos
        self.lattice = None if lattice is None else check_extent("lattice", lattice, self.dim).to(pos.device)
        if self.lattice is not None:
            _check_on_lattice("pos", self.pos, self.batch, self, self.lattice)
            _check_on_lattice("query_pos", self.query_pos, self.query_batch, self, self.lattice)

        self._edges: EdgeGeometry | None = None
        self.edge_index = edge_index
        if edge_index is not None and neighbors is not None:
            raise ValueError("'edge_index' and 'neighbors' exclude each other (got both)")
        name = "neighbors"
        if edge_index is not None:
            name, neighbors = "edge_index", Graph.from_edge_index(edge_index, self.num_queries)
        self.neighbors: Neighbors | Graph | None = neighbors
        if neighbors is not None:
            _check_neighbors(name, neighbors, self)
            known = readable(self.pos, self.query_pos, neighbors.index)
            if known and (edge_index is not None or not self._edge_geometry().sorted_by_distance()):
                if edge_index is None:
                    self.edge_index = neighbors.to_edge_index()
                self.neighbors, self._edges = self._by_distance(neighbors.to_edge_index()), None

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
        other.__dict__.update(self.__dict__, _edges=None)
        other.__dict__.update(changes)
        return other

    def to(self, device: Any) -> PointSet:
        """The same points on another device."""
        tensors = {
            k: v.to(device) for k, v in self.__dict__.items() if isinstance(v, (Tensor, Neighbors, Graph))
        }
        return self._with(**tensors)

    @torch.compiler.disable
    def knn(
        self, k: int, backend: Backend = Backend.AUTO, *, metric: Sequence[float] | None = None
    ) -> PointSet:
        """The same points, joined to their ``k`` nearest samples (fewer where a cloud has fewer).

        Args:
            k: neighbours per query, the query itself included where it is a sample.
            backend: who searches; see :class:`ccnn_pc.ops.neighbors.k_nearest.Backend`.
            metric: factors of the axes in the search, one per axis: ``(1, 1, 0)`` takes the points that are nearest
                horizontally, whatever their height. None: all alike. Kernels see offsets as they are.

        Raises:
            ValueError: k < 1, factors that are negative, all 0 or of another number.
        """
        check_at_least("k", k, 1)
        pos, query_pos = self.pos, self.query_pos
        if metric is not None:
            factors = pos.new_tensor(check_metric(metric, self.dim))
            pos, query_pos = pos * factors, query_pos * factors
        if self.bipartite:
            table = knn(
                pos, k, self.batch, query_pos=query_pos, query_batch=self.query_batch, backend=backend
            )
        else:
            table = knn(pos, k, self.batch, backend=backend)
        if metric is not None:
            table = nearest_first(table, self.pos, self.query_pos)
        return self._with(neighbors=table, edge_index=None)

    @torch.compiler.disable
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
        return self._with(neighbors=Graph.from_edge_index(edge_index, self.num_queries), edge_index=None)

    def weighted(self, volume: Tensor | None) -> PointSet:
        """The same points with other volumes V ``[n]``; see the class."""
        return self._with(volume=_check_volume(volume, self.pos))

    def covers(self, reach: float) -> Tensor:
        """For which queries every sample within ``reach`` is a neighbour, boolean ``[m]``.

        Where it is False the k-th neighbour lies closer than the kernel reaches, and sums over neighbours do not
        converge to the integral, however many points there are.
        """
        edges = self._edge_geometry()
        lists = edges.lists
        last = lists.start + lists.length.clamp(min=1) - 1
        furthest = torch.where(lists.length > 0, edges.distances()[last], -torch.inf)
        in_cloud = torch.bincount(self.batch, minlength=self.num_clouds)[self.query_batch]
        return (furthest > reach) | (lists.length >= in_cloud)

    def judge_coverage(self, window: AbstractWindow, extent: Tensor) -> None:
        """Warn, once per run, where the k nearest samples end inside the window, or where all lie outside of it.

        Looked at for the first layer on these points; graphs and radii are taken as they were meant.
        """
        if not (isinstance(self.neighbors, Neighbors) and readable(self.pos, extent, *window.parameters())):
            return
        edges = self._edge_geometry()
        if not edges.judged:
            edges.judged = True
            in_cloud = torch.bincount(self.batch, minlength=self.num_clouds)[self.query_batch]
            k = None if self.neighbors_judged else self.neighbors.k
            judge_coverage(edges, k, in_cloud, self.bipartite, window, extent.detach())

    def edges(self, reach: float = math.inf) -> Tensor:
        """Neighbours as ``edge_index [2, E]``, those beyond ``reach`` left out but for batches of positions."""
        edge_index = self._given().to_edge_index()
        if math.isinf(reach) or is_batched(self.pos) or is_batched(self.query_pos):
            return edge_index
        return edge_index[:, self.rel(edge_index).norm(dim=1) <= reach]

    def given_edges(self) -> Tensor:
        """All edges in the order in which they were given; neighbours that were searched as :meth:`edges` has them."""
        return self.edges() if self.edge_index is None else self.edge_index.long()

    def rel(self, edge_index: Tensor) -> Tensor:
        """Offsets sample - query ``[E, D]``; on a lattice float64, whole steps times spacing."""
        rel = self.pos[edge_index[0]] - self.query_pos[edge_index[1]]
        if self.lattice is None:
            return rel
        spacing = self.lattice.to(rel.device)
        return (rel.double() / spacing).round() * spacing

    def tolerance(self, extent: Tensor) -> float | Tensor | None:
        """On a lattice a small part of its spacing, in kernel coordinates."""
        if self.lattice is None:
            return None
        return number(TAP_TOLERANCE * (self.lattice.to(extent.device) / extent.detach().double()).min())

    def segments(self) -> tuple[Tensor, int]:
        """Cloud of each query, and how many clouds there are."""
        return self.query_batch, self.num_clouds

    def quadrature(
        self, spacing: Tensor | Sequence[float] | None = None, reference_count: float | Tensor | None = None
    ) -> Tensor | None:
        r"""Weights of the samples, :math:`w_j = N_\mathrm{ref} V_j / \sum_\mathrm{cloud} V`.

        Args:
            spacing: not used: clouds have no common one.
            reference_count: points per cloud in training; None, or a tensor of 0, is the cloud's own count.

        Returns:
            ``[n]``, or None where every weight is 1.
        """
        if self.volume is None and reference_count is None:
            return None
        own = segment_count(self.batch, self.num_clouds).to(
            self.pos.dtype if self.volume is None else self.volume.dtype
        )
        count = own if reference_count is None else at_reference(own, reference_count)
        if self.volume is None:
            return (count / own)[self.batch]
        total = segment_sum(self.volume, self.batch, self.num_clouds)
        return self.volume * (count / total)[self.batch]

    def convolve(self, x: Tensor, terms: ConvolutionTerms) -> tuple[Tensor, Tensor | None]:
        """The fused operator, on a lattice with one kernel evaluation per distinct offset.

        See :func:`ccnn_pc.ops.points.convolution.point_convolution` and
        :func:`ccnn_pc.ops.points.lattice_convolution.lattice_convolution`.
        """
        edges = self._edge_geometry()
        lists = edges.within(terms.window.reach(terms.extent, terms.threshold))
        if self.lattice is None:
            geometry = PointGeometry(
                self.pos, self.query_pos, lists, terms.extent, terms.causal, kept=edges.offsets
            )
            return convolve_factorized(x, terms, geometry)
        profile, table = fused_terms(terms)
        spacing = self.lattice.to(x.device)
        offsets = edges.distinct(spacing)
        u = kernel_coordinates(offsets.steps * spacing, terms.extent.double(), terms.causal)
        inside = in_support(u, self.tolerance(terms.extent))[:, None].to(terms.extent)
        h, window = profile(u.clamp(-1, 1).to(terms.extent), inside)
        features = torch.cat([h * window, window], dim=1)
        y = lattice_convolution(x, lists, offsets.which, features, table)
        if not terms.penalty:
            return y, None
        weighted = features * edges.occurrences(lists, len(features)).to(features)[:, None]
        return y, penalty_from_moments(weighted.t() @ features, table, self.num_queries)

    def as_input(self, x: Tensor, sampling: Sampling) -> tuple[Tensor, AbstractDomain]:
        """Data as a network reads them: :meth:`on_grid` where it was trained on one and reads between samples."""
        if sampling.shape is None or sampling.grids is Interpolation.NONE:
            return super().as_input(x, sampling)
        return self.on_grid(x, sampling.shape, sampling.spacing)

    def on_grid(
        self,
        x: Tensor,
        shape: Sequence[int],
        spacing: float | Sequence[float],
        background: Tensor | None = None,
    ) -> tuple[Tensor, Grid]:
        r"""Scattered samples of a field, read on a regular grid: what a network reads that was trained on such grids.

        Kernels of both signs cancel where a field is constant, in a sum over a lattice; in a sum over scattered samples
        they do not, however these are weighted. The grid is as large as those of training, its samples meet the first
        one of each cloud (along each axis), and the cloud lies in its middle. Values are
        :func:`ccnn_pc.ops.points.scattered.interpolate_scattered`; with a background, which is known, they are that
        wherever no sample lies.

        Args:
            x: samples ``[n, C]``.
            shape: samples of the grid per axis.
            spacing: of the grid, one number or one per axis.
            background: values of the cells in which nothing lies, ``[C]``, ``[1, C]`` or one row per cloud ``[B, C]``;
                None: samples say what lies between them.

        Returns:
            the values ``[B prod(shape), C]``, and their grid; see :meth:`at_source` for the samples among them.

        Raises:
            ValueError: queries other than the samples, positions that need a gradient, x of another length, a cloud
                wider than the grid; with a background samples beside the middles of cells, or several in one.

        Example:
            >>> pos = torch.tensor([[3.0, 3.0], [3.0, 4.0], [4.0, 4.0]])
            >>> values, grid = PointSet(pos).on_grid(torch.tensor([[1.0], [2.0], [3.0]]), (2, 2), 1.0)
            >>> grid, values[[0, 1, 3]].flatten().tolist()
            (Grid(2x2, batch_size=1), [1.0, 2.0, 3.0])
            >>> grid.at_source(values)[0].flatten().tolist()
            [1.0, 2.0, 3.0]
            >>> two = PointSet(pos[:2]).on_grid(torch.ones(2, 1), (2, 2), 1.0, background=torch.zeros(1))[0]
            >>> two.flatten().tolist()
            [1.0, 1.0, 0.0, 0.0]
        """
        if len(x) != self.num_samples:
            raise ValueError(f"'x' must have {self.num_samples} samples like the points (got {len(x)})")
        if self.bipartite:
            raise ValueError("'query_pos' must be the samples' where they are read on a grid (got others)")
        if self.requires_grad:
            raise ValueError(
                "'pos' must not need a gradient where samples are read on a grid (got ones that do)"
            )
        step = check_extent("spacing", spacing, self.dim).to(self.pos)
        first = first_cells(self.pos, self.batch, self.num_clouds, shape, step)
        grid = Grid(shape, step.tolist(), self.num_clouds, device=x.device)
        cells = cells_of_samples(self.pos, self.batch, first, shape, step)
        grid.resampled_from = (self, cells)
        query_batch = grid.segments()[0]
        if background is not None:
            return on_background(x, cells, background, query_batch), grid
        wanted = first[query_batch] + grid.coordinates() * step
        return interpolate_scattered(x, self.pos, self.batch, wanted, query_batch), grid

    def pool(self, x: Tensor, reduce: Pool = Pool.MEAN) -> Tensor:
        """One row per cloud; the mean is weighted by the volumes."""
        reduce = choice("reduce", reduce, Pool)
        if reduce is Pool.LAST:
            raise ValueError("'reduce' must not be LAST where samples have no order (got a PointSet)")
        volume = None if self.bipartite else self.volume
        return pool_segments(x, self.query_batch, self.num_clouds, reduce, volume)

    @property
    def requires_grad(self) -> bool:
        """Whether somebody may want derivatives with respect to positions."""
        return is_tracked(self.pos) or is_tracked(self.query_pos)

    def differentiates(self, x: Tensor, terms: ConvolutionTerms) -> bool:
        """Where the native operator runs, and positions lie on no lattice."""
        return self.lattice is None and runs_natively(x, terms, self.dim)

    def _by_distance(self, edge_index: Tensor) -> Graph:
        """A graph, each query's samples sorted by distance so that a prefix of them is all within a radius."""
        distance = self.rel(edge_index).norm(dim=1)
        return Graph.from_edge_index(edge_index[:, distance.argsort(stable=True)], self.num_queries)

    def _given(self) -> Neighbors | Graph:
        if self.neighbors is None:
            raise ValueError(
                "this PointSet has no neighbours yet: call .knn(k) or .radius(r), or give 'edge_index'"
            )
        return self.neighbors

    def _edge_geometry(self) -> EdgeGeometry:
        if self._edges is None:
            lists = self._given().lists()
            if readable(self.query_pos) and self.num_samples >= LARGE_CLOUD * self.num_clouds:
                lists = replace(lists, order=z_order(self.query_pos.detach(), self.query_batch))
            self._edges = EdgeGeometry(self.pos, self.query_pos, lists.unwrapped())
        return self._edges


def _check_queries(
    query_pos: Tensor | None, query_batch: Tensor | None, pos: Tensor, points: PointSet
) -> tuple[Tensor, Tensor]:
    """Queries like the samples, in the same clouds; None: the samples."""
    if query_pos is None:
        if query_batch is not None:
            raise ValueError("'query_batch' needs 'query_pos' beside it (got query_pos=None)")
        return pos, points.batch
    check_positions("query_pos", query_pos, pos.shape[1])
    if query_pos.dtype != pos.dtype:
        raise TypeError(f"'query_pos' must have the dtype of 'pos' ({pos.dtype}; got {query_pos.dtype})")
    return query_pos, check_query_batch(query_batch, query_pos, points.num_clouds)


def _check_volume(volume: Tensor | None, pos: Tensor) -> Tensor | None:
    """``volume`` must be positive, one for each row of ``pos``."""
    if volume is None:
        return None
    check_same_length("volume", volume, "pos", pos)
    if volume.dim() != 1 or readable(volume) and not bool((torch.isfinite(volume) & (volume > 0)).all()):
        raise ValueError(
            f"'volume' must be positive and finite, one per sample (got shape {list(volume.shape)})"
        )
    return volume.to(pos)


def _check_on_lattice(
    name: str, pos: Tensor, batch: Tensor, points: PointSet, spacing: Tensor, slack: float = 1e-2
) -> None:
    """Positions must lie whole multiples of the lattice's spacing from their cloud's first, up to a part of it."""
    if not readable(pos, points.pos, batch):
        return
    first = torch.searchsorted(points.batch, torch.arange(points.num_clouds, device=batch.device))
    steps = (pos - points.pos[first[batch]]).detach().double() / spacing.to(pos.device)
    off = (steps - steps.round()).abs().amax(dim=1)
    if bool((off > slack).any()):
        row = int(off.argmax())
        raise ValueError(
            f"'{name}' must lie on a lattice of spacing {spacing.tolist()} (got row {row}, "
            f"{float(off[row]):.3f} steps off)"
        )


def _check_neighbors(name: str, neighbors: Neighbors | Graph, points: PointSet) -> None:
    """Neighbours must have a list for each query, of samples that exist, in the query's own cloud."""
    index, num_queries = neighbors.index, len(neighbors.lists())
    batch, query_batch, num_clouds = points.batch, points.query_batch, points.num_clouds
    if num_queries != len(query_batch):
        raise ValueError(
            f"'{name}' must have one row for each of the {len(query_batch)} queries (got {num_queries})"
        )
    if not readable(index, batch, query_batch):
        return
    if isinstance(neighbors, Graph):
        neighbors.check()
    if index.numel() and int(index.max()) >= len(batch):
        raise ValueError(f"'{name}' must name samples below {len(batch)} (got {int(index.max())})")
    if num_clouds == 1 or not index.numel():
        return
    if isinstance(neighbors, Neighbors):  # samples of a cloud are consecutive: bounds clear most rows at once
        end = torch.bincount(batch).cumsum(0)
        low, high = (end - torch.bincount(batch))[query_batch], end[query_batch]
        rows = ((index.amin(dim=1) < low) | (index.amax(dim=1) >= high)).nonzero()[:, 0]
        sample, query = Neighbors(index[rows], neighbors.count[rows]).to_edge_index()
        query = rows[query]
    else:
        sample, query = neighbors.to_edge_index()
    wrong = (batch[sample] != query_batch[query]).nonzero()[:, 0]
    if len(wrong):
        j, i = int(sample[wrong[0]]), int(query[wrong[0]])
        raise ValueError(
            f"'{name}' must stay in the cloud of their query (got sample {j} of cloud {int(batch[j])} "
            f"for query {i} of cloud {int(query_batch[i])})"
        )
