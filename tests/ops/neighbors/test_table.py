"""The table itself: validation, conversion to edges, the lists that table and graph have in common."""

from __future__ import annotations

import pytest
import torch

from ccnn_pc.ops.neighbors.graph import Graph
from ccnn_pc.ops.neighbors.k_nearest import Neighbors


def table(index: list[list[int]], count: list[int]) -> Neighbors:
    return Neighbors(torch.tensor(index, dtype=torch.int32), torch.tensor(count, dtype=torch.int32))


def test_edges_leave_padding_out() -> None:
    mine = table([[0, 1, 1], [2, 0, 1]], [2, 3])
    assert mine.to_edge_index().tolist() == [[0, 1, 2, 0, 1], [0, 0, 1, 1, 1]]
    assert mine.to_edge_index().dtype == torch.int64


def test_table_and_graph_name_the_same_edges() -> None:
    mine = table([[5, 5], [1, 2], [0, 0], [3, 1]], [1, 2, 0, 2])
    edges = mine.to_edge_index()
    assert edges.tolist() == [[5, 1, 2, 3, 1], [0, 1, 1, 3, 3]]
    graph = Graph.from_edge_index(
        edges[:, [3, 0, 1, 4, 2]], 4
    )  # other queries first; one query's keep their order
    assert torch.equal(graph.to_edge_index(), edges)
    assert graph.ptr.tolist() == [0, 1, 3, 3, 5] and graph.degree.tolist() == [1, 2, 0, 2]
    for form in (mine, graph, mine.to("cpu"), graph.to("cpu")):
        lists = form.lists()
        found = [lists.index[a : a + n].tolist() for a, n in zip(lists.start, lists.length, strict=True)]
        assert found == [[5], [1, 2], [], [3, 1]]
    empty = Graph.from_edge_index(torch.zeros(2, 0, dtype=torch.long), 3)
    assert empty.degree.tolist() == [0, 0, 0]


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
        Graph.from_edge_index(torch.zeros(3, 2, dtype=torch.long), 2)
    with pytest.raises(ValueError, match="'edge_index' must name queries below 2"):
        Graph.from_edge_index(torch.tensor([[0], [2]]), 2)
    with pytest.raises(TypeError, match="'edge_index' must be an integer tensor"):
        Graph.from_edge_index(torch.zeros(2, 2), 2)
