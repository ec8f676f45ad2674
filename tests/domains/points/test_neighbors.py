"""Neighbours that a user gives: of the query's own cloud, in any order."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch_geometric.data import Batch, Data

from ccnn_pc.domains import PointSet
from ccnn_pc.ops.neighbors import Graph, Neighbors, knn
from tests.clouds import DOUBLE, layer

BATCH = torch.tensor([0, 0, 0, 1, 1, 1, 1])
POS = torch.rand(7, 2, dtype=DOUBLE, generator=torch.Generator().manual_seed(0))


def table(index: list[list[int]], count: list[int]) -> Neighbors:
    return Neighbors(torch.tensor(index, dtype=torch.int32), torch.tensor(count, dtype=torch.int32))


@pytest.mark.parametrize(("query", "sample"), [(0, 3), (2, 6), (3, 2), (6, 0)])
def test_neighbours_of_another_cloud_are_refused(query: int, sample: int) -> None:
    """As a table, as a graph, as edges; the message names sample and query."""
    given = knn(POS, 2, BATCH)
    given.index[query, 1] = sample
    edges = given.to_edge_index()
    clouds = f"sample {sample} of cloud {BATCH[sample]} for query {query} of cloud {BATCH[query]}"
    for name, options in (
        ("neighbors", {"neighbors": given}),
        ("neighbors", {"neighbors": Graph.from_edge_index(edges, 7)}),
        ("edge_index", {"edge_index": edges}),
    ):
        with pytest.raises(
            ValueError, match=rf"'{name}' must stay in the cloud of their query .got {clouds}"
        ):
            PointSet(POS, BATCH, **options)


def test_padding_may_name_anything_that_exists() -> None:
    index = [[0, 6], [1, 6], [2, 5], [3, 4], [4, 0], [5, 3], [6, 1]]
    assert PointSet(POS, BATCH, neighbors=table(index, [1, 1, 1, 2, 1, 2, 1])).edges().shape == (2, 9)
    with pytest.raises(ValueError, match="got sample 0 of cloud 0 for query 4 of cloud 1"):
        PointSet(POS, BATCH, neighbors=table(index, [1, 1, 1, 2, 2, 2, 1]))
    with pytest.raises(ValueError, match="'neighbors' must name samples below 7 .got 7"):
        PointSet(POS, BATCH, neighbors=table([[0, 1]] * 6 + [[6, 7]], [2] * 7))


def test_queries_of_their_own_have_clouds_too() -> None:
    queries, clouds = POS[2:5] + 0.1, torch.tensor([0, 1, 1])
    given = knn(POS, 3, BATCH, query_pos=queries, query_batch=clouds)
    two: dict[str, Any] = {"query_pos": queries, "query_batch": clouds}
    assert PointSet(POS, BATCH, neighbors=given, **two).edges().shape == (2, 9)
    given.index[0, 2] = 3
    with pytest.raises(ValueError, match="got sample 3 of cloud 1 for query 0 of cloud 0"):
        PointSet(POS, BATCH, neighbors=given, **two)


def test_a_table_that_a_loader_did_not_shift_is_refused() -> None:
    """Attributes that PyG does not know are joined as they are: every cloud would read the first one's points."""
    items = [Data(pos=part, table=knn(part, 2).index) for part in (POS[:3], POS[3:])]
    batch = Batch.from_data_list(items)
    with pytest.raises(ValueError, match="'neighbors' must stay in the cloud of their query"):
        PointSet(
            batch.pos, batch.batch, neighbors=Neighbors(batch.table, torch.full((7,), 2, dtype=torch.int32))
        )


def unsorted(given: Neighbors) -> Neighbors:
    return Neighbors(given.index.flip(1), given.count)


def test_they_are_sorted_by_distance_here() -> None:
    """A prefix of a list is then all within a radius, which pruning relies on; equal lists are left as they are."""
    given = knn(POS, 3, BATCH)
    assert PointSet(POS, BATCH, neighbors=given).neighbors is given
    ways: list[dict[str, Neighbors | Graph | Tensor]] = [
        {"neighbors": unsorted(given)},
        {"neighbors": Graph.from_edge_index(unsorted(given).to_edge_index(), 7)},
        {
            "edge_index": given.to_edge_index()[
                :, torch.randperm(21, generator=torch.Generator().manual_seed(0))
            ]
        },
    ]
    conv, x = layer(dim=2, extent=0.7, threshold=0.2), torch.randn(7, 3, dtype=DOUBLE)
    expected = conv(x, PointSet(POS, BATCH, neighbors=given))
    for options in ways:
        points = PointSet(POS, BATCH, **options)  # type: ignore[arg-type]
        assert points.edges()[0].tolist() == given.to_edge_index()[0].tolist()
        torch.testing.assert_close(conv(x, points), expected, atol=1e-12, rtol=0)


def test_the_last_entry_alone_may_be_out_of_order() -> None:
    pos = torch.tensor([[0.0], [1.0], [2.0], [4.0]])
    index = [[0, 1, 2], [1, 0, 2], [2, 1, 0], [3, 1, 2]]
    sorted_here = PointSet(pos, neighbors=table(index, [3] * 4))
    assert sorted_here.edges()[0].tolist() == [0, 1, 2, 1, 0, 2, 2, 1, 0, 3, 2, 1]
    same = table(index, [3, 3, 3, 2])
    assert PointSet(pos, neighbors=same).neighbors is same  # what is beyond the count does not count


@pytest.mark.parametrize(
    ("ptr", "index", "said"),
    [
        ([0, 1, 2, 9], [0, 1, 2], "'ptr' must rise from 0 to the number of edges, 3 .got 0 to 9"),
        ([1, 1, 2, 3], [0, 1, 2], "'ptr' must rise from 0"),
        ([0, 2, 1, 3], [0, 1, 2], "least step -1"),
        ([0, 1, 2, 3], [0, -1, 2], "'index' must not be negative .got -1"),
    ],
)
def test_pointers_that_lead_beyond_a_graphs_edges_are_refused(
    ptr: list[int], index: list[int], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        PointSet(torch.rand(3, 2), neighbors=Graph(torch.tensor(ptr), torch.tensor(index)))


def test_a_graphs_pointers_are_int64() -> None:
    ptr, index = torch.tensor([0, 1, 2]), torch.tensor([0, 1])
    with pytest.raises(TypeError, match="'ptr' must be torch.int64 .got torch.int32"):
        Graph(ptr.int(), index)
    with pytest.raises(TypeError, match="'index' must be torch.int32 or torch.int64 .got torch.int16"):
        Graph(ptr, index.short())
    with pytest.raises(ValueError, match="'ptr' must have 1 dimension"):
        Graph(ptr[:, None], index)
