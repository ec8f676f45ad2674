"""The table itself: validation, conversion to and from graphs, the flat view that both share."""

from __future__ import annotations

import pytest
import torch

from ccnn_pc.ops.neighbors.graph import Graph
from ccnn_pc.ops.neighbors.k_nearest import Neighbors, knn


def table(index: list[list[int]], count: list[int]) -> Neighbors:
    return Neighbors(torch.tensor(index, dtype=torch.int32), torch.tensor(count, dtype=torch.int32))


def test_edges_leave_padding_out() -> None:
    mine = table([[0, 1, 1], [2, 0, 1]], [2, 3])
    assert mine.to_edge_index().tolist() == [[0, 1, 2, 0, 1], [0, 0, 1, 1, 1]]
    assert mine.to_edge_index().dtype == torch.int64


def test_edges_and_back() -> None:
    mine = knn(torch.randn(50, 3, generator=torch.Generator().manual_seed(0)), 7)
    edges = mine.to_edge_index()
    shuffled = edges[:, torch.arange(350).view(50, 7).flip(0).reshape(-1)]  # other queries first
    back = Neighbors.from_edge_index(shuffled, 50)
    assert isinstance(back, Neighbors)
    assert torch.equal(back.index, mine.index) and torch.equal(back.count, mine.count)


def test_uneven_graph_stays_a_graph() -> None:
    """Degrees 1, 1, 1, 3: the largest is more than twice the median; 1, 2, 2, 2 make a table."""
    uneven = torch.tensor([[0, 1, 2, 0, 1, 2], [0, 1, 2, 3, 3, 3]])
    graph = Neighbors.from_edge_index(uneven, 4)
    assert isinstance(graph, Graph)
    assert graph.ptr.tolist() == [0, 1, 2, 3, 6]
    assert torch.equal(graph.to_edge_index(), uneven)
    even = torch.tensor([[5, 1, 2, 0, 1, 2, 3], [0, 1, 1, 2, 2, 3, 3]])
    dense = Neighbors.from_edge_index(even, 4)
    assert isinstance(dense, Neighbors)
    assert dense.index.tolist() == [[5, 5], [1, 2], [0, 1], [2, 3]] and dense.count.tolist() == [1, 2, 2, 2]
    assert torch.equal(dense.to_edge_index(), even)


def test_query_without_edges() -> None:
    mine = Neighbors.from_edge_index(torch.tensor([[3, 4], [0, 2]]), 3)
    assert isinstance(mine, Neighbors)
    assert mine.count.tolist() == [1, 0, 1]
    assert mine.to_edge_index().tolist() == [[3, 4], [0, 2]]
    empty = Neighbors.from_edge_index(torch.zeros(2, 0, dtype=torch.long), 3)
    assert isinstance(empty, Graph) and empty.degree.tolist() == [0, 0, 0]


def test_last_query_without_edges() -> None:
    mine = Neighbors.from_edge_index(torch.tensor([[3, 4], [0, 1]]), 3)
    assert isinstance(mine, Neighbors) and mine.count.tolist() == [1, 1, 0]


def test_flat_views_name_the_same_edges() -> None:
    edges = torch.tensor([[5, 1, 2, 0, 1, 2, 3], [0, 1, 1, 2, 2, 3, 3]])
    for form in (Neighbors.from_edge_index(edges, 4), Graph.from_edge_index(edges, 4)):
        index, start, length = form.flat()
        rows = [index[a : a + n].tolist() for a, n in zip(start.tolist(), length.tolist(), strict=True)]
        assert rows == [[5], [1, 2], [0, 1], [2, 3]]


def test_shifted_and_moved() -> None:
    mine = table([[0, 1], [1, 0]], [2, 2])
    assert mine.shifted(10).index.tolist() == [[10, 11], [11, 10]]
    assert mine.shifted(torch.tensor([0, 5])).index.tolist() == [[0, 1], [6, 5]]
    assert mine.shifted(1).index.dtype == torch.int32
    assert mine.to("cpu").k == 2
    assert Graph.from_edge_index(mine.to_edge_index(), 2).shifted(3).to("cpu").index.tolist() == [3, 4, 4, 3]


def test_validation() -> None:
    with pytest.raises(TypeError, match="'index' must be int32"):
        Neighbors(torch.zeros(2, 2), torch.zeros(2, dtype=torch.int32))
    with pytest.raises(ValueError, match="'index' must have 2 dimensions"):
        Neighbors(torch.zeros(2, dtype=torch.int32), torch.zeros(2, dtype=torch.int32))
    with pytest.raises(ValueError, match="'index' must not be negative"):
        table([[0, -1]], [2])
    with pytest.raises(ValueError, match=r"'count' must lie in \[0, 2\]"):
        table([[0, 1]], [3])
    with pytest.raises(ValueError, match="'count' must have as many rows"):
        table([[0, 1]], [1, 1])
    with pytest.raises(ValueError, match="'index' must be below 3"):
        table([[0, 3]], [2]).check(3)
    with pytest.raises(ValueError, match="'edge_index' must have shape"):
        Neighbors.from_edge_index(torch.zeros(3, 2, dtype=torch.long), 2)
    with pytest.raises(ValueError, match="'edge_index' must name queries below 2"):
        Neighbors.from_edge_index(torch.tensor([[0], [2]]), 2)
    with pytest.raises(TypeError, match="'edge_index' must be an integer tensor"):
        Neighbors.from_edge_index(torch.zeros(2, 2), 2)
