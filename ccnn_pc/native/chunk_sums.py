"""Sums over the neighbours of some queries whose features torch has computed, in C++."""

from __future__ import annotations

import torch
from torch import Tensor

from ccnn_pc.native.convolution import row_gradients, row_sums


class ChunkSums:
    """From features ``hm [H + 1, q, k]`` and the samples ``x [n, C_in]`` at ``index [q k]`` to ``y [q, C_out]``.

    Neither samples nor kernel values of edges are made.
    """

    def __init__(self, table: Tensor) -> None:
        self.table = table.contiguous()

    def forward(self, hm: Tensor, x: Tensor, index: Tensor) -> Tensor:
        """The sums."""
        return row_sums(x, self.table, _rows(hm), _edges(hm, index))

    def backward(self, hm: Tensor, x: Tensor, index: Tensor, g: Tensor) -> tuple[Tensor, Tensor]:
        """Gradients to the table and to ``hm``, ``[H + 1, q k]``."""
        rows = _rows(hm)
        _, d_table, d_rows = row_gradients(g, x, self.table, rows, _edges(hm, index), of_samples=False)
        return d_table, d_rows.t()

    def add_backward_samples(self, hm: Tensor, index: Tensor, g: Tensor, grad_x: Tensor) -> None:
        """Add the gradient of the samples to ``grad_x [n, C_in]``."""
        found, _, _ = row_gradients(g, grad_x, self.table, _rows(hm), _edges(hm, index), of_samples=True)
        grad_x += found


def _rows(hm: Tensor) -> Tensor:
    return hm.flatten(1).t().contiguous()


def _edges(hm: Tensor, index: Tensor) -> list[Tensor]:
    """Samples of all edges; first edge and number of edges of each query."""
    queries, width = hm.shape[1:]
    start = torch.arange(queries, device=index.device) * width
    return [index, torch.stack([start, torch.full_like(start, width)])]
