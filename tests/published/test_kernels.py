"""Kernel networks of the released code alone: golden vectors, and how they differ from ours."""

from __future__ import annotations

import functools
import math

import pytest
import torch

from ccnn_pc.domains import Grid, PointSet
from ccnn_pc.kernels import MAGNet
from ccnn_pc.nn import Algorithm, ContinuousConv
from ccnn_pc.published import JointNormMLP, SteerableMAGNet
from tests.clouds import DOUBLE, cloud, features, layer
from tests.released import Golden, Released, close, load_kernel, load_linear


@torch.no_grad()
def test_turned_envelopes(golden: Golden) -> None:
    released = Released(golden, "1_kernel_fx_magnet_d2_steerable")
    kernel = SteerableMAGNet(2, int(released.config("out_channels"))).double()
    load_kernel(kernel, released, "")
    kernel.theta.copy_(torch.cat([released(f"filters.{level}.theta") for level in range(4)]))
    for u, expected in released.kernel_values():
        close(kernel(u), expected)


@torch.no_grad()
def test_by_a_quarter_turn_axes_change_places() -> None:
    plain, turned = MAGNet(2, 3).double(), SteerableMAGNet(2, 3).double()
    u = torch.rand(50, 2, dtype=DOUBLE) * 2 - 1
    turned.load_state_dict({**plain.state_dict(), "theta": torch.zeros_like(turned.theta)})
    torch.testing.assert_close(turned(u), plain(u))
    turned.theta.fill_(0.25)
    turned.gamma.copy_(plain.gamma.flip(1))
    torch.testing.assert_close(turned(u), plain(u))
    turned.theta.add_(0.1)
    assert (turned(u) - plain(u)).abs().max() > 1e-3


def test_turned_envelopes_run_on_all_paths() -> None:
    points = cloud(dim=2)
    conv = layer(dim=2, kernel=functools.partial(SteerableMAGNet, hidden_channels=6))
    x = features(points)
    found = []
    for algorithm in (Algorithm.FAST, Algorithm.MESSAGES):
        y = conv(x, points, algorithm=algorithm)
        found.append([y.detach(), *torch.autograd.grad(y.square().sum(), list(conv.parameters()))])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other)
    assert isinstance(conv.kernel, SteerableMAGNet)
    assert 0 <= float(conv.kernel.theta.detach().min()) < 0.5 < float(conv.kernel.theta.detach().max()) < 1
    with pytest.raises(ValueError, match="'dim' must be 2"):
        SteerableMAGNet(3, 2)


@torch.no_grad()
def test_a_joint_norm(golden: Golden) -> None:
    released = Released(golden, "1_kernel_ck_swish_layernorm")
    kernel = JointNormMLP(1, int(released.config("out_channels"))).double()
    network = kernel.network
    for place, hidden, norm in zip((0, 4), network.hidden, network.norms, strict=True):
        load_linear(hidden, released, f"kernel_net.{place}")
        norm.weight.copy_(released(f"kernel_net.{place + 2}.layer_norm.weight"))  # type: ignore[operator, union-attr]
        norm.bias.copy_(released(f"kernel_net.{place + 2}.layer_norm.bias"))  # type: ignore[operator, union-attr]
    load_linear(network.readout, released, "kernel_net.8")
    for u, expected in released.kernel_values():
        close(kernel(u), expected)


def test_a_joint_norm_is_for_rendered_kernels() -> None:
    """A grid renders it; the fused operator of points refuses it, since more points would make it another kernel."""
    conv = ContinuousConv(3, 4, dim=1, extent=4.0, kernel=JointNormMLP)
    grid = Grid((20,))
    assert torch.isfinite(conv(torch.rand(20, 3), grid)).all()
    points = PointSet(grid.positions().float()).knn(9)
    with pytest.raises(TypeError, match="needs a FactorizedKernel \\(got JointNormMLP\\)"):
        conv(torch.rand(20, 3), points, algorithm=Algorithm.FAST)
    u = torch.linspace(-1, 1, 500)[:, None]
    kernel = JointNormMLP(1, 200, fan=4.0)
    assert float(kernel(u).detach().square().mean()) == pytest.approx(0.25, rel=0.15)
    assert not torch.allclose(kernel(u)[:250], kernel(u[:250]), atol=1e-2)
    assert math.isfinite(float(kernel.max_frequency().detach()))
