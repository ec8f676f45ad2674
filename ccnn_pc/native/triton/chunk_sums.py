"""The sums over neighbours of one chunk in Triton, for kernels whose features are computed in torch."""

from __future__ import annotations

import torch
from torch import Tensor

from ccnn_pc.native.triton.neighbour_sums import (
    Rows,
    Slots,
    convolve,
    differentiate_features,
    differentiate_samples,
    differentiate_table,
)


class ChunkSums:
    """From unit-major windowed features ``hm [H + 1, q, k]`` and samples ``x [n, C_in]`` to ``y [q, C_out]``.

    Args:
        table: read-out with bias, ``[H + 1, C]`` or ``[H + 1, C_in, C_out]``.
    """

    def __init__(self, table: Tensor) -> None:
        self.table = table

    def forward(self, hm: Tensor, x: Tensor, index: Tensor) -> Tensor:
        """The sums; ``index [q k]`` says which samples."""
        return convolve(x, _by_edge(hm), _slots(hm, index), self.table)

    def backward(self, hm: Tensor, x: Tensor, index: Tensor, g: Tensor) -> tuple[Tensor, Tensor]:
        """Gradients to the table and to ``hm``, ``[H + 1, q k]``."""
        slots = _slots(hm, index)
        found = torch.empty(len(index), len(self.table), device=x.device)
        differentiate_features(x, slots, self.table, g, Rows.of(found))
        return differentiate_table(x, _by_edge(hm), slots, self.table, g), found.t()

    def add_backward_samples(self, hm: Tensor, index: Tensor, g: Tensor, grad_x: Tensor) -> None:
        """Add the gradient of the samples to ``grad_x [n, C_in]``."""
        slots = _slots(hm, index)
        query = torch.arange(hm.shape[1], device=hm.device).repeat_interleave(hm.shape[2])
        turned = slots.turned(query, len(grad_x))
        grad_x += differentiate_samples(_by_edge(hm), turned, self.table, g)


def _by_edge(hm: Tensor) -> Rows:
    """Features edge by edge, float32."""
    return Rows.of(hm.flatten(1).t().float().contiguous())


def _slots(hm: Tensor, index: Tensor) -> Slots:
    """Edges of equally many neighbours; those that fill a list up have no features."""
    _, queries, width = hm.shape
    first = torch.arange(queries, device=hm.device) * width
    return Slots(index, first, torch.full_like(first, width))
