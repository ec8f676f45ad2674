"""Where causal kernels end: with half of the present sample sums are the trapezoidal rule (law 4)."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ccnn_pc.domains import AbstractDomain, Grid, IrregularSeries, PointSet, Weights
from ccnn_pc.kernels import GaussianWindow, NoWindow, SelfMovingPointsPerFilter
from ccnn_pc.models import create_model
from ccnn_pc.nn import (
    Algorithm,
    BranchedConv,
    ContinuousConv,
    Quadrature,
    TapConv,
    kernel_penalty,
    merge_branches,
)
from ccnn_pc.ops.grids.convolution import Method
from ccnn_pc.published import QueryFeatureConv, ReleasedCKConv
from tests.clouds import DOUBLE, layer

SPACING = 0.1


def noise(n: int, channels: int = 3) -> Tensor:
    return torch.randn(n, channels, dtype=DOUBLE, generator=torch.Generator().manual_seed(1))


def causal(endpoint: float, extent: float = 1.05, **options: Any) -> ContinuousConv:
    """A layer of 1.05: no tap at its very end, where series and clouds without a lattice would round."""
    options.setdefault("threshold", 0.0)
    conv = layer(dim=1, causal=True, endpoint=endpoint, extent=extent, spacing=SPACING, **options)
    conv.extent, conv.spacing = (torch.tensor([v], dtype=DOUBLE) for v in (extent, SPACING))
    return conv


def outcomes(conv: ContinuousConv, domain: AbstractDomain, algorithm: Algorithm) -> list[Tensor]:
    """Output, penalty and all gradients."""
    x = noise(domain.num_samples).requires_grad_()
    with kernel_penalty() as penalty:
        y = conv(x, domain, algorithm=algorithm)
    gradients = torch.autograd.grad(y.square().sum() + 3 * penalty.total(), [x, *conv.parameters()])
    return [y.detach(), penalty.total().detach(), *gradients]


@pytest.mark.parametrize("separable", [True, False])
@pytest.mark.parametrize("endpoint", [0.5, 0.8])
def test_every_domain_and_path_counts_the_present_alike(endpoint: float, separable: bool) -> None:
    """Grid (direct, FFT), series (lattice, runs), points (fused, lattice), and messages on all of them."""
    grid = Grid((17,), SPACING, batch_size=2)
    times, batch = grid.positions()[:, 0], grid.segments()[0]
    conv = causal(endpoint, separable=separable)
    expected = outcomes(conv, grid, Algorithm.MESSAGES)
    points = PointSet(times[:, None], batch)
    domains: list[AbstractDomain] = [
        *(Grid((17,), SPACING, 2, method=method) for method in (Method.DIRECT, Method.FFT)),
        *(IrregularSeries(times, batch, lattice=step) for step in (None, SPACING, SPACING / 64)),
        points.knn(17),
        PointSet(times[:, None], batch, lattice=SPACING).knn(17),
    ]
    for domain in domains:
        for algorithm in (Algorithm.FAST, Algorithm.MESSAGES):
            for one, other in zip(outcomes(conv, domain, algorithm), expected, strict=True):
                torch.testing.assert_close(one, other, atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize("separable", [True, False])
def test_on_a_grid_the_present_tap_is_multiplied(separable: bool) -> None:
    """By hand, at another spacing than that of training; the penalty is of the kernel, not of its weights."""
    grid, x = Grid((12,), 2 * SPACING), noise(12)
    conv = causal(1.0, separable=separable)
    conv.mix = conv.bias = None
    kernel = conv.kernel(torch.ones(1, 1, dtype=DOUBLE))[0]  # the window is 1 there
    tap = kernel * x if separable else x @ kernel.view(4, 3).t()
    found, penalties = [], []
    for conv.endpoint in (1.0, 0.7):
        with kernel_penalty() as penalty:
            found.append(conv(x, grid))
        penalties.append(penalty.total())
    torch.testing.assert_close(found[1], found[0] - 0.3 * 2 * tap)
    assert penalties[0] == penalties[1]


def test_a_graph_without_the_present_has_nothing_to_take_away() -> None:
    """Neighbours are what the graph says; samples elsewhere than at the query keep their weight."""
    pos = torch.arange(6, dtype=DOUBLE)[:, None] * SPACING
    later = torch.stack([torch.arange(5), torch.arange(1, 6)])  # each from the one before only
    points = PointSet(pos, edge_index=later)
    x, conv = noise(6), causal(0.5)
    y = conv(x, points)
    conv.endpoint = 1.0
    assert torch.equal(conv(x, points), y)


def irregular(n: int, seed: int = 0) -> Tensor:
    """Stamps in [-1, 1], every one somewhere in its own n-th of it."""
    draw = torch.rand(n, dtype=DOUBLE, generator=torch.Generator().manual_seed(seed))
    return (torch.arange(n, dtype=DOUBLE) + 0.05 + 0.9 * draw) / n * 2 - 1


def test_it_is_the_trapezoidal_rule() -> None:
    """Over all earlier stamps, however far apart; and what comes later does not matter, not even when it comes."""
    times, x = irregular(20), noise(20)
    conv = causal(0.5, extent=3.0)
    conv.mix = conv.bias = None
    conv.window = NoWindow(1)
    y = conv(x, IrregularSeries(times, weights=Weights.TRAPEZOID))
    for i in range(20):
        past = times[: i + 1]
        integrand = conv.kernel((1 + 2 * (past - times[i]) / 3.0)[:, None]) * x[: i + 1]
        torch.testing.assert_close(y[i], torch.trapezoid(integrand, past, dim=0) / SPACING)
    for weights in (Weights.CELL, Weights.TRAPEZOID):
        whole = conv(x, IrregularSeries(times, weights=weights))
        begun = conv(x[:11], IrregularSeries(times[:11], weights=weights))
        torch.testing.assert_close(begun, whole[:11])
    conv.endpoint = 1.0
    whole, begun = conv(x, IrregularSeries(times)), conv(x[:11], IrregularSeries(times[:11]))
    assert (begun[10] - whole[10]).abs().max() > 1e-3


def test_stamps_that_repeat_count_as_their_mean() -> None:
    once, x = irregular(9), noise(18)
    times = once.repeat_interleave(2)
    y = causal(0.5)(x, IrregularSeries(times))
    mean = causal(0.5)(x.view(9, 2, 3).mean(1), IrregularSeries(once))
    torch.testing.assert_close(y, mean.repeat_interleave(2, dim=0))


def test_masked_data_are_filled_alike() -> None:
    times, x = irregular(20), noise(20)
    mask = torch.rand(20, 3, generator=torch.Generator().manual_seed(2)) < 0.6
    series = IrregularSeries(times, mask=mask)
    conv = causal(0.5)
    plain_x, plain = series.apply_mask(torch.where(mask, x, torch.nan), SPACING)
    torch.testing.assert_close(conv(plain_x, plain), conv(torch.where(mask, x, 0.0), series))


def signal(times: Tensor) -> Tensor:
    return torch.stack([torch.sin(5 * times) + 1.5, (2 * times).exp(), torch.cos(9 * times)], 1)


def smooth_layer(endpoint: float) -> ContinuousConv:
    conv = causal(endpoint, extent=0.6, width=0.17)
    conv.mix = conv.bias = None
    return conv


def integral(conv: ContinuousConv, query: Tensor) -> Tensor:
    """Of kernel times signal over the whole extent, by Gauss and Legendre."""
    nodes, weights = (torch.tensor(v) for v in np.polynomial.legendre.leggauss(200))
    rel, kernel = 0.3 * (nodes - 1), conv.kernel(nodes[:, None]) * conv.window(nodes[:, None])
    values = torch.stack([(0.3 * weights[:, None] * kernel * signal(q + rel)).sum(0) for q in query])
    return values / SPACING


def order(errors: list[float], refinement: int) -> float:
    return math.log(errors[0] / errors[-1]) / math.log(refinement)


@torch.no_grad()
@pytest.mark.parametrize(("endpoint", "low", "high"), [(1.0, 0.9, 1.1), (0.9, 0.9, 1.1), (0.5, 1.8, 3.0)])
def test_order_of_convergence_on_grids(endpoint: float, low: float, high: float) -> None:
    conv, errors = smooth_layer(endpoint), []
    for n in (101, 401, 1601):
        grid = Grid((n,), 2 / (n - 1))
        times = grid.positions()[:, 0] - 1
        where = slice(n // 2, None, n // 10)  # the same times on all grids
        exact = integral(conv, times[where])
        errors.append(float((conv(signal(times), grid)[where] - exact).abs().max() / exact.abs().max()))
    assert low <= order(errors, 16) <= high


@torch.no_grad()
@pytest.mark.parametrize(("endpoint", "low", "high"), [(1.0, 0.8, 1.2), (0.5, 1.8, 3.0)])
def test_order_of_convergence_on_irregular_series(endpoint: float, low: float, high: float) -> None:
    """Law 4 for causal layers: cells of very different widths, answers at the stamps."""
    conv, errors = smooth_layer(endpoint), []
    for n in (100, 400, 1600):
        parts = []
        for seed in range(4):
            times = irregular(n, seed)
            where = slice(n // 2, None, n // 10)
            exact = integral(conv, times[where])
            y = conv(signal(times), IrregularSeries(times))[where]
            parts.append(float((y - exact).abs().max() / exact.abs().max()))
        errors.append(sum(parts) / len(parts))
    assert low <= order(errors, 16) <= high


def test_initial_kernels_know_what_counts() -> None:
    """A window on the present alone: one tap, counted by half, so that the fan is a quarter; noise keeps variance 1."""
    options: dict[str, Any] = {"dim": 1, "extent": 4.0, "causal": True}
    window = functools.partial(GaussianWindow, width=0.01)
    assert ContinuousConv(8, 8, **options, window=window).fan == pytest.approx(1.0)
    variances = []
    for seed in range(20):
        torch.manual_seed(seed)
        conv = ContinuousConv(8, 8, **options, window=window, quadrature=Quadrature(endpoint=0.5))
        assert conv.fan == pytest.approx(0.25)
        with torch.no_grad():
            variances.append(float(conv(torch.randn(500, 8), Grid((500,))).var()))
    assert 0.5 <= sum(variances) / 20 <= 2.0


def test_merged_branches_keep_it() -> None:
    kernel = functools.partial(SelfMovingPointsPerFilter, in_channels=3, num_points=5, radius=0.7)
    conv = ContinuousConv(
        3,
        4,
        dim=1,
        extent=4.0,
        causal=True,
        separable=False,
        kernel=kernel,
        quadrature=Quadrature(endpoint=0.5),
    )
    both = BranchedConv(conv, TapConv(3, 4, 3, dim=1, causal=True)).double().eval()
    grid, x = Grid((20,)), noise(20)
    torch.testing.assert_close(merge_branches(both)(x, grid), both(x, grid), atol=1e-9, rtol=0)


@pytest.mark.parametrize("name", ["ccnn_4_16", "ckcnn_2_10", "flextcn_6", "smpnet_tcn_6"])
def test_models_hand_it_to_all_their_layers(name: str) -> None:
    size: dict[str, Any] = {"in_channels": 1, "out_channels": 2}
    model = create_model(name, dim=1, **size, shape=(20,), endpoint=0.5)
    assert all(conv.endpoint == 0.5 for conv in model.convolutions())
    assert model.config["options"] == {"endpoint": 0.5}
    with pytest.raises(ValueError, match="'endpoint' must be 1.0 unless the layer is causal"):
        create_model(name, dim=2, **size, shape=(20, 20), endpoint=0.5)


@pytest.mark.parametrize("bad", [0.0, 0.49, 1.01, -1.0, math.nan, math.inf])
def test_it_must_be_a_number_from_a_half_to_one(bad: float) -> None:
    with pytest.raises(ValueError, match="'endpoint' must be between 0.5"):
        ContinuousConv(1, 1, dim=1, causal=True, quadrature=Quadrature(endpoint=bad))


def test_refuses() -> None:
    with pytest.raises(ValueError, match="'endpoint' must be 1.0 unless the layer is causal"):
        ContinuousConv(1, 1, dim=1, quadrature=Quadrature(endpoint=0.5))
    for wrong in ("0.5", None, True):
        with pytest.raises(TypeError, match="'endpoint' must be a number"):
            ContinuousConv(1, 1, dim=1, causal=True, quadrature=Quadrature(endpoint=wrong))  # type: ignore[arg-type]
    released: Any
    for released, separable in ((QueryFeatureConv, True), (ReleasedCKConv, False)):
        with pytest.raises(ValueError, match="'endpoint' must be 1.0 for a released layer"):
            released(
                1, 1, dim=1, extent=4.0, causal=True, separable=separable, quadrature=Quadrature(endpoint=0.5)
            )
    assert repr(ContinuousConv(1, 1, dim=1, causal=True, quadrature=Quadrature(endpoint=0.5))).endswith(
        "causal=True, quadrature=Quadrature(endpoint=0.5))"
    )
