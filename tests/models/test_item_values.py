"""Moments of items: those of each item alone, whatever stands beside it."""

import math

import numpy as np
import pytest
import torch

from ccnn_pc.domains.grid.grid import Grid
from ccnn_pc.domains.points.point_set import PointSet
from ccnn_pc.domains.series.irregular_series import IrregularSeries
from ccnn_pc.models.shift import item_values
from ccnn_pc.models.shift.item_places import places_of_points, places_of_series
from ccnn_pc.models.shift.item_values import Moments, moments
from ccnn_pc.models.shift.seen import seen


def of_one(values: np.ndarray) -> list[float]:
    if not len(values):
        return [0.0, *4 * [math.nan]]
    return [math.sqrt(np.square(values).mean()), values.mean(), values.std(), values.min(), values.max()]


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("at_once", [1, 1 << 17])
def test_moments_are_those_of_each_item(masked: bool, at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(item_values, "_AT_ONCE", at_once)
    rng = np.random.default_rng(0)
    pointer = np.array([0, 7, 7, 8, 40])  # one is empty, one has one sample
    columns = 1e6 + rng.normal(size=(3, 40))
    observed = rng.random((3, 40)) < 0.6 if masked else None
    if observed is not None:
        observed[1, 8:] = False
    found = np.stack(moments(columns, pointer, observed))
    for c in range(3):
        for b in range(4):
            part = slice(pointer[b], pointer[b + 1])
            values = columns[c, part] if observed is None else columns[c, part][observed[c, part]]
            np.testing.assert_allclose(found[:, c, b], of_one(values), rtol=1e-9, atol=1e-9)


def test_constants_have_no_deviation() -> None:
    found: Moments = moments(np.full((1, 50), 1e9 + 0.1), np.array([0, 20, 50]))
    assert found.deviation.tolist() == [[0.0, 0.0]]


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


def test_places_of_series() -> None:
    times = torch.tensor([0.0, 1.0, 1.0, 5.0, 7.0, 2.0, 4.0], dtype=torch.float64)
    series = IrregularSeries(times, torch.tensor([0, 0, 0, 0, 1, 2, 2]))
    count, step, _, span, pause, same = places_of_series(series)
    assert count.tolist() == [4, 1, 2] and span.tolist() == [5, 0, 2] and pause.tolist() == [4, 0, 2]
    np.testing.assert_allclose(step, [5 / 3, (5 / 3 + 2) / 2, 2])
    np.testing.assert_allclose(same, [1 / 3, 0, 0])
