"""Kernels one by one: initial values, counts, errors; what holds for all of them is in the conformance tests."""

from __future__ import annotations

import contextlib
import copy
import functools
import math
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from ccnn_pc.kernels import (
    MLP,
    SIREN,
    FourierNet,
    GaborNet,
    Init,
    MAGNet,
    RandomFourierNet,
    SelfMovingPoints,
    flexconv_omega_0,
    scale_readout_,
    support_points,
)
from ccnn_pc.kernels.scaling import unscaled


@pytest.mark.parametrize(
    "kind",
    [functools.partial(MAGNet, spread=0.125), functools.partial(SelfMovingPoints, coord_std=0.2, radius=0.5)],
)
@pytest.mark.parametrize("dim", [1, 2, 3])
def test_narrow_kernels_have_mean_square_one_over_fan_too(kind: Any, dim: int) -> None:
    """As all kernels by default (conformance tests)."""
    with torch.no_grad():
        values = kind(dim=dim, out_channels=7, fan=256.0)(torch.rand(30_000, dim) * 2 - 1)
    assert values.square().mean().item() * 256.0 == pytest.approx(1.0, abs=0.08)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: MAGNet(2, 3, num_layers=0), "'num_layers' must be at least 1"),
        (lambda: MAGNet(2, 3, spread=0.0), "'spread' must"),
        (lambda: MAGNet(2, 3, gamma_distribution=(-1.0, 1.0)), "'gamma_distribution' must"),
        (lambda: GaborNet(2, 3, gamma_distribution=(6.0, 0.0)), "'gamma_distribution' must"),
        (lambda: MAGNet(2, 3, init=Init.CKCONV), "'init' of MAGNet must be one of"),
        (lambda: SIREN(2, 3, num_layers=1), "'num_layers' must be at least 2"),
        (lambda: RandomFourierNet(2, 3, hidden_channels=5), "'hidden_channels' must be even"),
        (lambda: SelfMovingPoints(2, 3, radius=0.0), "'radius' must"),
        (lambda: SelfMovingPoints(2, 3, min_radius=2.0), "'min_radius' must"),
        (lambda: MAGNet(2, 3)(torch.zeros(4, 3)), "'u' must have 2 coordinates"),
        (lambda: support_points(2, lower=[0.0]), "'lower' must hold 2 numbers"),
        (lambda: scale_readout_(MAGNet(2, 3), -1.0, support_points(2)), "'target' must"),
        (
            lambda: scale_readout_(MAGNet(2, 3), 1.0, support_points(2), torch.ones(3)),
            "'weight' must have one entry",
        ),
    ],
)
def test_bad_values(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_norm_must_be_of_one_position() -> None:
    with pytest.raises(ValueError, match="'norm' must be one of 'none', 'layer'"):
        MLP(2, 3, norm=nn.BatchNorm1d)  # type: ignore[arg-type]


@pytest.mark.parametrize("dim", [1, 2, 3])
@pytest.mark.parametrize(("hidden", "layers", "out"), [(32, 3, 140), (16, 1, 5), (8, 2, 1)])
def test_parameter_counts(dim: int, hidden: int, layers: int, out: int) -> None:
    def count(kernel: nn.Module) -> int:
        return sum(p.numel() for p in kernel.parameters())

    shared = layers * (hidden**2 + hidden) + hidden * out + out
    options: dict[str, Any] = {"hidden_channels": hidden, "num_layers": layers}
    assert count(MAGNet(dim, out, **options)) == (layers + 1) * (3 * hidden * dim + hidden) + shared
    assert count(GaborNet(dim, out, **options)) == (layers + 1) * (2 * hidden * dim + 2 * hidden) + shared
    assert count(FourierNet(dim, out, **options)) == (layers + 1) * (hidden * dim + hidden) + shared
    assert count(SelfMovingPoints(dim, out, hidden_channels=hidden)) == hidden * (1 + dim + out)


def test_published_magnet_initialisations() -> None:
    """CCNN and FlexConv draw the same frequencies once ω₀ = s / (2π √(L+1)); phases and read-outs differ."""
    ccnn = MAGNet(1, 4, hidden_channels=1000, omega_0=flexconv_omega_0(25.6, 3), init=Init.CCNN, fan=9.0)
    assert not ccnn.bias.any()
    assert all(bool((mix.bias == 1).all()) for mix in ccnn.mixing)  # type: ignore[union-attr]
    ratio = (ccnn.weight / ccnn.gamma).abs().max().item()
    assert ratio == pytest.approx(25.6 / 2.0, rel=1e-3)
    assert ccnn.readout.weight.abs().max().item() == pytest.approx((3 / 1000) ** 0.5 / 3.0, rel=1e-2)
    means = ccnn.gamma.view(4, -1).mean(dim=1).tolist()
    assert means == pytest.approx([6.0, 3.0, 2.0, 1.5], rel=0.1)
    flex = MAGNet(1, 4, hidden_channels=400, init=Init.FLEXCONV, fan=9.0)
    assert flex.bias.abs().max().item() == pytest.approx(math.pi, rel=1e-2)
    assert flex.mixing[0].weight.abs().max().item() == pytest.approx(400**-0.5, rel=1e-2)  # type: ignore[union-attr, operator]


def test_spread() -> None:
    assert MAGNet(2, 1, spread=0.25).mu.abs().max().item() == pytest.approx(0.25, rel=0.05)
    causal = MAGNet(1, 1, spread=0.25, causal=True).mu
    assert 0.75 <= causal.min().item() < 0.77
    assert 0.98 < causal.max().item() <= 1.0


def test_published_siren_initialisations() -> None:
    ckconv = SIREN(1, 40, hidden_channels=200, omega_0=3.0, init=Init.CKCONV)
    bounds = [ckconv.hidden[0].weight, ckconv.hidden[1].weight, ckconv.readout.weight, ckconv.readout.bias]
    expected = [1.0, 200**-0.5, 200**-0.5, 1.0]
    for tensor, bound in zip(bounds, expected, strict=True):
        assert tensor.abs().max().item() == pytest.approx(bound, rel=0.08)  # type: ignore[operator, union-attr]
    flex = SIREN(2, 40, hidden_channels=200, omega_0=3.0, init=Init.FLEXCONV)
    omega = 6.0 * math.pi
    for tensor, bound in (
        (flex.hidden[0].weight, 0.5),
        (flex.hidden[1].weight, (6 / 200) ** 0.5 / omega),
        (flex.readout.weight, (6 / 200) ** 0.5 / omega),
    ):
        assert tensor.abs().max().item() == pytest.approx(bound, rel=0.02)  # type: ignore[operator, union-attr]


def test_random_fourier_features_have_the_deviation_of_their_frequency() -> None:
    """Components of angular frequency 2π ω₀ about 0, phases over a whole turn."""
    kernel = RandomFourierNet(2, 3, hidden_channels=8000, num_layers=2, omega_0=3.0)
    assert kernel.embedding.weight.std().item() == pytest.approx(6.0 * math.pi, rel=0.03)
    assert kernel.embedding.weight.mean().abs().item() < 0.05 * 6.0 * math.pi
    assert kernel.embedding.bias.abs().max().item() == pytest.approx(math.pi, rel=1e-2)
    assert (
        kernel.readout.weight.var().item() / kernel.readout.weight.abs().max().item() ** 2
        == pytest.approx(1 / 3, rel=0.05)
    )


def test_default_siren_initialisation() -> None:
    """Positions turn by up to 2π ω₀, whatever the axes; layers after keep the variance; half a turn of phase."""
    siren = SIREN(2, 40, hidden_channels=400, omega_0=3.0)
    omega = 6.0 * math.pi
    expected = [(siren.hidden[0].weight, 2**-0.5), (siren.hidden[1].weight, (6 / 400) ** 0.5 / omega)]
    expected += [(layer.bias, math.pi / omega) for layer in siren.hidden]
    for tensor, bound in expected:
        assert tensor.abs().max().item() == pytest.approx(bound, rel=0.02)  # type: ignore[operator, union-attr]
    assert not siren.readout.bias.any()


def test_numbers_that_are_loaded_afterwards_are_not_scaled() -> None:
    """The same draws, and the same random state behind them."""
    made = []
    for context in (unscaled(), contextlib.nullcontext()):
        torch.manual_seed(0)
        with context:
            made.append((SIREN(2, 3, fan=64.0), float(torch.rand(()))))
    (drawn, after), (scaled, other) = made
    assert after == other and torch.equal(
        drawn.state_dict()["hidden.0.weight"], scaled.state_dict()["hidden.0.weight"]
    )
    factor = scaled.readout.weight / drawn.readout.weight
    torch.testing.assert_close(factor, factor[:1, :1].expand_as(factor))
    assert abs(float(factor[0, 0]) - 1) > 0.1
    drawn.reset_parameters()  # outside again
    assert float(drawn(support_points(2).float()).square().mean()) * 64 == pytest.approx(1.0, abs=0.01)


def test_weighted_scaling() -> None:
    kernel = MAGNet(2, 3)
    with torch.no_grad():
        kernel.readout.bias.normal_()
    u = support_points(2, 512).float()
    before = kernel(u).detach()
    weight = torch.exp(-u.square().sum(dim=1))
    factor = scale_readout_(kernel, 0.25, u, weight)
    after = kernel(u).detach()
    assert torch.allclose(after, before * factor, rtol=1e-4, atol=1e-6)
    mean = (weight * after.square().mean(dim=1)).sum() / weight.sum()
    assert mean.item() == pytest.approx(0.25, rel=1e-5)


def test_support_points_fill_a_box() -> None:
    state = torch.get_rng_state()
    points = support_points(3, 1024, lower=[0.0, -2.0, 1.0], upper=[1.0, 2.0, 1.5])
    assert torch.equal(torch.get_rng_state(), state)  # parameters alone use random numbers
    assert points.shape == (1024, 3)
    assert points.mean(dim=0).tolist() == pytest.approx([0.5, 0.0, 1.25], abs=1e-9)
    middle = points.sub(points.mean(dim=0)).square().mean(dim=0)
    assert middle.tolist() == pytest.approx([1 / 12, 16 / 12, 0.25 / 12], rel=1e-2)


@pytest.mark.parametrize("causal", [False, True])
def test_points_start_in_the_support(causal: bool) -> None:
    """Uniformly over it; or about the query, cut at its ends, and only the past's half if causal."""
    spread = SelfMovingPoints(1, 1, hidden_channels=4000, causal=causal).coord
    assert [spread.min().item(), spread.max().item()] == pytest.approx([-1.0, 1.0], abs=2e-3)
    assert spread.mean().item() == pytest.approx(0.0, abs=0.03)
    near = SelfMovingPoints(1, 1, hidden_channels=4000, causal=causal, coord_std=0.5).coord
    assert [near.min().item(), near.max().item()] == pytest.approx([-1.0, 1.0], abs=2e-2)
    query = 1.0 if causal else 0.0
    assert (near - query).square().mean().sqrt().item() == pytest.approx(
        0.8796 if causal else 0.4398, rel=0.03
    )


@pytest.mark.parametrize(("init", "bound"), [(Init.DEFAULT, 3**-0.5), (Init.CCNN, 1 / 3)])
def test_sines_start_below_their_frequency(init: Init, bound: float) -> None:
    kernel = FourierNet(3, 1, hidden_channels=1000, omega_0=2.0, init=init)
    assert kernel.weight.abs().max().item() == pytest.approx(4.0 * math.pi * bound, rel=1e-2)


def test_radius_stays_in_its_range() -> None:
    kernel = SelfMovingPoints(1, 2, hidden_channels=3, min_radius=0.01)
    with torch.no_grad():
        kernel.radius.copy_(torch.tensor([-1.0, 0.2, 3.0]))
    assert torch.isfinite(kernel(torch.rand(5, 1))).all()
    kernel.constrain_()
    assert kernel.radius.tolist() == pytest.approx([0.01, 0.2, 1.0])


@pytest.mark.parametrize("kind", [SIREN, MLP])
def test_kernels_with_weight_norm_are_copied_and_pickled(kind: Any) -> None:
    kernel, u = kind(2, 3, hidden_channels=8, weight_norm=True), torch.rand(5, 2)
    for copied in (copy.deepcopy(kernel), pickle.loads(pickle.dumps(kernel))):
        assert torch.equal(copied(u), kernel(u)) and list(copied.state_dict()) == list(kernel.state_dict())
        length = copied.readout.parametrizations.weight.original0
        with torch.no_grad():
            length.mul_(2.0)
        bias = kernel.readout.bias
        torch.testing.assert_close(copied(u) - bias, 2.0 * (kernel(u) - bias))  # lengths are still lengths
        copied.load_state_dict(kernel.state_dict())
        assert torch.equal(copied(u), kernel(u))
