"""k-nearest neighbours: all backends against scipy, ragged clouds, duplicates, one point, far offsets."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from ccnn_pc import native
from ccnn_pc.ops.neighbors.k_nearest import Backend, Neighbors, choose, knn
from ccnn_pc.ops.neighbors.search import prepare

BACKENDS = [
    Backend.AUTO,
    Backend.KDTREE,
    Backend.DENSE,
    Backend.NATIVE,
    pytest.param(Backend.CLUSTER, marks=pytest.mark.accel),
]
SIZES = [5, 300, 1, 70, 300, 33]


@pytest.fixture(params=BACKENDS, ids=lambda b: b.name)
def backend(request: pytest.FixtureRequest) -> Backend:
    if request.param is Backend.CLUSTER:
        pytest.importorskip("torch_cluster")
    if request.param is Backend.NATIVE and not native.state().runs:
        pytest.skip(f"the native operators do not run: {native.state().reason}")
    return request.param


def ragged(dim: int, dtype: torch.dtype, sizes: list[int] = SIZES, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    pos = torch.randn(sum(sizes), dim, dtype=dtype, generator=generator)
    return pos, torch.arange(len(sizes)).repeat_interleave(torch.tensor(sizes))


def distances(table: Neighbors, pos: Tensor, query: Tensor) -> Tensor:
    return (pos.double()[table.index.long()] - query.double()[:, None]).norm(dim=2)


def check_against_scipy(
    table: Neighbors, pos: Tensor, batch: Tensor, query: Tensor, query_batch: Tensor, looser: float = 0.0
) -> None:
    """Distances equal scipy's, indices are of the same cloud and differ from each other, padding is counted.

    ``looser`` allows for ties by rounding, in units of distance.
    """
    distance = distances(table, pos, query)
    assert torch.equal(batch[table.index.long()], query_batch[:, None].expand(-1, table.k))
    for cloud in range(int(batch[-1]) + 1):
        members, rows = (batch == cloud).nonzero()[:, 0], (query_batch == cloud).nonzero()[:, 0]
        count = min(table.k, len(members))
        assert (table.count[rows] == count).all()
        index = table.index[rows].long()
        assert (index[:, :count].sort(dim=1).values.diff(dim=1) > 0).all()
        assert (index[:, count:] == index[:, count - 1 : count]).all()
        tree = cKDTree(pos[members].double().numpy())
        truth, _ = tree.query(query[rows].double().numpy(), k=np.arange(1, count + 1))
        np.testing.assert_allclose(distance[rows, :count], truth, rtol=1e-6, atol=1e-12 + looser)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("dim", [1, 3, 6])
@pytest.mark.parametrize("k", [1, 2, 33, 100])
def test_equals_scipy_on_ragged_clouds(backend: Backend, dim: int, dtype: torch.dtype, k: int) -> None:
    pos, batch = ragged(dim, dtype)
    table = knn(pos, k, batch, backend=backend)
    check_against_scipy(table, pos, batch, pos, batch)
    assert torch.equal(table.index[:, 0], torch.arange(len(pos), dtype=torch.int32))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_bipartite_queries(backend: Backend, dtype: torch.dtype) -> None:
    pos, batch = ragged(3, dtype)
    query, query_batch = ragged(3, dtype, sizes=[3, 1, 40, 2, 17, 1], seed=1)
    table = knn(pos, 9, batch, query_pos=query, query_batch=query_batch, backend=backend)
    check_against_scipy(table, pos, batch, query, query_batch)


def test_backends_agree_to_the_index() -> None:
    pos, batch = ragged(2, torch.float32)
    tables = [knn(pos, 20, batch, backend=b) for b in (Backend.KDTREE, Backend.DENSE)]
    assert torch.equal(tables[0].index, tables[1].index)


def test_joining_clouds_changes_nothing(backend: Backend) -> None:
    pos, batch = ragged(3, torch.float32)
    together = knn(pos, 12, batch, backend=backend)
    start = 0
    for size in SIZES:
        alone = knn(pos[start : start + size], 12, backend=backend)
        assert torch.equal(together.index[start : start + size], alone.index + start)
        assert torch.equal(together.count[start : start + size], alone.count)
        start += size


def test_clouds_that_share_a_block_are_searched_apart(backend: Backend) -> None:
    """Several clouds in one padded block, each with more queries than are compared at once."""
    sizes = [200, 150, 180]
    batch = torch.arange(3).repeat_interleave(torch.tensor(sizes))
    pos = torch.rand(530, 3, generator=torch.Generator().manual_seed(0))
    found = knn(pos, 5, batch, backend=backend)
    distance = torch.cdist(pos.double(), pos.double(), compute_mode="donot_use_mm_for_euclid_dist")
    distance = distance.masked_fill(batch != batch[:, None], torch.inf)
    assert torch.equal(found.index.long(), distance.topk(5, largest=False).indices)


def test_duplicates_come_in_order_and_self_first(backend: Backend) -> None:
    pos = torch.tensor([[0.0, 0.0]] * 30 + [[1.0, 0.0]] * 3)
    index = knn(pos, 6, backend=backend).index
    assert index[0].tolist() == [0, 1, 2, 3, 4, 5]
    assert index[7].tolist() == [7, 0, 1, 2, 3, 4]
    assert index[29].tolist() == [29, 0, 1, 2, 3, 4]
    assert index[31].tolist() == [31, 30, 32, 0, 1, 2]


def test_one_point(backend: Backend) -> None:
    table = knn(torch.tensor([[3.0, 4.0]]), 5, backend=backend)
    assert table.index.tolist() == [[0] * 5] and table.count.tolist() == [1]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_far_from_the_origin(backend: Backend, dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(0)
    pos = (torch.rand(200, 3, generator=generator, dtype=torch.float64) * 100 + 1e6).to(dtype)
    batch = torch.zeros(200, dtype=torch.long)
    looser = 0.11 if dtype == torch.float32 else 0.0  # coordinates are known to 1/32: distances to √12/32
    check_against_scipy(knn(pos, 17, backend=backend), pos, batch, pos, batch, looser)


def test_gradients_do_not_flow(backend: Backend) -> None:
    pos = torch.randn(20, 3, requires_grad=True)
    assert not knn(pos, 3, backend=backend).index.requires_grad


@pytest.mark.parametrize("n", [5000, 70_000])
def test_large_cloud(n: int) -> None:
    pos = torch.rand(n, 3, generator=torch.Generator().manual_seed(0))
    table = knn(pos, 8)
    rows = torch.arange(0, n, n // 50)
    truth = torch.stack(
        [(pos.double() - pos[i].double()).norm(dim=1).topk(8, largest=False).values for i in rows]
    )
    torch.testing.assert_close(distances(table, pos, pos)[rows], truth)


@pytest.mark.slow
def test_hundred_thousand_points_and_256_neighbours() -> None:
    """Nearest first, up to ties by rounding: squared distances that differ by less than 8 √D ε L d (ops/ties.py)."""
    pos = torch.randn(100_000, 3, generator=torch.Generator().manual_seed(0))
    table = knn(pos, 256)
    assert table.index.shape == (100_000, 256) and int(table.count.min()) == 256
    distance = distances(Neighbors(table.index[:500], table.count[:500]), pos, pos[:500])
    truth, _ = cKDTree(pos.double().numpy()).query(pos[:500].double().numpy(), k=256)
    tie = 4 * 3**0.5 * torch.finfo(torch.float32).eps / 2 * float((pos - pos.mean(0)).abs().max())
    assert float(np.abs(distance.numpy() - truth).max()) <= tie < 3e-6
    np.testing.assert_allclose(np.sort(distance, axis=1)[:, :-1], truth[:, :-1], rtol=1e-9, atol=1e-12)


def test_dense_in_several_blocks_equals_the_tree() -> None:
    pos = torch.randn(3000, 3, generator=torch.Generator().manual_seed(0))
    a, b = (knn(pos, 300, backend=backend) for backend in (Backend.DENSE, Backend.KDTREE))
    assert torch.equal(a.index, b.index)


def test_automatic_choice_depends_on_the_largest_cloud(monkeypatch: pytest.MonkeyPatch) -> None:
    def chosen(*sizes: int) -> Backend:
        pos, batch = ragged(3, torch.float32, sizes=list(sizes))
        return choose(prepare(pos, batch, None, None), 32)

    if native.state().runs:
        assert chosen(256, 1024) is Backend.NATIVE
        assert chosen(256, 20_000) is Backend.KDTREE
    monkeypatch.setenv("CCNN_PC_NATIVE", "0")
    assert chosen(256, 256) is Backend.DENSE
    assert chosen(256, 1024) is Backend.KDTREE


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"k": 0}, ValueError, r"'k' must be at least 1 \(got 0\)"),
        ({"k": 2.0}, TypeError, "'k' must be an integer"),
        ({"pos": torch.zeros(0, 3)}, ValueError, "'pos' must hold at least one point"),
        ({"pos": torch.zeros(4)}, ValueError, r"'pos' must have shape \[n, D\]"),
        ({"pos": torch.zeros(4, 3).half()}, TypeError, "'pos' must be float32 or float64"),
        ({"pos": torch.full((4, 3), torch.nan)}, ValueError, "'pos' must be finite"),
        ({"pos": torch.full((4, 3), torch.inf)}, ValueError, "'pos' must be finite"),
        ({"batch": torch.tensor([0, 1, 0, 1])}, ValueError, "'batch' must be sorted"),
        ({"batch": torch.tensor([0, 0, 2, 2])}, ValueError, "'batch' must number"),
        ({"batch": torch.tensor([0, 0])}, ValueError, "'batch' must have shape"),
        ({"query_pos": torch.zeros(2, 2)}, ValueError, "'query_pos' must have 3 coordinates"),
        ({"query_batch": torch.zeros(4).long()}, ValueError, "'query_batch' must come with 'query_pos'"),
        (
            {"query_pos": torch.zeros(2, 3), "query_batch": torch.tensor([0, 1])},
            ValueError,
            "'query_batch' must have queries in each of the",
        ),
        (
            {"query_pos": torch.zeros(2, 3), "batch": torch.tensor([0, 0, 1, 1])},
            ValueError,
            "'query_batch' must say which of the 2 clouds",
        ),
    ],
)
def test_errors_name_the_argument(arguments: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        knn(**{"pos": torch.zeros(4, 3), "k": 2, **arguments})


def test_cluster_backend_says_which_extra_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "torch_cluster", None)
    with pytest.raises(ImportError, match=r"ccnn-pc\[accel\]"):
        knn(torch.zeros(3, 2), 1, backend=Backend.CLUSTER)


@pytest.mark.cuda
def test_cuda_equals_cpu() -> None:
    pos, batch = ragged(3, torch.float32, sizes=[512] * 16)
    gpu = knn(pos.cuda(), 256, batch.cuda())
    assert gpu.index.is_cuda
    assert torch.equal(gpu.index.cpu(), knn(pos, 256, batch).index)
