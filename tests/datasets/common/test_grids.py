"""Items and whole batches of gridded data sets: the same, whichever way they are made."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch_geometric.data import Batch

from ccnn_pc.datasets.common.grid_data import grid_batch
from ccnn_pc.datasets.common.grids import GridArrays
from ccnn_pc.datasets.images.arrays import ImageArrays
from ccnn_pc.datasets.transforms.base import RandomTransform
from ccnn_pc.datasets.transforms.view import ToView
from ccnn_pc.training.data import Batches, ClassificationData, Validation
from ccnn_pc.training.loader import ResumableLoader


class AddNoise(RandomTransform):
    """Any random transform."""

    def forward(self, data: Any, generator: torch.Generator | None = None) -> Any:
        data.x = data.x + torch.rand(data.x.shape, generator=generator)
        return data


def small(**options: Any) -> ImageArrays:
    random = np.random.default_rng(3)
    images = random.integers(0, 256, (30, 1, 28, 28), dtype=np.uint8)
    return ImageArrays(images, np.arange(30) % 3, ["a", "b", "c"], ToView("sequence", 0.5, 2.0), **options)


def equal(first: Any, second: Any) -> bool:
    return torch.equal(first.x, second.x) and torch.equal(first.y, second.y)


@pytest.mark.parametrize("subset", [None, [7, 3, 3, 20]])
def test_a_batch_at_once_is_the_batch_of_items(subset: Any) -> None:
    data = small() if subset is None else small().subset(subset)
    at_once, one_by_one = data.batch([2, 0, -1]), Batch.from_data_list([data[2], data[0], data[-1]])
    assert equal(at_once, one_by_one) and at_once.num_graphs == one_by_one.num_graphs == 3
    assert torch.equal(at_once.batch, one_by_one.batch) and torch.equal(at_once.ptr, one_by_one.ptr)
    assert at_once.keys() == one_by_one.keys() and type(at_once) is type(one_by_one)
    assert equal(at_once[1], data[0]) and equal(at_once.clone().to("cpu"), one_by_one)
    assert at_once[1].x.shape == (1, 1, 784)
    with pytest.raises(IndexError):
        data.batch([len(data)])


def test_transforms_see_the_image_before_the_view() -> None:
    seen: list[Tensor] = []

    def look(item: Any) -> Any:
        seen.append(item.x)
        return item

    data = small(transform=look)
    assert not data.batches_at_once and equal(data.batch([1, 2]), small().batch([1, 2]))
    assert seen[0].shape == (1, 1, 28, 28) and 0 <= float(seen[0].min()) < float(seen[0].max()) <= 1
    torch.testing.assert_close(data[1].x, (seen[0].reshape(1, 1, 784) - 0.5) / 2)


def test_kept_items_are_viewed_once() -> None:
    data = small(pre_transform=AddNoise(), seed=4)
    kept: Any = data.in_memory()
    assert equal(kept[5], data[5]) and equal(kept[5], kept[5])


@pytest.mark.parametrize("workers", [0, 2])
def test_loader_gives_the_same_batches_both_ways(workers: int) -> None:
    quick, slow = (
        ResumableLoader(small(transform=transform), 8, num_workers=workers)
        for transform in (None, lambda item: item)
    )
    pairs = list(zip(quick, slow, strict=True))
    assert len(pairs) == 4 and all(equal(first, second) for first, second in pairs)


def test_classification_data_of_grids() -> None:
    data = ClassificationData(
        lambda: small(transform=AddNoise()),
        small,
        eval_transform=None,
        batches=Batches(4),
        validation=Validation(0.2),
    )
    data.setup("fit")
    data.setup("test")
    assert data.sizes() == {"train": 24, "val": 6, "test": 30} and data.class_counts() == [8, 8, 8]
    assert data.val_set.batches_at_once and not data.train_set.batches_at_once
    val = torch.cat([batch.x for batch in data.val_dataloader()])
    assert val.shape == (6, 1, 784) and torch.equal(val, small().batch(data.val_set._rows).x)
    first, again = (torch.cat([batch.x for batch in data.train_dataloader()]) for _ in range(2))
    assert torch.equal(first, again)


def test_grid_arrays_check_what_they_get() -> None:
    with pytest.raises(ValueError, match="'values'"):
        GridArrays(np.zeros((3, 4)), np.zeros(3), ["a"])
    with pytest.raises(ValueError, match="'labels' must have shape"):
        GridArrays(np.zeros((3, 1, 4)), np.zeros(2), ["a"])
    with pytest.raises(ValueError, match="got 0 to 1"):
        GridArrays(np.zeros((3, 1, 4)), np.array([0, 1, 0]), ["a"])
    series = GridArrays(np.full((3, 2, 5), 7.0), np.zeros(3), ["a"])
    assert series[0].x.dtype == torch.float32 and float(series[0].x.max()) == 7 and "3 items" in repr(series)
    assert grid_batch(torch.zeros(2, 1, 4), torch.zeros(2)).to_data_list()[1].x.shape == (1, 1, 4)


@pytest.mark.parametrize("wrong", [0.5, float("nan"), float("inf"), "a"])
def test_labels_are_whole_numbers(wrong: Any) -> None:
    values = np.zeros((2, 1, 3), dtype=np.float32)
    assert GridArrays(values, np.array([0.0, 1.0]), ["a", "b"]).labels.tolist() == [0, 1]
    with pytest.raises(ValueError, match=r"'labels' must be whole numbers.* \(got "):
        GridArrays(values, np.array([wrong, wrong]), ["a", "b"])


def test_images_of_16_bits_are_no_bytes() -> None:
    with pytest.raises(ValueError, match=r"'values' must be uint8, or numbers in \[0, 1\] \(got uint16\)"):
        ImageArrays(np.zeros((2, 1, 3, 3), np.uint16), np.zeros(2), ["a"], None)
