"""What a folder is taken for: its kind, the words that follow, what is not used, and what cannot be trained on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ccnn_pc.datasets.looking.found import NotTakenError
from ccnn_pc.datasets.looking.look import look_at
from ccnn_pc.datasets.looking.survey import suffix_of, survey
from tests.datasets.conftest import off_text

Image: Any = pytest.importorskip("PIL.Image")


def picture(path: Path, size: tuple[int, int] = (8, 8), deep: bool = False, grey: bool = False) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (*size, 3), dtype=np.uint8)
    chosen = random.integers(0, 4096, size, dtype=np.uint16) if deep else pixels[..., 0] if grey else pixels
    Image.fromarray(chosen).save(path)


def cloud(path: Path, normals: bool = False) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    points = np.random.default_rng(0).normal(size=(30, 3))
    np.savetxt(
        path, np.hstack([points, points / np.linalg.norm(points, axis=1, keepdims=True)][: 1 + normals])
    )


def test_pictures(tmp_path: Path) -> None:
    for name in ("cat", "big dög"):
        for number in range(4):
            picture(tmp_path / "my pics" / name / "sub folder" / f"{number} é.{'PNG' if number else 'jpg'}")
    picture(tmp_path / "my pics" / "._cat.png")
    (tmp_path / "my pics" / ".DS_Store").write_text("x")
    (tmp_path / "my pics" / "cat" / "a.mp4").write_text("x")
    (tmp_path / "my pics" / "nothing").mkdir()
    found = look_at(tmp_path / "my pics")
    assert found.experiment == "pictures" and found.items == 8 and "data.size" not in found.words
    assert "8 pictures (8 x 8 pixels) in 2 classes (big dög 4, cat 4)" in found.said
    assert any("'nothing' is empty" in note for note in found.notes)
    assert any("1 file .mp4 (the first: " in note and "save its pictures" in note for note in found.notes)
    assert len(found.notes) == 2


def test_sizes_channels_and_depth_of_pictures(tmp_path: Path) -> None:
    for name in ("a", "b"):
        picture(tmp_path / "train" / name / "0.tif", (40, 50), deep=True)
        picture(tmp_path / "train" / name / "1.png", (60, 50), grey=True)
    found = look_at(tmp_path)
    assert (
        found.words["data.size"] == 32 and found.words["data.grey"] is True and found.words["data.bits"] == 16
    )
    assert "parts: train" in found.said


def test_clouds_meshes_and_scans_are_told_apart(tmp_path: Path) -> None:
    for name in ("a", "b"):
        for number in range(3):
            cloud(tmp_path / "clouds" / name / f"{number}.txt", normals=True)
            folder = tmp_path / "meshes" / "unpacked" / name / "train"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{number}.OFF").write_text(off_text())
    (tmp_path / "clouds" / "readme.txt").write_text("x y z are metres\n")
    clouds, meshes = look_at(tmp_path / "clouds"), look_at(tmp_path / "meshes")
    assert clouds.experiment == meshes.experiment == "folder"
    assert "6 clouds in" in clouds.said and "6 meshes in" in meshes.said and not clouds.notes
    assert meshes.root.name == "unpacked"  # past a folder that holds one alone
    scans = tmp_path / "scans" / "train"
    scans.mkdir(parents=True)
    grid = np.stack(np.meshgrid(*2 * [0.25 * np.arange(20)]), axis=-1).reshape(-1, 2)
    rows = [f"{x} {y} 0 {int(x > 2)}" for x, y in grid]
    (scans / "one.xyz").write_text("\n".join(["x y z label", *rows]))
    found = look_at(tmp_path / "scans")
    assert found.experiment == "scenes" and found.words["data.label"] == "label"
    assert found.words["data.cell"] == 0.5 and found.words["data.tile.radius"] == 10  # points 0.25 apart
    assert look_at(scans / "one.xyz").words == found.words


def test_series_of_the_archive(tmp_path: Path) -> None:
    for part in ("TRAIN", "TEST"):
        rows = ["0,1,2:left", "1,?,3,4:right", "2,1:left"]
        (tmp_path / f"Mine_{part}.ts").write_text("\n".join(["@classLabel true left right", "@data", *rows]))
    found = look_at(tmp_path)
    assert (
        found.experiment == "uea"
        and found.words["data.form"] == "irregular"
        and "2 to 4 samples" in found.said
    )
    numbers = tmp_path / "numbers"
    numbers.mkdir()
    (numbers / "N_TRAIN.ts").write_text("@targetLabel true\n@data\n0,1,2:0.5\n1,3,4:1.5\n")
    assert look_at(numbers).words["task"] == "regression" and "data.form" not in look_at(numbers).words


def test_tables_about_files(tmp_path: Path) -> None:
    for number in range(6):
        picture(tmp_path / "images" / f"{number}.png")
    rows = [f"images/{number}.png;{'yes' if number % 2 else 'no'};p{number // 2}" for number in range(6)]
    (tmp_path / "labels.csv").write_text("\n".join(["Path;Class;patient", *rows]))
    found = look_at(tmp_path)
    assert found.words["data.labels"] == str(tmp_path / "labels.csv") and "(no 3, yes 3)" in found.said
    assert "3 groups: none is divided between parts" in found.notes


def test_answers_of_a_model_are_no_labels(tmp_path: Path) -> None:
    rows = [f"{item},{time},pulse,{time}" for item in "abcdefgh" for time in range(4)]
    (tmp_path / "readings.csv").write_text("\n".join(["id,time,variable,value", *rows]))
    answers = [f"{item},calm,0.9" for item in "abcdefgh"]
    (tmp_path / "answers.csv").write_text("\n".join(["id,class,probability", *answers]))
    with pytest.raises(NotTakenError, match="must have a column 'label'"):
        look_at(tmp_path / "readings.csv")
    said = [f"{item},{'calm' if item < 'e' else 'wild'}" for item in "abcdefgh"]
    (tmp_path / "labels.csv").write_text("\n".join(["id,label", *said]))
    assert look_at(tmp_path / "readings.csv").words["data.labels"] == str(tmp_path / "labels.csv")
    for number in range(6):
        picture(tmp_path / "pictures" / f"{number}.png")
    answers = [f"{number}.png,{'yes' if number % 2 else 'no'},0.9" for number in range(6)]
    (tmp_path / "pictures" / "answers.csv").write_text("\n".join(["file,class,probability", *answers]))
    with pytest.raises(NotTakenError, match="one folder per class"):
        look_at(tmp_path / "pictures")


FAULTS = [
    ({}, "must hold files to train on"),
    ({"a.zip": "x"}, r"1 file \.zip; the first: .*unpack it"),
    ({"x.dcm": "x", "y.dcm": "x"}, "dcm2niix"),
    ({"a/1.png": "picture", "a/2.png": "picture"}, "two classes at least .got 'a' alone, 2 files"),
    ({"1.png": "picture", "2.png": "picture", "a/b.md": ""}, "one folder per class .*cat/1.png.*labels.csv"),
    (
        {"a/1.png": "picture", "b/2.png": "picture", "a/1.xyz": "cloud", "b/2.xyz": "cloud"},
        "experiment=folder or experiment=pictures|experiment=pictures or experiment=folder",
    ),
]


@pytest.mark.parametrize(("files", "message"), FAULTS)
def test_what_cannot_be_trained_on(tmp_path: Path, files: dict[str, str], message: str) -> None:
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if content == "picture":
            picture(path)
        elif content == "cloud":
            cloud(path)
        else:
            path.write_text("x")
    with pytest.raises(NotTakenError, match=message):
        look_at(tmp_path)
    with pytest.raises(FileNotFoundError, match="'data.root' must be a folder or a file"):
        look_at(tmp_path / "nowhere")


def test_few_of_another_kind_are_named(tmp_path: Path) -> None:
    for number in range(10):
        picture(tmp_path / "ab"[number % 2] / f"{number}.png")
    cloud(tmp_path / "a" / "1.xyz")
    found = look_at(tmp_path)
    assert found.experiment == "pictures" and "not used: 1 file of clouds and meshes" in " ".join(found.notes)


def test_suffixes() -> None:
    assert suffix_of(Path("a.b/README")) == "" and suffix_of(Path("v1.0.NII.GZ")) == ".nii.gz"


def test_hidden_files_are_not_seen(tmp_path: Path) -> None:
    picture(tmp_path / "__MACOSX" / "a" / "1.png")
    picture(tmp_path / "a" / "._1.png")
    with pytest.raises(NotTakenError, match="found none"):
        survey(tmp_path)
