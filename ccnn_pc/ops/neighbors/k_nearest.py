"""The k nearest samples of each query: a table, found by one of four backends that agree to the last tie."""

from __future__ import annotations

import enum
from dataclasses import dataclass

import torch
from torch import Tensor

from ccnn_pc import native
from ccnn_pc._checks import check_at_least
from ccnn_pc._choices import choice
from ccnn_pc._values import readable
from ccnn_pc.ops.neighbors.cluster import knn_cluster
from ccnn_pc.ops.neighbors.dense import knn_dense
from ccnn_pc.ops.neighbors.exhaustive import knn_native
from ccnn_pc.ops.neighbors.kdtree import knn_kdtree
from ccnn_pc.ops.neighbors.lists import NeighborLists
from ccnn_pc.ops.neighbors.search import Search, prepare


class Backend(enum.Enum):
    """How neighbours are searched."""

    AUTO = "auto"  # see choose()
    KDTREE = "kdtree"  # scipy's k-d tree, one per cloud, on the CPU
    NATIVE = "native"  # every query with every sample, in C++, on the CPU; where it was built
    DENSE = "dense"  # every query with every sample, in blocks; CPU or CUDA
    CLUSTER = "cluster"  # torch-cluster, where installed; k <= 100 on CUDA


#: Rows sorted at a time.
_ROWS = 1 << 16


@dataclass(frozen=True)
class Neighbors:
    """A table of neighbours, nearest first.

    Attributes:
        index: sample indices, int32 ``[m, k]``; entries beyond ``count`` repeat the row's farthest neighbour.
        count: how many entries of each row are real, int32 ``[m]``; less than ``k`` where a cloud is smaller.

    Raises:
        TypeError: not int32.
        ValueError: wrong shapes, negative indices, counts outside of [0, k].

    Example:
        >>> table = knn(torch.tensor([[0.0], [1.0], [3.0]]), 2)
        >>> table.index.tolist(), table.count.tolist()
        ([[0, 1], [1, 0], [2, 1]], [2, 2, 2])
    """

    index: Tensor
    count: Tensor

    def __post_init__(self) -> None:
        for name, tensor, dims in (("index", self.index, 2), ("count", self.count, 1)):
            if tensor.dtype != torch.int32:
                raise TypeError(f"'{name}' must be int32 (got {tensor.dtype})")
            if tensor.dim() != dims:
                raise ValueError(f"'{name}' must have {dims} dimensions (got shape {list(tensor.shape)})")
        if len(self.count) != len(self.index):
            raise ValueError(
                f"'count' must have as many rows as 'index', {len(self.index)} (got {len(self.count)})"
            )
        if not readable(self.index, self.count):
            return
        if self.index.numel() and int(self.index.min()) < 0:
            raise ValueError(f"'index' must not be negative (got {int(self.index.min())})")
        if self.count.numel():
            low, high = int(self.count.min()), int(self.count.max())
            if low < 0 or high > self.k:
                raise ValueError(f"'count' must lie in [0, {self.k}] (got {low} to {high})")

    @property
    def k(self) -> int:
        """Number of columns."""
        return self.index.shape[1]

    def check(self, num_samples: int) -> Neighbors:
        """Itself, if every index is below ``num_samples``.

        Raises:
            ValueError: an index out of range.
        """
        if self.index.numel() and int(self.index.max()) >= num_samples:
            raise ValueError(f"'index' must be below {num_samples} (got {int(self.index.max())})")
        return self

    def to(self, device: torch.device | str) -> Neighbors:
        """The same table on another device."""
        return Neighbors(self.index.to(device), self.count.to(device))

    def to_edge_index(self) -> Tensor:
        """Edges int64 ``[2, E]``, row 0 sample, row 1 query: sorted by query, without padding."""
        real = torch.arange(self.k, device=self.index.device) < self.count[:, None]
        query = torch.arange(len(self.index), device=self.index.device).repeat_interleave(self.count.long())
        return torch.stack([self.index[real].long(), query])

    def lists(self) -> NeighborLists:
        """The same neighbours in the form that operators read."""
        start = torch.arange(len(self.index), device=self.index.device) * self.k
        return NeighborLists(self.index.reshape(-1), start, self.count.long())


def choose(search: Search, k: int) -> Backend:
    """The backend that :data:`Backend.AUTO` stands for.

    A static rule from ``scripts/bench/knn.py`` (table in ``results/bench_knn.csv``): DENSE on a GPU; on the
    CPU NATIVE, where it is there, for clouds of at most ``2048 + 16 k`` points; else DENSE for at most ``384 + 6 k``,
    else KDTREE.
    """
    if search.pos.device.type == "cuda":
        return Backend.DENSE
    largest = max(search.sizes())
    if largest <= 2048 + 16 * k and native.state().runs:
        return Backend.NATIVE
    return Backend.DENSE if largest <= 384 + 6 * k else Backend.KDTREE


def knn(
    pos: Tensor,
    k: int,
    batch: Tensor | None = None,
    *,
    query_pos: Tensor | None = None,
    query_batch: Tensor | None = None,
    backend: Backend = Backend.AUTO,
) -> Neighbors:
    r"""The ``k`` nearest samples of every query, within the query's own cloud.

    Rows are sorted by distance; equal distances by the offset :math:`p_j - q_i`, lexicographically, then by
    index; a sample that is its own query comes first. The same rule decides which of equally distant points
    are kept at the cut. See :mod:`ccnn_pc.ops.neighbors.ties` for what "equal" means. No gradient flows through the
    search.

    Args:
        pos: sample positions ``[n, D]``, float32 or float64, any D.
        k: number of neighbours, at least 1. A cloud with fewer points gives shorter rows: padded, and
            counted.
        batch: cloud of each sample, int64 ``[n]``, sorted, without gaps; None is one cloud.
        query_pos: query positions ``[m, D]``; None: the samples.
        query_batch: cloud of each query ``[m]``.
        backend: how to search; the result is the same.

    Returns:
        :class:`Neighbors` with ``index [m, k]`` on the device of ``pos``.

    Raises:
        TypeError: positions that are not float32 or float64, a batch vector that is not integer, k not an
            integer.
        ValueError: k < 1, wrong shapes, no points, NaN or infinity, an unsorted batch vector.
        ImportError: Backend.CLUSTER without torch-cluster.
        RuntimeError: Backend.NATIVE without the native operators.

    Example:
        >>> square = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
        >>> knn(square, 3).index.tolist()
        [[0, 1, 2], [1, 0, 3], [2, 0, 3], [3, 1, 2]]
    """
    check_at_least("k", k, 1)
    backend = choice("backend", backend, Backend)
    search = prepare(pos, batch, query_pos, query_batch)
    if backend is Backend.AUTO:
        backend = choose(search, k)
    if backend in (Backend.KDTREE, Backend.NATIVE) or pos.device.type not in ("cpu", "cuda"):
        search = search.to(torch.device("cpu"))
    find = {
        Backend.KDTREE: knn_kdtree,
        Backend.NATIVE: knn_native,
        Backend.DENSE: knn_dense,
        Backend.CLUSTER: knn_cluster,
    }[backend]
    index = torch.empty(len(search.query), k, dtype=torch.int32, device=search.query.device)
    count = torch.full((len(search.query),), k, dtype=torch.int32, device=search.query.device)
    for first, found in find(search, k):
        rows, width = slice(first, first + len(found)), found.shape[1]
        index[rows, :width] = found
        if width < k:
            index[rows, width:] = found[:, -1:]
            count[rows] = width
    return Neighbors(index.to(pos.device), count.to(pos.device))


def nearest_first(table: Neighbors, pos: Tensor, query_pos: Tensor) -> Neighbors:
    """A table with each row sorted by Euclidean distance, as operators read it.

    Args:
        table: whatever it was sorted by.
        pos: samples ``[n, D]``.
        query_pos: queries ``[m, D]``.

    Example:
        >>> table = Neighbors(torch.tensor([[1, 0]], dtype=torch.int32), torch.tensor([2], dtype=torch.int32))
        >>> nearest_first(table, torch.tensor([[1.0], [3.0]]), torch.tensor([[0.0]])).index.tolist()
        [[0, 1]]
    """
    rows = []
    for index, count, query in zip(
        *(t.split(_ROWS) for t in (table.index, table.count, query_pos)), strict=True
    ):
        distance = (pos.detach()[index.long()] - query.detach()[:, None]).norm(dim=2)
        padding = torch.arange(table.k, device=index.device) >= count[:, None]
        rows.append(index.gather(1, distance.masked_fill(padding, torch.inf).argsort(dim=1, stable=True)))
    return Neighbors(torch.cat(rows) if rows else table.index, table.count)
