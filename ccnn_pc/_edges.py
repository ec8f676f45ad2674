"""Sums over neighbours edge by edge, in calls of torch: what fused operators compute, differentiable without end."""

from __future__ import annotations

import torch
from torch import Tensor


def all_edges(start: Tensor, length: Tensor) -> tuple[Tensor, Tensor]:
    """Every edge of lists in one flat index, and its query.

    Args:
        start: first edge of each query ``[m]``.
        length: edges of each query ``[m]``.

    Returns:
        positions in the index and queries, int64 ``[E]`` each.

    Example:
        >>> [part.tolist() for part in all_edges(torch.tensor([1, 0]), torch.tensor([2, 1]))]
        [[1, 2, 0], [0, 0, 1]]
    """
    query = torch.arange(len(start), device=start.device).repeat_interleave(length)
    place = torch.arange(len(query), device=start.device)
    return place + (start - (length.cumsum(0) - length))[query], query


def kernel_sum(hm: Tensor, table: Tensor, x_j: Tensor, query: Tensor, num_queries: int) -> Tensor:
    r"""The sums :math:`y_i = \sum_j [m h, m]_{ij} T x_j`.

    Args:
        hm: windowed features ``[E, H + 1]``.
        table: ``[H + 1, C]`` depthwise, or ``[H + 1, C_in, C_out]``.
        x_j: gathered samples ``[E, C_in]``.
        query: of each edge ``[E]``.
        num_queries: m.

    Returns:
        ``[m, C]``.

    Example:
        >>> edges = torch.tensor([[1.0], [2.0]]), torch.tensor([[10.0]]), torch.tensor([[1.0], [3.0]])
        >>> kernel_sum(*edges, query=torch.tensor([0, 0]), num_queries=1).tolist()
        [[70.0]]
    """
    if table.dim() == 2:
        products = (hm @ table) * x_j
        return products.new_zeros(num_queries, products.shape[1]).index_add(0, query, products)
    outer = (hm[:, :, None] * x_j[:, None, :]).flatten(1)
    return outer.new_zeros(num_queries, outer.shape[1]).index_add(0, query, outer) @ table.flatten(0, 1)
