"""glTF 2.0: exact values of every form of numbers and placement, and what is said of what cannot be read."""

from __future__ import annotations

import base64
import copy
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ccnn_pc.datasets.formats import parse, read_raw
from tests.datasets.conftest import area, triangles

SQUARE = [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]]
CODES = {"i1": 5120, "u1": 5121, "i2": 5122, "u2": 5123, "u4": 5125, "f4": 5126}


class File:
    """A glTF file that grows by arrays."""

    def __init__(self, **document: Any) -> None:
        self.json: dict[str, Any] = {
            "asset": {"version": "2.0"},
            "accessors": [],
            "bufferViews": [],
            **document,
        }
        self.binary = b""

    def view(self, values: Any, kind: str, **more: Any) -> int:
        data = np.asarray(values).astype("<" + kind).tobytes()
        self.json["bufferViews"].append(
            {"buffer": 0, "byteOffset": len(self.binary), "byteLength": len(data)} | more
        )
        self.binary += data + bytes(-len(data) % 4)
        return len(self.json["bufferViews"]) - 1

    def array(self, values: Any, kind: str = "f4", **more: Any) -> int:
        values = np.asarray(values)
        shape = "SCALAR" if values.ndim == 1 else f"VEC{values.shape[1]}"
        accessor = {
            "bufferView": self.view(values, kind),
            "componentType": CODES[kind],
            "count": len(values),
            "type": shape,
        }
        self.json["accessors"].append(accessor | more)
        return len(self.json["accessors"]) - 1

    def mesh(self, vertices: Any, index: Any = None, mode: int | None = None, kind: str = "u2") -> File:
        primitive: dict[str, Any] = {"attributes": {"POSITION": self.array(vertices)}}
        if index is not None:
            primitive["indices"] = self.array(index, kind)
        if mode is not None:
            primitive["mode"] = mode
        self.json.setdefault("meshes", []).append({"primitives": [primitive]})
        return self

    def nodes(self, *nodes: dict[str, Any], roots: list[int] | None = None) -> File:
        self.json["nodes"] = list(nodes)
        if roots is not None:
            self.json |= {"scene": 0, "scenes": [{"nodes": roots}]}
        return self

    def glb(self) -> bytes:
        document = {**self.json, "buffers": [{"byteLength": len(self.binary)}]} if self.binary else self.json
        text = json.dumps(document).encode()
        text += b" " * (-len(text) % 4)
        chunks = struct.pack("<I4s", len(text), b"JSON") + text
        chunks += struct.pack("<I4s", len(self.binary), b"BIN\0") + self.binary
        return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks

    def gltf(self, uri: str) -> bytes:
        return json.dumps({**self.json, "buffers": [{"byteLength": len(self.binary), "uri": uri}]}).encode()


def quad(**options: Any) -> File:
    return File().mesh(SQUARE, [0, 1, 2, 0, 2, 3], **options)


@pytest.mark.parametrize("kind", ["u1", "u2", "u4"])
def test_indices(kind: str) -> None:
    raw = parse(quad(kind=kind).glb(), "a.glb")
    assert area(raw) == pytest.approx(1) and triangles(raw).tolist() == [[0, 1, 2], [0, 2, 3]]


@pytest.mark.parametrize(
    ("vertices", "index", "mode", "wanted"),
    [
        ([SQUARE[i] for i in (0, 1, 2, 0, 2, 3)], None, None, [[0, 1, 2], [3, 4, 5]]),
        ([SQUARE[i] for i in (0, 1, 3, 2)], None, 5, [[0, 1, 2], [2, 1, 3]]),
        (SQUARE, [0, 1, 3, 2], 5, [[0, 1, 3], [3, 1, 2]]),
        (SQUARE, None, 6, [[0, 1, 2], [0, 2, 3]]),
        (SQUARE, [1, 2, 3, 0], 6, [[1, 2, 3], [1, 3, 0]]),
    ],
)
def test_modes(vertices: Any, index: Any, mode: Any, wanted: list[list[int]]) -> None:
    raw = parse(File().mesh(vertices, index, mode).glb(), "a.glb")
    assert triangles(raw).tolist() == wanted and area(raw) == pytest.approx(1)


def test_points_and_lines_are_passed_over() -> None:
    file = quad()
    for mode in (0, 1, 2, 3):
        file.mesh([[9, 9, 9], [8, 8, 8], [7, 8, 9]], mode=mode)
    raw = parse(file.glb(), "a.glb")
    assert area(raw) == pytest.approx(1) and raw.vertices.max() == 1
    with pytest.raises(ValueError, match=r"'a\.glb' holds no points"):
        parse(File().mesh(SQUARE, mode=0).glb(), "a.glb")


@pytest.mark.parametrize(("kind", "top"), [("u1", 255), ("u2", 65535), ("i1", 127), ("i2", 32767)])
def test_quantised_positions(kind: str, top: int) -> None:
    for normalised in (True, False):
        file = File(extensionsRequired=["KHR_mesh_quantization"], extensionsUsed=["KHR_mesh_quantization"])
        low = -1 if kind[0] == "i" else 0
        stored = np.where(
            np.array(SQUARE) > 0, top if normalised else 100, low * (top + 1 if normalised else 100)
        )
        array = file.array(stored, kind, normalized=normalised)
        file.json["meshes"] = [{"primitives": [{"attributes": {"POSITION": array}, "mode": 6}]}]
        scale = 1 if normalised else 1 / 100
        raw = parse(file.nodes({"mesh": 0, "scale": [scale] * 3}).glb(), "a.glb")
        assert raw.vertices[:, 0].min() == pytest.approx(low) and raw.vertices[:, 0].max() == pytest.approx(1)
        assert area(raw) == pytest.approx((1 - low) ** 2)


@pytest.mark.parametrize("base", [True, False])
@pytest.mark.parametrize("kind", ["u1", "u2", "u4"])
def test_sparse_accessors(base: bool, kind: str) -> None:
    """With a view below, and without one (zeros)."""
    file = quad()
    rows = [2, 3] if base else [1, 2, 3]
    accessor = file.json["accessors"][0]
    accessor["sparse"] = {
        "count": len(rows),
        "indices": {"bufferView": file.view(rows, kind), "componentType": CODES[kind]},
        "values": {
            "bufferView": file.view([[2 * x, 2 * y, 0] for x, y, _ in (SQUARE[row] for row in rows)], "f4")
        },
    }
    if not base:
        del accessor["bufferView"]
    raw = parse(file.glb(), "a.glb")
    assert raw.vertices.tolist() == [[0, 0, 0], [1 if base else 2, 0, 0], [2, 2, 0], [0, 2, 0]]
    assert area(raw) == pytest.approx(3 if base else 4)


def test_strided_rows() -> None:
    file = File()
    rows = np.column_stack([np.full((4, 1), 9.0), SQUARE, np.full((4, 2), 9.0)])
    view = file.view(rows, "f4", byteStride=24)
    file.json["accessors"] = [
        {"bufferView": view, "byteOffset": 4, "componentType": 5126, "count": 4, "type": "VEC3"}
    ]
    file.json["meshes"] = [{"primitives": [{"attributes": {"POSITION": 0}, "mode": 6}]}]
    assert parse(file.glb(), "a.glb").vertices.tolist() == SQUARE


def test_numbers_in_a_file_beside_it_and_inside(tmp_path: Path) -> None:
    file = quad()
    (tmp_path / "the data").mkdir()
    (tmp_path / "the data" / "a.bin").write_bytes(file.binary)
    for uri in (
        "the%20data/a.bin",
        "data:application/octet-stream;base64," + base64.b64encode(file.binary).decode(),
    ):
        (tmp_path / "a.gltf").write_bytes(file.gltf(uri))
        assert area(read_raw(tmp_path / "a.gltf")) == pytest.approx(1)
    with pytest.raises(
        ValueError, match=r"'a\.gltf' .*lie in 'a\.bin', which is not at hand: save it as \.glb"
    ):
        parse(file.gltf("a.bin"), "a.gltf")
    for uri in ("b.bin", "../a.bin", "/etc/passwd", "https://x.y/a.bin", "%2Fetc/passwd"):
        (tmp_path / "a.gltf").write_bytes(file.gltf(uri))
        with pytest.raises(ValueError, match=r"a\.gltf' .*lie in .*beside it"):
            read_raw(tmp_path / "a.gltf")
    (tmp_path / "a.bin").write_bytes(file.binary[:-1])
    (tmp_path / "a.gltf").write_bytes(file.gltf("a.bin"))
    with pytest.raises(ValueError, match=r"truncated: a buffer announces 60 bytes, 59 are there"):
        read_raw(tmp_path / "a.gltf")


def test_transforms() -> None:
    """Translation, rotation by 90 degrees about z, scale; a matrix by columns; nested; mirrored."""
    half = 2**-0.5
    trs = {"mesh": 0, "translation": [10, 0, 0], "rotation": [0, 0, half, half], "scale": [2, 3, 1]}
    raw = parse(quad().nodes(trs).glb(), "a.glb")
    np.testing.assert_allclose(raw.vertices, [[10, 0, 0], [10, 2, 0], [7, 2, 0], [7, 0, 0]], atol=1e-12)
    matrix = {"mesh": 0, "matrix": [0, 2, 0, 0, -3, 0, 0, 0, 0, 0, 1, 0, 10, 0, 0, 1]}
    np.testing.assert_allclose(parse(quad().nodes(matrix).glb(), "a.glb").vertices, raw.vertices, atol=1e-12)
    nested = quad().nodes({"mesh": 0, "translation": [1, 0, 0]}, {"children": [0], "scale": [-5, 5, 5]})
    raw = parse(nested.glb(), "a.glb")
    np.testing.assert_allclose(raw.vertices[:, 0], [-5, -10, -10, -5])
    a, b, c = raw.vertices[triangles(raw)[0]]
    assert np.cross(b - a, c - a)[2] > 0  # mirrored twice: the front stays in front


def test_instances_and_scenes() -> None:
    two = quad().nodes(
        {"mesh": 0}, {"mesh": 0, "translation": [10, 0, 0]}, {"mesh": 0, "translation": [99, 0, 0]}
    )
    assert area(parse(two.glb(), "a.glb")) == pytest.approx(3)
    two.json |= {"scenes": [{"nodes": [2]}, {"nodes": [0, 1]}], "scene": 1}
    raw = parse(two.glb(), "a.glb")
    assert area(raw) == pytest.approx(2) and raw.vertices[:, 0].max() == 11
    del two.json["scene"]
    assert parse(two.glb(), "a.glb").vertices[:, 0].min() == 99


def test_morph_targets_at_their_default_weights() -> None:
    file = quad()
    primitive = file.json["meshes"][0]["primitives"][0]
    primitive["targets"] = [{"POSITION": file.array(SQUARE)}, {"POSITION": file.array(np.full((4, 3), 50))}]
    assert area(parse(file.glb(), "a.glb")) == pytest.approx(1)
    file.json["meshes"][0]["weights"] = [0.5, 0]
    assert area(parse(file.glb(), "a.glb")) == pytest.approx(2.25)
    file.nodes({"mesh": 0}, {"mesh": 0, "weights": [1.0, 0]})
    assert area(parse(file.glb(), "a.glb")) == pytest.approx(2.25 + 4)


@pytest.mark.parametrize(
    "name", ["KHR_draco_mesh_compression", "EXT_meshopt_compression", "EXT_mesh_gpu_instancing", "ACME_cubes"]
)
def test_required_extensions_are_named(name: str) -> None:
    file = quad()
    file.json["extensionsRequired"] = ["KHR_materials_unlit", name]
    with pytest.raises(ValueError, match=rf"'a\.glb' .*needs the glTF extension {name}.*export it without"):
        parse(file.glb(), "a.glb")


def test_extensions_that_change_no_position() -> None:
    file = quad()
    file.json["extensionsRequired"] = ["KHR_materials_unlit", "KHR_texture_transform", "EXT_texture_webp"]
    file.json["extensionsUsed"] = ["EXT_meshopt_compression", "ACME_cubes"]
    assert area(parse(file.glb(), "a.glb")) == pytest.approx(1)


def test_compressed_numbers_that_are_not_there() -> None:
    """Also where the file does not say that it requires the extension: zeros are no positions."""
    file = quad()
    file.json["meshes"][0]["primitives"][0]["extensions"] = {"KHR_draco_mesh_compression": {"bufferView": 0}}
    assert area(parse(file.glb(), "a.glb")) == pytest.approx(1)  # what it holds besides is read
    del file.json["accessors"][0]["bufferView"]
    with pytest.raises(ValueError, match="KHR_draco_mesh_compression"):
        parse(file.glb(), "a.glb")
    file = quad()
    file.json["bufferViews"][0] |= {"buffer": 1, "extensions": {"EXT_meshopt_compression": {"buffer": 0}}}
    document = {**file.json, "buffers": [{"byteLength": len(file.binary)}, {"byteLength": 48}]}
    document["buffers"][0]["uri"] = "data:;base64," + base64.b64encode(file.binary).decode()
    with pytest.raises(ValueError, match="EXT_meshopt_compression"):
        parse(json.dumps(document).encode(), "a.gltf")


def broken(**changes: Any) -> bytes:
    """A square with values at paths of its JSON replaced."""
    file = quad()
    file.nodes({"mesh": 0}, roots=[0])
    for path, value in changes.items():
        *way, last = [int(step) if step.isdigit() else step for step in path.split("__")]
        holder: Any = file.json
        for step in way:
            holder = holder[step]
        holder[last] = copy.deepcopy(value)
    return file.glb()


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (broken(nodes=[{"children": [0]}]), "node 0 has two parents, or is its own"),
        (broken(nodes=[{"children": [1]}, {"children": [0]}]), "node 0 has two parents, or is its own"),
        (broken(nodes=[{"children": [1, 2]}, {"children": [2]}, {"mesh": 0}]), "node 2 has two parents"),
        (broken(nodes=[{"children": [1]}, {"children": [0]}], scenes=[]), "node 0 is its own parent"),
        (broken(nodes__0={"mesh": 1}), r"'mesh' .* from 0 to 0 \(got 1\)"),
        (broken(nodes__0={"mesh": -1}), r"'mesh' .* from 0 to 0 \(got -1\)"),
        (broken(nodes__0={"mesh": 0, "children": [7]}), r"'children' .* from 0 to 0 \(got 7\)"),
        (broken(nodes__0={"mesh": 0, "scale": [1, 1]}), "'scale' of a node must be 3 finite numbers"),
        (
            broken(nodes__0={"mesh": 0, "translation": [1, 1, float("nan")]}),
            "'translation' of a node must be 3 finite",
        ),
        (broken(nodes__0={"mesh": 0, "rotation": [0, 0, 0, 0]}), "quaternion of length 1"),
        (broken(nodes__0={"mesh": 0, "matrix": [1] * 15}), "'matrix' of a node must be 16 finite numbers"),
        (broken(scene=1), r"'scene' .* from 0 to 0 \(got 1\)"),
        (broken(asset={"version": "1.0"}), "must be glTF 2.0"),
        (broken(accessors__0__count=5), "truncated: 5 rows of 12 bytes from 0 leave their view of 48"),
        (broken(accessors__0__count=10**12), "too many for the"),
        (broken(accessors__0__count=-1), r"'count' .* from 0 \(got -1\)"),
        (broken(accessors__0__count=1.5), r"'count' .* from 0 \(got 1.5\)"),
        (broken(accessors__0__byteOffset=4), "truncated: 4 rows"),
        (broken(accessors__0__type="VEC2"), r"must be of type VEC3 \(got 'VEC2'\)"),
        (broken(accessors__0__componentType=5999), r"'componentType' .* unknown \(got 5999\)"),
        (broken(accessors__0__bufferView=9), "'bufferView' .* from 0 to 1"),
        (broken(accessors__1__componentType=5126), "truncated|must be unsigned integers"),
        (broken(accessors__1__count=5), r"three indices each \(got 5 in all\)"),
        (broken(bufferViews__0__byteLength=10**9), "truncated: a view of 1000000000 bytes"),
        (broken(bufferViews__0__byteStride=2), r"'byteStride' .* at least 12 \(got 2\)"),
        (broken(bufferViews__0__buffer=1), "'buffer' .* from 0 to 0"),
        (broken(meshes__0__primitives__0__mode=7), "'mode' .* from 0 to 6"),
        (broken(meshes__0__primitives__0__indices=None), "'indices' "),
        (broken(meshes=7), "'meshes' of its JSON must be a list"),
        (broken(meshes=[7]), "'meshes' of its JSON must be a list of objects"),
        (broken()[:-9], "truncated"),
        (broken()[:30], "truncated"),
        (b"glTF" + struct.pack("<II", 1, 20) + bytes(8), r"must be glTF 2.0 \(got version 1\)"),
        (b"glTF" + struct.pack("<II", 2, 20) + bytes(8), "no JSON chunk"),
        (b"[]", "JSON must be an object"),
        (b"[" * 100000, "RecursionError|recursion"),
        (File().mesh(SQUARE, [0, 1, 4]).glb(), "names vertex 4 of 4, which count from 0"),
        (File().mesh(SQUARE, [0, 1, 65535]).glb(), "names vertex 65535 of 4"),
        (File().mesh([[np.nan, 0, 0], *SQUARE[1:]], [0, 1, 2]).glb(), "positions must be finite"),
        (File().mesh([[np.inf, 0, 0], *SQUARE[1:]], [1, 2, 3]).glb(), "positions must be finite"),
    ],
)
def test_damage(data: bytes, match: str) -> None:
    name = "a.glb" if data.startswith(b"glTF") else "a.gltf"
    with pytest.raises(ValueError, match=rf"'{name}' cannot be read as .*{match}"):
        parse(data, name)


def test_many_instances_of_a_large_mesh_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CCNN_PC_MAX_UNPACKED", "1")
    file = File().mesh(np.zeros((1000, 3)), [0, 1, 2]).nodes(*[{"mesh": 0}] * 2000)
    with pytest.raises(ValueError, match="too many for the"):
        parse(file.glb(), "a.glb")


@pytest.mark.parametrize("opacity", [False, True])
def test_colours_are_attributes_and_what_has_none_is_white(opacity: bool) -> None:
    file = File().mesh(SQUARE, [0, 1, 2, 0, 2, 3]).mesh(SQUARE, [0, 1, 2])
    colours = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [51, 51, 51]])
    if opacity:
        colours = np.column_stack([colours, [0, 9, 99, 255]])
    at = file.array(colours, "u1", normalized=True)
    file.json["meshes"][0]["primitives"][0]["attributes"]["COLOR_0"] = at
    shape = parse(file.glb(), "a.glb")
    found = np.column_stack([shape.attributes[name] for name in ("red", "green", "blue")])
    np.testing.assert_allclose(found[:4], colours[:, :3] / 255, atol=1e-7)
    np.testing.assert_array_equal(found[4:], 1.0)


def test_colours_must_be_as_many_as_positions() -> None:
    file = File().mesh(SQUARE, [0, 1, 2])
    file.json["meshes"][0]["primitives"][0]["attributes"]["COLOR_0"] = file.array(np.zeros((3, 3)))
    with pytest.raises(ValueError, match="as many colours as positions .got 3 and 4."):
        parse(file.glb(), "a.glb")
