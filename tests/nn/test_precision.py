"""Half precision: only the sums over neighbours may run in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ccnn_pc.domains import Boundary, Grid, IrregularSeries, PointSet
from ccnn_pc.domains.base import AbstractDomain
from ccnn_pc.nn import Algorithm, ContinuousConv, Quadrature
from ccnn_pc.ops.grids.method import Method
from tests.clouds import with_quadrature


@pytest.mark.parametrize("algorithm", [Algorithm.FAST, Algorithm.MESSAGES])
@pytest.mark.parametrize("separable", [True, False])
def test_autocast_keeps_positions_in_float32(algorithm: Algorithm, separable: bool) -> None:
    """Offsets of 1e-3 about positions of 1 vanish in bfloat16; the kernel must still see them."""
    torch.manual_seed(0)
    pos = 1 + 1e-3 * torch.randn(40, 3)
    points = PointSet(torch.cat([pos, torch.zeros(1, 3)])).knn(8)
    conv = ContinuousConv(6, 6, dim=3, extent=4e-3, separable=separable)
    x = torch.randn(41, 6, requires_grad=True)
    exact = conv(x, points, algorithm=algorithm)
    exact.square().sum().backward()
    gradients = {name: p.grad.clone() for name, p in conv.named_parameters() if p.grad is not None}
    conv.zero_grad()
    with torch.autocast("cpu", torch.bfloat16):
        coarse = conv(x, points, algorithm=algorithm)
    assert (coarse.float() - exact).abs().max() <= 0.02 * exact.abs().max()
    coarse.float().square().sum().backward()
    assert len(gradients) == len(list(conv.parameters()))
    for name, parameter in conv.named_parameters():
        assert parameter.grad is not None and parameter.grad.dtype is torch.float32
        error = (parameter.grad - gradients[name]).norm() / gradients[name].norm()
        assert error <= 0.1, name


def test_float32_is_as_accurate_as_it_can_be() -> None:
    """Against float64, at a moderate frequency: 1e-5 of the largest value."""
    torch.manual_seed(0)
    points = PointSet(torch.rand(200, 3)).knn(64)
    conv = ContinuousConv(8, 8, dim=3)
    x = torch.randn(200, 8)
    single = conv(x, points, algorithm=Algorithm.FAST)
    double = conv.double()(
        x.double(), PointSet(points.pos.double(), neighbors=points.neighbors), algorithm=Algorithm.FAST
    )
    assert (single - double).abs().max() <= 1e-5 * double.abs().max()


def test_float64_positions_stay_float64() -> None:
    """Kernel coordinates come from float64 offsets and are cast last."""
    pos = torch.tensor([[0.0], [1e-9]], dtype=torch.float64) + 1.0
    points = PointSet(pos).knn(2)
    conv = ContinuousConv(1, 1, dim=1, extent=1e-8)
    edge_index = points.edges()
    assert points.rel(edge_index).abs().max() == pytest.approx(1e-9, rel=1e-5)
    assert conv(torch.ones(2, 1), points).std() > 0


BOUND = {torch.bfloat16: 3e-2, torch.float16: 5e-3}


def _domains() -> dict[str, tuple[AbstractDomain, dict[str, Any]]]:
    """Every domain and every path it has, small, with the options of a layer on it."""
    g = torch.Generator().manual_seed(3)
    pos = torch.rand(36, 3, generator=g) * 2 - 1
    cells = torch.unique(torch.randint(0, 5, (40, 3), generator=g), dim=0).float()
    times = torch.rand(30, generator=g).cumsum(0)
    stamps = torch.randperm(60, generator=g)[:30].sort().values.float()
    two = torch.arange(2).repeat_interleave(18)
    past: dict[str, Any] = {"dim": 1, "extent": 6.0, "causal": True, "endpoint": 0.5}
    table: dict[str, tuple[AbstractDomain, dict[str, Any]]] = {
        "points": (PointSet(pos, two).knn(8), {"dim": 3}),
        "queries": (PointSet(pos, query_pos=pos[:20] + 0.01).knn(8), {"dim": 3}),
        "lattice of points": (PointSet(cells, lattice=1.0).knn(9), {"dim": 3, "extent": 3.0}),
        "series": (IrregularSeries(times), {**past, "spacing": 0.5}),
        "series on a lattice": (IrregularSeries(stamps, lattice=1.0), {**past, "extent": 20.0}),
        "cells": (Grid((5, 6), occupied=torch.rand(1, 5, 6, generator=g) > 0.3), {"dim": 2, "extent": 2.0}),
        "circle": (Grid((9,), boundary=Boundary.CIRCULAR), {"dim": 1, "extent": 3.0}),
    }
    for shape in ((24,), (7, 6), (4, 3, 5)):
        for method in (Method.DIRECT, Method.FFT):
            grid = Grid(shape, batch_size=2, method=method)
            table[f"{len(shape)} axes, {method.value}"] = (grid, {"dim": len(shape), "extent": 3.0})
    return table


def _run(conv: nn.Module, call: Callable[[Tensor], Tensor], x: Tensor) -> list[Tensor]:
    """Result, gradient to the samples, gradients to all parameters side by side."""
    conv.zero_grad()
    x = x.detach().requires_grad_()
    y = call(x)
    weight = torch.randn(y.shape, generator=torch.Generator().manual_seed(5))
    (y.float() * weight).sum().backward()
    assert x.grad is not None
    parameters = torch.cat([p.grad.flatten().float() for p in conv.parameters() if p.grad is not None])
    return [y.detach(), x.grad, parameters]


@pytest.mark.parametrize("half", [torch.bfloat16, torch.float16], ids=["bfloat16", "float16"])
@pytest.mark.parametrize("separable", [True, False], ids=["depthwise", "full"])
@pytest.mark.parametrize("name", list(_domains()))
def test_half_precision_on_every_domain(name: str, separable: bool, half: torch.dtype) -> None:
    """Under autocast, and as a whole layer: results and gradients within what the type allows, in it."""
    domain, options = _domains()[name]
    for algorithm in (Algorithm.AUTO, Algorithm.MESSAGES):
        torch.manual_seed(1)
        conv = ContinuousConv(6, 6, separable=separable, **with_quadrature(options))
        x = torch.randn(domain.num_samples, 6)

        def convolve(x: Tensor) -> Tensor:
            return conv(x, domain, algorithm=algorithm)  # noqa: B023

        def autocast(x: Tensor) -> Tensor:
            with torch.autocast("cpu", half):
                return convolve(x)  # noqa: B023

        exact = _run(conv, convolve, x)
        found = [_run(conv, autocast, x)]
        with torch.no_grad():
            found.append([autocast(x)])
            conv.eval()
            found.append([autocast(x)])  # what is rendered
            found.append([autocast(x)])  # and kept
        found.append(_run(conv.to(half), convolve, x.to(half)))
        assert all(parts[0].dtype is half for parts in found)
        for parts in found:
            for got, wanted, factor in zip(parts, exact, (1.0, 1.0, 2.0), strict=False):
                assert (got.float() - wanted).norm() <= factor * BOUND[half] * wanted.norm()


def test_a_backward_pass_inside_of_autocast_stays_fine() -> None:
    """Not recommended, but what some trainings do."""
    torch.manual_seed(0)
    for domain, dim in ((PointSet(torch.rand(40, 3)).knn(8), 3), (Grid((6, 7), method=Method.FFT), 2)):
        conv, x = ContinuousConv(4, 4, dim=dim, extent=3.0), torch.randn(domain.num_samples, 4)
        gradients = []
        for inside in (False, True):
            conv.zero_grad()
            with torch.autocast("cpu", torch.bfloat16):
                loss = conv(x, domain).float().square().sum()
                if inside:
                    loss.backward()
            if not inside:
                loss.backward()
            gradients.append([p.grad for p in conv.kernel.parameters()])
        for outer, inner in zip(*gradients, strict=True):
            assert (outer - inner).norm() <= 2e-2 * outer.norm()


def test_kernels_windows_and_extents_keep_float32() -> None:
    conv = ContinuousConv(4, 4, dim=2, extent=0.1, quadrature=Quadrature(0.01, 1001.0))
    reference = {name: value.clone() for name, value in conv.state_dict().items()}
    conv.bfloat16().half().to(torch.bfloat16)
    for name, value in conv.state_dict().items():
        if name.startswith(("kernel.", "window.")) or name in ("extent", "spacing", "reference_count"):
            assert value.dtype is torch.float32 and torch.equal(value, reference[name]), name
        else:
            assert value.dtype is torch.bfloat16, name
    assert conv.double().extent.dtype is torch.float64
    assert {p.device.type for p in conv.to("meta").parameters()} == {"meta"}
    with pytest.raises(TypeError, match="'pos' must be float32 or float64 .got torch.bfloat16"):
        PointSet(torch.rand(5, 2).bfloat16())
