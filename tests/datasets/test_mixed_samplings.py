"""Trainings over several samplings: each item in one of its own."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch
from torch_geometric.data import Batch

from ccnn_pc.datasets import CloudPreprocessing, GridData, ImagePreprocessing, PointCloudData, RandomScale
from ccnn_pc.datasets.common.seeding import seeded_generator
from ccnn_pc.datasets.images.arrays import ImageArrays
from ccnn_pc.datasets.samplings import Sampling, mixed_augmentation, mixed_transform
from ccnn_pc.datasets.transforms import KNN, UnevenPoints
from ccnn_pc.datasets.transforms.base import at_epoch
from ccnn_pc.models import create_model

TRAINED = CloudPreprocessing(256, "farthest", "box", ["pos"], num_neighbors=24, fewest_neighbors=8)
SAMPLINGS = ["even:32", "random:128", "points:256", "uneven:256", "voxels@20:64", "even:512"]


def shape(n: int = 1024) -> PointCloudData:
    generator = torch.Generator().manual_seed(0)
    return PointCloudData(pos=torch.nn.functional.normalize(torch.randn(n, 3, generator=generator)))


def test_every_sampling_comes_up_and_neighbourhoods_are_the_same_share() -> None:
    transform = mixed_transform(TRAINED, [RandomScale(0.8, 1.25)], SAMPLINGS)
    items = [transform(shape(), seeded_generator(0, 0, row)) for row in range(120)]
    sizes = Counter(len(item.pos) for item in items)
    assert set(sizes) == {32, 64, 128, 256, 512} and min(sizes.values()) >= 8
    for item in items:
        n = len(item.pos)
        assert item.neighbor_index.shape == (48, n)
        assert set(item.neighbor_count.tolist()) == {max(8, 24 * n // 256)}
    again = transform(shape(), seeded_generator(0, 0, 7))
    assert torch.equal(again.pos, items[7].pos)


def test_a_batch_of_several_samplings_is_what_its_items_are_alone() -> None:
    torch.manual_seed(0)
    model = create_model("ccnn_tiny", dim=3, in_channels=3, out_channels=4, num_points=256).eval()
    transform = mixed_transform(TRAINED, (), SAMPLINGS)
    items = [transform(shape(), seeded_generator(1, 0, row)) for row in range(6)]
    with torch.no_grad():
        together = model(Batch.from_data_list(items))
        alone = torch.cat([model(Batch.from_data_list([item])) for item in items])
    assert torch.allclose(together, alone, atol=1e-5)


def test_without_samplings_nothing_changes() -> None:
    assert repr(mixed_transform(TRAINED, [RandomScale()])) == repr(TRAINED.transform([RandomScale()]))
    assert mixed_augmentation() is None


def test_before_the_first_epoch_of_the_mixture_all_come_in_the_first_sampling() -> None:
    mixed = mixed_augmentation([], ["pixels", "scattered:0.5"], mixed_from=2)
    images = ImageArrays(
        np.random.default_rng(0).random((12, 1, 6, 6)),
        np.zeros(12, dtype=int),
        ["all"],
        None,
        transform=mixed,
    )
    changed = []
    for epoch in (0, 1, 2, 3):
        images.set_epoch(epoch)
        changed.append(
            sum(not torch.equal(item.x[0], images.load(row).x[0]) for row, item in enumerate(images))
        )
    assert changed[:2] == [0, 0] and all(0 < number < 12 for number in changed[2:])
    clouds = mixed_transform(TRAINED, (), ["even:32", "random:128"], mixed_from=1)
    sizes = [
        {len(at_epoch(clouds, epoch)(shape(), seeded_generator(0, epoch, row)).pos) for row in range(20)}
        for epoch in (0, 1)
    ]
    assert sizes == [{32}, {32, 128}]
    with pytest.raises(ValueError, match="'mixed_from' must be at least 0"):
        mixed_augmentation([], ["pixels"], mixed_from=-1)


def test_uneven_points_are_ten_times_as_dense_at_one_end() -> None:
    """Of the drawn points, tenths of the length hold a share that falls as 10^-t does."""
    line = PointCloudData(pos=torch.linspace(0, 1, 20_000)[:, None])
    shares = torch.zeros(2, 10)
    for row in range(40):
        kept = UnevenPoints(200)(line, seeded_generator(3, row)).pos[:, 0]
        part = torch.histc(kept, 10, 0, 1)
        shares[int(part[:5].sum() < part[5:].sum())] += (
            part if part[:5].sum() > part[5:].sum() else part.flip(0)
        )
    assert (shares.sum(1) > 0).all()  # from either end
    ends = shares.sum(0)
    assert 6.5 < float(ends[0] / ends[-1]) < 9.5  # 10^0.9 = 7.9


def test_neighbours_are_a_share_of_smaller_clouds_only() -> None:
    small, large = shape(100), shape(300)
    assert int(KNN(24, per=200)(small).neighbor_count[0]) == 12
    assert KNN(24, per=200)(small).neighbor_index.shape == (24, 100)
    assert int(KNN(24, per=200)(large).neighbor_count[0]) == 24
    assert int(KNN(4, per=200, fewest=8)(small).neighbor_count[0]) == 4
    assert int(KNN(24, per=200)(shape(16)).neighbor_count[0]) == 2
    assert int(KNN(24, per=200, fewest=8)(shape(16)).neighbor_count[0]) == 8
    few = KNN(24, per=200)(shape(5))
    assert few.neighbor_index.shape == (24, 5) and int(few.neighbor_count[0]) == 1
    stored = CloudPreprocessing(1024, num_neighbors=96).transform()(shape(256), seeded_generator(0))
    assert int(stored.neighbor_count[0]) == 24


@pytest.mark.parametrize(
    "text", ["pixels", "pixels:2", "pixels:3", "scattered:0.5", "scattered:0.25", "jittered", "uneven:0.4"]
)
def test_images_come_back_on_their_grid(text: str) -> None:
    transform = mixed_augmentation([], [text])
    slope = torch.cartesian_prod(torch.arange(9.0), torch.arange(9.0)).t().reshape(1, 2, 9, 9)
    found = transform(GridData(x=slope), seeded_generator(0)).x  # type: ignore[misc]
    assert found.shape == slope.shape
    if text.startswith("pixels"):  # a slope is read as it is, up to the last sample
        last = 8 // int(text.partition(":")[2] or 1) * int(text.partition(":")[2] or 1) + 1
        assert torch.allclose(found[..., :last, :last], slope[..., :last, :last], atol=1e-5)
    else:
        assert float((found - slope).abs().mean()) < 0.6


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: mixed_transform(TRAINED, (), ["dense"]), "'samplings' of a training must be points"),
        (
            lambda: mixed_transform(TRAINED, (), ["points+density"]),
            "'samplings' of a training must be points",
        ),
        (lambda: mixed_transform(ImagePreprocessing("image", [0.0], [1.0]), (), ["points"]), "for image"),
        (
            lambda: mixed_augmentation([], ["voxels"]),
            "'samplings' of images must be pixels, scattered, jittered, uneven",
        ),
        (lambda: Sampling.parse("points@20"), "'@CELLS' must be a whole number, at least 1, of voxels"),
        (lambda: Sampling.parse("voxels@0:5"), "'@CELLS' must be a whole number"),
    ],
)
def test_refusals(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_names_of_samplings_are_written_as_they_are_read() -> None:
    for text in ("voxels@20:256", "uneven:64", "even", "dense@30", "random:128+density"):
        assert str(Sampling.parse(text)) == text
