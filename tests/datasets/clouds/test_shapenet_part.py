"""ShapeNetPart on small copies of both editions."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from ccnn_pc.datasets import ShapeNetPart
from ccnn_pc.datasets.clouds.shapenet_part import CATEGORIES, OF_CATEGORY, PART_NAMES

SYNSETS = {name: f"0{2691156 + 1000 * place}" for place, name in enumerate(CATEGORIES)}
SPLITS = ("train", "val", "test")


def write_text(root: Path, count: int = 40) -> Path:
    """A shape of each category for each part."""
    rng = np.random.default_rng(0)
    (root / "train_test_split").mkdir(parents=True)
    rows = "".join(f"{name}\t{folder}\n" for name, folder in reversed(SYNSETS.items()))
    (root / "synsetoffset2category.txt").write_text(rows)
    for split in SPLITS:
        listed = []
        for (_, folder), parts in zip(SYNSETS.items(), OF_CATEGORY, strict=True):
            (root / folder).mkdir(exist_ok=True)
            normal = rng.normal(size=(count, 3))
            normal /= np.linalg.norm(normal, axis=1, keepdims=True)
            table = np.column_stack([rng.uniform(-1, 1, (count, 3)), normal, rng.choice(parts, count)])
            np.savetxt(root / folder / f"{split}.txt", table, fmt="%.6f")
            listed.append(f"shape_data/{folder}/{split}")
        (root / "train_test_split" / f"shuffled_{split}_file_list.json").write_text(json.dumps(listed))
    return root


def write_h5(root: Path, count: int = 40) -> Path:
    h5py = pytest.importorskip("h5py")
    rng = np.random.default_rng(0)
    root.mkdir(parents=True, exist_ok=True)
    lines = "".join(f"{name}\t{folder}\n" for name, folder in SYNSETS.items())
    (root / "all_object_categories.txt").write_text(lines)
    for split in SPLITS:
        with h5py.File(root / f"ply_data_{split}0.h5", "w") as file:
            file["data"] = rng.uniform(-1, 1, (16, count, 3)).astype("f4")
            file["label"] = np.arange(16, dtype="u1")[:, None]
            file["pid"] = np.array([rng.choice(parts, count) for parts in OF_CATEGORY], dtype="u1")
    return root


def test_parts_are_numbered_as_published() -> None:
    published = {
        **{"Earphone": [16, 17, 18], "Motorbike": [30, 31, 32, 33, 34, 35], "Rocket": [41, 42, 43]},
        **{
            "Car": [8, 9, 10, 11],
            "Laptop": [28, 29],
            "Cap": [6, 7],
            "Skateboard": [44, 45, 46],
            "Mug": [36, 37],
        },
        **{"Guitar": [19, 20, 21], "Bag": [4, 5], "Lamp": [24, 25, 26, 27], "Table": [47, 48, 49]},
        **{"Airplane": [0, 1, 2, 3], "Pistol": [38, 39, 40], "Chair": [12, 13, 14, 15], "Knife": [22, 23]},
    }
    assert dict(zip(CATEGORIES, OF_CATEGORY, strict=True)) == published and len(PART_NAMES) == 50


@pytest.mark.parametrize("inside", ["", "shapenetcore_partanno_segmentation_benchmark_v0_normal"])
def test_text_edition(tmp_path: Path, inside: str) -> None:
    root = write_text(tmp_path / inside)
    for split in SPLITS:
        data = ShapeNetPart(tmp_path, split)
        assert len(data) == 16 and data.categories == list(CATEGORIES) and data.classes == PART_NAMES
        table = np.loadtxt(root / SYNSETS["Knife"] / f"{split}.txt")
        item = data[list(CATEGORIES).index("Knife")]
        assert item.y.tolist() == table[:, 6].tolist() and item.name == f"Knife/{split}"
        centre = (table[:, :3].max(0) + table[:, :3].min(0)) / 2
        scale = np.ptp(table[:, :3], axis=0).max() / 2
        assert np.abs(item.pos.numpy() * scale + centre - table[:, :3]).max() < 1e-4
        assert np.abs(item.normal.numpy() - table[:, 3:6]).max() < 1e-4
        assert item.category_parts.nonzero()[:, 1].tolist() == [22, 23]


def test_h5_edition(tmp_path: Path) -> None:
    write_h5(tmp_path / "hdf5_data")
    h5py = pytest.importorskip("h5py")
    for split in SPLITS:
        data = ShapeNetPart(tmp_path, split)
        with h5py.File(tmp_path / "hdf5_data" / f"ply_data_{split}0.h5") as file:
            part = torch.from_numpy(file["pid"][()].astype(np.int64))
        assert all(data[row].y.equal(part[row]) and data[row].category == row for row in range(16))


def test_broken_files_are_counted(tmp_path: Path) -> None:
    write_text(tmp_path)
    (tmp_path / SYNSETS["Mug"] / "val.txt").write_text("1 2 3 0 0 1 20\n")
    (tmp_path / SYNSETS["Bag"] / "val.txt").unlink()
    (tmp_path / SYNSETS["Cap"] / "val.txt").write_text("1 2 3 0 0\n")
    with pytest.warns(UserWarning, match="3 of 16 files"):
        data = ShapeNetPart(tmp_path, "val")
    assert len(data) == 13
    reasons = "\n".join(reason for _, reason in data.broken)
    assert "its parts must be from 36 to 37 (got 20)" in reasons and "lines of x, y, z" in reasons


def test_what_is_no_edition(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="must hold ply_data_train"):
        ShapeNetPart(tmp_path)
    write_text(tmp_path)
    listing = tmp_path / "train_test_split" / "shuffled_train_file_list.json"
    for content, message in (
        ('["shape_data/99/a"]', "got 99"),
        ("{}", "got none"),
        ("[", "must be a list of"),
    ):
        listing.write_text(content)
        with pytest.raises(ValueError, match=message):
            ShapeNetPart(tmp_path)
    (tmp_path / "synsetoffset2category.txt").write_text("Airplane 02691156\n")
    with pytest.raises(ValueError, match="must name Airplane, Bag"):
        ShapeNetPart(tmp_path)


def test_h5_with_wrong_parts(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    write_h5(tmp_path)
    with h5py.File(tmp_path / "ply_data_test0.h5", "a") as file:
        file["pid"][3, 2] = 50
    with pytest.raises(ValueError, match=r"'pid' must be whole numbers in \[0, 50\) .got 50"):
        ShapeNetPart(tmp_path, "test")
    with h5py.File(tmp_path / "ply_data_test0.h5", "a") as file:
        del file["pid"]
    with pytest.raises(ValueError, match="with 'data', 'label' and 'pid'"):
        ShapeNetPart(tmp_path, "test")
