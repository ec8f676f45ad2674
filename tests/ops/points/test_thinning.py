"""Thinning equals the rule applied cell by cell."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from ccnn_pc.ops.points.thinning import Keep, thin


def by_hand(pos, size, keep):
    """Cell by cell, in Python: rows kept, or means."""
    first = pos.min(axis=0)
    cells: dict[tuple[int, ...], list[int]] = {}
    for row, point in enumerate(pos):
        place = tuple(
            0 if math.isinf(s) else math.floor((x - f) / s)
            for x, f, s in zip(point, first, size, strict=True)
        )
        cells.setdefault(place, []).append(row)
    found = []
    for place in sorted(cells):
        rows = cells[place]
        points = pos[rows] - first
        centre = np.array(
            [(p + 0.5) * s if math.isfinite(s) else np.nan for p, s in zip(place, size, strict=True)]
        )
        value = {
            Keep.LOWEST: points[:, -1],
            Keep.HIGHEST: -points[:, -1],
            Keep.MEAN: ((points - points.mean(0)) ** 2).sum(1),
            Keep.NEAREST: np.nansum((points - centre) ** 2, axis=1),
        }[keep]
        found.append((rows[int(np.argmin(value))], pos[rows].mean(0), rows))
    return found


@pytest.mark.parametrize("keep", list(Keep))
@pytest.mark.parametrize("size", [(0.3, 0.3, 0.3), (0.2, 0.4, math.inf), (math.inf, 5.0, 0.1)])
def test_each_cell_keeps_the_point_of_the_rule(keep, size):
    generator = torch.Generator().manual_seed(0)
    clouds = [torch.rand(n, 3, generator=generator, dtype=torch.float64) + 4e6 for n in (1, 200, 57)]
    batch = torch.repeat_interleave(torch.arange(3), torch.tensor([1, 200, 57]))
    found = thin(torch.cat(clouds), size, keep, batch)
    start, row = 0, 0
    for number, cloud in enumerate(clouds):
        for index, mean, rows in by_hand(cloud.numpy(), size, keep):
            if keep is not Keep.MEAN or len(rows) != 2:  # two points are equally far from their mean
                assert int(found.index[row]) == start + index
            expected = mean if keep is Keep.MEAN else cloud[index].numpy()
            np.testing.assert_allclose(found.pos[row].numpy(), expected, rtol=1e-15, atol=0)
            assert int(found.batch[row]) == number and int(found.count[row]) == len(rows)
            assert int(found.index[row]) - start in rows
            assert (found.cell[[start + each for each in rows]] == row).all()
            row += 1
        start += len(cloud)
    assert row == len(found.pos)


def test_a_moved_cloud_is_thinned_alike():
    pos = torch.rand(300, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    here, there = thin(pos, 0.21), thin(pos + 2.0**22, 0.21)
    assert here.index.equal(there.index) and here.cell.equal(there.cell)


def test_of_equals_the_first_is_kept():
    pos = torch.tensor([[0.2, 1.0], [0.1, 0.0], [0.3, 0.0]])
    assert thin(pos, (1.0, math.inf), "lowest").index.tolist() == [1]


@pytest.mark.parametrize("size", [0.0, -1.0, math.nan, (1.0, 2.0)])
def test_sizes_that_are_none_are_refused(size):
    with pytest.raises(ValueError, match="'size' must be positive"):
        thin(torch.rand(4, 3), size)


def test_cells_without_number_are_refused():
    with pytest.raises(ValueError, match="'size' must be larger"):
        thin(torch.rand(4, 3, dtype=torch.float64) * 1e9, 1e-3)
