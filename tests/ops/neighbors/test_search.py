"""A neighbour problem, checked: one entry per cloud and no more; lists in chunks of bounded size."""

from __future__ import annotations

import math

import pytest
import torch

from ccnn_pc.ops.neighbors import Backend, knn
from ccnn_pc.ops.neighbors.lists import NeighborLists
from ccnn_pc.ops.neighbors.search import pointers, prepare

BATCH = torch.tensor([0, 0, 1, 1, 1, 2])


def test_one_entry_per_cloud() -> None:
    pos = torch.tensor([[1.0], [-8.0], [2.0], [3.0], [1.0], [-0.5]])
    search = prepare(pos, BATCH, None, None)
    assert search.pos_ptr == search.query_ptr == pointers(BATCH) == [0, 2, 5, 6]
    assert search.num_clouds == 3 and search.sizes() == [2, 3, 1]
    assert search.same and search.query is search.pos and search.pos.dtype == torch.float64
    rounding = torch.finfo(torch.float32).eps / 2
    assert search.unit.tolist() == [8.0 * rounding, 3.0 * rounding, 0.5 * rounding]
    assert search.cap == 1e-2 and prepare(pos.double(), BATCH, None, None).cap == 1e-6


def test_queries_count_for_the_rounding() -> None:
    pos, query = torch.ones(6, 4), torch.tensor([[0.0, 9.0, 0.0, 0.0], [0.0] * 4, [2.0] * 4])
    search = prepare(pos, BATCH, query, torch.tensor([0, 1, 2]))
    assert not search.same and search.query_ptr == [0, 1, 2, 3]
    rounding = torch.finfo(torch.float32).eps / 2 * math.sqrt(4)
    assert search.unit.tolist() == [9.0 * rounding, rounding, 2.0 * rounding]


def lists(lengths: list[int]) -> NeighborLists:
    length = torch.tensor(lengths)
    return NeighborLists(torch.arange(int(length.sum())) % 5, length.cumsum(0) - length, length)


def test_coordinates_whose_squares_are_no_numbers_are_refused() -> None:
    pos = torch.arange(9.0).double()[:, None]
    assert knn(pos * 1e139, 2, backend=Backend.KDTREE).index[0].tolist() == [0, 1]
    with pytest.raises(ValueError, match="'pos' must lie within 1e.140 of 0"):
        knn(pos * 1e160, 2, backend=Backend.KDTREE)  # scipy's tree names a tenth point


@pytest.mark.parametrize("lengths", [[3] * 7, [0, 1, 9, 2, 2, 0, 4], [5], [0, 0], [1, 2, 3]])
@pytest.mark.parametrize("max_edges", [1, 4, 6, 100])
def test_chunks_hold_every_edge_once_and_no_more_than_asked(lengths: list[int], max_edges: int) -> None:
    mine = lists(lengths)
    seen = []
    for chunk in mine.chunks(max_edges):
        assert chunk.count * chunk.width <= max_edges or chunk.count == 1
        edge, counts = mine.edges(chunk)
        every = torch.arange(len(mine.index))[edge]
        assert len(every) == chunk.count * chunk.width
        seen += (every if counts is None else every[counts]).tolist()
    assert sorted(seen) == list(range(sum(lengths)))


def test_tables_and_ragged_lists_are_told_apart() -> None:
    assert isinstance(next(lists([3] * 7).chunks(6)).queries, slice)
    assert not isinstance(next(lists([3, 3, 2]).chunks(6)).queries, slice)
    pruned = lists([3, 3, 3]).pruned(torch.tensor([1, 5, 3]))
    assert pruned.length.tolist() == [1, 3, 3] and len(pruned) == 3
    overlapping = NeighborLists(torch.arange(6), torch.tensor([0, 1, 2]), torch.tensor([2, 2, 2]))
    found = [overlapping.edges(chunk) for chunk in overlapping.chunks(100)]
    assert found[0][0].tolist() == [0, 1, 1, 2, 2, 3]  # type: ignore[union-attr]
    late = NeighborLists(torch.arange(4), torch.tensor([1, 2]), torch.tensor([2, 2]))  # does not begin at 0
    assert next(late.chunks(100)).width == 2 and not isinstance(next(late.chunks(100)).queries, slice)


def test_padding_is_a_fraction_of_the_edges() -> None:
    """Lists of like length go together: one long list among many short ones pads nobody else."""
    mine = lists([2] * 50 + [60] + [3] * 50)
    cells = sum(chunk.count * chunk.width for chunk in mine.chunks(64))
    assert cells <= 1.1 * 310
