"""PointSet: what it accepts, what it refuses and how it says so."""

from __future__ import annotations

import pickle

import pytest
import torch

from ccnn_pc.domains import PointSet
from ccnn_pc.nn import ContinuousConv
from ccnn_pc.ops.neighbors.k_nearest import knn
from tests.clouds import DOUBLE, with_quadrature


def test_repr_tells_what_it_is() -> None:
    points = PointSet(torch.rand(5, 3), torch.tensor([0, 0, 0, 1, 1]))
    assert repr(points) == "PointSet(samples=5, clouds=2, dim=3)"
    assert repr(points.knn(4)) == "PointSet(samples=5, clouds=2, dim=3, neighbors=4)"
    assert repr(PointSet(torch.rand(5, 3)).radius(10.0)) == "PointSet(samples=5, clouds=1, dim=3, edges=25)"
    two = PointSet(torch.rand(5, 3), query_pos=torch.rand(2, 3))
    assert repr(two) == "PointSet(samples=5, queries=2, clouds=1, dim=3)"


def test_neighbours_are_new_objects() -> None:
    points = PointSet(torch.rand(9, 3))
    assert points.knn(3).neighbors is not None and points.neighbors is None
    assert points.knn(3).pos is points.pos


def test_clouds_with_fewer_points_than_k() -> None:
    points = PointSet(torch.rand(4, 3), torch.tensor([0, 1, 1, 1])).knn(256)
    assert points.edges().shape == (2, 1 + 9)
    assert ContinuousConv(2, 2, dim=3)(torch.rand(4, 2), points).shape == (4, 2)


def test_edges_stop_at_the_reach() -> None:
    pos = torch.arange(5, dtype=DOUBLE)[:, None]
    points = PointSet(pos).knn(5)
    assert points.edges(1.5).shape[1] == 5 + 8
    assert points.edges().shape[1] == 25
    rel = points.rel(points.edges())
    edge = points.edges()
    assert torch.equal(rel[:, 0], (edge[0] - edge[1]).to(DOUBLE))


def test_a_graph_of_the_user() -> None:
    pos = torch.rand(4, 2, dtype=DOUBLE)
    edge_index = torch.tensor([[3, 0, 1, 2], [1, 1, 1, 0]])
    points = PointSet(pos, edge_index=edge_index)
    given = {(int(j), int(i)) for j, i in edge_index.t()}
    assert {(int(j), int(i)) for j, i in points.edges().t()} == given


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"pos": torch.zeros(0, 3)}, ValueError, "at least one point .got an empty cloud"),
        ({"pos": torch.zeros(3)}, ValueError, r"'pos' must have shape \[n, D\]"),
        ({"pos": torch.zeros(3, 3, dtype=torch.float16)}, TypeError, "'pos' must be float32 or float64"),
        ({"pos": torch.zeros(3, 3, dtype=torch.long)}, TypeError, "'pos' must be float32 or float64"),
        ({"pos": [[0.0, 0.0]]}, TypeError, "'pos' must be a tensor"),
        ({"pos": torch.tensor([[0.0], [float("inf")]])}, ValueError, "1 of 2 rows are not; row 1"),
        ({"batch": torch.tensor([0, 1])}, ValueError, r"'batch' must have shape \[3\]"),
        ({"batch": torch.tensor([0, 1, 0])}, ValueError, "'batch' must be sorted"),
        ({"batch": torch.tensor([0, 2, 2])}, ValueError, "leave none empty"),
        ({"batch": torch.tensor([1, 1, 1])}, ValueError, "number the clouds 0, 1, 2"),
        ({"batch": torch.tensor([0.0, 0.0, 0.0])}, TypeError, "'batch' must be an integer tensor"),
        ({"query_pos": torch.zeros(2, 2)}, ValueError, "'query_pos' must have 3 coordinates"),
        (
            {"query_pos": torch.zeros(2, 3, dtype=DOUBLE)},
            TypeError,
            "'query_pos' must have the dtype of 'pos'",
        ),
        ({"query_batch": torch.zeros(3, dtype=torch.long)}, ValueError, "'query_batch' needs 'query_pos'"),
        (
            {"query_pos": torch.zeros(2, 3), "query_batch": torch.tensor([0, 1])},
            ValueError,
            "in each of the 1 clouds",
        ),
        (
            {"query_pos": torch.zeros(2, 3), "query_batch": torch.tensor([0, 4])},
            ValueError,
            "leave none empty",
        ),
        ({"volume": torch.ones(2)}, ValueError, "'volume' must have as many rows as 'pos'"),
        ({"volume": torch.tensor([1.0, 0.0, 1.0])}, ValueError, "'volume' must be positive"),
        (
            {"edge_index": torch.tensor([[0, 3], [0, 0]])},
            ValueError,
            "'edge_index' must name samples below 3 .got 3",
        ),
        ({"edge_index": torch.tensor([[0, 1], [0, 3]])}, ValueError, "queries below 3"),
        ({"edge_index": torch.zeros(3, 2, dtype=torch.long)}, ValueError, r"shape \[2, E\]"),
        ({"neighbors": knn(torch.rand(9, 3), 2)}, ValueError, "one row for each of the 3 queries"),
    ],
)
def test_refusals(arguments: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        PointSet(**{"pos": torch.rand(3, 3), **arguments})


@pytest.mark.parametrize("k", [0, -1])
def test_k_below_one(k: int) -> None:
    with pytest.raises(ValueError, match=rf"'k' must be at least 1 \(got {k}\)"):
        PointSet(torch.rand(3, 3)).knn(k)


def test_no_neighbours_yet() -> None:
    with pytest.raises(ValueError, match=r"\.knn\(k\)"):
        ContinuousConv(1, 1, dim=3)(torch.rand(3, 1), PointSet(torch.rand(3, 3)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"extent": -1.0}, "'extent' must be positive"),
        ({"extent": (1.0, 2.0)}, "'extent' must be one number or one for each of the 3 axes"),
        ({"spacing": 0.0}, "'spacing' must be positive"),
        ({"reference_count": -3.0}, "'reference_count' must be positive"),
        ({"fan": 0.0}, "'fan' must be positive"),
        ({"causal": True}, "'causal' must be False"),
        ({"threshold": 1.0}, r"'threshold' must be in \[0, 1\)"),
        ({"dim": 0}, "'dim' must be at least 1"),
    ],
)
def test_layers_refuse(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ContinuousConv(2, 2, **with_quadrature({"dim": 3, **options}))


def test_layers_refuse_what_does_not_fit_them() -> None:
    points, conv = PointSet(torch.rand(5, 3)).knn(2), ContinuousConv(2, 2, dim=3)
    with pytest.raises(ValueError, match=r"'x' must have shape \[5, 2\].*got \[5, 3\]"):
        conv(torch.rand(5, 3), points)
    with pytest.raises(ValueError, match=r"'x' must have shape \[5, 2\].*got \[4, 2\]"):
        conv(torch.rand(4, 2), points)
    with pytest.raises(ValueError, match="'domain' must have 3 axes"):
        conv(torch.rand(5, 2), PointSet(torch.rand(5, 2)).knn(2))
    with pytest.raises(TypeError, match="'x' must be a floating tensor"):
        conv(torch.ones(5, 2, dtype=torch.long), points)


def test_points_first_used_inside_of_torch_func_can_be_copied() -> None:
    """What is kept for the next layer is not of the transform."""
    points = PointSet(torch.rand(30, 3)).knn(5)
    layer, x = ContinuousConv(2, 3, dim=3, extent=0.1), torch.rand(30, 2)
    inside = torch.func.grad(lambda x: layer(x, points).sum())(x)
    again = pickle.loads(pickle.dumps(points))
    assert torch.equal(torch.func.grad(lambda x: layer(x, again).sum())(x), inside)
