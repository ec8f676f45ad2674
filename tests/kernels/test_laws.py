"""What holds for every kernel: variance, factors, shapes, precision, counts, errors."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from ccnn_pc.kernels import (
    MLP,
    SIREN,
    FactorizedKernel,
    FourierNet,
    GaborNet,
    Init,
    KernelNorm,
    MAGNet,
    RandomFourierNet,
    SelfMovingPoints,
    Sine,
    flexconv_omega_0,
    scale_readout_,
    support_points,
)

KERNELS: dict[str, Callable[..., FactorizedKernel]] = {
    "SIREN": SIREN,
    "FourierNet": FourierNet,
    "GaborNet": GaborNet,
    "MAGNet": MAGNet,
    "MAGNet, narrow": functools.partial(MAGNet, spread=0.125),
    "RandomFourierNet": RandomFourierNet,
    "MLP": MLP,
    "MLP, ReLU": functools.partial(MLP, activation=nn.ReLU),
    "MLP, LeakyReLU": functools.partial(MLP, activation=nn.LeakyReLU),
    "MLP, GELU, LayerNorm": functools.partial(MLP, activation=nn.GELU, norm=KernelNorm.LAYER),
    "MLP, Sine": functools.partial(MLP, activation=Sine),
    "SelfMovingPoints": SelfMovingPoints,
    "SelfMovingPoints, narrow": functools.partial(SelfMovingPoints, coord_std=0.2, radius=0.5),
}
every_kernel = pytest.mark.parametrize("kind", KERNELS.values(), ids=KERNELS.keys())
every_dim = pytest.mark.parametrize("dim", [1, 2, 3])


@every_kernel
@pytest.mark.parametrize(("dim", "causal"), [(1, False), (1, True), (2, False), (3, False)])
def test_mean_square_over_the_support_is_one_over_fan(
    kind: Callable[..., FactorizedKernel], dim: int, causal: bool
) -> None:
    u = torch.rand(30_000, dim) * 2 - 1
    for fan in (1.0, 256.0):
        kernel = kind(dim=dim, out_channels=7, fan=fan, causal=causal)
        with torch.no_grad():
            assert kernel(u).square().mean().item() * fan == pytest.approx(1.0, abs=0.08)


@every_kernel
def test_parameters_alone_use_random_numbers(kind: Callable[..., FactorizedKernel]) -> None:
    torch.manual_seed(3)
    first = kind(dim=2, out_channels=3, fan=4.0)
    torch.manual_seed(3)
    second = kind(dim=2, out_channels=3, fan=16.0)
    state = torch.get_rng_state()
    support_points(2)
    assert torch.equal(torch.get_rng_state(), state)
    for (name, a), b in zip(first.state_dict().items(), second.state_dict().values(), strict=True):
        factor = 0.5 if name.startswith("readout.") else 1.0
        assert torch.allclose(a * factor, b, rtol=1e-5, atol=0)


@every_kernel
@every_dim
def test_factors_shapes_and_rows(kind: Callable[..., FactorizedKernel], dim: int) -> None:
    kernel = kind(dim=dim, out_channels=5, hidden_channels=8).double()
    u = torch.rand(3, 4, dim, dtype=torch.float64) * 2 - 1
    values = kernel(u)
    assert values.shape == (3, 4, 5)
    assert kernel.features(u).shape == (3, 4, 8)
    assert torch.equal(values, kernel.readout(kernel.features(u)))
    alone = torch.stack([kernel(row) for row in u.flatten(0, 1)]).view_as(values)  # each position for itself
    assert torch.allclose(values, alone, rtol=0, atol=1e-12)
    assert kernel(torch.empty(0, dim, dtype=torch.float64)).shape == (0, 5)


@every_kernel
def test_every_parameter_has_a_gradient(kind: Callable[..., FactorizedKernel]) -> None:
    kernel = kind(dim=2, out_channels=5, hidden_channels=8)
    kernel(torch.rand(500, 2) * 2 - 1).square().sum().backward()
    for name, parameter in kernel.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().max() > 0, name


@every_kernel
@every_dim
def test_gradients(kind: Callable[..., FactorizedKernel], dim: int) -> None:
    kernel = kind(dim=dim, out_channels=2, hidden_channels=4).double()
    names = [name for name, _ in kernel.named_parameters()]
    u = (torch.rand(3, dim, dtype=torch.float64) * 2 - 1).requires_grad_()

    def values(u: torch.Tensor, *parameters: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(kernel, dict(zip(names, parameters, strict=True)), (u,))

    assert torch.autograd.gradcheck(values, (u, *kernel.parameters()))


@every_kernel
def test_features_keep_full_precision_under_autocast(kind: Callable[..., FactorizedKernel]) -> None:
    kernel = kind(dim=3, out_channels=5)
    u = torch.rand(100, 3) * 2 - 1
    expected = kernel.features(u)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        features = kernel.features(u)
    assert features.dtype == torch.float32
    assert torch.equal(features, expected)


def _options(**options: Any) -> Any:
    return pytest.param(options, id=", ".join(f"{k}={v}" for k, v in options.items()))


@pytest.mark.parametrize(
    "kind", [SIREN, FourierNet, GaborNet, MAGNet, RandomFourierNet, MLP, SelfMovingPoints]
)
@pytest.mark.parametrize(
    "options",
    [
        _options(dim=0),
        _options(out_channels=0),
        _options(hidden_channels=0),
        _options(omega_0=0.0),
        _options(omega_0=-1.0),
        _options(omega_0=math.nan),
        _options(fan=0.0),
    ],
)
def test_bad_arguments(kind: Callable[..., FactorizedKernel], options: dict[str, Any]) -> None:
    name = next(iter(options))
    with pytest.raises(ValueError, match=f"'{name}' must"):
        kind(**{"dim": 2, "out_channels": 3, **options})


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
    points = support_points(3, 1024, lower=[0.0, -2.0, 1.0], upper=[1.0, 2.0, 1.5])
    assert points.shape == (1024, 3)
    assert points.mean(dim=0).tolist() == pytest.approx([0.5, 0.0, 1.25], abs=1e-9)
    middle = points.sub(points.mean(dim=0)).square().mean(dim=0)
    assert middle.tolist() == pytest.approx([1 / 12, 16 / 12, 0.25 / 12], rel=1e-2)


def test_radius_stays_in_its_range() -> None:
    kernel = SelfMovingPoints(1, 2, hidden_channels=3, min_radius=0.01)
    with torch.no_grad():
        kernel.radius.copy_(torch.tensor([-1.0, 0.2, 3.0]))
    assert torch.isfinite(kernel(torch.rand(5, 1))).all()
    kernel.constrain_()
    assert kernel.radius.tolist() == pytest.approx([0.01, 0.2, 1.0])
