"""Ordinary convolutions on grids, coarser grids, and two branches merged into one kernel."""

from __future__ import annotations

import functools
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ccnn_pc.domains import Boundary, Grid, PointSet
from ccnn_pc.kernels import NoWindow, SelfMovingPoints, SelfMovingPointsPerFilter
from ccnn_pc.nn import (
    Algorithm,
    BranchedConv,
    ContinuousConv,
    DepthwiseConv,
    GlobalLayerNorm,
    Quadrature,
    TapConv,
    apply_layer,
    merge_branches,
)
from ccnn_pc.nn.tap_conv import coarser, subsample

DOUBLE = torch.float64


def noise(n: int, channels: int, seed: int = 1) -> Tensor:
    return torch.randn(n, channels, dtype=DOUBLE, generator=torch.Generator().manual_seed(seed))


def randomised(module: nn.Module) -> nn.Module:
    """Float64, with norms and biases that matter."""
    module = module.double()
    with torch.no_grad():
        for name, value in module.named_parameters():
            if name.endswith("bias"):
                value.normal_()
        for part in module.modules():
            if isinstance(part, nn.BatchNorm1d):
                part.weight.uniform_(0.5, 2.0)
                part.running_mean.normal_()  # type: ignore[union-attr]
                part.running_var.uniform_(0.5, 2.0)  # type: ignore[union-attr]
    return module


@pytest.mark.parametrize("depthwise", [False, True])
@pytest.mark.parametrize("shape", [(9,), (6, 7), (4, 5, 3)])
def test_it_is_the_convolution_of_torch(shape: tuple[int, ...], depthwise: bool) -> None:
    dim, out = len(shape), 3 if depthwise else 4
    conv = TapConv(3, out, 3, dim=dim, depthwise=depthwise).double()
    nn.init.normal_(conv.bias)  # type: ignore[arg-type]
    grid = Grid(shape, batch_size=2)
    x = noise(grid.num_samples, 3)
    torch_conv = [nn.functional.conv1d, nn.functional.conv2d, nn.functional.conv3d][dim - 1]
    weight = conv.weight.movedim(-1, 0)
    weight = weight[:, None] if depthwise else weight.movedim(-1, 1)
    expected = torch_conv(grid.unflatten(x), weight, conv.bias, padding=1, groups=3 if depthwise else 1)
    torch.testing.assert_close(conv(x, grid), grid.flatten(expected), atol=1e-12, rtol=0)
    # stride 2 is every second sample of it, on a grid of twice the spacing
    y, coarse = subsample(conv(x, grid), grid, 2)
    strided = torch_conv(
        grid.unflatten(x), weight, conv.bias, padding=1, stride=2, groups=3 if depthwise else 1
    )
    assert coarse.spacing == (2.0,) * dim
    torch.testing.assert_close(coarse.unflatten(y), strided, atol=1e-12, rtol=0)


def test_causal_taps_read_the_past_only() -> None:
    conv, grid = TapConv(1, 1, 3, dim=1, causal=True, bias=False).double(), Grid((5,))
    x = noise(5, 1)
    with torch.no_grad():
        k = conv.weight[:, 0, 0].detach()
        y = conv(x, grid)[:, 0]
    assert float(y[3]) == pytest.approx(float(k[0] * x[1, 0] + k[1] * x[2, 0] + k[2] * x[3, 0]))
    assert float(y[0]) == pytest.approx(float(k[2] * x[0, 0]))


def test_on_a_finer_grid_taps_stay_where_they_are() -> None:
    conv = TapConv(2, 3, 3, dim=2, spacing=0.5).double()
    coarse = Grid((6, 6), 0.5)
    fine = Grid((12, 18), (0.25, 0.5 / 3))
    x = noise(fine.num_samples, 2)
    image = fine.unflatten(x)
    every = coarse.flatten(image[:, :, ::2, ::3])
    torch.testing.assert_close(
        fine.unflatten(conv(x, fine))[:, :, ::2, ::3], coarse.unflatten(conv(every, coarse))
    )
    with pytest.raises(ValueError, match="or a whole fraction"):
        conv(x, Grid((12, 18), (0.3, 0.5)))
    with pytest.raises(ValueError, match="or a whole fraction"):
        conv(x, Grid((12, 18), 1.0))


def test_circular_and_occupied_grids() -> None:
    conv = TapConv(2, 2, 3, dim=1, bias=False).double()
    ring = Grid((6,), boundary=Boundary.CIRCULAR)
    x = noise(6, 2)
    torch.testing.assert_close(conv(x.roll(2, 0), ring), conv(x, ring).roll(2, 0))
    mask = torch.tensor([[True, False, True, True, False, True]])
    some = Grid((6,), occupied=mask)
    filled = torch.zeros_like(x)
    filled[mask[0]] = x[mask[0]]
    torch.testing.assert_close(conv(x[mask[0]], some), conv(filled, Grid((6,)))[mask[0]])
    with pytest.raises(ValueError, match="all cells occupied"):
        coarser(some, 2)
    with pytest.raises(ValueError, match="multiples of 4"):
        coarser(ring, 4)


def test_a_coarser_grid_is_read_as_the_grid_is() -> None:
    grid = coarser(Grid((6,), smoothing=0.5), 2)
    assert grid.smoothing == 0.5


def test_initial_taps_keep_the_variance() -> None:
    grid = Grid((40, 40))
    for options in ({}, {"depthwise": True}):
        conv = TapConv(32, 32, 3, dim=2, **options)  # type: ignore[arg-type]
        with torch.no_grad():
            y = grid.unflatten(conv(torch.randn(1600, 32), grid))[..., 1:-1, 1:-1]
        assert float(y.var()) == pytest.approx(1.0, abs=0.2)
    truncated = TapConv(32, 32, 3, dim=2, std=0.02).weight.detach()  # at two deviations, on both sides
    assert truncated.std().item() == pytest.approx(0.0176, rel=0.05)
    assert [truncated.min().item(), truncated.max().item()] == pytest.approx([-0.04, 0.04], rel=0.01)


def branches(dim: int, causal: bool, depthwise: bool, norm: Any = nn.BatchNorm1d) -> BranchedConv:
    kernel: Any = (
        functools.partial(SelfMovingPoints, hidden_channels=5, radius=0.7)
        if depthwise
        else functools.partial(SelfMovingPointsPerFilter, in_channels=3, num_points=5, radius=0.7)
    )
    options: dict[str, Any] = {"dim": dim, "extent": 4.0, "causal": causal, "kernel": kernel}
    options["quadrature"] = Quadrature(spacing=0.5)
    out = 3 if depthwise else 4
    conv = DepthwiseConv(3, **options) if depthwise else ContinuousConv(3, out, separable=False, **options)
    small = TapConv(3, out, 5, dim=dim, spacing=0.5, causal=causal, depthwise=depthwise)
    module = randomised(BranchedConv(conv, small, norm)).eval()
    assert isinstance(module, BranchedConv)
    return module


@pytest.mark.parametrize("norm", [nn.BatchNorm1d, nn.Identity])
@pytest.mark.parametrize("depthwise", [False, True])
@pytest.mark.parametrize(("shape", "causal"), [((20,), True), ((21,), False), ((7, 20), False)])
def test_merged_branches_give_the_same_answers(
    shape: tuple[int, ...], causal: bool, depthwise: bool, norm: Any
) -> None:
    both = branches(len(shape), causal, depthwise, norm)
    grid = Grid(shape, 0.5, batch_size=2)
    x = noise(grid.num_samples, 3)
    one = merge_branches(both)
    assert isinstance(one, TapConv) and one.taps == ((9,) if causal else (17,) * len(shape))
    torch.testing.assert_close(one(x, grid), both(x, grid), atol=1e-9, rtol=0)


@pytest.mark.parametrize(("dim", "length"), [(1, 400), (2, 48)])
def test_unit_noise_comes_out_of_points_per_filter_with_unit_variance(dim: int, length: int) -> None:
    """The rule of all initial kernels, for the one that does not factorise: mean over seeds, on a grid."""
    found = []
    for seed in range(5):
        torch.manual_seed(seed)
        conv = ContinuousConv(
            4,
            6,
            dim=dim,
            extent=100.0 if dim == 1 else 8.0,
            causal=dim == 1,
            kernel=functools.partial(
                SelfMovingPointsPerFilter, in_channels=4, num_points=16, radius=0.1, coord_std=0.1
            ),
            window=NoWindow,
            separable=False,
        )
        grid = Grid((length,) * dim)
        with torch.no_grad():
            y = grid.unflatten(conv(torch.randn(grid.num_samples, 4), grid, algorithm=Algorithm.FAST))
        found.append(float(y[..., 100:].var() if dim == 1 else y[..., 8:-8, 8:-8].var()))
    assert 0.5 < sum(found) / len(found) < 2.0


def test_a_small_branch_longer_than_the_kernel_keeps_its_taps() -> None:
    conv = ContinuousConv(2, 2, dim=1, extent=1.0, separable=False)
    both = randomised(BranchedConv(conv, TapConv(2, 2, 7, dim=1))).eval()
    x, grid = noise(12, 2), Grid((12,))
    torch.testing.assert_close(merge_branches(both)(x, grid), both(x, grid), atol=1e-9, rtol=0)


def test_branches_render_kernels_that_do_not_factorise() -> None:
    """The definition, message passing, gives the same."""
    both, grid = branches(1, True, False), Grid((20,), 0.5)
    x = noise(20, 3)
    large, small = both.conv(x, grid, algorithm=Algorithm.MESSAGES), both.small(x, grid)
    by_messages = apply_layer(both.norm, large, grid) + apply_layer(both.small_norm, small, grid)
    torch.testing.assert_close(both(x, grid), by_messages, atol=1e-9, rtol=0)


def test_refuses() -> None:
    conv = ContinuousConv(2, 2, dim=1, extent=4.0, separable=False)
    with pytest.raises(TypeError, match="'norm' must be a BatchNorm1d"):
        merge_branches(BranchedConv(conv, TapConv(2, 2, 3, dim=1), GlobalLayerNorm))
    with pytest.raises(TypeError, match="'conv' must not mix channels"):
        merge_branches(BranchedConv(ContinuousConv(2, 2, dim=1, extent=4.0), TapConv(2, 2, 3, dim=1)))
    with pytest.raises(ValueError, match="'small' must have the channels"):
        BranchedConv(conv, TapConv(2, 3, 3, dim=1))
    with pytest.raises(ValueError, match="'out_channels' must be 2 if depthwise"):
        TapConv(2, 3, 3, dim=1, depthwise=True)
    with pytest.raises(ValueError, match="'causal' must be False"):
        TapConv(2, 3, 3, dim=2, causal=True)
    with pytest.raises(ValueError, match="'taps' must be one number"):
        TapConv(2, 3, (3, 3), dim=1)
    taps = TapConv(2, 3, 3, dim=1)
    with pytest.raises(TypeError, match="'domain' must be a Grid"):
        taps(torch.zeros(4, 2), PointSet(torch.rand(4, 1)))
    with pytest.raises(ValueError, match="'domain' must have 1 axes"):
        taps(torch.zeros(4, 2), Grid((2, 2)))
    with pytest.raises(ValueError, match=r"'x' must have shape \[4, 2\]"):
        taps(torch.zeros(4, 3), Grid((4,)))
