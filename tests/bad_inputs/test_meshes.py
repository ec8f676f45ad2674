"""Damaged meshes: off, obj, stl, glb, gltf, ModelNet's zip and h5, and folders with one bad file among good ones."""

from __future__ import annotations

import base64
import io
import os
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ccnn_pc.datasets import ModelNet, PointCloudFolder
from ccnn_pc.datasets.formats import read_raw
from tests.bad_inputs.damage import damages, finite, right_or_clear
from tests.datasets.conftest import CUBE, QUADS, off_text
from tests.datasets.formats.test_gltf import CODES, SQUARE, File, broken, quad
from tests.datasets.formats.test_obj import SQUARE as OBJ_SQUARE
from tests.datasets.formats.test_obj import TWO
from tests.datasets.formats.test_stl import A, B, binary

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="needs /proc"),
]

HALVES = [[q[0], *pair] for q in QUADS for pair in (q[1:3], q[2:4])]
FIXED = [[f"{value:.4f}" for value in row] for row in CUBE + 0.5]


def quantised() -> bytes:
    file = File(extensionsRequired=["KHR_mesh_quantization"])
    array = file.array(np.array(SQUARE) * 65535, "u2", normalized=True)
    file.json["meshes"] = [{"primitives": [{"attributes": {"POSITION": array}, "mode": 5}]}]
    return file.nodes(
        {"mesh": 0, "scale": [2, 2, 2]}, {"children": [0], "translation": [1, 0, 0]}, roots=[1]
    ).glb()


def sparse() -> bytes:
    file = quad()
    file.json["accessors"][0]["sparse"] = {
        "count": 1,
        "indices": {"bufferView": file.view([2], "u1"), "componentType": CODES["u1"]},
        "values": {"bufferView": file.view([[2, 2, 0]], "f4")},
    }
    return file.glb()


def inside() -> bytes:
    file = quad()
    return file.gltf("data:application/octet-stream;base64," + base64.b64encode(file.binary).decode())


def obj_of_cube() -> bytes:
    rows = "".join(f"v {' '.join(row)}\n" for row in FIXED)
    faces = "".join(f"f {' '.join(f'{i + 1}/1/1' for i in face)}\n" for face in QUADS)
    return f"# made by hand\nmtllib a.mtl\no cube\n{rows}vt 0 0\nvn 0 0 1\n{faces}".encode()


VALID = {
    "quads.off": off_text().encode(),
    "halves.off": off_text(polygons=HALVES, header="OFF").encode(),
    "colours.off": off_text(vertices=np.hstack([CUBE, CUBE]), header="NOFF\n")
    .replace("\n4 ", "\n4 ")
    .encode(),
    "cube.obj": obj_of_cube(),
    "two.obj": TWO.encode(),
    "text.stl": f"solid a\n{A}{B}endsolid a\n".encode(),
    "binary.stl": binary(),
    "quad.glb": quad().nodes({"mesh": 0, "rotation": [0, 0, 0, 1]}, roots=[0]).glb(),
    "quantised.glb": quantised(),
    "sparse.glb": sparse(),
    "inside.gltf": inside(),
}
COUNTED = sorted(name for name in VALID if not name.endswith("obj"))
"""Formats that say how much they hold, or where they end: of a part of them no mesh may be made."""
MUTATIONS = [
    pytest.param(name, data, id=f"{name}-{damage}")
    for name, valid in VALID.items()
    for damage, data in damages(valid, 15, 50)
]
CUTS = [(name, at) for name in COUNTED for at in (0.1, 0.3, 0.5, 0.7, 0.9, 0.97)]


def answer(path: Path) -> tuple[np.ndarray, np.ndarray]:
    raw = read_raw(path)
    assert raw.faces is not None
    return raw.vertices[raw.faces].astype(np.float32), raw.faces


def is_mesh(found: tuple[np.ndarray, np.ndarray]) -> bool:
    corners, faces = found
    return finite(corners) and corners.shape == (*faces.shape, 3) and len(faces) > 0


@pytest.mark.parametrize(("name", "data"), MUTATIONS)
def test_mutations(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    right_or_clear(lambda: answer(tmp_path / name), name, is_mesh)


@pytest.mark.parametrize("name", VALID)
def test_whole_files_are_read(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(VALID[name])
    assert is_mesh(answer(tmp_path / name))


@pytest.mark.parametrize(("name", "at"), CUTS)
def test_cuts(tmp_path: Path, name: str, at: float) -> None:
    (tmp_path / name).write_bytes(VALID[name][: int(at * len(VALID[name]))])
    right_or_clear(lambda: answer(tmp_path / name), name, must_fail=True)


def replaced(name: str, *changes: tuple[str, str]) -> bytes:
    data = VALID[name]
    for old, new in changes:
        assert old.encode() in data, old
        data = data.replace(old.encode(), new.encode(), 1)
    return data


def instances(count: int) -> bytes:
    file = File().mesh(np.zeros((100_000, 3)), [0, 1, 2])
    return file.nodes(*[{"mesh": 0}] * count).glb()


#: File, content: each must be refused.
REFUSED: list[tuple[str, str, bytes]] = [
    ("empty", "a.off", b""),
    ("count_plus1", "a.off", replaced("quads.off", ("8 6 0", "9 6 0"))),
    ("count_minus1", "a.off", replaced("quads.off", ("8 6 0", "7 6 0"))),
    ("faces_plus1", "a.off", replaced("quads.off", ("8 6 0", "8 7 0"))),
    ("faces_minus1", "a.off", replaced("quads.off", ("8 6 0", "8 5 0"))),
    ("plain_count_plus1", "a.off", replaced("halves.off", ("OFF8 12", "OFF9 12"))),
    ("plain_count_minus1", "a.off", replaced("halves.off", ("OFF8 12", "OFF7 12"))),
    ("plain_faces_minus1", "a.off", replaced("halves.off", ("OFF8 12", "OFF8 11"))),
    ("negative_count", "a.off", replaced("quads.off", ("8 6 0", "-8 6 0"))),
    ("float_count", "a.off", replaced("quads.off", ("8 6 0", "8.5 6 0"))),
    ("huge_counts", "a.off", replaced("quads.off", ("8 6 0", "99999999999 99999999999 0"))),
    ("oob", "a.off", replaced("quads.off", ("4 0 1 3 2", "4 0 1 3 8"))),
    ("negative", "a.off", replaced("quads.off", ("4 0 1 3 2", "4 0 1 3 -2"))),
    ("float_index", "a.off", replaced("quads.off", ("4 0 1 3 2", "4 0 1 3 2.5"))),
    ("nan_index", "a.off", replaced("quads.off", ("4 0 1 3 2", "4 0 1 3 nan"))),
    ("huge_index", "a.off", replaced("quads.off", ("4 0 1 3 2", "4 0 1 3 1e18"))),
    ("huge_size", "a.off", replaced("quads.off", ("4 0 1 3 2", "99999999999 0 1 3 2"))),
    ("no_corners", "a.off", replaced("quads.off", ("4 0 1 3 2", "0 0 1 3 2"))),
    ("extra_number", "a.off", replaced("quads.off", ("4 0 1 3 2", "4 0 1 3 2 6"))),
    ("extra_coordinate", "a.off", replaced("quads.off", ("0.0 0.0 1.0", "0.0 0.0 1.0 7"))),
    ("two_coordinates", "a.off", replaced("quads.off", ("0.0 0.0 1.0", "0.0 0.0"))),
    ("plain_two_coordinates", "a.off", replaced("halves.off", ("0.0 0.0 1.0", "0.0 0.0"))),
    ("word", "a.off", replaced("quads.off", ("0.0 0.0 1.0", "0.0 zero 1.0"))),
    ("underscore", "a.off", replaced("quads.off", ("0.0 0.0 1.0", "0.0 1_0 1.0"))),
    ("decimal_comma", "a.off", replaced("quads.off", ("0.0 0.0 1.0", "0,0 0.0 1.0"))),
    ("nan", "a.off", replaced("quads.off", ("0.0 0.0 1.0", "0.0 nan 1.0"))),
    ("inf", "a.off", replaced("quads.off", ("0.0 0.0 1.0", "0.0 inf 1.0"))),
    ("1e39", "a.off", replaced("quads.off", ("0.0 0.0 1.0", "0.0 1e39 1.0"))),
    ("1e400", "a.off", replaced("quads.off", ("0.0 0.0 1.0", "0.0 1e400 1.0"))),
    ("flat", "a.off", b"OFF\n1 0 0\n0 0 0\n"),
    ("binary_off", "a.off", b"OFF BINARY\n" + bytes(100)),
    ("4off", "a.off", b"4" + VALID["quads.off"]),
    ("other", "a.off", VALID["cube.obj"]),
    ("large_polygon", "a.off", off_text(np.random.default_rng(0).normal(size=(20000, 3)), [[*range(20000)]]).encode()),
    ("windows_nan", "a.off", replaced("quads.off", ("0.0 0.0 1.0", "0.0 0.0 1.#IND"))),
    ("empty", "a.obj", b""),
    ("zero", "a.obj", replaced("cube.obj", ("f 1/1/1", "f 0/1/1"))),
    ("oob", "a.obj", replaced("cube.obj", ("f 1/1/1", "f 9/1/1"))),
    ("too_far_back", "a.obj", replaced("cube.obj", ("f 1/1/1", "f -9/1/1"))),
    ("float_index", "a.obj", replaced("cube.obj", ("f 1/1/1", "f 1.5/1/1"))),
    ("word_index", "a.obj", replaced("cube.obj", ("f 1/1/1", "f one/1/1"))),
    ("windows_nan", "a.obj", replaced("cube.obj", ("v 0.5000 0.5000 0.5000", "v 0.5000 0.5000 1.#QNAN"))),
    ("two_coords", "a.obj", replaced("cube.obj", ("v 0.5000 0.5000 0.5000", "v 0.5000 0.5000"))),
    ("five_coords", "a.obj", replaced("cube.obj", ("v 0.5000 0.5000 0.5000", "v 1 2 3 4 5"))),
    ("no_coords", "a.obj", replaced("cube.obj", ("v 0.5000 0.5000 0.5000", "v"))),
    ("word", "a.obj", replaced("cube.obj", ("v 0.5000 0.5000 0.5000", "v 0.5 x 0.5"))),
    ("decimal_comma", "a.obj", replaced("cube.obj", ("v 0.5000 0.5000 0.5000", "v 0,5 0,5 0,5"))),
    ("underscore", "a.obj", replaced("cube.obj", ("v 0.5000 0.5000 0.5000", "v 1_0 0.5 0.5"))),
    ("1e39", "a.obj", replaced("cube.obj", ("v 0.5000 0.5000 0.5000", "v 1e39 0 0"))),
    ("nan", "a.obj", replaced("cube.obj", ("v 0.5000 0.5000 0.5000", "v nan 0 0"))),
    ("no_faces", "a.obj", OBJ_SQUARE.encode()),
    ("faces_first", "a.obj", ("f -1 -2 -3\n" + OBJ_SQUARE).encode()),
    ("bytes", "a.obj", bytes(range(256)) * 9),
    ("count_plus1", "a.stl", binary(count=3)),
    ("count_minus1", "a.stl", binary(count=1)),
    ("count_huge", "a.stl", binary(count=2**32 - 1)),
    ("none", "a.stl", binary(count=0)[:84]),
    ("nan", "a.stl", binary().replace(struct.pack("<f", 5), struct.pack("<f", np.nan))),
    ("1e39", "a.stl", f"solid\n{A}endsolid\n".replace("vertex 1 0", "vertex 1e39 0").encode()),
    ("no_end", "a.stl", f"solid\n{A}{B}".encode()),
    ("four_corners", "a.stl", f"solid\n{A}endsolid\n".replace("vertex 1 0", "vertex 0 0 9\nvertex 1 0").encode()),
    ("two_numbers", "a.stl", f"solid\n{A}endsolid\n".replace("vertex 1 0", "vertex 1").encode()),
    ("word", "a.stl", f"solid\n{A}endsolid\n".replace("vertex 1 0", "vertex x 0").encode()),
    ("loop_in_loop", "a.stl", f"solid\n{A}endsolid\n".replace("endloop", "outer loop").encode()),
    ("cycle", "a.glb", broken(nodes=[{"children": [1]}, {"children": [0]}])),
    ("self_cycle", "a.glb", broken(nodes=[{"mesh": 0, "children": [0]}])),
    ("two_parents", "a.glb", broken(nodes=[{"children": [1, 2]}, {"children": [2]}, {"mesh": 0}])),
    ("idx_oob", "a.glb", File().mesh(SQUARE, [0, 1, 4]).glb()),
    ("nan", "a.glb", File().mesh(np.array(SQUARE) * np.nan, [0, 1, 2]).glb()),
    ("1e39", "a.glb", broken(nodes=[{"mesh": 0, "scale": [1e39, 1, 1]}])),
    ("1e308", "a.glb", broken(nodes=[{"mesh": 0, "scale": [1e308, 1, 1], "translation": [1e308, 0, 0]}])),
    ("matrix_nan", "a.glb", broken(nodes=[{"mesh": 0, "matrix": [float("nan")] * 16}])),
    ("draco", "a.glb", broken(extensionsRequired=["KHR_draco_mesh_compression"])),
    ("meshopt", "a.glb", broken(extensionsRequired=["EXT_meshopt_compression"])),
    ("unknown_extension", "a.glb", broken(extensionsRequired=["X_y"])),
    ("extensions_null", "a.glb", broken(extensionsRequired=None)),
    ("count_plus1", "a.glb", broken(accessors__0__count=5)),
    ("count_huge", "a.glb", broken(accessors__0={"componentType": 5126, "count": 10**12, "type": "VEC3"})),
    ("count_1e30", "a.glb", broken(accessors__0__count=10**30)),
    ("count_null", "a.glb", broken(accessors__0__count=None)),
    ("offset_negative", "a.glb", broken(accessors__0__byteOffset=-4)),
    ("view_offset", "a.glb", broken(bufferViews__0__byteOffset=10**9)),
    ("stride", "a.glb", broken(bufferViews__0__byteStride=10**9)),
    ("type_null", "a.glb", broken(accessors__0__type=None)),
    ("accessors_null", "a.glb", broken(accessors=None)),
    ("nodes_object", "a.glb", broken(nodes={})),
    ("meshes_word", "a.glb", broken(meshes="abc")),
    ("primitive_word", "a.glb", broken(meshes__0__primitives__0="abc")),
    ("version_1", "a.glb", broken(asset={"version": "1.0"})),
    ("version_null", "a.glb", broken(asset=None)),
    ("many_instances", "a.glb", instances(2000)),
    ("deep_json", "a.gltf", b'{"asset":' + b"[" * 200_000),
    ("utf16", "a.gltf", VALID["inside.gltf"].decode().encode("utf-16")[:-30]),
    ("not_base64", "a.gltf", quad().gltf("data:;base64,$$$$")),
    ("short_base64", "a.gltf", quad().gltf("data:;base64,AAAA")),
    ("no_bin", "a.gltf", quad().gltf("a.bin")),
    ("outside", "a.gltf", quad().gltf("/etc/passwd")),
    ("device", "a.gltf", quad().gltf("../../dev/zero")),
    ("web", "a.gltf", quad().gltf("https://localhost/a.bin")),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "data"), [pytest.param(name, data, id=f"{name}-{damage}") for damage, name, data in REFUSED]
)
def test_refused(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    right_or_clear(lambda: answer(tmp_path / name), name, must_fail=True)


@pytest.mark.parametrize(
    ("name", "data"), [pytest.param(name, data, id=f"{name}-{damage}") for damage, name, data in REFUSED]
)
def test_one_bad_file_among_good_ones(tmp_path: Path, name: str, data: bytes) -> None:
    for number in range(2):
        (tmp_path / "b").mkdir(exist_ok=True)
        (tmp_path / "b" / f"good_{number}.off").write_bytes(VALID["quads.off"])
    (tmp_path / "b" / name).write_bytes(data)

    def opened() -> tuple[int, list[tuple[str, str]]]:
        folder = PointCloudFolder(tmp_path, num_points=8, cache=tmp_path / "cache")
        return len(folder), folder.broken

    right_or_clear(
        opened, name, lambda found: found[0] == 2 and [Path(path).name for path, _ in found[1]] == [name]
    )


def modelnet() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for label in ("bed", "desk"):
            for number in range(2):
                archive.writestr(f"ModelNet10/{label}/test/{label}_{number}.off", VALID["quads.off"])
    return buffer.getvalue()


def resampled() -> bytes:
    h5py = pytest.importorskip("h5py")
    buffer, random = io.BytesIO(), np.random.default_rng(0)
    with h5py.File(buffer, "w") as file:
        file["data"], file["normal"] = random.normal(size=(2, 4, 10, 3)).astype(np.float32)
        file["label"] = np.array([[0], [1], [1], [0]], np.uint8)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("damage", "data"), [pytest.param(*each, id=each[0]) for each in damages(modelnet(), 15, 60)]
)
def test_modelnet_zip(tmp_path: Path, damage: str, data: bytes) -> None:
    (tmp_path / "ModelNet10.zip").write_bytes(data)

    def opened() -> tuple[int, list[Any]]:
        found = ModelNet(tmp_path, split="test", num_points=8, cache=tmp_path / "cache")
        return len(found) + len(found.broken), [item.pos for item in found]

    # what is no zip archive any more is no form of ModelNet: the message lists these, a line each
    if zipfile.is_zipfile(tmp_path / "ModelNet10.zip"):
        right_or_clear(opened, "ModelNet10.zip")


@pytest.mark.parametrize("seed", range(60))
def test_modelnet_h5(tmp_path: Path, seed: int) -> None:
    (damage, data), *_ = damages(resampled(), 100 + seed, 1)
    (tmp_path / "shape_names.txt").write_text("bed\ndesk\n")
    (tmp_path / "ply_data_test0.h5").write_bytes(data)

    def opened() -> list[Any]:
        return [item.pos for item in ModelNet(tmp_path, split="test", cache=tmp_path / "cache")]

    right_or_clear(opened, "ply_data_test0.h5")
