"""Neighbour lists as rows of one flat index, and their division into chunks of bounded size."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Rows:
    """For each query a run of sample numbers: query i reads ``index[start[i] : start[i] + length[i]]``.

    A dense table ``[m, k]`` and a ragged graph in CSR form are both of this shape, so one operator serves both.

    Attributes:
        index: sample numbers, int32 or int64 ``[T]``.
        start: first entry of each query, int64 ``[m]``.
        length: entries of each query that count, int64 ``[m]``; shorter than stored where a row is pruned.
    """

    index: Tensor
    start: Tensor
    length: Tensor

    def __len__(self) -> int:
        return self.start.shape[0]

    def pruned(self, length: Tensor) -> Rows:
        """The same rows, cut to the first ``length`` entries each."""
        return replace(self, length=torch.minimum(length.to(self.length), self.length))

    def gather(self, queries: Tensor, width: int) -> tuple[Tensor, Tensor]:
        """Entries of some queries as a dense block.

        Returns:
            sample numbers int64 ``[q, width]`` (a valid number also where a row is shorter), and which of them count,
            boolean ``[q, width]``.
        """
        column = torch.arange(width, device=self.index.device)
        counts = column < self.length[queries, None]
        place = torch.where(counts, self.start[queries, None] + column, self.start[queries, None])
        return self.index[place.clamp_(max=self.index.shape[0] - 1)].long(), counts

    def chunks(self, max_edges: int) -> Iterator[tuple[Tensor, int]]:
        """Queries in groups of at most ``max_edges`` dense entries; rows of like length go together.

        Queries without entries appear in no group.

        Yields:
            query numbers int64 ``[q]`` and the width of their block, the longest row among them.
        """
        length = self.length.cpu().numpy()
        order = np.argsort(length, kind="stable")
        order = order[np.searchsorted(length[order], 1) :]
        sorted_length = length[order]
        queries = torch.from_numpy(order).to(self.index.device)
        first = 0
        while first < len(order):
            window = sorted_length[first : first + max(1, max_edges // int(sorted_length[first]))]
            cost = window * np.arange(1, len(window) + 1)
            taken = max(1, int(np.searchsorted(cost, max_edges, side="right")))
            yield queries[first : first + taken], int(window[taken - 1])
            first += taken
