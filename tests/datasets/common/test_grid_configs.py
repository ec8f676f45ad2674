"""Every gridded data file builds its data set; what is stored with a model makes the same input."""

from __future__ import annotations

import copy
import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ccnn_pc.datasets import GridArrays, GridData, open_dataset, preprocessing_transform
from ccnn_pc.training.data import ClassificationData
from tests.datasets.images.test_images import write_cifar, write_mnist

pytest.importorskip("hydra")
pytestmark = pytest.mark.filterwarnings("ignore:.*results are those of a part")

GRIDS = ["mnist", "smnist", "pmnist", "cifar10", "scifar10", "cifar100", "stl10", "noise_cifar"]
GRIDS += ["lra_image", "lra_image2d"]


def compose(*words: str) -> Any:
    """Files that words without a dot choose, composed once, and the values that the others set."""
    from omegaconf import OmegaConf

    from ccnn_pc.cli.words import read_word

    config = copy.deepcopy(_composed(tuple(word for word in words if "." not in word.partition("=")[0])))
    for word in map(read_word, words):
        if "." in word.key:
            OmegaConf.update(config, word.key, word.value, force_add=word.prefix != "")
    return config


@functools.cache
def _composed(words: tuple[str, ...]) -> Any:
    from hydra import compose as compose_words
    from hydra import initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra

    from ccnn_pc.cli.compose import config_folder

    GlobalHydra.instance().clear()
    with initialize_config_dir(str(config_folder()), version_base="1.3"):
        return compose_words("train", ["name=test", *words])


def build(config: Any) -> ClassificationData:
    from hydra.utils import instantiate

    return instantiate(config.data.module, _convert_="all")


def write(name: str, root: Path) -> None:
    if "mnist" in name:
        write_mnist(root, 40)
    elif name == "stl10":
        images = np.random.default_rng(0).integers(0, 256, (20, 3, 96, 96), dtype=np.uint8)
        for part in ("train", "test"):
            (root / f"{part}_X.bin").write_bytes(images.tobytes())
            (root / f"{part}_y.bin").write_bytes(bytes([1, 2] * 10))
    else:
        write_cifar(root, "plain", 2 if name == "cifar100" else 1)


@pytest.mark.parametrize("name", GRIDS)
def test_grids(name: str, tmp_path: Path) -> None:
    from hydra.utils import instantiate

    write(name, tmp_path)
    config = compose(f"data={name}", f"data.root={tmp_path}", "data.batch_size=2")
    data = build(config)
    data.setup("fit")
    data.setup("test")
    assert data.name == name and data.train_set.batches_at_once and data.test_set.batches_at_once
    batch = next(iter(data.test_dataloader()))
    assert list(batch.x.shape) == [2, config.data.in_channels, *config.data.shape]
    assert data.test_set.shape == tuple(batch.x.shape[1:])
    raw = GridArrays(data.test_set.values, data.test_set.labels, data.test_set.classes)
    stored = instantiate(config.data.preprocessing, _convert_="all")
    made = preprocessing_transform(stored)(GridData(x=raw.raw(np.arange(2))))
    assert torch.equal(made.x, batch.x)
    opened: Any = open_dataset(tmp_path, transform=preprocessing_transform(stored))
    assert type(opened) is type(data.test_set) and torch.equal(opened[1].x, batch.x[1:])
    kind: Any = type(data.test_set)
    default = kind(tmp_path, "test", config.data.view)
    torch.testing.assert_close(default.batch([0, 1]).x, batch.x)  # the file repeats the published constants


@pytest.mark.parametrize(
    ("augmentation", "name"),
    [
        ("crop_mirror", "cifar10"),
        ("crop_mirror_symmetric", "scifar10"),
        ("mnist_standard", "smnist"),
        ("stl10", "stl10"),
    ],
)
def test_augmentation_is_for_training_only(augmentation: str, name: str, tmp_path: Path) -> None:
    write(name, tmp_path)
    words = [f"data={name}", f"data.root={tmp_path}", f"augmentation={augmentation}", "data.val_fraction=0.5"]
    data = build(compose(*words))
    data.setup("fit")
    data.setup("test")
    plain = build(compose(*words[:2], "data.val_fraction=0.5"))
    plain.setup("fit")
    assert data.val_set.transform is None and data.test_set.transform is None
    assert torch.equal(data.val_set[0].x, plain.val_set[0].x)
    changed = [not torch.equal(a.x, b.x) for a, b in zip(data.train_set, plain.train_set, strict=True)]
    assert sum(changed) > len(changed) / 2
    first = [item.x for item in data.train_set]
    data.train_set.set_epoch(1)
    assert not all(torch.equal(a, b.x) for a, b in zip(first, data.train_set, strict=True))


@pytest.mark.parametrize("name", ["modelnet10_voxels", "modelnet10_voxels_dense"])
def test_voxels(name: str, arrays: Path) -> None:
    from hydra.utils import instantiate

    words = [
        f"data={name}",
        f"data.root={arrays}",
        "data.voxels=8",
        "data.num_voxels=20",
        "data.batch_size=4",
    ]
    config = compose(*words, *(["data.num_neighbors=5"] if name.endswith("voxels") else []))
    data = build(config)
    data.setup("fit")
    batch = next(iter(data.train_dataloader()))
    if name.endswith("dense"):
        assert batch.x.shape == (4, 6, 8, 8, 8) and batch.occupied.sum(dim=(1, 2, 3, 4)).tolist() == [20] * 4
        assert batch.spacing.tolist() == [[0.25] * 3] * 4
    else:
        assert (
            batch.pos.shape == (80, 3) and batch.x.shape == (80, 6) and batch.neighbor_index.shape == (5, 80)
        )
    stored = instantiate(config.data.preprocessing, _convert_="all")
    assert (stored.voxels, stored.num_voxels) == (8, 20)
    assert compose(f"data={name}").data.num_points == 4096 and compose(f"data={name}").data.voxels == 40
