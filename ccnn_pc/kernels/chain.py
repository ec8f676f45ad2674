"""The product chain of multiplicative filter networks, with a lean hand-written gradient."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ccnn_pc._precision import without_autocast


class _Chain(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, filters: Tensor, mixing: Tensor, offset: Tensor) -> Tensor:
        products, mixed = [filters[0]], []
        for g, weight, bias in zip(filters[1:], mixing, offset, strict=True):
            mixed.append(torch.addmm(bias[:, None], weight, products[-1]))
            products.append(g * mixed[-1])
        ctx.save_for_backward(filters, mixing, *mixed, *products[1:])
        return products[-1] if len(products) > 1 else filters[0].clone()

    @staticmethod
    @once_differentiable
    @without_autocast
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (grad,) = grads
        filters, mixing, *saved = ctx.saved_tensors
        layers = len(mixing)
        mixed, products = saved[:layers], [filters[0], *saved[layers:]]
        d_filters, d_mixing = torch.empty_like(filters), torch.empty_like(mixing)
        d_offset = mixing.new_empty(mixing.shape[:2])
        for level in reversed(range(layers)):
            torch.mul(grad, mixed[level], out=d_filters[level + 1])
            d_mixed = grad * filters[level + 1]
            torch.mm(d_mixed, products[level].t(), out=d_mixing[level])
            torch.sum(d_mixed, 1, out=d_offset[level])
            grad = mixing[level].t() @ d_mixed
        d_filters[0] = grad
        return d_filters, d_mixing, d_offset


def multiplicative_chain(filters: Tensor, mixing: Tensor, offset: Tensor) -> Tensor:
    r"""The recursion :math:`z_0 = g_0,\; z_l = g_l \odot (A_l z_{l-1} + a_l)` (Fathony et al. 2021).

    Args:
        filters: values of the L + 1 filters, unit-major, ``[L + 1, H, E]``.
        mixing: the matrices A ``[L, H, H]``.
        offset: the offsets a ``[L, H]``.

    Returns:
        z_L, ``[H, E]``. First derivatives only.

    Example:
        >>> two = torch.full((2, 1, 1), 2.0)
        >>> multiplicative_chain(two, mixing=torch.ones(1, 1, 1), offset=torch.ones(1, 1)).tolist()
        [[6.0]]
    """
    return _Chain.apply(filters, mixing, offset)
