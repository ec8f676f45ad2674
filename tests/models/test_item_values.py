"""Values and places of items: those of each item alone, whatever stands beside it."""

import numpy as np
import pytest
import torch

from ccnn_pc.domains.grid.grid import Grid
from ccnn_pc.domains.points.point_set import PointSet
from ccnn_pc.domains.series.irregular_series import IrregularSeries
from ccnn_pc.models.shift.item_places import places_of_points
from ccnn_pc.models.shift.item_values import item_values as values_of
from ccnn_pc.models.shift.seen import seen
from ccnn_pc.ops.moments import moments


def test_occupied_cells_are_those_of_their_image() -> None:
    occupied = torch.zeros(2, 4, 4, dtype=torch.bool)
    occupied[0, :2], occupied[1, 1, 1:3] = True, True
    grid = Grid((4, 4), batch_size=2, occupied=occupied)
    found = seen(torch.arange(10.0)[:, None], grid).values
    assert found is not None and found.mean[0] == (3.5, 8.5) and found.highest[0] == (7.0, 9.0)


def test_places_of_a_batch_are_those_of_its_items() -> None:
    torch.manual_seed(0)
    clouds = [torch.rand(n, 3) for n in (9, 30, 1)]
    batch = torch.arange(3).repeat_interleave(torch.tensor([9, 30, 1]))
    together = places_of_points(PointSet(torch.cat(clouds), batch).knn(4), np.array([0, 9, 39, 40]))
    for item, cloud in enumerate(clouds[:2]):
        alone = places_of_points(PointSet(cloud).knn(4), np.array([0, len(cloud)]))
        np.testing.assert_allclose(together[:, item], alone[:, 0], rtol=1e-5)
    distances = torch.cdist(clouds[1], clouds[1]).sort(dim=1).values
    near, far = distances[:, 1], distances[:, 3]
    mean, deviation = float(near.mean()), float(near.std(correction=0))
    wanted = [30, mean, float(far.mean()), deviation / mean, float(near.max()) / mean]
    assert together[[0, 1, 2, -2, -1], 1].tolist() == pytest.approx(wanted, rel=1e-4)
    assert together[1, 2] == np.median(together[1, :2])  # a point alone has the distance of the others


def test_places_of_series(native: bool) -> None:
    times = torch.tensor([0.0, 1.0, 1.0, 5.0, 7.0, 2.0, 4.0], dtype=torch.float64)
    found = seen(times[:, None], IrregularSeries(times, torch.tensor([0, 0, 0, 0, 1, 2, 2])))
    assert found.samples == (1, 4) and found.span == ((0, 5),) and found.pause == (0, 4)
    assert found.spacing[0] == pytest.approx((5 / 3, 2))  # of one stamp there is no step
    assert found.together == pytest.approx((0, 1 / 3))


@np.errstate(invalid="ignore", divide="ignore")
def test_the_item_that_has_least_but_something(native: bool) -> None:
    x = np.array([[0.0, 0.0], [3.0, 4.0], [3.0, 3.0], [0.0, 0.0]])
    found = values_of(moments(x, np.arange(5)))
    assert found.faintest == (3, 3) and found.scale == ((0, 3), (0, 4))
