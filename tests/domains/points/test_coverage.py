"""Neighbours that do not fit a layer's window are said once per run: too few of them, or none in reach."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from ccnn_pc.domains import PointSet
from ccnn_pc.domains.points import coverage
from ccnn_pc.domains.points.coverage import NeighborhoodWarning
from ccnn_pc.kernels import GaussianWindow, NoWindow
from ccnn_pc.nn import Algorithm, ContinuousConv


@pytest.fixture(autouse=True)
def _new_run(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(coverage, "_SAID", set())
    yield


def said(
    points: PointSet, times: int = 1, algorithm: Algorithm = Algorithm.AUTO, **options: Any
) -> list[str]:
    conv = ContinuousConv(2, 2, dim=3, **options)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(times):
            conv(torch.ones(points.num_samples, 2), points.weighted(None), algorithm=algorithm)
    return [str(each.message) for each in caught if each.category is NeighborhoodWarning]


@pytest.fixture
def pos() -> Tensor:
    return torch.rand(300, 3) * 2 - 1


@pytest.mark.parametrize("algorithm", [Algorithm.FAST, Algorithm.MESSAGES])
def test_millimetres(pos: Tensor, algorithm: Algorithm) -> None:
    """No neighbour is ever seen: the layer is a linear map of each point, and says so, once."""
    (text,) = said(PointSet(1000 * pos).knn(16), times=3, algorithm=algorithm)
    assert text.startswith("most points see no other point") and "extent 1" in text and "Normalize" in text


def test_few_neighbours_in_a_wide_window(pos: Tensor) -> None:
    wide = partial(GaussianWindow, width=0.5)
    (text,) = said(PointSet(pos).knn(4), times=3, window=wide)
    assert text.startswith("k = 4 cuts the window") and "radius" in text
    assert said(PointSet(pos).knn(5), window=wide) == []  # once per run
    coverage._SAID.clear()
    assert len(said(PointSet(pos).knn(4), window=NoWindow)) == 1


def test_nothing_is_said_where_neighbours_fit(pos: Tensor) -> None:
    narrow = partial(GaussianWindow, width=0.15)
    for points in (
        PointSet(pos).knn(64),
        PointSet(pos).knn(300),
        PointSet(pos).radius(0.3),
        PointSet(pos, edge_index=torch.randint(300, (2, 900))),
        PointSet(0.1 * pos[:5]).knn(8),  # all of a small cloud
    ):
        assert said(points, window=narrow) == []
    assert said(PointSet(pos).knn(300), window=partial(GaussianWindow, width=0.5)) == []


def test_queries_elsewhere(pos: Tensor) -> None:
    (text,) = said(PointSet(pos, query_pos=pos[:7] + 50.0).knn(8))
    assert text.startswith("most points see no sample")
