"""Points on a lattice: one kernel evaluation per distinct offset, and no boundary tap lost to rounding."""

from __future__ import annotations

import pytest
import torch

from ccnn_pc.domains import Grid, PointSet
from ccnn_pc.nn import Algorithm, kernel_penalty
from tests.grids import SHAPES, SPACINGS, as_points, conv_for, noise


def lattice_of(grid: Grid, neighbors: PointSet | None = None) -> PointSet:
    points = neighbors or as_points(grid)
    batch, _ = grid.segments()
    return PointSet(grid.positions(), batch, neighbors=points.neighbors, lattice=grid.spacing)


@pytest.mark.parametrize("separable", [True, False])
@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("shape", SHAPES)
def test_the_lattice_path_agrees(shape: tuple[int, ...], spacing: float, separable: bool) -> None:
    """Points that know their lattice lose no boundary tap to rounding, whatever the spacing."""
    dim = len(shape)
    mask = torch.rand(2, *shape, generator=torch.Generator().manual_seed(0)) < 0.7
    grid = Grid(shape, spacing, batch_size=2, occupied=mask)
    conv = conv_for(dim, {1: 4, 2: 2, 3: 1}[dim] * spacing, spacing=spacing, separable=separable)
    points, results = lattice_of(grid), []
    for where, algorithm in ((grid, Algorithm.AUTO), (points, Algorithm.MESSAGES), (points, Algorithm.FAST)):
        x = noise(grid.num_samples).requires_grad_()
        with kernel_penalty() as penalty:
            y = conv(x, where, algorithm=algorithm)
        loss = y.square().sum() + 3 * penalty.total()
        results.append([y.detach(), penalty.total().detach()])
        results[-1] += torch.autograd.grad(loss, [x, *conv.parameters()])
    for other in results[1:]:
        for one, two in zip(results[0], other, strict=True):
            torch.testing.assert_close(two, one, atol=1e-8, rtol=1e-9)


def test_a_pruned_ragged_lattice() -> None:
    mask = torch.rand(2, 6, 6, generator=torch.Generator().manual_seed(3)) < 0.6
    grid = Grid((6, 6), 0.5, batch_size=2, occupied=mask)
    nearest = PointSet(grid.positions(), grid.segments()[0]).knn(9)
    points = lattice_of(grid, nearest)
    conv, x = conv_for(2, 1.5, width=0.1, threshold=1e-3), noise(grid.num_samples)
    with kernel_penalty() as fast:
        found = conv(x, points)
    with kernel_penalty() as definition:
        expected = conv(x, points, algorithm=Algorithm.MESSAGES)
    torch.testing.assert_close(found, expected, atol=1e-9, rtol=0)
    torch.testing.assert_close(fast.total(), definition.total())


def test_positions_must_lie_on_the_lattice() -> None:
    pos = torch.tensor([[0.0, 0.0], [0.5, 1.0], [1.2, 0.5]])
    with pytest.raises(ValueError, match=r"'pos' must lie on a lattice of spacing \[0.5, 0.5\] \(got row 2"):
        PointSet(pos, lattice=0.5)
    pos[2, 0] = 1.0 + 0.0049  # a hundredth of the spacing is rounding
    PointSet(pos, lattice=0.5)
    pos[2, 0] = 1.0 + 0.0051
    with pytest.raises(ValueError, match="0.010 steps off"):
        PointSet(pos, lattice=0.5)
