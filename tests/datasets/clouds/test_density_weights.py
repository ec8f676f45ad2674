"""Weights of points by the density of a surface."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ccnn_pc.datasets import PointCloudData
from ccnn_pc.datasets.transforms import InverseDensity


def sheet(cells: int, spacing: float) -> Tensor:
    places = torch.arange(float(cells)) * spacing
    return torch.cartesian_prod(places, places, torch.zeros(1))


def test_points_of_a_surface_stand_for_their_area() -> None:
    fine, coarse = sheet(20, 0.5), sheet(10, 1.0) + torch.tensor([0.0, 0.0, 50.0])
    data = PointCloudData(pos=torch.cat([fine, coarse]))
    volume = InverseDensity(3, intrinsic_dim=2)(data).volume
    assert float(volume.mean()) == pytest.approx(1.0)
    inner = fine[:, :2].sub(4.75).abs().amax(1) < 4.5
    torch.testing.assert_close(volume[400:][55] / volume[:400][inner], torch.full((int(inner.sum()),), 4.0))


def test_few_neighbours_do_not_take_thin_parts_for_sparse_ones() -> None:
    plate, leg = (
        sheet(20, 1.0),
        torch.stack([torch.zeros(20), torch.zeros(20), -torch.arange(1.0, 21.0)], dim=1),
    )
    data = PointCloudData(pos=torch.cat([plate, leg]))
    few, many = (InverseDensity(k, intrinsic_dim=2)(data).volume for k in (3, 16))
    middle, inner = 400 + 10, 10 * 20 + 10
    assert few[middle] / few[inner] == pytest.approx(4.0)  # its third point is 2 away, not 1
    assert many[middle] / many[inner] > 12.0
