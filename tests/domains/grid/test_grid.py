"""Law 1 on grids: one kernel, one set of samples, one result, however it is computed."""

from __future__ import annotations

import functools
from typing import Any

import pytest
import torch
from torch import Tensor

from ccnn_pc.domains import Boundary, Grid, Pool
from ccnn_pc.kernels import GaussianWindow
from ccnn_pc.nn import Algorithm, ContinuousConv, kernel_penalty
from ccnn_pc.ops.grids.convolution import Method
from tests.clouds import DOUBLE
from tests.grids import SHAPES, SPACINGS, as_points, conv_for, counting_conv, noise


@pytest.mark.parametrize("separable", [True, False])
@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("shape", SHAPES)
def test_all_paths_agree(shape: tuple[int, ...], spacing: float, separable: bool) -> None:
    dim = len(shape)
    taps = {1: 4, 2: 2, 3: 1}[dim]
    conv = conv_for(dim, taps * spacing, spacing=spacing, separable=separable)
    grid = Grid(shape, spacing, batch_size=2)
    x = noise(grid.num_samples)
    expected = conv(x, grid, algorithm=Algorithm.MESSAGES)
    for method in (Method.DIRECT, Method.FFT):
        found = conv(x, Grid(shape, spacing, batch_size=2, method=method))
        torch.testing.assert_close(found, expected, atol=1e-9, rtol=0)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_grid_is_a_cloud_on_a_lattice(shape: tuple[int, ...]) -> None:
    """The fused point operator and messages over points give what the grid gives; edge taps kept clear of rounding."""
    grid = Grid(shape, 0.25, batch_size=2)
    conv = conv_for(len(shape), 0.25 * 2.5, spacing=0.25)
    x, points = noise(grid.num_samples), as_points(grid)
    for algorithm in (Algorithm.MESSAGES, Algorithm.FAST):
        torch.testing.assert_close(conv(x, points, algorithm=algorithm), conv(x, grid), atol=1e-9, rtol=0)


@pytest.mark.parametrize("length", [9, 10])
@pytest.mark.parametrize("lag", [3.0, 20.0])
def test_causal(length: int, lag: float) -> None:
    grid = Grid((length,), batch_size=2)
    conv = conv_for(1, lag, causal=True)
    x = noise(grid.num_samples)
    expected = conv(x, grid, algorithm=Algorithm.MESSAGES)
    torch.testing.assert_close(conv(x, grid), expected, atol=1e-9, rtol=0)
    torch.testing.assert_close(
        conv(x, as_points(grid), algorithm=Algorithm.FAST), expected, atol=1e-9, rtol=0
    )
    changed = x.clone()
    changed[4] += 1.0  # the past of sample 4 does not notice; its present does
    moved = (conv(changed, grid) - conv(x, grid)).abs().amax(1)
    assert moved[:4].max() < 1e-12 < moved[4]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("separable", [True, False])
def test_circular(shape: tuple[int, ...], separable: bool) -> None:
    grid = Grid(shape, batch_size=2, boundary=Boundary.CIRCULAR)
    conv = conv_for(len(shape), 1.0, separable=separable)
    x = noise(grid.num_samples)
    expected = conv(x, grid, algorithm=Algorithm.MESSAGES)
    for method in (Method.DIRECT, Method.FFT):
        same = Grid(shape, batch_size=2, boundary=Boundary.CIRCULAR, method=method)
        torch.testing.assert_close(conv(x, same), expected, atol=1e-9, rtol=0)
    rolled = grid.flatten(grid.unflatten(x).roll(1, dims=2))
    torch.testing.assert_close(
        grid.unflatten(conv(rolled, grid)), grid.unflatten(conv(x, grid)).roll(1, dims=2), atol=1e-9, rtol=0
    )


def test_anisotropic_spacing_and_extent() -> None:
    grid = Grid((6, 5), (0.5, 2.0))
    conv = conv_for(2, (1.0, 4.0), spacing=(0.5, 2.0))
    x = noise(grid.num_samples)
    torch.testing.assert_close(conv(x, grid), conv(x, grid, algorithm=Algorithm.MESSAGES), atol=1e-9, rtol=0)


def test_no_boundary_tap_is_lost_to_rounding() -> None:
    """Extent 39 taps at spacing 1/39: a constant kernel sums exactly the samples in reach."""
    for spacing in SPACINGS:
        conv = counting_conv(spacing)
        grid = Grid((40,), spacing)
        for algorithm in (Algorithm.AUTO, Algorithm.MESSAGES):
            y = conv(torch.ones(40, 1), grid, algorithm=algorithm)
            assert round(y[20].item()) == 15, (spacing, algorithm)


@pytest.mark.parametrize("separable", [True, False])
def test_gradients_and_penalty_agree_with_messages(separable: bool) -> None:
    grid = Grid((5, 4), batch_size=2)
    conv = conv_for(2, 2.0, separable=separable)
    results = []
    for algorithm in (Algorithm.MESSAGES, Algorithm.FAST):
        x = noise(grid.num_samples).requires_grad_()
        with kernel_penalty() as penalty:
            y = conv(x, grid, algorithm=algorithm)
        loss = y.square().sum() + 3 * penalty.total()
        wanted = [x, *conv.parameters()]
        results.append([loss.detach(), *torch.autograd.grad(loss, wanted)])
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, atol=1e-8, rtol=1e-9)


@pytest.mark.parametrize("boundary", list(Boundary))
def test_occupied_cells_are_the_points_that_lie_there(boundary: Boundary) -> None:
    mask = torch.rand(2, 4, 5, 4, generator=torch.Generator().manual_seed(0)) < 0.4
    grid = Grid((4, 5, 4), 0.5, batch_size=2, occupied=mask, boundary=boundary)
    conv = conv_for(3, 0.5 * 1.5, spacing=0.5)
    x = noise(grid.num_samples)
    with kernel_penalty() as by_messages:
        expected = conv(x, grid, algorithm=Algorithm.MESSAGES)
    with kernel_penalty() as fast:
        found = conv(x, grid)
    torch.testing.assert_close(found, expected, atol=1e-9, rtol=0)
    torch.testing.assert_close(fast.total(), by_messages.total())
    if boundary is Boundary.ZERO:
        torch.testing.assert_close(
            conv(x, as_points(grid), algorithm=Algorithm.FAST), expected, atol=1e-9, rtol=0
        )
    dense = grid.unflatten(x)
    assert dense.shape == (2, 3, 4, 5, 4) and bool((dense[:, 0][~mask] == 0).all())
    torch.testing.assert_close(grid.flatten(dense), x)
    for pool in (Pool.MEAN, Pool.MAX):
        torch.testing.assert_close(grid.pool(x, pool), as_points(grid).pool(x, pool))


def test_another_resolution_is_the_same_function() -> None:
    """Half the spacing, twice the samples: the same kernel, weighted by the cell, gives nearly the same values."""
    conv = conv_for(1, 1.0, spacing=0.1, width=0.4)
    errors = []
    for refine in (1, 2, 4):
        step = 0.1 / refine
        t = torch.arange(40 * refine, dtype=DOUBLE) * step
        x = torch.stack([torch.sin(2 * t), torch.cos(t), torch.ones_like(t)], 1)
        errors.append(conv(x, Grid((len(t),), step))[::refine][12:28])
    assert (errors[1] - errors[2]).abs().max() < 0.3 * (errors[0] - errors[2]).abs().max() + 1e-9
    assert (errors[0] - errors[2]).abs().max() < 0.2 * errors[2].abs().max()


def test_pruning_keeps_its_bound() -> None:
    grid = Grid((200,))
    x = noise(200)
    exact, pruned = (conv_for(1, 100.0, width=0.05, threshold=t) for t in (0.0, 1e-3))
    terms_error = (pruned(x, grid) - exact(x, grid)).abs()
    magnitudes = torch.nn.functional.linear(
        _absolute_sum(exact, x, grid),
        exact.mix.weight.abs(),  # type: ignore[union-attr]
    )
    assert bool((terms_error <= 1e-3 * magnitudes + 1e-12).all()) and terms_error.max() > 0


def _absolute_sum(conv: ContinuousConv, x: Tensor, grid: Grid) -> Tensor:
    edge_index = grid.edges(float("inf"))
    u = grid.rel(edge_index) / conv.extent
    values = conv.kernel(u.clamp(-1, 1)).abs() * (u.abs() <= 1 + 1e-6)
    return torch.zeros_like(x).index_add(0, edge_index[1], values * x[edge_index[0]].abs())


def test_rendered_kernels_are_kept_until_a_parameter_changes() -> None:
    conv, grid, calls = conv_for(1, 3.0).eval(), Grid((12,)), []
    conv.kernel.register_forward_hook(lambda *_: calls.append(1))
    x = noise(12)
    with torch.no_grad():
        first = conv(x, grid)
        torch.testing.assert_close(conv(x, grid), first)
        assert len(calls) == 1
        next(conv.kernel.parameters()).mul_(1.5)
        assert not torch.allclose(conv(x, grid), first) and len(calls) == 2
        conv(x, Grid((12,), 0.5))
        assert len(calls) == 3
        conv(x, grid)
        conv(noise(13), Grid((13,)))  # a longer grid has the same taps
        assert len(calls) == 4
    conv(x, grid)  # with gradients nothing is kept
    assert len(calls) == 5


def test_window_keeps_a_causal_kernel_to_its_recent_taps() -> None:
    window = functools.partial(GaussianWindow, width=0.05)
    conv = ContinuousConv(2, 2, dim=1, window=window, extent=100.0, causal=True)
    taps = Grid((101,)).taps(_terms(conv))
    # u = 1 - 0.02 lag >= 1 - 0.05 sqrt(-2 ln 1e-7)  <=>  lag <= 14.19
    assert (taps.first, taps.last) == ((-14,), (0,))


def _terms(conv: ContinuousConv) -> Any:
    from ccnn_pc.domains import ConvolutionTerms

    return ConvolutionTerms(conv.kernel, conv.window, conv.extent, 2, conv.causal, 1e-7)


@pytest.mark.parametrize(
    ("make", "error", "word"),
    [
        (lambda: Grid(()), ValueError, "'shape' must have at least one axis"),
        (lambda: Grid((0, 3)), ValueError, "'shape' must be at least 1"),
        (lambda: Grid((3,), 0.0), ValueError, "'spacing' must be"),
        (lambda: Grid((3,), (1.0, 1.0)), ValueError, "'spacing' must be"),
        (lambda: Grid((3,), occupied=torch.ones(1, 3)), TypeError, "'occupied' must be boolean"),
        (lambda: Grid((3,), occupied=torch.ones(1, 4, dtype=torch.bool)), ValueError, "'occupied' must have"),
        (lambda: Grid((3,), occupied=torch.zeros(1, 3, dtype=torch.bool)), ValueError, "a cell in every"),
        (lambda: Grid((3, 4)).flatten(torch.zeros(1, 2, 4, 3)), ValueError, "'x' must have shape"),
        (lambda: Grid((3, 4)).pool(torch.zeros(12, 1), Pool.LAST), ValueError, "'reduce' must not be LAST"),
        (
            lambda: conv_for(1, 3.0)(noise(5), Grid((5,), 3.5)),
            ValueError,
            "'spacing' must be at most 3, as far",
        ),
        (
            lambda: conv_for(1, 3.0)(noise(5), Grid((5,), boundary=Boundary.CIRCULAR)),
            ValueError,
            "'extent' must span at most",
        ),
        (
            lambda: conv_for(1, 3.0, causal=True)(noise(9), Grid((9,), boundary=Boundary.CIRCULAR)),
            ValueError,
            "'boundary' must be ZERO for causal",
        ),
        (lambda: conv_for(2, 3.0)(noise(9), Grid((9,))), ValueError, "'domain' must have 2 axes"),
    ],
)
def test_refuses(make: Any, error: type[Exception], word: str) -> None:
    with pytest.raises(error, match=word):
        make()


def test_smoothing_is_a_gaussian_of_half_a_training_sample() -> None:
    conv = conv_for(1, 4.0, width=0.2)
    fine = 0.25
    taps = Grid((99,), fine).taps(_terms(conv))
    impulse = torch.zeros(99, 3, dtype=DOUBLE)
    impulse[49] = 1.0
    assert conv.mix is not None
    conv.mix.weight.data = torch.eye(4, 3, dtype=DOUBLE)
    conv.mix.bias.data.zero_()
    conv.bias.data.zero_()  # type: ignore[union-attr]
    sharp = conv(impulse, Grid((99,), fine))
    soft = conv(impulse, Grid((99,), fine, smoothing=0.5))
    offsets = torch.arange(-49, 50, dtype=DOUBLE)
    gauss = torch.exp(-0.5 * (offsets * fine / 0.5).square())
    gauss[offsets.abs() > 8] = 0.0
    expected = torch.nn.functional.conv1d(
        sharp.t()[:, None], (gauss / gauss.sum()).view(1, 1, -1), padding=49
    )[:, 0].t()
    inner = slice(49 - taps.last[0] + 8, 49 + taps.last[0] - 8)
    torch.testing.assert_close(soft[inner], expected[inner], atol=1e-9, rtol=0)
    assert not torch.allclose(soft, sharp, atol=1e-4)
    for same in (
        Grid((99,), 1.0, smoothing=0.5),
        Grid((99,), 2.0, smoothing=0.5),
    ):  # not finer: nothing to smooth
        plain = Grid((99,), same.spacing)
        torch.testing.assert_close(conv(impulse, same), conv(impulse, plain))
    with pytest.raises(ValueError, match="'smoothing' must be at least 0"):
        Grid((3,), smoothing=-1.0)
