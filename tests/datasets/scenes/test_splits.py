"""Parts of a folder of scenes: folders, lists, areas that do not overlap."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ccnn_pc.datasets import Scenes, Split
from ccnn_pc.datasets.scenes.splits import Area, Areas, Division, divided, listed_parts
from ccnn_pc.datasets.scenes.thinned import ThinnedScene, thin_scene
from tests.datasets.scenes.test_thinned import preprocessing, scene
from tests.scene_files import points, write, write_parts

READ = {"kind": "scene", "cell": 2.0, "tile": {"radius": 10.0}, "features": ["one"]}


def names(paths: list[Path]) -> list[str]:
    return [path.name for path in paths]


def test_folders_are_parts(tmp_path: Path) -> None:
    parts = listed_parts(write_parts(tmp_path))
    assert {split: names(paths) for split, paths in parts.items()} == {
        Split.TRAIN: ["a.npz", "b.npz"], Split.VAL: ["c.npz"], Split.TEST: ["d.npz"],
    }  # fmt: skip
    (tmp_path / "train").rename(tmp_path / "more")
    with pytest.raises(FileNotFoundError, match="must have a folder 'train'"):
        listed_parts(tmp_path)


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_a_list_says_parts_and_others_are_left_out(tmp_path: Path, kind: str) -> None:
    for name in ("a", "b", "x/c", "d"):
        write(tmp_path / "scans" / f"{name}.npz")
    told = {"a.npz": "train", "c.npz": "Validation", "x/c.npz": "val", "b.npz": "test"}
    told.pop("x/c.npz")
    path = tmp_path / f"parts.{kind}"
    path.write_text(
        json.dumps(told)
        if kind == "json"
        else "\n".join(["file,part", *(f"{f},{p}" for f, p in told.items())])
    )
    parts = listed_parts(tmp_path / "scans", Division(split_file=str(path)))
    assert {split: names(paths) for split, paths in parts.items()} == {
        Split.TRAIN: ["a.npz"], Split.VAL: ["c.npz"], Split.TEST: ["b.npz"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,part\nz.npz,train", "must name files of .* 'z.npz', which is not there"),
        ("file,part\na.npz,third", "must name parts train, val and test .*'third' for 'a.npz'"),
        ("file,part\na.npz,train\na.npz,test", "must name each file once"),
        ("file,part\na.npz,test", "must name files of the part train"),
        ("name,what\na.npz,train", "must have the columns file and part"),
        ("file,part\nb.npz,train", "which is there several times"),
    ],
)
def test_lists_that_are_refused(tmp_path: Path, text: str, message: str) -> None:
    for name in ("a.npz", "x/b.npz", "y/b.npz"):
        write(tmp_path / "scans" / name)
    path = tmp_path / "parts.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        listed_parts(tmp_path / "scans", Division(split_file=str(path)))
    with pytest.raises(FileNotFoundError, match="'split_file' must be an existing file"):
        listed_parts(tmp_path / "scans", Division(split_file=str(tmp_path / "none.csv")))


def counts(thinned: ThinnedScene) -> np.ndarray:
    return thinned.counts[:, 1:]


SHARES = {Split.VAL: 0.15, Split.TEST: 0.25}


def test_every_point_lies_in_one_area_and_shares_are_as_wanted(tmp_path: Path) -> None:
    thinned = thin_scene(scene(3000), preprocessing())
    areas = divided([thinned], SHARES, counts)
    held = np.stack([areas.of[split][0].holds(thinned.pos) for split in areas.of])  # type: ignore[union-attr]
    assert (held.sum(axis=0) == 1).all()
    shares = dict(zip(areas.of, held.mean(axis=1), strict=True))
    assert shares[Split.VAL] == pytest.approx(0.15, abs=0.01) and shares[Split.TEST] == pytest.approx(
        0.25, abs=0.01
    )
    for mask in held:
        assert (thinned.counts[mask].sum(axis=0)[1:3] > 0).all(), "ground and trees are in every part"
    areas.save(tmp_path)
    assert Areas.load(tmp_path) == areas == divided([thinned], SHARES, counts)


def test_the_cut_is_across_the_direction_in_which_classes_change() -> None:
    """Ground in the west, trees in the east: parts that are strips from west to east hold both."""
    random = np.random.default_rng(0)
    pos = random.uniform(0, 100, (2000, 3)) * [1, 1, 0.1]
    thinned = thin_scene(
        type(scene())(pos, {"intensity": pos[:, 0], "classification": 2 + 3 * (pos[:, 0] > 50)}, source="a"),
        preprocessing(),
    )
    areas = divided([thinned], SHARES, lambda each: each.counts)
    assert {places[0].axis for places in areas.of.values() if places[0]} == {1}


def test_a_scene_that_cannot_be_divided_is_for_training() -> None:
    thinned = thin_scene(scene(2), preprocessing())
    areas = divided([thinned], SHARES, lambda each: each.counts)
    assert areas.of == {Split.VAL: [None], Split.TEST: [None], Split.TRAIN: [Area()]}


def test_parts_by_area_share_no_point_and_hold_all(tmp_path: Path) -> None:
    for seed in range(2):
        write(tmp_path / f"{seed}.npz", points(seed=seed))
    parts = {split: Scenes(tmp_path, split=split, preprocessing=READ) for split in Split}
    every = Scenes(tmp_path, preprocessing=READ)
    for number, whole in enumerate(every.scenes):
        rows = np.concatenate([part.scenes[number].members() for part in parts.values()])
        assert sorted(rows.tolist()) == whole.members().tolist()
    for part in parts.values():
        for item in part:
            scene_ = part.scenes[int(item.scene)]
            assert scene_.area.holds(scene_.scene.pos[item.kept.numpy()]).all()
    total = np.sum([part.class_counts() for part in parts.values()], axis=0)
    assert total.tolist() == every.class_counts()
    assert "of 2 of them an area" in parts[Split.TEST].report()


def test_missing_parts_come_from_the_training_scenes(tmp_path: Path) -> None:
    write_parts(tmp_path)
    (tmp_path / "val" / "c.npz").unlink()
    (tmp_path / "val").rmdir()
    val, test = (Scenes(tmp_path, split=split, preprocessing=READ) for split in (Split.VAL, Split.TEST))
    train = Scenes(tmp_path, split="train", preprocessing=READ)
    assert [Path(each.scene.source).name for each in val.scenes] == ["a.npz", "b.npz"]
    assert [each.area.whole for each in test.scenes] == [True] and not train.scenes[0].area.whole
    with pytest.raises(FileNotFoundError, match="has no part 'val'"):
        Scenes(tmp_path, split="val", preprocessing=READ, val_fraction=0.0)
    assert Scenes(tmp_path, split="train", preprocessing=READ, val_fraction=0.0).scenes[0].area.whole


@pytest.mark.parametrize("shares", [{"val_fraction": 1.0}, {"val_fraction": 0.5, "test_fraction": 0.5}])
def test_shares_must_leave_something(shares: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="val_fraction"):
        Division(**shares)  # type: ignore[arg-type]
