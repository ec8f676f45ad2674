"""Neighbour lists together with positions: offsets and distances, computed once for all layers."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ccnn_pc.ops.neighbors.rows import Rows
from ccnn_pc.ops.points.lattice_convolution import DistinctOffsets

#: Numbers (edges x axes) up to which offsets are kept instead of being computed in each layer: 64 MB in float32.
MAX_CACHED_OFFSETS = 1 << 24
#: Edges worked on at a time.
PART = 1 << 20


class JoinedRows:
    """Rows of neighbours, nearest first, and where their samples and queries lie.

    Args:
        pos: samples ``[n, D]``.
        query_pos: queries ``[m, D]``.
        rows: the samples that each query reads.
    """

    def __init__(self, pos: Tensor, query_pos: Tensor, rows: Rows) -> None:
        self.pos, self.query_pos, self.rows = pos, query_pos, rows
        self._offsets: Tensor | None = None
        self._distances: Tensor | None = None
        self._furthest: float | None = None
        self._distinct: DistinctOffsets | None = None

    def _parts(self) -> tuple[Tensor, ...]:
        return torch.arange(len(self.rows.index), device=self.rows.index.device).split(PART)

    def _query(self, place: Tensor) -> Tensor:
        """Query that each place of the flat index belongs to."""
        return torch.searchsorted(self.rows.start, place, right=True) - 1

    def _rel(self, place: Tensor) -> Tensor:
        return (self.pos[self.rows.index[place].long()] - self.query_pos[self._query(place)]).detach()

    def offsets(self) -> Tensor | None:
        """Offset of every entry to its query, along the flat index ``[T, D]``.

        None where keeping them would take more memory than computing them in every layer is worth.
        """
        if self._offsets is None and len(self.rows.index) * self.pos.shape[1] <= MAX_CACHED_OFFSETS:
            parts = [self._rel(part) for part in self._parts()]
            self._offsets = torch.cat(parts) if parts else self.pos.new_zeros(0, self.pos.shape[1])
        return self._offsets

    def distances(self) -> Tensor:
        """Distance of every entry to its query, along the flat index, float32 ``[T]``."""
        if self._distances is None:
            parts = [self._rel(part).norm(dim=1).float() for part in self._parts()]
            self._distances = torch.cat(parts) if parts else self.pos.new_zeros(0)
        return self._distances

    def furthest(self) -> float:
        """Distance of the furthest entry."""
        if self._furthest is None:
            distance = self.distances()
            self._furthest = float(distance.max()) if len(distance) else 0.0
        return self._furthest

    def distinct(self, spacing: Tensor) -> DistinctOffsets:
        """Offsets of all entries in steps of a lattice of that spacing ``[D]``, each distinct one once."""
        if self._distinct is None:
            steps = [(self._rel(part).double() / spacing).round().long() for part in self._parts()]
            empty = torch.zeros(0, self.pos.shape[1], dtype=torch.long, device=self.pos.device)
            self._distinct = DistinctOffsets.of(torch.cat(steps) if steps else empty)
        return self._distinct

    def occurrences(self, rows: Rows, number: int) -> Tensor:
        """How often each of ``number`` distinct offsets occurs in (pruned) rows, int64."""
        if self._distinct is None:
            raise ValueError("'distinct' must be called first (got no distinct offsets)")
        place = torch.arange(len(rows.index), device=rows.index.device)
        query = self._query(place)
        counted = place < rows.start[query] + rows.length[query]
        return torch.bincount(self._distinct.which[counted], minlength=number)

    def nearest_first(self) -> bool:
        """Whether each row is sorted by distance, up to rounding."""
        distance, rows = self.distances(), self.rows
        falls = distance[1:] < distance[:-1] - 1e-5 * self.furthest()
        places = falls.nonzero()[:, 0] + 1
        query = self._query(places)
        return not bool(
            ((places > rows.start[query]) & (places < rows.start[query] + rows.length[query])).any()
        )

    def within(self, reach: float) -> Rows:
        """The rows, cut where entries lie farther than ``reach`` (position units); the first entry always stays."""
        if math.isinf(reach) or reach >= self.furthest():
            return self.rows
        close = (self.distances() <= reach * (1 + 1e-6)).long()
        total = torch.cat([close.new_zeros(1), close.cumsum(0)])
        rows = self.rows
        return rows.pruned((total[rows.start + rows.length] - total[rows.start]).clamp(min=1))
