"""Scenes of every other format: fields by their own names, written again with nothing else changed."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

from ccnn_pc.datasets import Scene, common_crs, read_scene, scene_files, write_labels
from ccnn_pc.datasets.common.broken import BrokenFileError
from tests.datasets.scenes.las_files import random_las, write_las

COUNT = 7
POS = np.arange(3.0 * COUNT).reshape(COUNT, 3) / 8 + [500_000, 5_400_000, 0]
CLASS = np.arange(COUNT) % 3
LABELS = np.arange(COUNT)[::-1] % 4
CHANCES = np.random.default_rng(0).random((COUNT, 2)).astype(np.float32)


def ply(order: str, kind: str = "uchar", name: str = "scalar_Class") -> bytes:
    """Cameras before, faces behind; a normal with a NaN; colours."""
    header = ["ply", f"format {order} 1.0", "comment made for a test", "element camera 2", "property int id"]
    header += [f"element vertex {COUNT}", *(f"property double {axis}" for axis in "xyz")]
    header += ["property float nx", "property uchar red", f"property {kind} {name}", "property short more"]
    header += ["element face 2", "property list uchar int vertex_indices", "end_header", ""]
    head = "\n".join(header).encode()
    faces = [[0, 1, 2], [1, 2, 3, 4]]
    nx = np.where(np.arange(COUNT) == 3, np.nan, np.arange(COUNT) / 3).astype("f4")
    if order == "ascii":
        rows = ["4", "5"]
        rows += [
            f"{x:.4f} {y:.4f} {z:.4f}  {n:.9g} {i} {c} -{i}"
            for i, ((x, y, z), n, c) in enumerate(zip(POS, nx, CLASS, strict=True))
        ]
        return head + "\n".join([*rows, *(f"{len(f)} {' '.join(map(str, f))}" for f in faces), ""]).encode()
    sign = "<" if "little" in order else ">"
    types = [*(sign + "f8",) * 3, sign + "f4", "u1", {"uchar": "u1", "float": sign + "f4"}[kind], sign + "i2"]
    table = np.zeros(COUNT, [(f"f{i}", each) for i, each in enumerate(types)])
    for i, values in enumerate([*POS.T, nx, np.arange(COUNT), CLASS, -np.arange(COUNT)]):
        table[f"f{i}"] = values
    body = np.array([4, 5], sign + "i4").tobytes() + table.tobytes()
    return head + body + b"".join(bytes([len(f)]) + np.array(f, sign + "i4").tobytes() for f in faces)


def pcd(layout: str) -> bytes:
    header = [
        "# .PCD v0.7",
        "VERSION 0.7",
        "FIELDS x y z _ class normal",
        "SIZE 8 8 8 1 4 4",
        "TYPE F F F U F F",
    ]
    header += [
        "COUNT 1 1 1 2 1 3",
        f"WIDTH {COUNT}",
        "HEIGHT 1",
        "VIEWPOINT 0 0 0 1 0 0 0",
        f"POINTS {COUNT}",
    ]
    head = "\n".join([*header, f"DATA {layout}", ""]).encode()
    normal = np.random.default_rng(1).normal(size=(COUNT, 3)).astype("f4")
    if layout == "ascii":
        rows = [
            " ".join([f"{v:.4f}" for v in p] + ["7", "9", str(c)] + [f"{v:.9g}" for v in n])
            for p, c, n in zip(POS, CLASS, normal, strict=True)
        ]
        return head + "\n".join([*rows, ""]).encode()
    kinds = [
        ("x", "<f8"),
        ("y", "<f8"),
        ("z", "<f8"),
        ("pad", "u1", 2),
        ("class", "<f4"),
        ("normal", "<f4", 3),
    ]
    table = np.zeros(COUNT, kinds)
    table["x"], table["y"], table["z"] = POS.T
    table["pad"], table["class"], table["normal"] = [7, 9], CLASS, normal
    if layout == "binary":
        return head + table.tobytes()
    block = b"".join(np.ascontiguousarray(table[name]).tobytes() for name in table.dtype.names or ())
    packed = b"".join(
        bytes([len(block[i : i + 32]) - 1]) + block[i : i + 32] for i in range(0, len(block), 32)
    )
    return head + np.array([len(packed), len(block)], "<u4").tobytes() + packed


def lines(pattern: str) -> str:
    """A line of every point."""
    return "".join(pattern.format(*point, each) for point, each in zip(POS, CLASS, strict=True))


TEXTS = {
    "spaces": "// X Y Z  Class\n7\n" + lines("  {0:.4f} {1:.4f}   {2:.4f} {3}\n"),
    "commas": 'x,y,z,Class,"a note"\r\n' + lines('{0:.4f},{1:.4f}, {2:.4f} ,{3},"oak, old"\r\n'),
    "decimal commas": "X [m];Y [m];Z [m];Class\n" + lines("{0:.4f};{1:.4f};{2:.4f};{3}\n").replace(".", ","),
    "tabs": "# by hand\nClass\tx\ty\tz\n# more\n" + lines("{3}\t{0:.4f}\t{1:.4f}\t{2:.4f}\n"),
}


def sources(tmp_path: Path) -> dict[str, tuple[Path, str]]:
    """A file of each kind, and what its field of classes is called."""
    files: dict[str, tuple[bytes, str, str]] = {}
    for order in ("ascii", "binary_little_endian", "binary_big_endian"):
        files[f"{order}.ply"] = ply(order), "ply", "scalar_Class"
    files["float.ply"] = ply("binary_big_endian", "float", "class"), "ply", "class"
    for layout in ("ascii", "binary", "binary_compressed"):
        files[f"{layout}.pcd"] = pcd(layout), "pcd", "class"
    for name, text in TEXTS.items():
        files[f"{name}.csv"] = text.encode(), "csv", "Class"
    found = {}
    for name, (content, _, field) in files.items():
        path = tmp_path / name
        path.write_bytes(content)
        found[name] = path, field
    np.savez_compressed(
        tmp_path / "a.npz", points=POS, label=CLASS.astype("i2"), rgb=np.ones((COUNT, 3)), names=["a"]
    )
    return found | {"a.npz": (tmp_path / "a.npz", "label")}


NAMES = [
    *("ascii.ply", "binary_little_endian.ply", "binary_big_endian.ply", "float.ply"),
    *("ascii.pcd", "binary.pcd", "binary_compressed.pcd", *(f"{name}.csv" for name in TEXTS), "a.npz"),
]


@pytest.mark.parametrize("name", NAMES)
def test_positions_keep_their_float64_and_fields_their_names(tmp_path: Path, name: str) -> None:
    path, field = sources(tmp_path)[name]
    scene = read_scene(path)
    assert (scene.pos == POS).all() and (scene.labels(field) == CLASS).all()
    assert list(read_scene(path, fields=[field]).fields) == [field]
    with pytest.raises(ValueError, match=rf"{path.name}': it has no field 'nir' \(it has .*{field}"):
        read_scene(path, fields=["nir"])


@pytest.mark.parametrize("name", NAMES)
def test_labels_are_set_and_nothing_else(tmp_path: Path, name: str) -> None:
    path, field = sources(tmp_path)[name]
    target = tmp_path / f"out{path.suffix}"
    write_labels(path, target, LABELS, field=field)
    before, after = read_scene(path), read_scene(target)
    assert (after.labels(field) == LABELS).all() and (after.pos == before.pos).all()
    assert list(after.fields) == list(before.fields)
    for other in set(before.fields) - {field}:
        assert before.fields[other].tobytes() == after.fields[other].tobytes()
    write_labels(path, tmp_path / f"back{path.suffix}", CLASS, field=field)
    if name == "binary_compressed.pcd":
        assert (tmp_path / "back.pcd").read_bytes() == pcd("binary")
    elif name.endswith("npz"):
        with np.load(path) as one, np.load(tmp_path / "back.npz") as other:
            assert list(one) == list(other) and all(one[k].tobytes() == other[k].tobytes() for k in one)
    elif name != "ascii.ply":  # where two spaces become one
        assert (tmp_path / f"back{path.suffix}").read_bytes() == path.read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_new_fields_come_last(tmp_path: Path, name: str) -> None:
    path, _ = sources(tmp_path)[name]
    target = tmp_path / f"out{path.suffix}"
    write_labels(
        path, target, LABELS, field="mine", probabilities=CHANCES, class_names=["ground", "low plants"]
    )
    before, after = read_scene(path), read_scene(target)
    assert list(after.fields) == [*before.fields, "mine", "p_ground", "p_low_plants"]
    assert (after.labels("mine") == LABELS).all() and (after.pos == before.pos).all()
    assert (
        np.column_stack([after.fields["p_ground"], after.fields["p_low_plants"]]).astype("f4") == CHANCES
    ).all()
    for other, values in before.fields.items():
        assert values.tobytes() == after.fields[other].tobytes()


def test_faces_and_cameras_of_a_ply_stay(tmp_path: Path) -> None:
    from ccnn_pc.datasets.formats import read_raw

    for order in ("ascii", "binary_little_endian", "binary_big_endian"):
        path, target = tmp_path / "a.ply", tmp_path / "b.ply"
        path.write_bytes(ply(order))
        write_labels(path, target, LABELS, field="mine")
        one, other = read_raw(path).faces, read_raw(target).faces
        assert one is not None and other is not None and (one == other).all()
        assert b"element camera 2" in target.read_bytes()


@pytest.mark.parametrize(
    "name, kind", [("ascii.ply", "uint8"), ("a.npz", "int16"), ("binary.pcd", "float32")]
)
def test_numbers_that_a_field_cannot_hold(tmp_path: Path, name: str, kind: str) -> None:
    path, field = sources(tmp_path)[name]
    with pytest.raises(ValueError, match=rf"{name}': field '{field}' \({kind}\) holds numbers from"):
        write_labels(path, tmp_path / f"out{path.suffix}", LABELS + (1 << 25), field=field)
    assert not list(tmp_path.glob("*out*"))


def test_what_cannot_be_written_is_refused(tmp_path: Path) -> None:
    files = sources(tmp_path)
    path = files["a.npz"][0]
    with pytest.raises(ValueError, match="'a.npz'|a.npz': 'mine' must have 7 rows, one per point .got 6"):
        write_labels(path, tmp_path / "b.npz", LABELS[:6], field="mine")
    with pytest.raises(ValueError, match="must end in .npz where 'source' is a npz file"):
        write_labels(path, tmp_path / "b.laz", LABELS)
    with pytest.raises(ValueError, match="must not be the file that was read"):
        write_labels(path, tmp_path / ".." / tmp_path.name / "a.npz", LABELS)
    with pytest.raises(ValueError, match="'points' is no field"):
        write_labels(path, tmp_path / "b.npz", LABELS, field="points")
    with pytest.raises(ValueError, match="must be whole numbers"):
        write_labels(path, tmp_path / "b.npz", LABELS * 0.5)
    with pytest.raises(ValueError, match=r"'probabilities' must be floats \[7, 1\]"):
        write_labels(path, tmp_path / "b.npz", LABELS, probabilities=CHANCES, class_names=["a"])
    with pytest.raises(ValueError, match="'b c' twice, as 'p_b_c'"):
        write_labels(path, tmp_path / "b.npz", LABELS, probabilities=CHANCES, class_names=["b_c", "b c"])
    with pytest.raises(FileNotFoundError, match="in a folder that exists"):
        write_labels(path, tmp_path / "no" / "b.npz", LABELS)
    with pytest.raises(ValueError, match="without spaces"):
        write_labels(path, tmp_path / "b.npz", LABELS, field="z")
    before = path.read_bytes()
    write_labels(path, path, LABELS, field="label", overwrite=True)
    assert path.read_bytes() != before and (read_scene(path).labels("label") == LABELS).all()


def test_one_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ccnn_pc.datasets.formats import las_write

    source = write_las(tmp_path / "a.las", random_las(1, extra=False))
    (tmp_path / "b.las").write_bytes(b"as it was")
    monkeypatch.setattr(las_write, "_append_tail", lambda *_: 1 / 0)
    with pytest.raises(ValueError, match="division"):
        write_labels(source, tmp_path / "b.las", np.ones(500, dtype=np.int64))
    assert (tmp_path / "b.las").read_bytes() == b"as it was"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.las", "b.las"]


def test_killed_in_the_middle_the_old_file_is_there(tmp_path: Path) -> None:
    source = write_las(tmp_path / "a.las", random_las(1, extra=False))
    (tmp_path / "b.las").write_bytes(b"as it was")
    code = (
        "import os, signal, sys, numpy as np\n"
        "from ccnn_pc.datasets import write_labels\n"
        "from ccnn_pc.datasets.formats import las_write\n"
        "las_write._append_tail = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "write_labels(sys.argv[1], sys.argv[2], np.ones(500, dtype=np.int64))\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(source), str(tmp_path / "b.las")], check=False)
    assert done.returncode == -9 and (tmp_path / "b.las").read_bytes() == b"as it was"
    assert {path.name for path in tmp_path.iterdir() if not path.name.startswith(".")} == {"a.las", "b.las"}


def test_e57(tmp_path: Path) -> None:
    pye57 = pytest.importorskip("pye57")
    rng = np.random.default_rng(0)
    scans = []
    with pye57.E57(str(tmp_path / "a.e57"), "w") as file:
        for number in range(2):
            data = {f"cartesian{axis}": rng.normal(size=5) for axis in "XYZ"}
            data |= {
                "intensity": rng.random(5).astype("f4"),
                "cartesianInvalidState": np.array([0, 0, 2, 0, 1], "i1"),
            }
            file.write_scan_raw(
                data, rotation=np.array([0, 0, 0, 1.0]), translation=np.array([1e5 * number, 0, 0])
            )
            scans.append(data)
    scene = read_scene(tmp_path / "a.e57")
    keep = [0, 1, 3]
    expected = np.vstack(
        [
            np.column_stack([-data["cartesianX"] + 1e5 * number, -data["cartesianY"], data["cartesianZ"]])[
                keep
            ]
            for number, data in enumerate(scans)
        ]
    )
    np.testing.assert_allclose(scene.pos, expected, atol=1e-6)
    assert scene.fields["scan"].tolist() == [0, 0, 0, 1, 1, 1]
    assert (scene.fields["intensity"] == np.concatenate([data["intensity"][keep] for data in scans])).all()
    with pytest.raises(ValueError, match="must end in .laz or .las or .ply where 'source' is a e57 file"):
        write_labels(tmp_path / "a.e57", tmp_path / "b.e57", np.arange(6))
    write_labels(tmp_path / "a.e57", tmp_path / "b.ply", np.arange(6))
    written = read_scene(tmp_path / "b.ply")
    assert (written.pos == scene.pos).all() and written.labels("classification").tolist() == list(range(6))
    assert (written.fields["intensity"] == scene.fields["intensity"]).all()
    write_labels(
        tmp_path / "a.e57", tmp_path / "b.laz", np.arange(6), probabilities=np.eye(6, 1), class_names=["a"]
    )
    packed = read_scene(tmp_path / "b.laz")
    assert np.abs(packed.pos - scene.pos).max() < 0.6e-4
    assert (
        packed.labels("classification").tolist() == list(range(6))
        and packed.fields["p_a"].tolist() == [1] + [0] * 5
    )
    assert (packed.fields["intensity_"] == scene.fields["intensity"]).all()
    (tmp_path / "c.e57").write_bytes((tmp_path / "a.e57").read_bytes()[:2000])
    with pytest.raises(BrokenFileError, match="c.e57' cannot be read as e57"):
        read_scene(tmp_path / "c.e57")


@pytest.mark.parametrize(
    "name, content, message",
    [
        ("a.laz", b"", "is empty"),
        ("a.laz", b"abc", "cannot be read as laz"),
        ("a.txt", b"", "is empty"),
        ("a.txt", b"x y z\n", "holds no points"),
        ("a.txt", b"1 2\n3 4\n", "at least 3 columns"),
        ("a.txt", b"1 2 3\n3 4 5\n", "no line names its 3 columns"),
        ("a.csv", b"x,y,label\n1,2,3\n", "x, y, label"),
        ("a.csv", b"x,y,z\n1,2,tree\n", "line 2: 'tree' is not a number"),
        ("a.ply", ply("ascii")[:-40], "cannot be read as ply"),
        ("a.ply", b"ply\nformat ascii 1.0\nelement vertex 1\nproperty float x\nend_header\n1\n", "x, y, z"),
        ("a.pcd", pcd("binary")[:-1], "truncated"),
        ("a.npz", b"PK", "cannot be read as npz"),
    ],
)
def test_files_that_cannot_be_read(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BrokenFileError, match=message) as caught:
        read_scene(tmp_path / name)
    assert f"{name}'" in str(caught.value)


def test_numbers_that_are_none(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("x,y,z,intensity,kind,class\n1,2,3,4,oak,1.5\n1,2,3,nan,elm,2\n")
    for field, message in (("intensity", "must be finite .1 of 2"), ("kind", "must hold numbers .got 'oak'")):
        with pytest.raises(ValueError, match=rf"a.csv': field '{field}' {message}"):
            read_scene(path, fields=[field])
    with pytest.raises(ValueError, match="a.csv': field 'class' must hold whole numbers as labels .got 1.5"):
        read_scene(path, fields=["class"]).labels("class")
    path.write_text("x,y,z\n1,2,3\n1,nan,3\n")
    with pytest.raises(ValueError, match=r"a.csv' must have finite coordinates x, y, z .1 of 2"):
        read_scene(path)


def test_files_of_folders_patterns_and_lists(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in ("b.laz", "in/a.PLY", "c.txt", "d.png", ".hidden.laz"):
        (tmp_path / name).touch()
    assert [path.name for path in scene_files(tmp_path)] == ["b.laz", "c.txt", "a.PLY"]
    assert [path.name for path in scene_files(str(tmp_path / "*.laz"))] == ["b.laz"]
    assert [path.name for path in scene_files([tmp_path / "c.txt", tmp_path / "*.*"])] == ["b.laz", "c.txt"]
    with pytest.raises(FileNotFoundError, match="no.laz' must be a file, a folder or a pattern"):
        scene_files([tmp_path, tmp_path / "no.laz"])


def test_coordinate_systems_of_several_files() -> None:
    def scene(crs: str | None, source: str) -> Scene:
        return Scene(np.zeros((1, 3)), crs=crs, source=source)

    wkt = 'PROJCS["UTM", UNIT["metre",1], AUTHORITY["EPSG", "25832"]]'
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert common_crs([scene(None, "a"), scene(wkt, "b"), scene("EPSG:25832", "c")]) == wkt
        assert common_crs([scene(None, "a")]) is None
    with pytest.warns(UserWarning, match="2 coordinate systems .'b' EPSG:25832; 'c' EPSG:31468"):
        assert common_crs([scene(wkt, "b"), scene("EPSG:31468", "c"), scene("EPSG:31468", "d")]) == wkt
