"""SMPConv's per-filter points: the released kernels, the variance rule, gradients, and the weight norm of CKConv."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ccnn_pc.kernels import MLP, SIREN, Init, SelfMovingPointsPerFilter, scale_readout_, support_points
from ccnn_pc.kernels.weight_norm import add_weight_norm_
from tests.released import Golden

Arrays = dict[str, np.ndarray]


def released(data: Arrays, prefix: str = "weights/") -> SelfMovingPointsPerFilter:
    """Our kernel with released parameters; in pictures coordinate 0 runs right, coordinate 1 runs up."""
    coord = torch.from_numpy(data[f"{prefix}weight_coord"]).double()
    weight = torch.from_numpy(data[f"{prefix}weights"]).double()
    filters, inputs, points = weight.shape
    dim = coord.shape[-1]
    kernel = SelfMovingPointsPerFilter(dim, filters * inputs, in_channels=inputs, num_points=points).double()
    if dim == 2:
        coord = torch.stack([-coord[..., 1], coord[..., 0]], dim=-1)
    with torch.no_grad():
        kernel.coord.copy_(coord)
        kernel.radius.copy_(torch.from_numpy(data[f"{prefix}radius"]).view(filters, points))
        kernel.weight.copy_(weight)
    return kernel


@pytest.mark.parametrize(("name", "suffix"), [("d1_causal", "_long"), ("d2", "_k33")])
def test_kernel_values_equal_the_released_ones(golden: Golden, name: str, suffix: str) -> None:
    with np.load(golden(f"1_kernel_smp_{name}")) as file:
        data = dict(file)
    kernel = released(data)
    for end in ("", suffix):
        u = torch.from_numpy(data[f"input/positions{end}"][0]).double().movedim(0, -1)
        expected = torch.from_numpy(data[f"output/kernel{end}"]).flatten(0, 1).movedim(0, -1)
        scale = expected.abs().max()
        assert (kernel(u) - expected).abs().max() <= 1e-9 * scale
        single = copy.deepcopy(kernel).float()(u.float()).double()
        assert (single - expected).abs().max() <= 1e-5 * scale


@torch.no_grad()
def by_hand(kernel: SelfMovingPointsPerFilter, u: Tensor) -> Tensor:
    """Equation 1, filter by filter, point by point."""
    values = []
    for coord, radius, weight in zip(kernel.coord, kernel.radius, kernel.weight, strict=True):
        tents = [max(0.0, 1 - float((c - u).abs().sum() / r)) for c, r in zip(coord, radius, strict=True)]
        count = sum(t > 0 for t in tents) + 1e-6
        values += [sum(float(w) * t for w, t in zip(row, tents, strict=True)) / count for row in weight]
    return torch.tensor(values, dtype=torch.float64)


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_values_follow_the_equation(dim: int) -> None:
    kernel = SelfMovingPointsPerFilter(dim, 6, in_channels=3, num_points=4).double()
    u = torch.rand(2, 5, dim, dtype=torch.float64) * 2 - 1
    expected = torch.stack([by_hand(kernel, place) for place in u.flatten(0, 1)]).view(2, 5, 6)
    torch.testing.assert_close(kernel(u), expected, atol=1e-12, rtol=0)


@pytest.mark.parametrize(("dim", "radius"), [(1, 1.0), (1, 0.005), (2, 0.125), (3, 0.5)])
def test_mean_square_over_the_support_is_one_over_fan(dim: int, radius: float) -> None:
    for fan in (1.0, 64.0):
        kernel = SelfMovingPointsPerFilter(dim, 12, in_channels=2, num_points=16, radius=radius, fan=fan)
        u = torch.rand(40_000, dim) * 2 - 1
        with torch.no_grad():
            assert float(kernel(u).square().mean()) * fan == pytest.approx(1.0, abs=0.1)


@torch.no_grad()
def test_published_initial_values() -> None:
    kernel = SelfMovingPointsPerFilter(
        1, 4000, in_channels=4, coord_std=0.1, radius=0.002, init=Init.SMPCONV, causal=True
    )
    assert float(kernel.weight.std()) == pytest.approx(0.02, rel=0.02)
    lag = 1 - kernel.coord  # half-normal of scale 0.2 below the newest tap
    assert lag.min() >= 0 and lag.max() <= 2
    assert float(lag.square().mean().sqrt()) == pytest.approx(0.2, rel=0.02)
    assert (kernel.radius == 0.002).all()


def test_points_that_touch_get_gradients_and_others_none() -> None:
    kernel = SelfMovingPointsPerFilter(1, 2, in_channels=2, num_points=2, radius=0.3).double()
    with torch.no_grad():
        kernel.coord.copy_(torch.tensor([[[0.1], [0.9]]]))
    kernel(torch.zeros(1, 1, dtype=torch.float64)).square().sum().backward()
    for parameter in kernel.parameters():
        assert parameter.grad is not None and torch.isfinite(parameter.grad).all()
    assert kernel.coord.grad is not None and kernel.radius.grad is not None and kernel.weight.grad is not None
    assert kernel.coord.grad[0, 0] != 0 and kernel.coord.grad[0, 1] == 0
    assert kernel.radius.grad[0, 0] != 0 and kernel.radius.grad[0, 1] == 0
    assert (kernel.weight.grad[..., 0] != 0).all() and (kernel.weight.grad[..., 1] == 0).all()


def test_radii_are_clamped() -> None:
    kernel = SelfMovingPointsPerFilter(1, 1, num_points=3)
    with torch.no_grad():
        kernel.radius.copy_(torch.tensor([[-1.0, 0.2, 3.0]]))
    kernel.constrain_()
    torch.testing.assert_close(kernel.radius.detach(), torch.tensor([[1e-4, 0.2, 1.0]]))
    assert float(kernel.max_frequency()) == pytest.approx(1e4)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"in_channels": 4}, "'out_channels' must be a multiple of in_channels = 4"),
        ({"num_points": 0}, "'num_points'"),
        ({"radius": 0.0}, "'radius'"),
        ({"init": Init.CCNN}, "'init' of SelfMovingPointsPerFilter"),
    ],
)
def test_refuses(options: dict, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        SelfMovingPointsPerFilter(1, 6, **options)
    with pytest.raises(ValueError, match="'u' must have 1 coordinates"):
        SelfMovingPointsPerFilter(1, 6)(torch.zeros(3, 2))


def test_refuses_points_that_no_place_sees() -> None:
    with pytest.raises(ValueError, match="'radius' must be so large that points touch some of 65536 places"):
        SelfMovingPointsPerFilter(2, 6, radius=1e-9, num_points=1)


@pytest.mark.parametrize("kind", [SIREN, MLP])
def test_weight_norm_keeps_values_adds_lengths_and_can_be_scaled(kind: type[SIREN] | type[MLP]) -> None:
    torch.manual_seed(1)
    plain = kind(1, 5, hidden_channels=8, fan=3.0)
    torch.manual_seed(1)
    normed = kind(1, 5, hidden_channels=8, fan=3.0, weight_norm=True)
    u = support_points(1, 64).float()
    torch.testing.assert_close(normed(u), plain(u))
    count = sum(p.numel() for p in plain.parameters())
    assert sum(p.numel() for p in normed.parameters()) == count + 8 + 8 + 5
    scale_readout_(normed, 7.0, u)
    assert normed(u).square().mean().item() == pytest.approx(7.0, rel=1e-5)
    loaded = copy.deepcopy(normed)
    assert torch.equal(loaded(u), normed(u))


def test_weight_norm_wants_linear_layers() -> None:
    with pytest.raises(TypeError, match="'layers' must be linear"):
        add_weight_norm_([nn.ReLU()])
