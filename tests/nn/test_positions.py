"""Gradients with respect to positions, and neighbours in any order."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ccnn_pc.domains import PointSet
from ccnn_pc.nn import Algorithm
from ccnn_pc.ops.neighbors.k_nearest import Neighbors
from tests.clouds import DOUBLE, cloud, features, layer


def test_positions_get_their_gradient_and_auto_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    points, conv = cloud(8, k=4), layer()
    x = features(points)

    def run(pos: Tensor) -> Tensor:
        return conv(x, PointSet(pos, neighbors=points.neighbors))

    pos = points.pos.clone().requires_grad_()
    assert torch.autograd.gradcheck(run, (pos,))
    monkeypatch.setenv("CCNN_PC_NATIVE", "0")
    with pytest.raises(ValueError, match="'algorithm' must be MESSAGES or AUTO"):
        conv(x, PointSet(pos, neighbors=points.neighbors), algorithm=Algorithm.FAST)


def test_unsorted_neighbours_are_sorted_first() -> None:
    """Pruning cuts rows at a distance: a table in another order must give the same result."""
    points, conv = cloud(60, k=30), layer(width=0.05)
    assert isinstance(points.neighbors, Neighbors)
    table = points.neighbors
    order = torch.argsort(torch.rand(60, 30), dim=1)
    shuffled = Neighbors(table.index.gather(1, order), table.count)
    x = features(points)
    expected = conv(x, points)
    for algorithm in Algorithm:
        again = PointSet(points.pos, neighbors=shuffled)
        torch.testing.assert_close(conv(x, again, algorithm=algorithm), expected)


def test_sorted_tables_stay_tables() -> None:
    points = cloud(sizes=(20, 3), k=8)
    assert isinstance(PointSet(points.pos, points.batch, neighbors=points.neighbors).neighbors, Neighbors)
    lattice = torch.cartesian_prod(*[torch.arange(4, dtype=DOUBLE)] * 3)
    table = PointSet(lattice).knn(20).neighbors
    assert isinstance(PointSet(lattice, neighbors=table).neighbors, Neighbors)
