"""Graphs of neighbours sorted by query, for neighbourhoods too uneven for a table."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ccnn_pc._values import readable
from ccnn_pc.ops.neighbors.lists import NeighborLists
from ccnn_pc.ops.segments import segment_count


def check_edges(edge_index: Tensor, num_queries: int) -> None:
    """``edge_index`` must be int64 ``[2, E]``, sample above query, and the queries in range.

    Raises:
        TypeError: not an integer tensor.
        ValueError: wrong shape or an index out of range.
    """
    if not isinstance(edge_index, Tensor) or edge_index.dtype not in (torch.int32, torch.int64):
        raise TypeError(
            f"'edge_index' must be an integer tensor (got {getattr(edge_index, 'dtype', type(edge_index))})"
        )
    if edge_index.dim() != 2 or edge_index.shape[0] != 2:
        raise ValueError(f"'edge_index' must have shape [2, E] (got {list(edge_index.shape)})")
    if edge_index.shape[1] == 0 or not readable(edge_index):
        return
    if int(edge_index.min()) < 0:
        raise ValueError(f"'edge_index' must not be negative (got {int(edge_index.min())})")
    if int(edge_index[1].max()) >= num_queries:
        raise ValueError(
            f"'edge_index' must name queries below {num_queries} in row 1 (got {int(edge_index[1].max())})"
        )


@dataclass(frozen=True)
class Graph:
    """Neighbours of each query, one after the other: query ``i`` owns ``index[ptr[i]:ptr[i + 1]]``.

    Attributes:
        ptr: int64 ``[m + 1]``, from 0 to E, not falling.
        index: sample indices, int32 (or int64) ``[E]``.

    Raises:
        TypeError: other types.
        ValueError: wrong shapes.

    Example:
        >>> graph = Graph.from_edge_index(torch.tensor([[2, 0, 1], [1, 0, 1]]), num_queries=2)
        >>> graph.ptr.tolist(), graph.index.tolist()
        ([0, 1, 3], [0, 2, 1])
    """

    ptr: Tensor
    index: Tensor

    def __post_init__(self) -> None:
        integers = (torch.int32, torch.int64)
        for name, tensor, types in (("ptr", self.ptr, integers[1:]), ("index", self.index, integers)):
            if tensor.dtype not in types:
                raise TypeError(f"'{name}' must be {' or '.join(map(str, types))} (got {tensor.dtype})")
            if tensor.dim() != 1:
                raise ValueError(f"'{name}' must have 1 dimension (got shape {list(tensor.shape)})")
        if not len(self.ptr):
            raise ValueError("'ptr' must have an entry more than there are queries (got none)")

    def check(self) -> Graph:
        """Itself, if ``ptr`` parts ``index``, and no index is negative.

        Raises:
            ValueError: otherwise.
        """
        first, last = int(self.ptr[0]), int(self.ptr[-1])
        if first != 0 or last != len(self.index) or bool((self.degree < 0).any()):
            raise ValueError(
                f"'ptr' must rise from 0 to the number of edges, {len(self.index)} (got {first} to {last}, "
                f"least step {int(self.degree.min()) if len(self.ptr) > 1 else 0})"
            )
        if len(self.index) and int(self.index.min()) < 0:
            raise ValueError(f"'index' must not be negative (got {int(self.index.min())})")
        return self

    @classmethod
    def from_edge_index(cls, edge_index: Tensor, num_queries: int) -> Graph:
        """Sort edges by query; edges of one query keep their order.

        Raises:
            TypeError: not an integer tensor.
            ValueError: wrong shape or an index out of range.
        """
        check_edges(edge_index, num_queries)
        query = edge_index[1].long()
        order = query.argsort(stable=True)
        ends = segment_count(query, num_queries).cumsum(0)
        ptr = torch.cat([ends.new_zeros(1), ends])
        return cls(ptr, edge_index[0][order].int())

    @property
    def degree(self) -> Tensor:
        """Number of neighbours of each query, int64 ``[m]``."""
        return self.ptr[1:] - self.ptr[:-1]

    def to(self, device: torch.device | str) -> Graph:
        """The same graph on another device."""
        return Graph(self.ptr.to(device), self.index.to(device))

    def to_edge_index(self) -> Tensor:
        """Edges int64 ``[2, E]``: row 0 sample, row 1 query; sorted by query."""
        query = torch.arange(len(self.ptr) - 1, device=self.ptr.device).repeat_interleave(self.degree)
        return torch.stack([self.index.long(), query])

    def lists(self) -> NeighborLists:
        """The same neighbours in the form that operators read."""
        return NeighborLists(self.index, self.ptr[:-1], self.degree)
