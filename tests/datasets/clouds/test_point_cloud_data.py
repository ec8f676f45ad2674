"""Batching of neighbour tables."""

from __future__ import annotations

import pytest
import torch
from torch_geometric.data import Batch, Data
from torch_geometric.loader import DataLoader

from ccnn_pc.datasets import KNN, PointCloudData
from ccnn_pc.models import create_model
from ccnn_pc.models.base import Model


def clouds(sizes: tuple[int, ...] = (30, 7, 12)) -> list[PointCloudData]:
    generator = torch.Generator().manual_seed(0)
    return [PointCloudData(pos=torch.rand(n, 3, generator=generator), y=torch.tensor([n])) for n in sizes]


def test_a_batched_table_points_into_its_own_cloud():
    parts = [KNN(10)(cloud) for cloud in clouds()]
    batch = Batch.from_data_list(parts)
    assert batch.neighbor_index.dtype == torch.int32 and batch.neighbor_index.shape == (10, 49)
    table = batch.neighbor_index.t().long()
    assert torch.equal(batch.batch[table], batch.batch[:, None].expand(-1, 10))
    assert batch.neighbor_count.tolist() == [10] * 30 + [7] * 7 + [10] * 12


def test_batched_neighbours_are_the_nearest_points():
    batch = Batch.from_data_list([KNN(5)(cloud) for cloud in clouds()])
    distance = torch.cdist(batch.pos, batch.pos)
    distance[batch.batch[:, None] != batch.batch[None]] = torch.inf
    nearest = distance.sort(dim=1).values[:, :5]
    torch.testing.assert_close(distance.gather(1, batch.neighbor_index.t().long()), nearest)


def test_unbatching_gives_the_clouds_back():
    parts = [KNN(4)(cloud) for cloud in clouds()]
    for part, again in zip(parts, Batch.from_data_list(parts).to_data_list(), strict=True):
        assert torch.equal(part.neighbor_index, again.neighbor_index)
        assert torch.equal(part.pos, again.pos)


def test_the_loader_of_pyg_takes_them():
    (batch,) = DataLoader([KNN(3)(cloud) for cloud in clouds()], batch_size=3)
    assert batch.y.tolist() == [30, 7, 12] and batch.num_graphs == 3
    assert int(batch.neighbor_index[:, 30:37].min()) >= 30 and int(batch.neighbor_index[:, 30:37].max()) < 37


def network() -> Model:
    torch.manual_seed(0)
    return create_model("ccnn_4_16", dim=3, in_channels=3, out_channels=4).eval()


def plain(cloud: PointCloudData) -> Data:
    return Data(**cloud.to_dict())


@pytest.mark.parametrize("sizes", [(20, 20, 20), (30, 7, 12)])
def test_plain_data_of_pyg_give_the_same_answers(sizes: tuple[int, ...]) -> None:
    """Neighbours of every cloud are its own, also ragged, moved, sliced and of one cloud."""
    parts = [KNN(6)(cloud) for cloud in clouds(sizes)]
    bare = [KNN(6)(plain(cloud)) for cloud in clouds(sizes)]
    assert all(type(part) is Data for part in bare)
    model = network()
    (ours,), (theirs,) = (DataLoader(items, batch_size=3) for items in (parts, bare))
    with torch.inference_mode():
        answers = model(ours)
        assert torch.equal(model(theirs), answers) and torch.equal(model(theirs.to("cpu")), answers)
        again = theirs.to_data_list()
        assert all(
            torch.equal(one.neighbor_index, part.neighbor_index)
            for one, part in zip(again, parts, strict=True)
        )
        assert torch.equal(model(Batch.from_data_list(again)), answers)
        alone = torch.cat([model(part) for part in bare])
        torch.testing.assert_close(answers, alone)


def test_tables_of_earlier_versions_are_read():
    parts = [KNN(5)(cloud) for cloud in clouds()]
    old = [
        PointCloudData(pos=p.pos, neighbor_table=p.neighbor_index.t(), neighbor_count=p.neighbor_count)
        for p in parts
    ]
    model = network()
    with torch.inference_mode():
        assert torch.equal(model(Batch.from_data_list(old)), model(Batch.from_data_list(parts)))
