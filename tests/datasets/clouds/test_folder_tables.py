"""Clouds with tables beside them: classes, numbers, parts and groups, as other files have them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ccnn_pc.datasets import PointCloudFolder
from ccnn_pc.datasets.clouds.folder import validation_folder
from ccnn_pc.datasets.looking.look import look_at

OPTIONS: dict[str, Any] = {"normals": False, "num_points": 32}


def write_clouds(folder: Path, count: int, suffix: str = "csv") -> None:
    """Cloud i is as long as i + 1 along x, so that items can be told by their scale."""
    folder.mkdir(parents=True)
    for number in range(count):
        points = np.random.default_rng(number).uniform(-1, 1, (20, 3)) * 0.1
        points[:2, 0] = 0, number + 1
        np.savetxt(
            folder / f"scan {number}.{suffix}", points, header="x,y,z", comments="", delimiter=",", fmt="%.6f"
        )


def scales(data: PointCloudFolder) -> list[int]:
    """Which cloud each item is, by its points, not by its name."""
    return [round(2 * float(scale)) - 1 for scale in data.clouds.scale]


def test_classes_parts_and_groups_of_a_table(tmp_path: Path) -> None:
    write_clouds(tmp_path / "clouds", 12)
    rows = [
        f"clouds/scan {n}.csv,{'odd' if n % 2 else 'even'},{'test' if n > 9 else ''},p{n // 2}"
        for n in range(12)
    ]
    (tmp_path / "labels.csv").write_text("\n".join(["file,Class,split,patient", *rows]))
    found = look_at(tmp_path)
    assert (
        found.experiment == "folder" and "12 clouds in 2 classes (even 6, odd 6); parts: test" in found.said
    )
    assert found.words["data.labels"] == str(tmp_path / "labels.csv")
    assert "6 groups: none is divided between parts" in found.notes
    parts = {
        part: PointCloudFolder(tmp_path, part, val_fraction=0.3, **OPTIONS)
        for part in ("train", "val", "test")
    }
    assert scales(parts["test"]) == [10, 11]
    seen = {part: {number // 2 for number in scales(data)} for part, data in parts.items()}
    assert not seen["train"] & seen["val"] and seen["train"] | seen["val"] == set(range(5))
    for data in parts.values():
        assert data.classes == ["even", "odd"]
        assert data.labels.tolist() == [number % 2 for number in scales(data)]
    val = validation_folder(tmp_path, val_fraction=0.3, **OPTIONS)
    assert val is not None and scales(val) == scales(parts["val"])


def test_another_table_is_another_data_set(tmp_path: Path) -> None:
    """What is stored of the clouds is not used with the labels that it was stored with."""
    write_clouds(tmp_path / "all", 4)
    found = []
    for name, classes in (("one", "abab"), ("two", "bbaa")):
        rows = [f"scan {number},{label}" for number, label in enumerate(classes)]
        (tmp_path / f"{name}.tsv").write_text("\n".join(["file,label", *rows]).replace(",", "\t"))
        found.append(PointCloudFolder(tmp_path, labels=tmp_path / f"{name}.tsv", **OPTIONS).labels.tolist())
    assert found == [[0, 1, 0, 1], [1, 1, 0, 0]]


def test_numbers_of_a_table_belong_to_their_clouds(tmp_path: Path) -> None:
    write_clouds(tmp_path / "scans", 5)
    (tmp_path / "scans" / "scan 2.csv").write_text("")  # rows of the others stay their own
    rows = [f"scan {number};{number + 1},5;{-number}" for number in (4, 2, 0, 1, 3)]
    (tmp_path / "targets.csv").write_text("\n".join(["file;length;minus", *rows]))
    with pytest.warns(UserWarning, match="1 of 5 files"):
        data = PointCloudFolder(tmp_path, targets=["length", "minus"], **OPTIONS)
    assert data.classes == ["length", "minus"] and scales(data) == [0, 1, 3, 4]
    targets = np.stack([np.asarray(item.y)[0] for item in data])
    np.testing.assert_allclose(targets, [[number + 1.5, -number] for number in scales(data)])
    found = look_at(tmp_path, {"data.targets": ["length"], "task": "regression"})
    assert found.words["data.labels"] == str(tmp_path / "targets.csv") and "with 1 number" in found.said


def test_a_file_of_parts_beside_class_folders(tmp_path: Path) -> None:
    for name in "ab":
        write_clouds(tmp_path / name, 3)
    rows = [
        f"{name}/scan {number}.csv,{'test' if number else 'train'}" for name in "ab" for number in range(3)
    ]
    (tmp_path / "splits.csv").write_text("\n".join(["path,part", *rows]))
    assert look_at(tmp_path).words["data.split_file"] == str(tmp_path / "splits.csv")
    test = PointCloudFolder(tmp_path, "test", split_file=tmp_path / "splits.csv", **OPTIONS)
    assert scales(test) == [1, 2, 1, 2] and test.labels.tolist() == [0, 0, 1, 1]


FAULTS = [
    ("file,label\nscan 0.csv,a\nscan 9.csv,b", r"line 3: 'file' must be one of the files .*'scan 9.csv'"),
    ("file,label\nscan 0.csv,a\nscan 0.csv,b", "line 3: 'scan 0.csv' must be named once"),
    ("file,label,split\nscan 0.csv,a,holdout", "line 2: 'split' must be train, val or test"),
    ("file,label,group\nscan 0.csv,a,p\nscan 1.csv,a,", "must have a group"),
]


@pytest.mark.parametrize(("text", "message"), FAULTS)
def test_faults_of_a_table_name_its_line(tmp_path: Path, text: str, message: str) -> None:
    write_clouds(tmp_path / "all", 2)
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        PointCloudFolder(tmp_path, **OPTIONS)
