"""Native searches among points agree to the last bit with those of numpy and torch, ties included."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ccnn_pc.native.points import Ties, native_farthest, native_neighbours
from ccnn_pc.ops.neighbors import Backend, knn
from ccnn_pc.ops.points import farthest

pytestmark = pytest.mark.usefixtures("turned_on")


def clouds(dim, size, dtype=torch.float32):
    """Points anywhere, on a lattice with duplicates, and far from 0."""
    generator = torch.Generator().manual_seed(10 * size + dim)
    anywhere = torch.randn(size, dim, generator=generator, dtype=dtype)
    lattice = torch.randint(0, 5, (size, dim), generator=generator).to(dtype) / 10
    return [anywhere, lattice, anywhere + 100, torch.zeros(size, dim, dtype=dtype)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("dim", [1, 2, 3, 7])
@pytest.mark.parametrize(("size", "wanted"), [(1, 1), (5, 5), (130, 40), (1000, 300)])
def test_farthest_points_are_those_of_numpy(instruction_set, dtype, dim, size, wanted):
    for pos in clouds(dim, size, dtype):
        second = pos.flip(0)[: max(wanted, size // 2)]
        starts, first = torch.tensor([size // 2, 0]), torch.tensor([0, size, size + len(second)])
        found = native_farthest(torch.cat([pos, second]), wanted, starts, first)
        for cloud, start, chosen in zip((pos, second), starts.tolist(), found, strict=True):
            expected = torch.from_numpy(farthest._on_cpu(cloud.numpy(), wanted, start))
            assert torch.equal(chosen, expected)


#: Only equal numbers are equal, of distances and of coordinates.
ZERO = torch.zeros(1, dtype=torch.float64)
EXACT = Ties(slope=ZERO, cap=0.0, relative=0.0, beyond=ZERO, offset_slope=ZERO, offset_cap=0.0, margin=3)


@pytest.mark.parametrize("dim", [1, 3, 5])
@pytest.mark.parametrize(("size", "count"), [(1, 1), (9, 9), (200, 30), (500, 300), (700, 12)])
@pytest.mark.parametrize("own", [True, False])
def test_nearest_points_are_the_first_of_all_sorted(instruction_set, dim, size, count, own):
    for pos in clouds(dim, size, torch.float64):
        queries = pos if own else torch.cat([pos[::3], pos[:5] * 10 + 1])
        ends = torch.tensor([0, size]), torch.tensor([0, len(queries)])
        index = native_neighbours(pos, queries, count, EXACT, *ends, same=own)[:70]
        queries = queries[:70]
        offset = (pos[None] - queries[:, None]).numpy()
        total = offset[..., 0] ** 2
        for axis in range(1, dim):
            total = total + offset[..., axis] ** 2
        if own:
            total[range(len(queries)), range(len(queries))] = -1
        for row, found in enumerate(index.numpy()):
            order = np.lexsort([np.arange(size), *offset[row].T[::-1], total[row]])
            assert np.array_equal(found, order[:count])


@pytest.mark.parametrize("k", [1, 20, 96, 256])
def test_tables_are_those_of_the_other_searches(k):
    for pos in clouds(3, 400):
        batch = torch.arange(2).repeat_interleave(torch.tensor([250, 150]))
        found = knn(pos, k, batch, backend=Backend.NATIVE)
        for backend in (Backend.DENSE, Backend.KDTREE):
            other = knn(pos, k, batch, backend=backend)
            assert torch.equal(found.index, other.index)
            assert torch.equal(found.count, other.count)


def test_threads_change_nothing():
    pos = torch.randn(1500, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            found.append(native_neighbours(pos, pos, 70, EXACT, *[torch.tensor([0, 1500])] * 2, same=True))
    finally:
        torch.set_num_threads(before)
    assert torch.equal(*found)
