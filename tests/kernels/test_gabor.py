"""Gabor filters: values, hand-written gradient, precision."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ccnn_pc.kernels import GaborNet, MAGNet, gabor_filters


def _plain(u: Tensor, gamma: Tensor, mu: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """The formula as it is written."""
    distance = gamma * (u[..., None, :] - mu)
    return torch.exp(-0.5 * distance.square().sum(-1)) * torch.sin((u[..., None, :] * weight).sum(-1) + bias)


def _parameters(units: int, dim: int, columns: int) -> list[Tensor]:
    draw = [
        torch.rand(units, columns) * 4 - 1,
        torch.rand(units, dim) * 2 - 1,
        torch.randn(units, dim) * 5,
        torch.randn(units),
    ]
    return [p.double().requires_grad_() for p in draw]


@pytest.mark.parametrize("dim", [1, 2, 3, 4])
@pytest.mark.parametrize("isotropic", [False, True])
def test_values_and_gradients(dim: int, isotropic: bool) -> None:
    parameters = _parameters(5, dim, 1 if isotropic else dim)
    u = (torch.rand(7, dim, dtype=torch.float64) * 2 - 1).requires_grad_()
    assert torch.allclose(gabor_filters(u, *parameters), _plain(u, *parameters), rtol=0, atol=1e-14)
    assert torch.autograd.gradcheck(gabor_filters, (u, *parameters))


def test_gradients_of_parameters_alone() -> None:
    parameters = _parameters(4, 3, 3)
    u = torch.rand(2, 3, 3, dtype=torch.float64) * 2 - 1
    upstream = torch.randn(2, 3, 4, dtype=torch.float64)
    ours = torch.autograd.grad((gabor_filters(u, *parameters) * upstream).sum(), parameters)
    theirs = torch.autograd.grad((_plain(u, *parameters) * upstream).sum(), parameters)
    for a, b in zip(ours, theirs, strict=True):
        assert torch.allclose(a, b, rtol=1e-12, atol=1e-12)


def test_gradients_of_some_arguments() -> None:
    for wanted in range(5):
        arguments = [torch.rand(6, 2).double(), *_parameters(3, 2, 2)]
        for index, argument in enumerate(arguments):
            arguments[index] = argument.detach().requires_grad_(index == wanted)
        (ours,) = torch.autograd.grad(gabor_filters(*arguments).sum(), arguments[wanted])
        (theirs,) = torch.autograd.grad(_plain(*arguments).sum(), arguments[wanted])
        assert torch.allclose(ours, theirs, rtol=1e-12, atol=1e-12)


def test_float32_envelope_is_accurate() -> None:
    """With narrow envelopes an expanded square would be off by 6e-6; the phase is kept at π/2."""
    kernel = MAGNet(3, 1, hidden_channels=32, omega_0=0.01)
    parameters = [kernel.gamma * 3, kernel.mu, kernel.weight * 0, kernel.bias * 0 + torch.pi / 2]
    u = torch.rand(4096, 3) * 2 - 1
    error = (
        gabor_filters(u, *parameters).double() - _plain(u.double(), *(p.double() for p in parameters))
    ).abs()
    assert error.max() < 1e-6


def test_envelope_far_out_is_nothing_and_finite() -> None:
    one = torch.ones(1, 1, requires_grad=True)
    u = torch.tensor([[1e4]])
    value = gabor_filters(u, 100.0 * one, 0.0 * one, one, one[0])
    value.sum().backward()
    assert value.abs().item() < 1e-25
    assert one.grad is not None
    assert torch.isfinite(one.grad).all()


def test_neither_network_is_the_other() -> None:
    assert not isinstance(GaborNet(2, 3), MAGNet) and not isinstance(MAGNet(2, 3), GaborNet)
    sizes = [k(2, 3, hidden_channels=4, num_layers=1).gamma.shape for k in (MAGNet, GaborNet)]
    assert sizes == [(8, 2), (8, 1)]
