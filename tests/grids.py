"""Grids and layers that several tests share."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ccnn_pc.domains import Grid, PointSet
from ccnn_pc.kernels import NoWindow
from ccnn_pc.nn import ContinuousConv, Quadrature
from tests.clouds import DOUBLE, layer

SHAPES = [(9,), (10,), (5, 6), (4, 7), (3, 4, 5)]
SPACINGS = [1.0, 0.1, 1 / 3, 1 / 39]


def noise(n: int, channels: int = 3, seed: int = 1) -> Tensor:
    return torch.randn(n, channels, dtype=DOUBLE, generator=torch.Generator().manual_seed(seed))


def conv_for(dim: int, extent: Any, **options: Any) -> ContinuousConv:
    options.setdefault("threshold", 0.0)
    conv = layer(dim=dim, extent=extent, **options)
    conv.extent = torch.tensor(extent if isinstance(extent, tuple) else [extent] * dim, dtype=DOUBLE)
    return conv


def counting_conv(spacing: float) -> ContinuousConv:
    """A layer whose kernel is 1 within 7 samples to each side: it sums the ones among them."""
    conv = ContinuousConv(
        1, 1, dim=1, extent=7 * spacing, window=NoWindow, bias=False, quadrature=Quadrature(spacing=spacing)
    )
    with torch.no_grad():
        conv.kernel.readout.weight.zero_()  # type: ignore[union-attr, operator]
        conv.kernel.readout.bias.fill_(1.0)  # type: ignore[union-attr, operator]
        conv.mix.weight.fill_(1.0)  # type: ignore[union-attr]
    return conv


def as_points(grid: Grid) -> PointSet:
    """The samples of a grid as a cloud, every pair of an image joined."""
    batch, _ = grid.segments()
    return PointSet(grid.positions(), batch, edge_index=grid.edges(float("inf")))
