"""Names of folders: parts and classes, in every data set that reads folders; hidden files are no data."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ccnn_pc.datasets import ModelNet, PointCloudFolder, open_dataset
from ccnn_pc.datasets.clouds.folder import validation_folder
from ccnn_pc.datasets.common.folders import files_below, is_hidden, split_folders, split_named
from ccnn_pc.datasets.common.splits import Split
from ccnn_pc.datasets.formats.packed import zip_members
from ccnn_pc.datasets.images.folder import ImageFolder
from tests.datasets.conftest import off_text

APPLE = b"\0\5\26\7\0\2\0\0Mac OS X        "
"""How AppleDouble files begin."""

SPELLINGS = {
    Split.TRAIN: ["train", "Train", "TRAINING"],
    Split.VAL: ["val", "valid", "validation", "Validation", "eval", "VAL"],
    Split.TEST: ["test", "Testing", "TEST"],
}


def write_cloud(path: Path, number: int) -> None:
    np.save(path.with_suffix(".npy"), np.random.default_rng(number).normal(size=(20, 3)))


def write_image(path: Path, number: int) -> None:
    Image: Any = pytest.importorskip("PIL.Image")
    pixels = np.random.default_rng(number).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path.with_suffix(".png"))


def cloud_folder(root: Path, split: str | None) -> PointCloudFolder:
    return PointCloudFolder(root, split=split, normals=False)


KINDS = pytest.mark.parametrize(("write", "make"), [(write_cloud, cloud_folder), (write_image, ImageFolder)])


def fill(root: Path, write: Callable[[Path, int], None], folders: dict[str, int]) -> None:
    for folder, count in folders.items():
        (root / folder).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            write(root / folder / f"{folder.replace('/', '_')}_{number}", number)


@KINDS
@pytest.mark.parametrize(
    ("split", "name"), [(split, name) for split, names in SPELLINGS.items() for name in names]
)
def test_every_spelling_of_a_part(tmp_path: Path, write: Any, make: Any, split: Split, name: str) -> None:
    others = {other: names[0] for other, names in SPELLINGS.items() if other is not split}
    counts = {**{others[other]: number for number, other in enumerate(others, 1)}, name: 3}
    fill(
        tmp_path, write, {f"{part}/{label}": count for part, count in counts.items() for label in ("a", "b")}
    )
    data = make(tmp_path, split.value)
    assert data.classes == ["a", "b"] and len(data) == 6
    assert make(tmp_path, None).classes == ["a", "b"] and len(make(tmp_path, None)) == 12
    assert len(open_dataset(tmp_path, normals=False)) == 2 * (3 if split is Split.TEST else counts["test"])


@pytest.mark.parametrize("name", ["valid", "Validation", "eval"])
def test_parts_inside_of_classes(tmp_path: Path, name: str) -> None:
    fill(
        tmp_path,
        write_cloud,
        {f"{label}/{part}": n for label in "ab" for part, n in (("Training", 4), (name, 2))},
    )
    assert [len(cloud_folder(tmp_path, part)) for part in ("train", "val")] == [8, 4]
    val = validation_folder(tmp_path, normals=False)
    assert val is not None and len(val) == 4


@KINDS
def test_a_class_may_be_called_train(tmp_path: Path, write: Any, make: Any) -> None:
    fill(tmp_path, write, {"bus": 2, "car": 2, "train": 3})
    data = make(tmp_path, None)
    assert data.classes == ["bus", "car", "train"] and data.labels.tolist() == [0, 0, 1, 1, 2, 2, 2]


@KINDS
def test_parts_beside_other_folders(tmp_path: Path, write: Any, make: Any) -> None:
    fill(tmp_path, write, {"train/a": 2, "valid/a": 1, "notes": 0})
    assert len(make(tmp_path, None)) == 3 and len(make(tmp_path, "val")) == 1
    fill(tmp_path, write, {"more/a": 1})
    with pytest.raises(ValueError, match="either parts or classes .*train, valid and, beside them, 'more'"):
        make(tmp_path, None)


def test_files_beside_the_folders_of_parts(tmp_path: Path) -> None:
    fill(tmp_path, write_cloud, {"a/train": 2, "a/test": 1, "b": 2})
    assert len(cloud_folder(tmp_path, "test")) == 1 and len(cloud_folder(tmp_path, None)) == 5
    with pytest.raises(ValueError, match="must hold its files in 'train' folders"):
        cloud_folder(tmp_path, "train")


@KINDS
def test_hidden_files_are_no_data(tmp_path: Path, write: Any, make: Any) -> None:
    fill(tmp_path, write, {"train/a": 2, "test/a": 1})
    for suffix in ("npy", "png"):
        hidden = (
            "train/a/._a_0",
            "train/._a/a",
            "__MACOSX/train/a/a",
            ".cache/a/b",
            "train/a/.b/a",
            ".x",
            "train/.a",
        )
        for each in hidden:
            path = tmp_path / f"{each}.{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(APPLE)
    data = make(tmp_path, None)
    assert len(data) == 3 and data.classes == ["a"] and not data.broken


@pytest.mark.parametrize("packed", [False, True])
def test_hidden_files_in_modelnet(tmp_path: Path, packed: bool) -> None:
    files = {f"ModelNet10/{label}/{part}/{label}_{n}.off": off_text() for label in ("bed", "desk") for n in (0, 1)
             for part in ("train", "test")}  # fmt: skip
    hidden = [
        "ModelNet10/bed/train/._bed_0.off",
        "__MACOSX/ModelNet10/bed/train/._bed_1.off",
        "ModelNet10/.x/train/a.off",
    ]
    if packed:
        with zipfile.ZipFile(tmp_path / "ModelNet10.zip", "w") as archive:
            for name, text in files.items():
                archive.writestr(name, text)
            for name in hidden:
                archive.writestr(name, APPLE)
    else:
        contents = {**{name: text.encode() for name, text in files.items()}, **dict.fromkeys(hidden, APPLE)}
        for name, content in contents.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(content)
    data = ModelNet(tmp_path, num_points=8)
    assert len(data) == 4 and data.classes == ["bed", "desk"] and not data.broken


def test_hidden_members_of_archives(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name in ("x/b.wav", "x/._b.wav", "__MACOSX/x/b.wav", "a.wav"):
            archive.writestr(name, b"1")
    assert [name.rpartition(":")[2] for name, _ in zip_members(tmp_path / "a.zip", ".wav")] == [
        "a.wav",
        "x/b.wav",
    ]


def test_names() -> None:
    assert [split_named(each) for each in ("Training", "EVAL", "testing")] == [
        Split.TRAIN,
        Split.VAL,
        Split.TEST,
    ]
    assert split_named("trains") is None and not is_hidden("a/b.c/d.off")
    nowhere = Path("nowhere")
    assert split_folders(nowhere, lambda path: True) == {} and not files_below(nowhere, lambda path: True)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_cannot_be_read_is_not_left_out_in_silence(tmp_path: Path) -> None:
    fill(tmp_path, write_cloud, {"a/x": 1, "a/y": 1})
    (tmp_path / "a" / "y").chmod(0)
    try:
        with pytest.raises(PermissionError, match="y"):
            cloud_folder(tmp_path, None)
    finally:
        (tmp_path / "a" / "y").chmod(0o700)
