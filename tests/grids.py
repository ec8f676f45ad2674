"""Grids and layers that several tests share."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ccnn_pc.domains import Grid, PointSet
from ccnn_pc.nn import ContinuousConv
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


def as_points(grid: Grid) -> PointSet:
    """The samples of a grid as a cloud, every pair of an image joined."""
    batch, _ = grid.segments()
    return PointSet(grid.positions(), batch, edge_index=grid.edges(float("inf")))
