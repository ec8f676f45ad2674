"""Neighbour lists in one flat index (CSR), and their division into chunks of bounded size."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from ccnn_pc._values import unwrapped


@dataclass(frozen=True)
class Chunk:
    """Some queries with a common width: ``count`` of them, each with at most ``width`` edges."""

    queries: Tensor | slice
    count: int
    width: int


@dataclass(frozen=True)
class NeighborLists:
    """Neighbours of each query, as in a CSR matrix: query i reads ``index[start[i] : start[i] + length[i]]``.

    A dense table ``[m, k]``, a ragged graph and overlapping ranges of a sorted series are all of this form,
    so one operator serves them.

    Attributes:
        index: sample numbers, int32 or int64 ``[T]``.
        start: first edge of each query, int64 ``[m]``.
        length: edges of each query that count, int64 ``[m]``; fewer than stored where a list is pruned.
        order: queries in the order in which native operators work them off ``[m]``, close ones one after the other;
            None: as they are numbered.
    """

    index: Tensor
    start: Tensor
    length: Tensor
    order: Tensor | None = None

    def __len__(self) -> int:
        return self.start.shape[0]

    def pruned(self, length: Tensor) -> NeighborLists:
        """The same lists, cut to the first ``length`` edges each."""
        return replace(self, length=torch.minimum(length.to(self.length), self.length))

    def unwrapped(self) -> NeighborLists:
        """The same lists as they may be kept beyond a transform of ``torch.func``."""
        order = None if self.order is None else unwrapped(self.order)
        return NeighborLists(unwrapped(self.index), unwrapped(self.start), unwrapped(self.length), order)

    def _is_table(self, length: np.ndarray) -> bool:
        """Whether lists are all of one length and lie one after the other; they may also overlap."""
        if not (len(length) and length.min() == length.max() == len(self.index) // len(length) > 0):
            return False
        step = self.start[1:] - self.start[:-1]
        return int(self.start[0]) == 0 and bool((step == int(length[0])).all())

    def edges(self, chunk: Chunk) -> tuple[Tensor | slice, Tensor | None]:
        """Edges of a chunk as positions in ``index``, ``[count * width]``, and which of them count.

        Lists shorter than the chunk's width are padded with edges that do not count. None: all count.
        """
        if isinstance(chunk.queries, slice):
            return slice(chunk.queries.start * chunk.width, chunk.queries.stop * chunk.width), None
        column = torch.arange(chunk.width, device=self.index.device)
        start = self.start[chunk.queries, None]
        counts = column < self.length[chunk.queries, None]
        return torch.where(counts, start + column, start).flatten(), counts.flatten()

    def chunks(self, max_edges: int) -> Iterator[Chunk]:
        """Queries in groups of at most ``max_edges`` edges, padding included; lists of like length go together.

        Queries without edges appear in no group.
        """
        length = self.length.cpu().numpy()
        if self._is_table(length):
            step = max(1, max_edges // int(length[0]))
            for first in range(0, len(length), step):
                count = min(step, len(length) - first)
                yield Chunk(slice(first, first + count), count, int(length[0]))
            return
        order = np.argsort(length, kind="stable")
        order = order[np.searchsorted(length[order], 1) :]
        sorted_length = length[order]
        queries = torch.from_numpy(order).to(self.index.device)
        first = 0
        while first < len(order):
            window = sorted_length[first : first + max(1, max_edges // int(sorted_length[first]))]
            cost = window * np.arange(1, len(window) + 1)
            taken = max(1, int(np.searchsorted(cost, max_edges, side="right")))
            yield Chunk(queries[first : first + taken], taken, int(window[taken - 1]))
            first += taken
