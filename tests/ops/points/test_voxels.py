"""Cells: which one a point falls into, where its centre lies, means."""

from __future__ import annotations

import pytest
import torch

from ccnn_pc.ops.points.voxels import cell_means, voxel_centers, voxel_indices, voxelize


@pytest.mark.parametrize("resolution", [1, 2, 7, 40, 64])
def test_centres_fall_into_their_own_cells(resolution: int, dtype: torch.dtype) -> None:
    index = torch.arange(resolution)[:, None].expand(-1, 3)
    centres = voxel_centers(index, resolution, dtype)
    assert torch.equal(voxel_indices(centres, resolution), index)
    exact = -1 + (2 * torch.arange(resolution, dtype=torch.float64) + 1) / resolution
    torch.testing.assert_close(centres[:, 0].double(), exact, atol=6e-8, rtol=0)
    if resolution > 1:
        spacing = (voxel_centers(index, resolution, torch.float64)[:, 0]).diff()
        torch.testing.assert_close(spacing, torch.full_like(spacing, 2 / resolution), atol=1e-15, rtol=0)


def test_a_point_is_at_most_half_a_cell_from_its_centre(
    dtype: torch.dtype, generator: torch.Generator
) -> None:
    pos = 2 * torch.rand(5000, 3, generator=generator, dtype=dtype) - 1
    centre = voxel_centers(voxel_indices(pos, 40), 40, torch.float64)
    assert float((pos.double() - centre).abs().max()) <= 1 / 40 + 1e-12


def test_walls_belong_to_the_cell_above_and_one_to_the_last() -> None:
    pos = torch.tensor([[-1.0, -0.5, 0.0, 0.5, 1.0]]).t()  # walls of 4 cells, exact in binary
    assert voxel_indices(pos, 4).flatten().tolist() == [0, 1, 2, 3, 3]
    below = pos[1:4] - 1e-7
    assert voxel_indices(below, 4).flatten().tolist() == [0, 1, 2]


def test_cells_are_unique_sorted_and_know_their_points(generator: torch.Generator) -> None:
    pos = 2 * torch.rand(2000, 3, generator=generator) - 1
    cells, row = voxelize(pos, 8)
    assert torch.equal(cells[row], voxel_indices(pos, 8))
    assert torch.equal(cells, torch.unique(cells, dim=0)) and len(torch.unique(row)) == len(cells)
    shuffled = torch.randperm(len(pos), generator=generator)
    assert torch.equal(voxelize(pos[shuffled], 8)[0], cells)


def test_full_grid_has_every_cell() -> None:
    index = torch.cartesian_prod(*[torch.arange(5)] * 3)
    cells, row = voxelize(voxel_centers(index, 5), 5)
    assert torch.equal(cells, index) and torch.equal(row, torch.arange(125))


def test_means_are_those_of_a_loop(generator: torch.Generator) -> None:
    values, row = torch.randn(100, 3, generator=generator), torch.arange(100) % 7
    wanted = torch.stack([values[row == cell].mean(dim=0) for cell in range(7)])
    torch.testing.assert_close(cell_means(values, row, 7), wanted)
    assert bool(cell_means(values, row, 8)[7].isnan().all())


@pytest.mark.parametrize(
    ("pos", "match"),
    [
        (torch.tensor([[0.0, 1.1]]), r"\[-1, 1\] \(1 of 1 points"),
        (torch.tensor([[0.0], [-1.5]]), r"point 1 is \[-1.5\]"),
        (torch.tensor([[float("nan")]]), "finite"),
        (torch.zeros(0, 3), "at least one point"),
    ],
)
def test_what_is_refused(pos: torch.Tensor, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        voxelize(pos, 4)
