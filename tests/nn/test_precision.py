"""Coarse number types: only the sums over neighbours may run in them."""

from __future__ import annotations

import pytest
import torch

from ccnn_pc.domains import PointSet
from ccnn_pc.nn import Algorithm, ContinuousConv


@pytest.mark.parametrize("algorithm", [Algorithm.FAST, Algorithm.MESSAGES])
@pytest.mark.parametrize("separable", [True, False])
def test_autocast_keeps_positions_in_float32(algorithm: Algorithm, separable: bool) -> None:
    """Offsets of 1e-3 about positions of 1 vanish in bfloat16; the kernel must still see them."""
    torch.manual_seed(0)
    pos = 1 + 1e-3 * torch.randn(40, 3)
    points = PointSet(torch.cat([pos, torch.zeros(1, 3)])).knn(8)
    conv = ContinuousConv(6, 6, dim=3, extent=4e-3, separable=separable)
    x = torch.randn(41, 6, requires_grad=True)
    exact = conv(x, points, algorithm)
    exact.square().sum().backward()
    gradients = {name: p.grad.clone() for name, p in conv.named_parameters() if p.grad is not None}
    conv.zero_grad()
    with torch.autocast("cpu", torch.bfloat16):
        coarse = conv(x, points, algorithm)
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
    single = conv(x, points, Algorithm.FAST)
    double = conv.double()(
        x.double(), PointSet(points.pos.double(), neighbors=points.neighbors), Algorithm.FAST
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
