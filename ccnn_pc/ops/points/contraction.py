"""The sums over neighbours of one chunk, and their gradients, for depthwise and for full kernels."""

from __future__ import annotations

import math
from typing import Protocol

import torch
from torch import Tensor

from ccnn_pc.native import runs_on, triton
from ccnn_pc.native.chunk_sums import ChunkSums as NativeSums


class Buffer:
    """One block of memory that every chunk uses again: fresh pages cost more than filling them."""

    def __init__(self, like: Tensor) -> None:
        self.memory = like.new_empty(0)

    def __call__(self, *shape: int) -> Tensor:
        size = math.prod(shape)
        if self.memory.numel() < size:
            self.memory = self.memory.new_empty(size)
        return self.memory[:size].view(shape)


class Contraction(Protocol):
    """From windowed features ``hm [H + 1, q, k]`` and gathered samples ``x_j [q, k, C_in]`` to ``y [q, C_out]``."""

    def forward(self, hm: Tensor, x_j: Tensor) -> Tensor:
        """The sums; may overwrite ``x_j``."""

    def backward(self, hm: Tensor, x_j: Tensor, g: Tensor) -> tuple[Tensor, Tensor]:
        """Gradients to the table and to ``hm``; may overwrite ``x_j``."""

    def backward_samples(self, hm: Tensor, g: Tensor) -> Tensor:
        """Gradient to ``x_j``; valid until the next call."""


class Depthwise:
    r"""``y_c = Σ_j (Σ_h hm_hj T_hc) x_jc`` with table T ``[H + 1, C]``.

    Kernel values are made for one chunk at a time, ``[q k, C]``, as one matrix product: they cost what
    the sum in the other order costs, and small batched products are slow.
    """

    def __init__(self, table: Tensor) -> None:
        self.table = table
        self.values = Buffer(table)

    def _kernel(self, hm: Tensor) -> Tensor:
        """Kernel values ``[q, k, C]``."""
        flat = hm.flatten(1)
        values = self.values(flat.shape[1], self.table.shape[1])
        torch.mm(flat.t(), self.table, out=values)
        return values.view(*hm.shape[1:], -1)

    def forward(self, hm: Tensor, x_j: Tensor) -> Tensor:
        return self._kernel(hm).mul_(x_j).sum(1)

    def backward(self, hm: Tensor, x_j: Tensor, g: Tensor) -> tuple[Tensor, Tensor]:
        d_values = x_j.mul_(g[:, None, :]).flatten(0, 1)
        return hm.flatten(1) @ d_values, (self.table @ d_values.t()).view_as(hm)

    def backward_samples(self, hm: Tensor, g: Tensor) -> Tensor:
        return self._kernel(hm).mul_(g[:, None, :])


class Full:
    r"""``y_o = Σ_j Σ_h Σ_c hm_hj T_hco x_jc`` with table T ``[H + 1, C_in, C_out]``.

    Neighbours are summed before the table is applied, ``Z = hm x_j^T``: the only order that never makes
    ``C_in C_out`` numbers per edge.
    """

    def __init__(self, table: Tensor) -> None:
        self.table = table
        self.flat = table.flatten(0, 1)
        self.samples = Buffer(table)

    def forward(self, hm: Tensor, x_j: Tensor) -> Tensor:
        return torch.bmm(hm.transpose(0, 1), x_j).flatten(1) @ self.flat

    def backward(self, hm: Tensor, x_j: Tensor, g: Tensor) -> tuple[Tensor, Tensor]:
        z = torch.bmm(hm.transpose(0, 1), x_j).flatten(1)
        d_hm = torch.bmm(self._d_z(g), x_j.transpose(1, 2))
        return (z.t() @ g).view_as(self.table), d_hm.transpose(0, 1)

    def backward_samples(self, hm: Tensor, g: Tensor) -> Tensor:
        samples = self.samples(hm.shape[1], hm.shape[2], self.table.shape[1])
        return torch.bmm(hm.permute(1, 2, 0), self._d_z(g), out=samples)

    def _d_z(self, g: Tensor) -> Tensor:
        return (g @ self.flat.t()).view(len(g), self.table.shape[0], self.table.shape[1])


class ChunkSums(Protocol):
    """From features ``hm [H + 1, q, k]`` and the samples ``x [n, C_in]`` at ``index [q k]`` to ``y [q, C_out]``."""

    def forward(self, hm: Tensor, x: Tensor, index: Tensor) -> Tensor:
        """The sums."""

    def backward(self, hm: Tensor, x: Tensor, index: Tensor, g: Tensor) -> tuple[Tensor, Tensor]:
        """Gradients to the table and to ``hm``, ``[H + 1, q k]``."""

    def add_backward_samples(self, hm: Tensor, index: Tensor, g: Tensor, grad_x: Tensor) -> None:
        """Add the gradient of the samples to ``grad_x [n, C_in]``."""


class Gathered:
    """The sums by operators of torch, over samples that are gathered first."""

    def __init__(self, table: Tensor) -> None:
        self.contraction: Contraction = Depthwise(table) if table.dim() == 2 else Full(table)
        self.memory = Buffer(table)

    def _gather(self, hm: Tensor, x: Tensor, index: Tensor) -> Tensor:
        out = self.memory(len(index), x.shape[1])
        return torch.index_select(x, 0, index, out=out).unflatten(0, hm.shape[1:])

    def forward(self, hm: Tensor, x: Tensor, index: Tensor) -> Tensor:
        return self.contraction.forward(hm, self._gather(hm, x, index))

    def backward(self, hm: Tensor, x: Tensor, index: Tensor, g: Tensor) -> tuple[Tensor, Tensor]:
        d_table, d_hm = self.contraction.backward(hm, self._gather(hm, x, index), g)
        return d_table, d_hm.flatten(1)

    def add_backward_samples(self, hm: Tensor, index: Tensor, g: Tensor, grad_x: Tensor) -> None:
        part = self.contraction.backward_samples(hm, g).flatten(0, 1)
        grad_x.index_add_(0, index, part.to(grad_x.dtype))


def chunk_sums(x: Tensor, table: Tensor) -> ChunkSums:
    """The sums for ``x [n, C_in]`` and ``table``, in the type of ``x``: in C++ or Triton where they are there."""
    if triton.runs_on(x, table):
        from ccnn_pc.native.triton.chunk_sums import ChunkSums as TritonSums

        return TritonSums(table)
    if summed_natively(x, table):
        return NativeSums(table)
    return Gathered(table.to(x.dtype))


def summed_natively(x: Tensor, table: Tensor) -> bool:
    """Whether the sums of chunks run in C++, which fetches samples row by row and wants large chunks."""
    return x.dtype == table.dtype and runs_on(x, table, dim=0)
