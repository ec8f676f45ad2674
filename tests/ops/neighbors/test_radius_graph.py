"""Radius search against brute force: no cap, ragged, bipartite, sorted."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ccnn_pc.ops.neighbors.radius_graph import _by_comparison, _by_tree, radius


def truth(pos: Tensor, batch: Tensor, query: Tensor, query_batch: Tensor, r: float) -> set[tuple[int, int]]:
    near = (query.double()[:, None] - pos.double()).norm(dim=2) <= r
    return set(map(tuple, (near & (query_batch[:, None] == batch)).nonzero()[:, [1, 0]].tolist()))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("dim", [1, 2, 3])
@pytest.mark.parametrize("bipartite", [False, True])
def test_equals_brute_force(dim: int, dtype: torch.dtype, bipartite: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    batch = torch.arange(4).repeat_interleave(torch.tensor([200, 1, 30, 77]))
    pos = torch.randn(len(batch), dim, dtype=dtype, generator=generator)
    query, query_batch = pos, batch
    if bipartite:
        query = torch.randn(40, dim, dtype=dtype, generator=generator)
        query_batch = torch.arange(4).repeat_interleave(10)
    edges = radius(
        pos,
        0.9,
        batch,
        query_pos=query if bipartite else None,
        query_batch=query_batch if bipartite else None,
    )
    pairs = list(map(tuple, edges.t().tolist()))
    assert len(set(pairs)) == len(pairs)
    assert set(pairs) == truth(pos, batch, query, query_batch, 0.9)
    assert (edges[1].diff() >= 0).all()
    distance = (pos.double()[edges[0]] - query.double()[edges[1]]).norm(dim=1)
    rising = distance.diff() >= -1e-6
    assert (rising | (edges[1].diff() > 0)).all()
    if not bipartite:
        first = torch.cat([torch.tensor([True]), edges[1].diff() > 0])
        assert torch.equal(edges[0, first], torch.arange(len(pos)))


def test_no_hidden_cap() -> None:
    """5000 points at nearly the same place: 5000 neighbours for a query there."""
    pos = torch.rand(5000, 3, generator=torch.Generator().manual_seed(0)) * 1e-3
    assert radius(pos, 1.0, query_pos=torch.zeros(2, 3)).shape == (2, 10_000)


def test_a_query_without_neighbours_has_no_edge() -> None:
    edges = radius(torch.zeros(3, 2), 1.0, query_pos=torch.tensor([[5.0, 0.0], [0.0, 0.5]]))
    assert edges.tolist() == [[0, 1, 2], [1, 1, 1]]


def test_nothing_within_reach() -> None:
    assert radius(torch.zeros(3, 2), 1.0, query_pos=torch.full((1, 2), 9.0)).shape == (2, 0)


def test_duplicates_self_first() -> None:
    edges = radius(torch.zeros(4, 2), 0.1)
    assert edges[0].tolist() == [0, 1, 2, 3, 1, 0, 2, 3, 2, 0, 1, 3, 3, 0, 1, 2]


def test_more_queries_than_one_block() -> None:
    pos = torch.rand(5000, 2, generator=torch.Generator().manual_seed(0))
    edges = radius(pos, 0.02)
    whole = truth(pos, torch.zeros(5000), pos, torch.zeros(5000), 0.02)
    assert set(map(tuple, edges.t().tolist())) == whole and edges.shape[1] == len(whole)


def test_both_searches_find_the_same_pairs() -> None:
    pos = torch.randn(3000, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    found = []
    for find in (_by_tree, _by_comparison):
        runs = [torch.stack([row + low, index]) for low, (row, index, _) in find(pos, pos[:2500], 0.3)]
        found.append(set(map(tuple, torch.cat(runs, dim=1).t().tolist())))
    assert found[0] == found[1] and len(found[0]) > 2500


@pytest.mark.parametrize("r", [0, -1.0, float("nan"), float("inf")])
def test_radius_must_be_positive(r: float) -> None:
    with pytest.raises(ValueError, match="'r' must be positive and finite"):
        radius(torch.zeros(3, 2), r)
