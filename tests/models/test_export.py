"""``torch.export`` of networks: sizes are symbols, neighbours are prepared outside."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.export import Dim, export

from ccnn_pc import native
from ccnn_pc.domains import PointSet
from ccnn_pc.models import Model, create_model
from ccnn_pc.ops.neighbors.k_nearest import Neighbors, knn


class OnClouds(nn.Module):
    """A network of points whose neighbours are arguments."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor, pos: Tensor, batch: Tensor, index: Tensor, count: Tensor) -> Tensor:
        found: Tensor = self.network(x, PointSet(pos, batch, neighbors=Neighbors(index, count)))
        return found


def clouds(points: int, number: int) -> tuple[Tensor, ...]:
    pos, batch = torch.rand(points, 3), torch.arange(points) // (points // number)
    table = knn(pos, 8, batch)
    return torch.randn(points, 2), pos, batch, table.index, table.count


def one_block(**options: Any) -> Model:
    """A network that is traced quickly."""
    model: Any = create_model("ccnn_4_16", in_channels=2, out_channels=3, **options)
    model.blocks = model.blocks[:1]
    return model


def test_clouds() -> None:
    """Any number of points and of clouds."""
    if not native.state().runs:
        pytest.skip(f"the native operators do not run: {native.state().reason}")
    model = OnClouds(one_block(dim=3, num_neighbors=8)).eval()
    n = Dim("n", min=9, max=10_000)
    program = export(model, clouds(40, 2), dynamic_shapes=({0: n},) * 5, strict=True)
    other = clouds(60, 3)
    torch.testing.assert_close(program.module()(*other), model(*other))


def test_arrays() -> None:
    """Any batch and number of steps."""
    model = one_block(dim=1, shape=(30,)).eval()
    sizes = {0: Dim("batch", min=1, max=64), 2: Dim("steps", min=4, max=100)}
    program = export(model, (torch.randn(2, 2, 20),), dynamic_shapes={"data": sizes}, strict=True)
    x = torch.randn(3, 2, 27)
    torch.testing.assert_close(program.module()(x), model(x), rtol=1e-4, atol=1e-4)
