r"""The point convolution where offsets repeat: points on a lattice have few distinct ones.

.. math:: y_i = \sum_j \left(\sum_h t_{o(i,j),h} T_{h}\right) x_j

The windowed features t of each distinct offset o are computed once and looked up for every edge; what flows back to
them is summed per offset, so that the kernel network runs on U offsets instead of E edges.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ccnn_pc._autograd import Operator, Tensors
from ccnn_pc._edges import all_edges, kernel_sum
from ccnn_pc._precision import at_least_single, autocast_type, own_types
from ccnn_pc.native import Edges, native_row_convolution, runs_on
from ccnn_pc.ops.cells import cell_coordinates
from ccnn_pc.ops.neighbors.lists import Chunk, NeighborLists
from ccnn_pc.ops.points.contraction import Buffer, Depthwise, Full
from ccnn_pc.ops.points.convolution import CHUNK_BYTES, MIN_CHUNK_EDGES


@dataclass(frozen=True)
class DistinctOffsets:
    """Offsets of edges on a lattice, each distinct one once.

    Attributes:
        steps: distinct offsets in lattice steps, int64 ``[U, D]``.
        which: distinct offset of every edge, int64 ``[E]``.
    """

    steps: Tensor
    which: Tensor

    @staticmethod
    def of(steps: Tensor) -> DistinctOffsets:
        """From the offsets of all edges in lattice steps, int64 ``[E, D]``, without sorting them.

        Example:
            >>> found = DistinctOffsets.of(torch.tensor([[0, 1], [2, 0], [0, 1]]))
            >>> found.steps.tolist(), found.which.tolist()
            ([[0, 1], [2, 0]], [0, 1, 0])
        """
        if not len(steps):
            return DistinctOffsets(steps, steps.new_zeros(0))
        low, high = steps.amin(0), steps.amax(0)
        sizes = (high - low + 1).tolist()
        number = torch.zeros_like(steps[:, 0])
        for axis, size in enumerate(sizes):
            number = number * size + (steps[:, axis] - low[axis])
        cells = torch.zeros(math.prod(sizes), dtype=torch.bool, device=steps.device)
        cells[number] = True
        distinct = cell_coordinates(cells.nonzero()[:, 0], sizes) + low
        return DistinctOffsets(distinct, (cells.cumsum(0) - 1).index_select(0, number))


def lattice_convolution(
    x: Tensor,
    lists: NeighborLists,
    which: Tensor,
    features: Tensor,
    table: Tensor,
    chunk_edges: int | None = None,
) -> Tensor:
    """Sum kernel values times samples over neighbours; see the module.

    Args:
        x: weighted samples ``[n, C_in]``.
        lists: the neighbours of each query.
        which: distinct offset of each edge of ``lists.index``, ``[T]``.
        features: windowed features of the distinct offsets, the window itself last, ``[U, H + 1]``.
        table: read-out with bias, ``[H + 1, C]`` or ``[H + 1, C_in, C_out]``.
        chunk_edges: edges worked off at a time.

    Returns:
        ``[m, C]``; differentiable in ``x``, ``features`` and ``table``.

    Example:
        >>> lists = NeighborLists(torch.tensor([0, 1, 1, 0]), torch.tensor([0, 2]), torch.tensor([2, 2]))
        >>> which = torch.tensor([0, 1, 0, 2])  # offsets 0, +1 and -1
        >>> features = torch.tensor([[0.0, 1.0], [0.5, 1.0], [-0.5, 1.0]])
        >>> table = torch.tensor([[1.0], [0.0]])  # the kernel K(u) = u
        >>> lattice_convolution(torch.tensor([[1.0], [2.0]]), lists, which, features, table).flatten().tolist()
        [1.0, -0.5]
    """
    if runs_on(x, table, dim=0):
        return _native(x, lists, which, features, table)
    if chunk_edges is None:
        budget = CHUNK_BYTES.get(x.device.type, CHUNK_BYTES["cuda"])
        chunk_edges = max(MIN_CHUNK_EDGES, budget // (max(x.shape[1], 2 * table.shape[0]) * x.element_size()))
    x = x.to(autocast_type(x))
    with own_types(x.device.type):
        (y,) = _CONVOLVE(chunk_edges, x, features, table, lists.index, lists.start, lists.length, which)
    return y


def _native(x: Tensor, lists: NeighborLists, which: Tensor, features: Tensor, table: Tensor) -> Tensor:
    """One node of torch; answers are in the type of autocast or of x."""
    kind = autocast_type(x)
    with own_types(x.device.type):
        # positions and extent are in the features
        edges = Edges(x, x, lists.index, lists.start, lists.length, x, order=lists.order)
        y = native_row_convolution(x.to(kind), table, features.to(table.dtype), which, edges)
    return y.to(kind)


def _forward(tensors: Tensors, chunk_edges: int) -> tuple[Tensor, ...]:
    x, _, table, *_ = tensors
    walk = _Walk(tensors)
    y = x.new_zeros(len(walk.lists), table.shape[-1])
    for chunk in walk.lists.chunks(chunk_edges):
        index, hm, _, _ = walk.block(chunk)
        y[chunk.queries] = walk.contraction.forward(hm, walk.gather(index, hm))
    return (y,)


def _formula(tensors: Tensors, chunk_edges: int) -> tuple[Tensor, ...]:
    x, features, table, index, start, length, which = tensors
    edge, query = all_edges(start, length)
    hm = features.to(x.dtype)[which[edge]]
    return (kernel_sum(hm, table.to(x.dtype), x[index[edge].long()], query, len(start)),)


def _backward(
    tensors: Tensors, grads: Tensors, wanted: Sequence[bool], chunk_edges: int
) -> Sequence[Tensor | None]:
    x, features, table, *_ = tensors
    sums = at_least_single(x.dtype)
    grad_x = torch.zeros_like(x, dtype=sums) if wanted[0] else None
    grad_features = x.new_zeros(features.shape, dtype=sums) if wanted[1] else None
    grad_table = x.new_zeros(table.shape, dtype=sums) if wanted[2] else None
    grad_y, walk = grads[0].to(x.dtype).contiguous(), _Walk(tensors)
    for chunk in walk.lists.chunks(chunk_edges):
        index, hm, which, counts = walk.block(chunk)
        g = grad_y[chunk.queries]
        if grad_x is not None:
            grad_x.index_add_(0, index, walk.contraction.backward_samples(hm, g).flatten(0, 1).to(sums))
        if grad_features is not None or grad_table is not None:
            part, grad_hm = walk.contraction.backward(hm, walk.gather(index, hm), g)
            if grad_table is not None:
                grad_table += part
            if grad_features is not None:
                rows = grad_hm.flatten(1).t()
                grad_features.index_add_(0, which, (rows if counts is None else rows * counts).to(sums))
    found = ((grad_x, x), (grad_features, features), (grad_table, table))
    return *(None if g is None else g.to(p) for g, p in found), None, None, None, None


_CONVOLVE = Operator(_forward, _backward, _formula, channels=lambda axes: (0, 2) if axes[2] == 2 else ())


class _Walk:
    """What both directions do for a chunk of queries."""

    def __init__(self, tensors: Tensors) -> None:
        x, features, table, index, start, length, self.which = tensors
        self.lists, self.x = NeighborLists(index, start, length), x
        self.features = features.to(x.dtype).t().contiguous()
        self.contraction = Depthwise(table.to(x.dtype)) if table.dim() == 2 else Full(table.to(x.dtype))
        self.gathered, self.looked_up = Buffer(x), Buffer(x)

    def block(self, chunk: Chunk) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
        """Sample numbers ``[E]``, features ``[H + 1, q, k]``, distinct offsets ``[E]``, what counts ``[E, 1]``."""
        edge, counts = self.lists.edges(chunk)
        which = self.which[edge]
        hm = torch.index_select(
            self.features, 1, which, out=self.looked_up(len(self.features), which.shape[0])
        )
        if counts is not None:
            hm = hm * counts.to(hm)
        column = None if counts is None else counts[:, None].to(hm)
        return self.lists.index[edge].long(), hm.unflatten(1, (chunk.count, chunk.width)), which, column

    def gather(self, index: Tensor, hm: Tensor) -> Tensor:
        """Samples ``[q, k, C_in]``."""
        out = self.gathered(len(index), self.x.shape[1])
        return torch.index_select(self.x, 0, index, out=out).unflatten(0, hm.shape[1:])
