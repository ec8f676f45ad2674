"""Small copies of the layouts of public sets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from omegaconf import OmegaConf

from ccnn_pc.cli.compose import compose_config
from ccnn_pc.datasets import ClassTable, Scenes, Split, read_scene, scene_files, write_labels
from ccnn_pc.datasets.common.broken import BrokenFileError
from ccnn_pc.datasets.scenes.s3dis import S3DIS_CLASSES
from ccnn_pc.datasets.scenes.semantic_kitti import SEMANTIC_KITTI_CLASSES

RNG = np.random.default_rng(0)


def write_object(room: Path, name: str, count: int = 30) -> np.ndarray:
    """An object of a room as it is stored: metres with three decimals, colours."""
    (room / "Annotations").mkdir(parents=True, exist_ok=True)
    table = np.column_stack([RNG.uniform(0, 4, (count, 3)).round(3), RNG.integers(0, 256, (count, 3))])
    np.savetxt(room / "Annotations" / f"{name}.txt", table, fmt=["%.3f"] * 3 + ["%d"] * 3)
    return table


def s3dis(root: Path) -> dict[str, np.ndarray]:
    """Two areas; beside the objects all points of the room, without a header, as in the published set."""
    tables = {}
    for area, room in (("Area_1", "office_1"), ("Area_1", "hallway_2"), ("Area_5", "office_1")):
        folder = root / area / room
        for name in ("ceiling_1", "chair_2", "stairs_1", "clutter_1"):
            tables[f"{area}/{room}/{name}"] = write_object(folder, name)
        np.savetxt(folder / f"{room}.txt", RNG.random((3, 6)))
        (folder / "Annotations" / ".hidden_1.txt").touch()
    (root / "Area_1" / "office_1" / "Annotations" / "Icon").touch()
    return tables


def test_a_room_of_s3dis_is_its_objects_one_after_the_other(tmp_path: Path) -> None:
    tables = s3dis(tmp_path)
    assert scene_files(tmp_path) == [
        tmp_path / each for each in ("Area_1/hallway_2", "Area_1/office_1", "Area_5/office_1")
    ]
    room = tmp_path / "Area_1" / "office_1"
    assert scene_files(room) == [room]
    scene = read_scene(room)
    names = ["ceiling_1", "chair_2", "clutter_1", "stairs_1"]
    table = np.concatenate([tables[f"Area_1/office_1/{name}"] for name in names])
    assert (scene.pos == table[:, :3]).all()
    for name, column in zip(("red", "green", "blue"), table.T[3:], strict=True):
        assert (scene.fields[name] == column).all() and scene.fields[name].dtype == np.uint8
    assert scene.labels("class").reshape(4, 30).T[0].tolist() == [0, 8, 12, 12]
    assert scene.fields["object"].reshape(4, 30).T[0].tolist() == [0, 1, 2, 3]
    assert S3DIS_CLASSES.rows(scene.labels("class"))[30] == S3DIS_CLASSES.classes.index("chair")


def test_rooms_that_are_damaged(tmp_path: Path) -> None:
    room = tmp_path / "Area_5" / "hallway_6"
    write_object(room, "ceiling_1")
    path = room / "Annotations" / "ceiling_1.txt"
    good = path.read_text()
    for line, message in (
        ("1.0 2.0 3.0 185.0\x10187.0 200", "line 31: .*is not a number"),
        ("1 2 3 4 5", "line 31 must be x, y, z, red, green, blue"),
        ("1 2 3 4 5 256", "whole numbers from 0 to 255"),
    ):
        path.write_text(f"{good}{line}\n")
        with pytest.raises(BrokenFileError, match=f"hallway_6' cannot be read as a room.*{message}"):
            read_scene(room)
    path.write_text(good)
    write_object(room, "dragon_1")
    with pytest.raises(BrokenFileError, match="'dragon_1.txt' must be called after one of ceiling, floor"):
        read_scene(room)


def kitti(root: Path, sequences: tuple[str, ...] = ("00", "01", "08", "10", "11")) -> dict[str, np.ndarray]:
    """Two scans of each sequence; sequence 11 has no labels, as in the published set."""
    tables = {}
    for sequence in sequences:
        for number in range(2):
            folder = root / "sequences" / sequence
            table = RNG.uniform(-5, 5, (60, 4)).astype("<f4")
            words = RNG.choice([0, 10, 40, 259, 252], 60).astype("<u4") | (
                RNG.integers(0, 9, 60) << 16
            ).astype("<u4")
            for kind, values, suffix in (("velodyne", table, "bin"), ("labels", words, "label")):
                if kind == "velodyne" or sequence != "11":
                    (folder / kind).mkdir(parents=True, exist_ok=True)
                    values.tofile(folder / kind / f"{number:06d}.{suffix}")
            tables[f"{sequence}/{number}"], tables[f"{sequence}/{number}/words"] = table, words
    (root / "sequences" / "00" / "other.bin").write_bytes(b"no scan")
    return tables


def test_scans_of_semantic_kitti(tmp_path: Path) -> None:
    tables = kitti(tmp_path)
    files = scene_files(tmp_path)
    assert len(files) == 10 and files[0] == tmp_path / "sequences/00/velodyne/000000.bin"
    scene = read_scene(files[1])
    table, words = tables["00/1"], tables["00/1/words"]
    assert (scene.pos == table[:, :3]).all() and (scene.fields["remission"] == table[:, 3]).all()
    assert (scene.labels("class") == words % 65536).all() and (scene.fields["object"] == words // 65536).all()
    rows = SEMANTIC_KITTI_CLASSES.rows(scene.labels("class"))
    names = np.array([*SEMANTIC_KITTI_CLASSES.classes, "none"])[np.where(rows < 0, 19, rows)]
    expected = {0: "none", 10: "car", 252: "car", 40: "road", 259: "other-vehicle"}
    assert names.tolist() == [expected[each] for each in (words % 65536).tolist()]
    assert list(read_scene(files[-1]).fields) == ["remission"]
    with pytest.raises(ValueError, match="000001.bin': it has no field 'class' .it has remission"):
        read_scene(files[-1], fields=["class"])
    files[0].write_bytes(files[0].read_bytes()[:-4])
    with pytest.raises(BrokenFileError, match="four float32 per point .got 956 bytes"):
        read_scene(files[0])
    files[0].write_bytes(table[:50].tobytes())
    with pytest.raises(BrokenFileError, match="000000.label' must hold 50 labels"):
        read_scene(files[0])


def test_the_classes_of_semantic_kitti_are_those_of_the_benchmark() -> None:
    """As numbered there from 1 to 19, for each number in the files (0: not judged)."""
    published = {
        **{
            0: 0,
            1: 0,
            10: 1,
            11: 2,
            13: 5,
            15: 3,
            16: 5,
            18: 4,
            20: 5,
            30: 6,
            31: 7,
            32: 8,
            40: 9,
            44: 10,
            48: 11,
        },
        **{
            49: 12,
            50: 13,
            51: 14,
            52: 0,
            60: 9,
            70: 15,
            71: 16,
            72: 17,
            80: 18,
            81: 19,
            99: 0,
            252: 1,
            253: 7,
        },
        **{254: 6, 255: 8, 256: 5, 257: 5, 258: 4, 259: 5},
    }
    numbers = np.array(list(published))
    rows = SEMANTIC_KITTI_CLASSES.rows(numbers)
    assert np.where(rows < 0, 0, rows + 1).tolist() == list(published.values())
    back = {
        1: 10,
        2: 11,
        3: 15,
        4: 18,
        5: 20,
        6: 30,
        7: 31,
        8: 32,
        9: 40,
        10: 44,
        11: 48,
        12: 49,
        13: 50,
        14: 51,
    }
    back |= {15: 70, 16: 71, 17: 72, 18: 80, 19: 81}
    assert SEMANTIC_KITTI_CLASSES.numbers(np.arange(19)).tolist() == list(back.values())


@pytest.mark.parametrize(
    "name, table", [("s3dis", S3DIS_CLASSES), ("semantic_kitti", SEMANTIC_KITTI_CLASSES)]
)
def test_experiments_know_the_classes(name: str, table: ClassTable) -> None:
    """Also where words change something: keys that are no texts would then be unknown."""
    config = compose_config([f"experiment={name}", "data.root=elsewhere"])
    data: Any = OmegaConf.to_container(config.data, resolve=True)
    assert ClassTable.from_json(data["classes"]) == table


@pytest.mark.parametrize("name, write", [("s3dis", s3dis), ("semantic_kitti", kitti)])
def test_parts_of_the_public_sets(name: str, write: Any, tmp_path: Path) -> None:
    if name == "semantic_kitti":
        write(tmp_path, (*(f"{n:02d}" for n in range(12)),))
    else:
        write(tmp_path)
    data: Any = OmegaConf.to_container(compose_config([f"experiment={name}"]).data, resolve=True)
    words = {key: data[key] for key in ("part_names", "val_fraction", "test_fraction")}
    how = {
        "label": data["label"],
        "classes": data["classes"],
        "features": data["features"],
        "cell": data["cell"],
    }
    opened = {
        split: Scenes(
            tmp_path, split=split, preprocessing={"kind": "scene", **how, "tile": data["tile"]}, **words
        )
        for split in Split
    }
    found = {
        split: {str(Path(scene.scene.source).relative_to(tmp_path)) for scene in each.scenes}
        for split, each in opened.items()
    }
    if name == "s3dis":
        assert found[Split.TEST] == {"Area_5/office_1"}
        assert found[Split.TRAIN] | found[Split.VAL] == {"Area_1/office_1", "Area_1/hallway_2"}
    else:
        assert {each[10:12] for each in found[Split.TEST]} == {"08"}
        assert {each[10:12] for each in found[Split.VAL]} == {"10"}
        assert {each[10:12] for each in found[Split.TRAIN]} == {f"{n:02d}" for n in (*range(8), 9)}
    item = opened[Split.TRAIN][0]
    assert item.x.shape[1] == opened[Split.TRAIN].preprocessing.channels
    assert len(item.y) == len(item.pos)


@pytest.mark.parametrize(
    "part_names, error, message",
    [
        ({"test": ["Area_9"]}, FileNotFoundError, "no scene called Area_9"),
        ({"test": ["Area_*"]}, ValueError, "must leave scenes"),
        ({"test": ["Area_1"], "val": ["office_1"]}, ValueError, "name each scene once"),
        ({"exam": ["Area_1"]}, ValueError, "train, val or test lists of names .got 'exam'"),
        ({"test": "Area_1"}, ValueError, "lists of names .got 'test': 'Area_1'"),
    ],
)
def test_names_that_do_not_fit(part_names: Any, error: type, message: str, tmp_path: Path) -> None:
    s3dis(tmp_path)
    with pytest.raises(error, match=message):
        Scenes(tmp_path, split="train", part_names=part_names)
    with pytest.raises(ValueError, match="'part_names' must be None where 'split_file'"):
        Scenes(tmp_path, split="train", part_names={}, split_file="a.csv")


def test_a_changed_object_is_read_again(tmp_path: Path) -> None:
    s3dis(tmp_path)
    how = {"kind": "scene", "label": "class", "classes": S3DIS_CLASSES.to_json()}
    before = Scenes(tmp_path / "Area_5" / "office_1", preprocessing=how).class_counts()
    write_object(tmp_path / "Area_5" / "office_1", "sofa_1", 7)
    after = Scenes(tmp_path / "Area_5" / "office_1", preprocessing=how).class_counts()
    assert np.subtract(after, before).tolist() == [7 * (name == "sofa") for name in S3DIS_CLASSES.classes]


@pytest.mark.parametrize("suffix", ["ply", "laz", "las"])
def test_rooms_and_scans_are_written_as_new_files(tmp_path: Path, suffix: str) -> None:
    s3dis(tmp_path)
    kitti(tmp_path, ("00", "08"))
    for source in (tmp_path / "Area_5" / "office_1", tmp_path / "sequences/08/velodyne/000000.bin"):
        scene, target = read_scene(source), tmp_path / f"out.{suffix}"
        labels = np.arange(len(scene)) % 20
        write_labels(source, target, labels)
        written = read_scene(target)
        assert (written.labels("classification") == labels).all()
        assert np.abs(written.pos - scene.pos).max() <= (0 if suffix == "ply" else 0.6e-4)
        assert all((written.fields[name] == values).all() for name, values in scene.fields.items())
        with pytest.raises(ValueError, match="'target' must end in .laz or .las or .ply"):
            write_labels(source, tmp_path / "out.txt", labels)
