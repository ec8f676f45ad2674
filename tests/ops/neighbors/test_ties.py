"""The tie rule: equally distant neighbours do not depend on place, numbering or rounding."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor

from ccnn_pc.ops.neighbors.k_nearest import Backend, knn
from ccnn_pc.ops.neighbors.radius_graph import radius

BACKENDS = [Backend.KDTREE, Backend.DENSE, pytest.param(Backend.CLUSTER, marks=pytest.mark.accel)]
SIDE = 6


@pytest.fixture(params=BACKENDS, ids=lambda b: b.name)
def backend(request: pytest.FixtureRequest) -> Backend:
    if request.param is Backend.CLUSTER:
        pytest.importorskip("torch_cluster")
    return request.param


def lattice(*spacing: float) -> Tensor:
    axes = [torch.arange(SIDE, dtype=torch.float64) * h for h in spacing]
    return torch.cartesian_prod(*axes).reshape(-1, len(spacing))


def rule(pos: Tensor, i: int, k: int) -> list[int]:
    """Neighbours of point i of an integer lattice in plain Python: distance, offset, index; itself first."""
    offsets = (pos - pos[i]).long().tolist()
    keys = [(j != i, sum(c * c for c in o), o, j) for j, o in enumerate(offsets)]
    return [j for *_, j in sorted(keys)[:k]]


@pytest.mark.parametrize("k", [3, 10, 20, 216])
def test_integer_lattice_follows_the_rule_exactly(backend: Backend, k: int) -> None:
    pos = lattice(1, 1, 1)[torch.randperm(SIDE**3, generator=torch.Generator().manual_seed(0))]
    index = knn(pos, k, backend=backend).index
    for i in range(len(pos)):
        assert index[i].tolist() == rule(pos, i, k)


def test_duplicated_lattice_follows_the_rule(backend: Backend) -> None:
    pos = lattice(1, 1).repeat(3, 1)[torch.randperm(3 * SIDE**2, generator=torch.Generator().manual_seed(0))]
    index = knn(pos, 17, backend=backend).index
    for i in range(len(pos)):
        assert index[i].tolist() == rule(pos, i, 17)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("offset", [0.0, 3.0, 0.1, -7.7, 1e3])
@pytest.mark.parametrize("spacing", [(1.0,) * 3, (0.1,) * 3, (1 / 3,) * 3, (0.3, 0.7, 1.1)], ids=str)
def test_moved_and_renumbered_lattice_has_the_same_neighbours(
    backend: Backend, dtype: torch.dtype, offset: float, spacing: tuple[float, ...]
) -> None:
    """Twenty columns cut the third shell (1 + 6 + 12 + 8) of the cubic lattice."""
    if dtype == torch.float32 and offset == 1e3 and spacing[0] < 1:
        pytest.skip("float32 holds too few digits: rounding is 1 % of the squared spacing")
    pos = lattice(*spacing)
    truth = knn(pos, 20, backend=Backend.KDTREE).index.long()
    order = torch.randperm(len(pos), generator=torch.Generator().manual_seed(1))
    index = knn((pos + offset).to(dtype)[order], 20, backend=backend).index.long()
    back = torch.empty_like(truth)
    back[order] = order[index]
    assert torch.equal(back, truth)


def test_interior_points_of_a_lattice_have_equal_offsets(backend: Backend) -> None:
    pos = (lattice(0.1, 0.1, 0.1) + 0.1).float()
    rows = torch.tensor([a * 36 + b * 6 + c for a, b, c in itertools.product((2, 3), repeat=3)])
    offsets = (pos[knn(pos, 20, backend=backend).index[rows].long()] - pos[rows, None]) / 0.1
    assert (offsets.round() == offsets[:1].round()).all()


def test_queries_in_the_middle_of_cells(backend: Backend) -> None:
    pos = lattice(0.1, 0.1)
    query = (torch.tensor([[1.5, 2.5], [2.5, 2.5], [3.5, 1.5]], dtype=torch.float64)) * 0.1
    index = knn(pos, 9, query_pos=query, backend=backend).index.long()
    offsets = ((pos[index] - query[:, None]) / 0.1 * 2).round()
    assert (offsets == offsets[:1]).all()
    assert offsets[0, :4].tolist() == [[-1, -1], [-1, 1], [1, -1], [1, 1]]


def test_a_tie_larger_than_the_margin_is_resolved(backend: Backend) -> None:
    """200 points on a circle around a query: chosen are those with the smallest offsets."""
    angle = torch.arange(200, dtype=torch.float64) * (2 * torch.pi / 200) + 0.001
    pos = torch.stack([angle.cos(), angle.sin()], dim=1)
    index = knn(pos, 3, query_pos=torch.zeros(1, 2, dtype=torch.float64), backend=backend).index[0]
    assert torch.equal(index.long(), pos[:, 0].argsort()[:3])


def test_a_tie_larger_than_another_cloud_of_the_batch(backend: Backend) -> None:
    """A circle of 100 points beside a cloud of 60: all 100 are compared."""
    angle = (torch.arange(100, dtype=torch.float64) * 37 % 100) * (2 * torch.pi / 100) + 0.001
    circle = torch.stack([angle.cos(), angle.sin()], dim=1)
    other = torch.randn(60, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    batch = torch.arange(2).repeat_interleave(torch.tensor([60, 100]))
    table = knn(
        torch.cat([other, circle]),
        3,
        batch,
        query_pos=torch.zeros(2, 2, dtype=torch.float64),
        query_batch=torch.tensor([0, 1]),
        backend=backend,
    )
    assert torch.equal(table.index[1].long() - 60, circle[:, 0].argsort()[:3])


def test_more_columns_keep_the_first_ones(backend: Backend) -> None:
    pos = (lattice(1, 1, 1) / 39).float()
    assert torch.equal(knn(pos, 11, backend=backend).index, knn(pos, 50, backend=backend).index[:, :11])


@pytest.mark.parametrize("offset", [0.0, 0.1, 100.1])
def test_radius_keeps_whole_shells(offset: float) -> None:
    """Radius sqrt(2) on a cubic lattice: 1 + 6 + 12 neighbours, wherever the lattice lies."""
    pos = (lattice(0.1, 0.1, 0.1) + offset).float()
    query = radius(pos, 0.1 * 2**0.5)[1]
    assert int(torch.bincount(query)[2 * 36 + 2 * 6 + 2]) == 19
    assert torch.equal(query, radius(lattice(1, 1, 1), 2**0.5)[1])


def test_radius_sorts_like_knn() -> None:
    pos = lattice(1, 1, 1)
    edges = radius(pos, 2.0)
    for i in (0, 50, 86, 215):
        mine = edges[0, edges[1] == i].tolist()
        assert mine == rule(pos, i, len(mine))
