"""Items that are made together are, to the bit, those made one by one."""

from __future__ import annotations

import pytest
import torch
from torch.utils.data import DataLoader
from torch_geometric.transforms import BaseTransform

from ccnn_pc.datasets import (
    KNN,
    CloudPreprocessing,
    Compose,
    FarthestPoints,
    FeaturesFrom,
    Jitter,
    Normalize,
    PointCloudData,
    RandomFlip,
    RandomPoints,
    RandomRotation,
    RandomScale,
    RandomTranslate,
    Shapes,
    UnevenPoints,
    collate,
)
from ccnn_pc.datasets.common.seeding import seeded_generator
from ccnn_pc.datasets.samplings import mixed_transform
from ccnn_pc.datasets.transforms.base import OneOf, apply, apply_to_many
from ccnn_pc.ops.points.farthest import farthest_points
from ccnn_pc.training.data import SeveralSamplings


def clouds():
    """Of several sizes, some with normals, one of float64."""
    found = []
    for number, size in enumerate([70, 33, 70, 5, 70, 33]):
        generator = torch.Generator().manual_seed(number)
        dtype = torch.float64 if number == 4 else torch.float32
        item = PointCloudData(
            pos=torch.randn(size, 3, generator=generator, dtype=dtype),
            y=torch.tensor([number]),
            name=str(number),
        )
        if number != 2:
            item.normal = torch.nn.functional.normalize(
                torch.randn(size, 3, generator=generator, dtype=dtype), dim=1
            )
        item.intensity = torch.rand(size, generator=generator)
        found.append(item)
    return found


TRANSFORMS = [
    FarthestPoints(20),
    FarthestPoints(20, candidates=40, evenness=0.6),
    RandomPoints(20),
    Normalize("box"),
    Normalize("sphere"),
    RandomFlip(1),
    RandomRotation(),
    RandomScale(0.5, 2.0),
    RandomScale(0.5, 2.0, per_axis=True),
    RandomTranslate(0.3),
    Jitter(0.1, 0.15),
    FeaturesFrom(["pos", "one", "intensity"]),
    KNN(9),
    KNN(40, per=70, fewest=4, metric=(1.0, 2.0, 0.5)),
    OneOf([RandomPoints(12), Compose([UnevenPoints(9), Jitter(0.1)]), FarthestPoints(31)]),
    mixed_transform(
        CloudPreprocessing(num_points=32, num_neighbors=6, features=["pos", "one"]),
        [RandomFlip(0), RandomScale(0.8, 1.25, per_axis=True), RandomTranslate(0.1), Jitter(0.01)],
        ["even:16", "random:32", "voxels@6:32", "uneven:16"],
    ),
]


def assert_same(one, other):
    """The same attributes, to the bit."""
    assert sorted(one.keys()) == sorted(other.keys())
    for key, value in one:
        assert torch.equal(value, other[key]) if isinstance(value, torch.Tensor) else value == other[key], key


@pytest.mark.parametrize("transform", TRANSFORMS, ids=str)
def test_many_at_once_are_those_one_by_one(transform):
    items = clouds()
    expected = [apply(transform, item, seeded_generator(3, row)) for row, item in enumerate(items)]
    found = apply_to_many(transform, items, [seeded_generator(3, row) for row in range(len(items))])
    for one, other in zip(expected, found, strict=True):
        assert_same(one, other)
    for before, item in zip(clouds(), items, strict=True):
        assert_same(before, item)  # what was given stays


def shapes(**options):
    """Twelve."""
    return Shapes(per_class=1, num_points=64, transform=TRANSFORMS[-1], **options)


def test_loaders_of_torch_get_the_items():
    data = shapes()
    data.set_epoch(2)
    rows = [3, 0, 7, -1]
    for index, item in zip(rows, data.__getitems__(rows), strict=True):
        assert_same(data[index], item)
    loaded = next(iter(DataLoader(data, batch_size=5, collate_fn=collate)))
    assert_same(collate([data[index] for index in range(5)]), loaded)


def test_several_samplings_keep_the_order():
    both = SeveralSamplings([shapes(), shapes(seed=1)])
    rows = [13, 2, 23, 11, 12]
    for index, item in zip(rows, both.__getitems__(rows), strict=True):
        assert_same(both[index], item)


def test_what_a_subclass_does_is_done():
    class Twice(Jitter):
        def forward(self, data, generator=None):
            return super().forward(super().forward(data, generator), generator)

    class Named(Shapes):
        def __getitem__(self, index):
            item = super().__getitem__(index)
            item.name = f"{item.name}!"
            return item

    item, generator = clouds()[0], torch.Generator().manual_seed(0)
    expected = Jitter().forward(Jitter().forward(clouds()[0], generator), generator)
    found = apply_to_many(Compose([Twice()]), [item], [torch.Generator().manual_seed(0)])[0]
    assert torch.equal(found.pos, expected.pos)
    assert Named(per_class=1, num_points=8).__getitems__([0, 1])[1].name.endswith("!")


def test_a_foreign_transform_gets_one_item_at_a_time():
    class Count(BaseTransform):
        seen = 0

        def forward(self, data):
            self.seen += 1
            return data

    count = Count()
    apply_to_many(Compose([Normalize(), count, KNN(4)]), clouds(), [None] * 6)
    assert count.seen == 6


def test_the_farthest_points_of_a_batch_are_those_of_its_clouds():
    one, other = (torch.randn(n, 3, generator=torch.Generator().manual_seed(n)) for n in (50, 20))
    batch = torch.arange(2).repeat_interleave(torch.tensor([50, 20]))
    found = farthest_points(torch.cat([one, other]), 20, start=torch.tensor([3, 7]), batch=batch)
    assert torch.equal(found[:20], farthest_points(one, 20, start=3))
    assert torch.equal(found[20:], farthest_points(other, 20, start=7) + 50)
    with pytest.raises(ValueError, match=r"'num_points' must be at most the number of points \(20; got 21\)"):
        farthest_points(torch.cat([one, other]), 21, batch=batch)
    with pytest.raises(ValueError, match=r"'start' must be in \[0, 20\) \(got 30\)"):
        farthest_points(torch.cat([one, other]), 4, start=30, batch=batch)
    for wrong in ([1.5, 2.0], [1, 2, 3], 0.5):
        with pytest.raises(ValueError, match="'start' must be a whole number, or one for each of 2 clouds"):
            farthest_points(torch.cat([one, other]), 4, start=torch.tensor(wrong), batch=batch)


@pytest.mark.parametrize("transform", [FarthestPoints(3), Normalize(), KNN(3)], ids=str)
def test_an_error_names_the_row_in_its_own_cloud(transform):
    items = [PointCloudData(pos=torch.rand(9, 3)) for _ in range(4)]
    items[2].pos[5] = torch.nan
    with pytest.raises(ValueError, match=r"1 of 9 rows are not; row 5"):
        apply_to_many(transform, items, [torch.Generator() for _ in items])
