"""Two forms of one set of voxels, as transforms and as preprocessing."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch_geometric.data import Batch

from ccnn_pc.datasets import ModelNet, PointCloudData, preprocessing_transform
from ccnn_pc.datasets.common.seeding import seeded_generator
from ccnn_pc.datasets.transforms import KNN, Compose, FeaturesFrom, Jitter, RandomScale, VoxelForm, Voxelize
from ccnn_pc.ops.points.voxels import voxel_centers, voxel_indices


def cloud(n: int = 3000, reach: float = 1.0) -> PointCloudData:
    g = torch.Generator().manual_seed(7)
    pos = reach * (2 * torch.rand(n, 3, generator=g) - 1)
    pos[:, 2] = 0.3 * pos[:, 0]
    normal = torch.nn.functional.normalize(torch.randn(n, 3, generator=g), dim=1)
    return PointCloudData(pos=pos, normal=normal, y=torch.tensor([3]), name="plate")


def both(data: PointCloudData, resolution: int, num_voxels: int | None, seed: int = 0) -> tuple[Any, Any]:
    return tuple(
        Voxelize(resolution, num_voxels, form)(data, seeded_generator(seed))
        for form in (VoxelForm.LATTICE, VoxelForm.DENSE)
    )  # type: ignore[return-value]


@pytest.mark.parametrize("num_voxels", [None, 50, 10**6])
@pytest.mark.parametrize("resolution", [10, 13])
def test_both_forms_hold_the_same_set(resolution: int, num_voxels: int | None) -> None:
    data = FeaturesFrom(["unoriented_normal", "pos"])(cloud())
    points, dense = both(data, resolution, num_voxels)
    n, m = resolution, len(points.pos)
    assert dense.x.shape == (1, 6, n, n, n) and dense.occupied.shape == (1, 1, n, n, n)
    assert dense.spacing.tolist() == [[2 / n] * 3] and dense.y.tolist() == [3] and dense.name == "plate"
    assert "pos" not in dense and "normal" not in points
    occupied = dense.occupied[0, 0].nonzero()
    cells = voxel_indices(points.pos, n)
    assert len(occupied) == m == len(torch.unique(cells, dim=0)) and (num_voxels != 50 or m == 50)
    assert torch.equal(points.pos, voxel_centers(cells, n))
    assert torch.equal(dense.occupied[0, 0][cells.unbind(1)], torch.ones(m, dtype=torch.bool))
    assert torch.equal(dense.x[0][:, cells[:, 0], cells[:, 1], cells[:, 2]], points.x.t())
    assert float(dense.x[~dense.occupied.expand_as(dense.x)].abs().max()) == 0


def test_features_are_means_over_the_points_of_a_voxel() -> None:
    data = FeaturesFrom(["unoriented_normal", "pos"], keep=True)(cloud())
    points = Voxelize(6, None)(data)
    for row in (0, 7, len(points.pos) - 1):
        mine = ((data.pos - points.pos[row]).abs() < 1 / 6).all(dim=1)
        torch.testing.assert_close(points.x[row, :3], data.normal[mine].abs().mean(dim=0))
        torch.testing.assert_close(points.x[row, 3:], data.pos[mine].mean(dim=0))
        torch.testing.assert_close(points.normal[row], data.normal[mine].mean(dim=0))


def test_the_subset_is_random_uniform_and_seeded() -> None:
    data = cloud()
    full = Voxelize(10, None)(data)
    first, again, other = (Voxelize(10, 40)(data, seeded_generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(first.pos, again.pos) and not torch.equal(first.pos, other.pos)
    count = torch.zeros(10, 10, 10)
    for seed in range(400):
        drawn = Voxelize(10, 40)(data, seeded_generator(seed)).pos
        count[voxel_indices(drawn, 10).unbind(1)] += 1
    got = count[voxel_indices(full.pos, 10).unbind(1)]
    rate = 40 / len(full.pos)
    assert float(got.sum()) == 400 * 40 and float(got.mean()) == pytest.approx(400 * rate)
    spread = (400 * rate * (1 - rate)) ** 0.5
    assert float((got - 400 * rate).abs().max()) < 5 * spread


def test_points_outside_are_left_out() -> None:
    data = cloud(reach=1.5)
    inside = data.pos[(data.pos.abs() <= 1).all(dim=1)]
    assert torch.equal(Voxelize(9, None)(data).pos, Voxelize(9, None)(PointCloudData(pos=inside)).pos)
    assert torch.equal(Voxelize(9, None)(data).x, torch.ones(len(Voxelize(9, None)(data).pos), 1))
    with pytest.raises(ValueError, match="got none"):
        Voxelize(9)(PointCloudData(pos=torch.full((4, 3), 2.0)))
    with pytest.raises(ValueError, match="'form' must be one of"):
        Voxelize(9, form="sparse")


def test_order_of_transforms() -> None:
    Compose([Jitter(0.01), FeaturesFrom(["pos"]), Voxelize(8), KNN(4)])
    with pytest.raises(ValueError, match="before neighbours"):
        Compose([KNN(4), Voxelize(8)])
    data = KNN(4)(cloud(50))
    with pytest.raises(ValueError, match="must not have neighbours"):
        Voxelize(8)(data)


def test_preprocessing_names_voxels() -> None:
    stored = {"normalize": "box", "features": ["pos"], "voxels": 12, "num_voxels": 30, "num_neighbors": 5}
    lattice = preprocessing_transform(stored)(cloud(), seeded_generator(0))
    assert lattice.pos.shape == (30, 3) and lattice.neighbor_index.shape == (5, 30)
    with pytest.raises(ValueError, match="'num_neighbors' must be None for dense"):
        preprocessing_transform({**stored, "form": "dense"})
    dense = preprocessing_transform({**stored, "form": "dense", "num_neighbors": None})
    assert int(dense(cloud(), seeded_generator(0)).occupied.sum()) == 30
    with pytest.raises(ValueError, match="'voxels' must be given"):
        preprocessing_transform({"form": "dense"})
    with pytest.raises(ValueError, match="no other keys"):
        preprocessing_transform({"view": "image", "voxels": 3})
    view = preprocessing_transform({"view": "sequence", "mean": [0.5], "std": None})
    assert view(PointCloudData(x=torch.ones(1, 1, 4, 4))).x.tolist() == [[[0.5] * 16]]


def test_shared_modelnet_at_40_cells(shared: Any) -> None:
    """4096 surface points occupy about 2,400 voxels in the test split; 512 of them are kept, the same in both forms."""
    folder = shared / "data" / "modelnet10"
    stored = {"normalize": "box", "features": ["unoriented_normal", "pos"], "voxels": 40}
    data = ModelNet(folder, split="test", transform=preprocessing_transform(stored)).subset(range(0, 452, 9))
    counts = torch.tensor([float(len(item.pos)) for item in data])
    assert 2300 < float(counts.mean()) < 2500 and float(counts.min()) > 512
    forms = [preprocessing_transform({**stored, "num_voxels": 512, "form": f}) for f in ("lattice", "dense")]
    lattice, dense = (data.subset(range(3), transform=form) for form in forms)
    points, grids = Batch.from_data_list(list(lattice)), Batch.from_data_list(list(dense))
    assert points.pos.shape == (3 * 512, 3) and grids.x.shape == (3, 6, 40, 40, 40)
    assert grids.occupied.sum(dim=(1, 2, 3, 4)).tolist() == [512] * 3 and grids.spacing.shape == (3, 3)
    cells = torch.cat([points.batch[:, None], voxel_indices(points.pos, 40)], dim=1)
    assert torch.equal(torch.unique(cells, dim=0), grids.occupied[:, 0].nonzero())


@pytest.mark.parametrize("form", ["lattice", "dense"])
def test_farthest_voxels_cover_the_shape_better_than_random_ones(form: str) -> None:
    full = Voxelize(10, None)(cloud()).pos
    reach = {}
    for sampling in ("random", "farthest"):
        steps = preprocessing_transform(
            {"voxels": 10, "num_voxels": 40, "form": form, "sampling": sampling, "num_points": 3000}
        )
        drawn = steps(cloud(), seeded_generator(3))
        if form == "dense":
            drawn.pos = voxel_centers(drawn.occupied[0, 0].nonzero(), 10)
        assert len(drawn.pos) == 40 == len(torch.unique(drawn.pos, dim=0))
        reach[sampling] = float(torch.cdist(full, drawn.pos).amin(dim=1).max())
    assert reach["farthest"] < 0.75 * reach["random"]


def test_a_stretched_shape_stays_whole() -> None:
    face = torch.rand(200, 3, generator=torch.Generator().manual_seed(0)) * 2 - 1
    face[torch.arange(200), torch.arange(200) % 3] = (
        1.0  # of a cube: every point leaves [-1, 1]^3 when it grows
    )
    steps = preprocessing_transform(
        {"normalize": "box", "voxels": 10}, [RandomScale(1.2, 1.25, per_axis=True)]
    )
    voxels = steps(PointCloudData(pos=torch.cat([face, -face])), seeded_generator(0))
    assert float(voxels.pos.abs().max()) == pytest.approx(0.9)
    assert float((voxels.pos.max(dim=0).values - voxels.pos.min(dim=0).values).min()) > 1.4
