"""Functions of multiplicative filter networks with lean hand-written gradients: Gabor filters, their products."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ccnn_pc._autograd import Operator, Tensors

# exp(-60) = 9e-27. Further down lie the subnormal numbers of float32, on which exp takes 13 times as long.
_SMALLEST_EXPONENT = -60.0


def _gabor(tensors: Tensors, settings: None) -> tuple[Tensor, ...]:
    """Unit-major, ``[F, E]``: one unit's values at all edges lie in a row, however few units there are."""
    u, gamma, mu, weight, bias = tensors
    # exponent -Σ_d t_d² with t_d = γ_d (u_d - μ_d) / √2, one axis at a time
    slope = gamma * 0.5**0.5
    envelope = u.new_empty(bias.shape[0], u.shape[1])
    values = torch.empty_like(envelope)
    torch.sub(u[0], mu[:, :1], out=values).mul_(slope[:, :1])
    torch.mul(values, values, out=envelope)
    for d in range(1, u.shape[0]):
        torch.sub(u[d], mu[:, d : d + 1], out=values).mul_(slope[:, d : d + 1])
        envelope.addcmul_(values, values)
    envelope.neg_().clamp_min_(_SMALLEST_EXPONENT).exp_()
    torch.mm(_phases(weight, bias), _and_one(u), out=values)
    return values.sin_().mul_(envelope), envelope


def _gabor_backward(
    tensors: Tensors, grads: Tensors, wanted: Sequence[bool], settings: None
) -> Sequence[Tensor | None]:
    (grad,), (u, gamma, mu, weight, bias, values, envelope) = grads, tensors
    dim, u_and_one, phases = len(u), _and_one(u), _phases(weight, bias)
    du = dgamma = dmu = dweight = dbias = None
    if wanted[0] or wanted[3] or wanted[4]:
        d_phase = torch.mm(phases, u_and_one).cos_().mul_(envelope).mul_(grad)
        moments = d_phase @ u_and_one.t()  # Σ_e of dp·u, dp
        dweight, dbias = moments[:, :dim], moments[:, dim]
        if wanted[0]:
            du = phases[:, :dim].t() @ d_phase
    if wanted[0] or wanted[1] or wanted[2]:
        d_exponent = values * grad
        moments = d_exponent @ torch.cat([u * u, u_and_one]).t()  # Σ_e of dq·u², dq·u, dq
        second, first, zeroth = moments[:, :dim], moments[:, dim : 2 * dim], moments[:, 2 * dim :]
        dgamma = -gamma * (second - 2.0 * mu * first + mu * mu * zeroth)
        dmu = gamma * gamma * (first - mu * zeroth)
        if du is not None:
            square = gamma * gamma
            du = du + (square * mu).t() @ d_exponent - u * (square.t() @ d_exponent)
    return du, dgamma, dmu, dweight, dbias


def _and_one(u: Tensor) -> Tensor:
    """Coordinates with ones below them, ``[D + 1, E]``."""
    return torch.cat([u, torch.ones_like(u[:1])])


def _phases(weight: Tensor, bias: Tensor) -> Tensor:
    """Frequencies with phases beside them, ``[F, D + 1]``."""
    return torch.cat([weight, bias[:, None]], dim=1)


def _gabor_formula(tensors: Tensors, settings: None) -> tuple[Tensor, ...]:
    u, gamma, mu, weight, bias = tensors
    exponent = -0.5 * (gamma[..., None] * (u - mu[..., None])).square().sum(dim=1)
    return (exponent.clamp_min(_SMALLEST_EXPONENT).exp() * torch.sin(weight @ u + bias[:, None]),)


_GABOR = Operator(_gabor, _gabor_backward, _gabor_formula, keeps=True)


def gabor_filters(u: Tensor, gamma: Tensor, mu: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Gabor filters ``g_h(u) = exp(-½ Σ_d [γ_hd (u_d - μ_hd)]²) · sin(W_h·u + b_h)`` (FlexConv, MAGNet).

    The squares are summed as they stand: expanded into one matrix product they cost 6e-6 of max|g| in float32
    instead of 1e-7. The envelope stops falling at exp(-60) = 9e-27.

    Args:
        u: coordinates ``[..., D]``.
        gamma: inverse standard deviations ``[F, D]``, or ``[F, 1]`` for round envelopes.
        mu: centres ``[F, D]``.
        weight: angular frequencies ``[F, D]``.
        bias: phases ``[F]``.

    Returns:
        Filter values ``[..., F]``, in the type of ``u``; in memory the units are the slow axis.

    Example:
        >>> one = torch.ones(1, 1)
        >>> gabor_filters(torch.zeros(2, 1), one, 0 * one, one, torch.tensor([torch.pi / 2])).tolist()
        [[1.0], [1.0]]
    """
    flat = u.reshape(-1, u.shape[-1]).t().contiguous()
    (values,) = _GABOR(None, flat, gamma.expand_as(mu), mu, weight, bias)
    return values.t().unflatten(0, u.shape[:-1]) if u.dim() > 1 else values[:, 0]


def _chain(tensors: Tensors, settings: None) -> tuple[Tensor, ...]:
    filters, mixing, offset = tensors
    products, mixed = [filters[0]], []
    for g, weight, bias in zip(filters[1:], mixing, offset, strict=True):
        mixed.append(torch.addmm(bias[:, None], weight, products[-1]))
        products.append(g * mixed[-1])
    last = products.pop() if len(products) > 1 else filters[0].clone()
    return last, *mixed, *products[1:]


def _chain_backward(
    tensors: Tensors, grads: Tensors, wanted: Sequence[bool], settings: None
) -> Sequence[Tensor | None]:
    (grad,), (filters, mixing, _, _, *kept) = grads, tensors
    layers = len(mixing)
    mixed, products = kept[:layers], [filters[0], *kept[layers:]]
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


def _chain_formula(tensors: Tensors, settings: None) -> tuple[Tensor, ...]:
    filters, mixing, offset = tensors
    z = filters[0]
    for g, weight, bias in zip(filters[1:], mixing, offset, strict=True):
        z = g * (weight @ z + bias[:, None])
    return (z,)


_CHAIN = Operator(_chain, _chain_backward, _chain_formula, keeps=True)


def multiplicative_chain(filters: Tensor, mixing: Tensor, offset: Tensor) -> Tensor:
    r"""The recursion :math:`z_0 = g_0,\; z_l = g_l \odot (A_l z_{l-1} + a_l)` (Fathony et al. 2021).

    Args:
        filters: values of the L + 1 filters, unit-major, ``[L + 1, H, E]``.
        mixing: the matrices A ``[L, H, H]``.
        offset: the offsets a ``[L, H]``.

    Returns:
        z_L, ``[H, E]``.

    Example:
        >>> two = torch.full((2, 1, 1), 2.0)
        >>> multiplicative_chain(two, mixing=torch.ones(1, 1, 1), offset=torch.ones(1, 1)).tolist()
        [[6.0]]
    """
    (found,) = _CHAIN(None, filters, mixing, offset)
    return found
