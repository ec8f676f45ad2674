"""Batching of neighbour tables."""

from __future__ import annotations

import torch
from torch_geometric.data import Batch
from torch_geometric.loader import DataLoader

from ccnn_pc.datasets import KNN, PointCloudData


def clouds() -> list[PointCloudData]:
    sizes = (30, 7, 12)
    generator = torch.Generator().manual_seed(0)
    return [PointCloudData(pos=torch.rand(n, 3, generator=generator), y=torch.tensor([n])) for n in sizes]


def test_a_batched_table_points_into_its_own_cloud():
    parts = [KNN(10)(cloud) for cloud in clouds()]
    batch = Batch.from_data_list(parts)
    assert batch.neighbor_table.dtype == torch.int32 and batch.neighbor_table.shape == (49, 10)
    table = batch.neighbor_table.long()
    assert torch.equal(batch.batch[table], batch.batch[:, None].expand(-1, 10))
    assert batch.neighbor_count.tolist() == [10] * 30 + [7] * 7 + [10] * 12


def test_batched_neighbours_are_the_nearest_points():
    batch = Batch.from_data_list([KNN(5)(cloud) for cloud in clouds()])
    distance = torch.cdist(batch.pos, batch.pos)
    distance[batch.batch[:, None] != batch.batch[None]] = torch.inf
    nearest = distance.sort(dim=1).values[:, :5]
    torch.testing.assert_close(distance.gather(1, batch.neighbor_table.long()), nearest)


def test_unbatching_gives_the_clouds_back():
    parts = [KNN(4)(cloud) for cloud in clouds()]
    for part, again in zip(parts, Batch.from_data_list(parts).to_data_list(), strict=True):
        assert torch.equal(part.neighbor_table, again.neighbor_table)
        assert torch.equal(part.pos, again.pos)


def test_the_loader_of_pyg_takes_them():
    (batch,) = DataLoader([KNN(3)(cloud) for cloud in clouds()], batch_size=3)
    assert batch.y.tolist() == [30, 7, 12] and batch.num_graphs == 3
    assert int(batch.neighbor_table[30:37].min()) >= 30 and int(batch.neighbor_table[30:37].max()) < 37
