"""One row per segment: means are weighted by what samples stand for, where there are such weights."""

from __future__ import annotations

import pytest
import torch

from ccnn_pc.domains import IrregularSeries, PointSet, Pool, Weights
from ccnn_pc.domains.pooling import pool_segments
from tests.clouds import DOUBLE

X = torch.tensor([[1.0, -5.0], [2.0, -1.0], [6.0, -3.0], [4.0, -2.0]], dtype=DOUBLE)
BATCH = torch.tensor([0, 0, 0, 1])
VOLUME = torch.tensor([1.0, 1.0, 2.0, 9.0], dtype=DOUBLE)


def test_every_way() -> None:
    mean, largest = [[3.75, -3.0], [4.0, -2.0]], [[6.0, -1.0], [4.0, -2.0]]
    assert pool_segments(X, BATCH, 2, Pool.MEAN, VOLUME).tolist() == mean
    assert pool_segments(X, BATCH, 2, Pool.MEAN).tolist() == [[3.0, -3.0], [4.0, -2.0]]
    assert pool_segments(X, BATCH, 2, Pool.MAX, VOLUME).tolist() == largest
    both = [a + b for a, b in zip(mean, largest, strict=True)]
    assert pool_segments(X, BATCH, 2, Pool.MEAN_MAX, VOLUME).tolist() == both
    assert pool_segments(X, BATCH, 2, Pool.LAST, VOLUME).tolist() == [[6.0, -3.0], [4.0, -2.0]]
    assert [pool.width for pool in Pool] == [1, 1, 2, 1]


def test_volumes_of_points_are_of_the_samples_not_of_other_queries() -> None:
    pos = torch.rand(4, 2, dtype=DOUBLE)
    assert PointSet(pos, BATCH, volume=VOLUME).pool(X).tolist() == [[3.75, -3.0], [4.0, -2.0]]
    queries = PointSet(pos, BATCH, volume=VOLUME, query_pos=pos, query_batch=BATCH)
    assert queries.pool(X).tolist() == [[3.0, -3.0], [4.0, -2.0]]
    with pytest.raises(ValueError, match="'reduce' must not be LAST"):
        queries.pool(X, Pool.LAST)


@pytest.mark.parametrize("weights", [Weights.CELL, torch.tensor([5.0, 1.0, 1.0, 1.0, 7.0], dtype=DOUBLE)])
def test_means_over_queries_between_samples_are_over_the_queries_time(
    weights: Weights | torch.Tensor,
) -> None:
    """Whatever times the samples stand for, and however many they are."""
    times = torch.tensor([0.0, 1.0, 2.0, 3.0, 9.0], dtype=DOUBLE)
    queries = torch.tensor([0.0, 1.0, 3.0, 7.0], dtype=DOUBLE)  # cells 1, 1.5, 3, 4
    series = IrregularSeries(times, query_times=queries, weights=weights)
    expected = (X * torch.tensor([[1.0], [1.5], [3.0], [4.0]])).sum(0) / 9.5
    torch.testing.assert_close(series.pool(X)[0], expected)
    own = IrregularSeries(times[:4], weights=VOLUME)
    torch.testing.assert_close(own.pool(X)[0], (X * VOLUME[:, None]).sum(0) / VOLUME.sum())
    apart = IrregularSeries(
        times[:4], weights=torch.rand(4, 2, dtype=DOUBLE)
    )  # of channels: features have none
    torch.testing.assert_close(apart.pool(X)[0], X.mean(0))
    alike = IrregularSeries(times, query_times=queries, weights=Weights.CONSTANT)
    torch.testing.assert_close(alike.pool(X)[0], X.mean(0))
