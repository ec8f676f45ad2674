"""Anisotropic Gabor filters, evaluated for all layers at once, with a lean hand-written gradient."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


class _GaborFilters(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, u: Tensor, gamma: Tensor, mu: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        shift = -gamma * mu
        envelope = torch.addcmul(shift[:, 0], u[:, :1], gamma[:, 0]).square_()
        if u.shape[1] > 1:
            distance = torch.empty_like(envelope)
            for d in range(1, u.shape[1]):
                torch.addcmul(shift[:, d], u[:, d : d + 1], gamma[:, d], out=distance)
                envelope.addcmul_(distance, distance)
        envelope.mul_(-0.5).exp_()
        values = torch.addmm(bias, u, weight.t()).sin_().mul_(envelope)
        ctx.save_for_backward(u, gamma, mu, weight, bias, envelope, values)
        return values

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (grad,) = grads
        u, gamma, mu, weight, bias, envelope, values = ctx.saved_tensors
        dim = u.shape[1]
        phase = torch.addmm(bias, u, weight.t()).cos_().mul_(envelope).mul_(grad)  # gradient of the phase
        exponent = values * grad  # gradient of the exponent
        du = dgamma = dmu = dweight = dbias = None
        one = torch.ones_like(u[:, :1])
        if ctx.needs_input_grad[1] or ctx.needs_input_grad[2]:
            moments = exponent.t() @ torch.cat([u * u, u, one], dim=1)  # Σ_e of dq·u², dq·u, dq
            second, first, zeroth = moments[:, :dim], moments[:, dim : 2 * dim], moments[:, 2 * dim :]
            dgamma = -gamma * (second - 2.0 * mu * first + mu * mu * zeroth)
            dmu = gamma * gamma * (first - mu * zeroth)
        if ctx.needs_input_grad[3] or ctx.needs_input_grad[4]:
            moments = phase.t() @ torch.cat([u, one], dim=1)
            dweight, dbias = moments[:, :dim], moments[:, dim]
        if ctx.needs_input_grad[0]:
            square = gamma * gamma
            du = phase @ weight + exponent @ (square * mu) - u * (exponent @ square)
        return du, dgamma, dmu, dweight, dbias


def gabor_filters(u: Tensor, gamma: Tensor, mu: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Gabor filters ``g_h(u) = exp(-½ Σ_d [γ_hd (u_d - μ_hd)]²) · sin(W_h·u + b_h)`` (FlexConv, MAGNet).

    The squares are summed as they stand: expanding them into one matrix product is faster, but in float32 loses
    about 1e-5 of max|g|. First derivatives only.

    Args:
        u: coordinates ``[..., D]``.
        gamma: inverse standard deviations ``[F, D]``, or ``[F, 1]`` for round envelopes.
        mu: centres ``[F, D]``.
        weight: angular frequencies ``[F, D]``.
        bias: phases ``[F]``.

    Returns:
        Filter values ``[..., F]``, in the type of ``u``.

    Example:
        >>> one = torch.ones(1, 1)
        >>> gabor_filters(torch.zeros(3, 1), one, 0 * one, one, torch.tensor([torch.pi / 2])).flatten().tolist()
        [1.0, 1.0, 1.0]
    """
    flat = u.reshape(-1, u.shape[-1])
    values = _GaborFilters.apply(flat, gamma.expand_as(mu), mu, weight, bias)
    return values.reshape(*u.shape[:-1], bias.shape[0])
