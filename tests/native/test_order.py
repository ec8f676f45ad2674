"""Large clouds are worked off along a space-filling curve; answers and gradients stay those of each query."""

from __future__ import annotations

from functools import partial

import pytest
import torch

from ccnn_pc.domains import PointSet
from ccnn_pc.domains.points import point_set
from ccnn_pc.kernels import MLP, MAGNet
from ccnn_pc.nn import Algorithm, ContinuousConv
from ccnn_pc.ops.points.z_order import z_order

pytestmark = pytest.mark.usefixtures("turned_on")


@pytest.fixture
def all_are_large(monkeypatch):
    monkeypatch.setattr(point_set, "LARGE_CLOUD", 1)


def some_cloud(lattice=None, queries=None):
    torch.manual_seed(0)
    batch = torch.arange(90) // 45
    pos = torch.rand(90, 2).double()
    if lattice:
        cells = torch.randperm(100)[:90]
        pos = torch.stack([cells % 10, cells // 10], dim=1) * lattice
    other = None if queries is None else torch.rand(queries, 2).double()
    wanted = (
        {} if other is None else {"query_pos": other, "query_batch": torch.arange(queries) * 2 // queries}
    )
    return PointSet(pos, batch, lattice=lattice, **wanted).knn(13)


def answers(conv, x, cloud, algorithm):
    x = x.detach().requires_grad_()
    conv.zero_grad()
    y = conv(x, cloud, algorithm=algorithm)
    (y * torch.linspace(-1, 1, y.numel()).to(y).view_as(y)).sum().backward()
    return [y.detach(), x.grad, *(p.grad for p in conv.parameters())]


@pytest.mark.parametrize("kernel", [partial(MAGNet, hidden_channels=6), MLP], ids=["formula", "rows"])
@pytest.mark.parametrize("separable", [True, False], ids=["depthwise", "full"])
@pytest.mark.parametrize(
    "options", [{}, {"lattice": 0.1}, {"queries": 30}], ids=["cloud", "lattice", "queries"]
)
def test_the_order_of_the_work_changes_no_answer(options, separable, kernel, all_are_large):
    cloud = some_cloud(**options)
    conv = ContinuousConv(5, 4, dim=2, kernel=kernel, separable=separable, extent=0.7).double()
    x = torch.randn(90, 5).double()
    found = answers(conv, x, cloud, Algorithm.FAST)
    order = cloud._edge_geometry().lists.order
    assert not torch.equal(order, torch.arange(cloud.num_queries))
    for one, other in zip(found, answers(conv, x, cloud, Algorithm.MESSAGES), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12)


def test_second_derivatives_keep_the_queries_apart(all_are_large):
    cloud = some_cloud()
    conv = ContinuousConv(2, 2, dim=2, kernel=partial(MAGNet, hidden_channels=4), extent=0.7).double()
    x = torch.randn(90, 2, dtype=torch.float64, requires_grad=True)

    def penalty(algorithm):
        y = conv(x, cloud, algorithm=algorithm)
        (slope,) = torch.autograd.grad((y[:40] ** 3).sum(), x, create_graph=True)
        return torch.autograd.grad(slope.square().sum(), x)[0]

    torch.testing.assert_close(penalty(Algorithm.FAST), penalty(Algorithm.MESSAGES))


def test_small_clouds_are_worked_off_as_numbered():
    assert some_cloud()._edge_geometry().lists.order is None
    large = PointSet(torch.rand(point_set.LARGE_CLOUD, 3)).knn(2)
    assert large._edge_geometry().lists.order is not None


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_points_of_a_cell_follow_each_other_cloud_by_cloud(dim):
    torch.manual_seed(0)
    pos, batch = torch.rand(400, dim), (torch.arange(400) // 150)
    pos[0], pos[1] = 0, 1
    order = z_order(pos, batch, bits=1)
    assert torch.equal(order.sort().values, torch.arange(400))
    assert torch.equal(batch[order], batch)
    weight = 2 ** torch.arange(dim)
    number = ((pos[order] * 2).floor().clamp(max=1).long() * weight).sum(1)
    for cloud in range(3):
        assert (number[batch == cloud].diff() >= 0).all()


def test_a_curve_has_as_many_cells_as_int64_counts():
    line = torch.linspace(0, 1, 1000).view(-1, 1)[torch.randperm(1000)]
    order = z_order(line, torch.zeros(1000, dtype=torch.long), bits=100)
    assert (line[order, 0].diff() > 0).all()
    assert z_order(torch.zeros(3, 2), torch.zeros(3, dtype=torch.long)).tolist() == [0, 1, 2]
    assert len(z_order(torch.zeros(0, 2), torch.zeros(0, dtype=torch.long))) == 0
