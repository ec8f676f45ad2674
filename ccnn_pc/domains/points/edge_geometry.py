"""Neighbour lists together with positions: offsets and distances of all edges, computed once for all layers."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ccnn_pc._values import number, readable, unwrapped
from ccnn_pc.ops.neighbors.lists import NeighborLists
from ccnn_pc.ops.points.lattice_convolution import DistinctOffsets
from ccnn_pc.ops.segments import segment_sum

#: Numbers (edges x axes) up to which offsets are cached instead of being computed in each layer: 64 MB in float32.
MAX_CACHED_OFFSETS = 1 << 24
#: Edges worked on at a time.
PART = 1 << 20


class EdgeGeometry:
    """Offsets and distances of edges, those of a query sorted by distance.

    Args:
        pos: samples ``[n, D]``.
        query_pos: queries ``[m, D]``.
        lists: the neighbours of each query.
    """

    def __init__(self, pos: Tensor, query_pos: Tensor, lists: NeighborLists) -> None:
        self.pos, self.query_pos, self.lists = pos, query_pos, lists
        self._offsets: Tensor | None = None
        self._distances: Tensor | None = None
        self._furthest: float | None = None
        self._distinct: DistinctOffsets | None = None
        #: Whether a layer has been told how its window fits these neighbours.
        self.judged = False

    def _rels(self) -> list[Tensor]:
        """Offsets of all edges along the flat index, in parts."""
        lists, queries = self.lists, len(self.lists)
        width = len(lists.index) // queries if queries else 0
        steps = torch.arange(queries, device=lists.start.device) * width
        if (
            readable(lists.start)
            and width
            and queries * width == len(lists.index)
            and bool((lists.start == steps).all())
        ):  # a table
            rows = max(1, PART // width)
            parts = zip(lists.index.split(rows * width), self.query_pos.split(rows), strict=True)
            return [
                (self.pos.index_select(0, index).view(-1, width, self.pos.shape[1]) - query[:, None])
                .flatten(0, 1)
                .detach()
                for index, query in parts
            ]
        return [
            self._rel(edge) for edge in torch.arange(len(lists.index), device=lists.index.device).split(PART)
        ]

    def _query(self, edge: Tensor) -> Tensor:
        """Query of each edge, numbered along the flat index."""
        return torch.searchsorted(self.lists.start, edge, right=True) - 1

    def _rel(self, edge: Tensor) -> Tensor:
        return (self.pos[self.lists.index[edge].long()] - self.query_pos[self._query(edge)]).detach()

    def offsets(self) -> Tensor | None:
        """Offset of every edge, along the flat index ``[T, D]``.

        None where storing them would take more memory than computing them in every layer is worth.
        """
        if self._offsets is None and len(self.lists.index) * self.pos.shape[1] <= MAX_CACHED_OFFSETS:
            parts = self._rels()
            self._offsets = unwrapped(torch.cat(parts) if parts else self.pos.new_zeros(0, self.pos.shape[1]))
        return self._offsets

    def distances(self) -> Tensor:
        """Length of every edge, along the flat index, float32 ``[T]``."""
        if self._distances is None:
            parts = [rel.norm(dim=1).float() for rel in self._rels()]
            self._distances = unwrapped(torch.cat(parts) if parts else self.pos.new_zeros(0))
        return self._distances

    def furthest(self) -> float:
        """Length of the longest edge."""
        if self._furthest is None:
            distance = self.distances()
            self._furthest = float(distance.max()) if len(distance) else 0.0
        return self._furthest

    def distinct(self, spacing: Tensor) -> DistinctOffsets:
        """Offsets of all edges in steps of a lattice of that spacing ``[D]``, each distinct one once."""
        if self._distinct is None:
            steps = [(rel.double() / spacing).round().long() for rel in self._rels()]
            empty = torch.zeros(0, self.pos.shape[1], dtype=torch.long, device=self.pos.device)
            self._distinct = DistinctOffsets.of(unwrapped(torch.cat(steps) if steps else empty))
        return self._distinct

    def occurrences(self, lists: NeighborLists, number: int) -> Tensor:
        """How often each of ``number`` distinct offsets occurs in (pruned) lists, int64."""
        if self._distinct is None:
            raise ValueError("'distinct' must be called first (got no distinct offsets)")
        edge = torch.arange(len(lists.index), device=lists.index.device)
        query = self._query(edge)
        counted = edge < lists.start[query] + lists.length[query]
        return segment_sum(counted.long(), self._distinct.which, number)

    def sorted_by_distance(self) -> bool:
        """Whether each query's edges are sorted by distance, up to rounding."""
        distance, lists = self.distances(), self.lists
        falls = distance[1:] < distance[:-1] - 1e-5 * self.furthest()
        edge = falls.nonzero()[:, 0] + 1
        query = self._query(edge)
        return not bool(
            ((edge > lists.start[query]) & (edge < lists.start[query] + lists.length[query])).any()
        )

    def within(self, reach: Tensor) -> NeighborLists:
        """The lists, cut behind the last edge within ``reach`` (position units); the first edge always stays.

        Where numbers cannot be read nothing is decided by them: the lists are then cut whatever the reach.
        """
        bound, lists = number(reach), self.lists
        known = not isinstance(bound, Tensor) and readable(self.pos, self.query_pos)
        if known and (math.isinf(bound) or bound >= self.furthest()):
            return lists
        close = (self.distances() <= bound * (1 + 1e-6)).long()
        total = torch.cat([close.new_zeros(1), close.cumsum(0)])
        return lists.pruned((total[lists.start + lists.length] - total[lists.start]).clamp(min=1))
