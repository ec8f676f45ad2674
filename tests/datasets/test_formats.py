"""Readers of single files: every format, and what is wrong with it."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ccnn_pc.datasets.formats import RawShape, parse, read_raw
from ccnn_pc.datasets.formats.lzf import lzf_decompress
from ccnn_pc.datasets.formats.raw import strips

from .conftest import CUBE, QUADS, off_text

HALVES = [[q[0], *pair] for q in QUADS for pair in (q[1:3], q[2:4])]
"""The sides of the cube, cut into triangles."""


def triangles(raw: RawShape) -> np.ndarray:
    assert raw.faces is not None
    return raw.faces


def area(raw: RawShape) -> float:
    a, b, c = (raw.vertices[triangles(raw)[:, i]] for i in range(3))
    return float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2)


def volume(raw: RawShape) -> float:
    a, b, c = (raw.vertices[triangles(raw)[:, i]] for i in range(3))
    return float((np.cross(a, b) * c).sum() / 6)


def lzf_compress(data: bytes) -> bytes:
    """A simple LZF writer: greedy matches of 3 to 264 bytes, found by their first three."""
    out, literals, place = bytearray(), bytearray(), 0
    seen: dict[bytes, int] = {}

    def flush() -> None:
        for start in range(0, len(literals), 32):
            part = literals[start : start + 32]
            out.append(len(part) - 1)
            out.extend(part)
        literals.clear()

    while place < len(data):
        key = data[place : place + 3]
        back = seen.get(key, -1) if len(key) == 3 else -1
        seen[key] = place
        if back < 0 or place - back > 8192:
            literals.append(data[place])
            place += 1
            continue
        length = 3
        while length < 264 and place + length < len(data) and data[back + length] == data[place + length]:
            length += 1
        flush()
        offset = place - back - 1
        if length - 2 < 7:
            out += bytes([(length - 2) << 5 | offset >> 8, offset & 255])
        else:
            out += bytes([7 << 5 | offset >> 8, length - 9, offset & 255])
        place += length
    flush()
    return bytes(out)


@pytest.mark.parametrize("size", [0, 1, 33, 5000])
@pytest.mark.parametrize("kinds", [1, 3, 256])
def test_lzf_undoes_compression(rng, size, kinds):
    data = rng.integers(0, kinds, size=size).astype(np.uint8).tobytes()
    packed = lzf_compress(data)
    assert bytes(lzf_decompress(packed, size)) == data
    if size > 100:
        with pytest.raises(ValueError, match="compressed block"):
            lzf_decompress(packed[:-1], size)


@pytest.mark.parametrize(
    "text",
    [
        off_text(),
        off_text(header="OFF"),
        off_text(header="OFF "),
        off_text(header="# a comment\nOFF\n# and more\n\n").replace("# a comment\n", ""),
        off_text().replace("\n", "\r\n"),
        off_text(polygons=HALVES),
        off_text(
            polygons=HALVES,
            header="OFF",
        ),
        "\n".join(line + " 255 0 0" if line.startswith("4 ") else line for line in off_text().splitlines()),
        off_text(vertices=np.hstack([CUBE, 0 * CUBE]), header="NOFF\n"),
    ],
    ids=[
        "quads",
        "glued",
        "spaced",
        "comments",
        "crlf",
        "triangles",
        "glued-triangles",
        "colours",
        "normals",
    ],
)
def test_off_variants_are_the_same_cube(text):
    raw = parse(text.encode(), "cube.off")
    assert raw.vertices.shape == (8, 3) and triangles(raw).shape == (12, 3)
    assert area(raw) == pytest.approx(6)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        (off_text()[:150], "truncated"),
        (off_text().replace("4 1 5 7 3", "4 1 5 7"), "truncated"),
        (off_text().replace("4 1 5 7 3", "4 1 5 7 9"), "vertex 9 of 8"),
        (off_text().replace("1.0", "one"), "malformed"),
        ("OFF\n", "missing"),
        ("solid cube", "OFF"),
        ("OFF\n8 0 0\n" + "\n".join("0 0 0" for _ in range(8)), "without faces"),
        ("", "empty"),
        ("OFF\n99999999 99999999 0\n1 2 3\n", "truncated"),
    ],
)
def test_bad_off_files_are_named_with_the_reason(tmp_path, text, match):
    path = tmp_path / "chair_0001.off"
    path.write_text(text)
    with pytest.raises(ValueError, match=match) as error:
        read_raw(path)
    assert "chair_0001.off" in str(error.value)


def ply(
    order: str, faces: list[list[int]] | None, normals: bool = False, strip: list[int] | None = None
) -> bytes:
    """A PLY file of the cube; ``order`` is ascii, < or >."""
    name = {"ascii": "ascii", "<": "binary_little_endian", ">": "binary_big_endian"}[order]
    head = ["ply", f"format {name} 1.0", "comment made by hand", f"element vertex {len(CUBE)}"]
    head += [f"property {kind} {axis}" for kind, axis in (("float", "x"), ("double", "y"), ("float", "z"))]
    head += [f"property float n{axis}" for axis in "xyz"] if normals else []
    head += ["property uchar red"]
    if faces is not None:
        head += [f"element face {len(faces)}", "property list uchar int vertex_indices"]
    if strip is not None:
        head += ["element tristrips 1", "property list int int vertex_indices"]
    body = b""
    for row in CUBE:
        values = [*row, *([0.0, 0.0, 1.0] if normals else [])]
        if order == "ascii":
            body += (" ".join(map(str, [*values, 7])) + "\n").encode()
        else:
            body += struct.pack(order + "fdf" + "f" * (len(values) - 3) + "B", *values, 7)
    for kind, rows in (("B", faces or []), ("i", [strip] if strip else [])):
        for row in rows:
            if order == "ascii":
                body += (" ".join(map(str, [len(row), *row])) + "\n").encode()
            else:
                body += struct.pack(f"{order}{kind}{len(row)}i", len(row), *row)
    return ("\n".join([*head, "end_header"]) + "\n").encode() + body


@pytest.mark.parametrize("order", ["ascii", "<", ">"])
def test_ply_meshes(order):
    raw = parse(ply(order, QUADS), "cube.ply")
    np.testing.assert_array_equal(raw.vertices, CUBE)
    assert len(triangles(raw)) == 12 and area(raw) == pytest.approx(6)
    mixed = parse(ply(order, [*QUADS[1:], QUADS[0][:3], [QUADS[0][i] for i in (0, 2, 3)]]), "cube.ply")
    assert len(triangles(mixed)) == 12 and area(mixed) == pytest.approx(6)


@pytest.mark.parametrize("order", ["ascii", "<", ">"])
def test_ply_clouds_with_normals(order):
    raw = parse(ply(order, None, normals=True), "cloud.ply")
    assert raw.faces is None
    np.testing.assert_array_equal(raw.vertices, CUBE)
    np.testing.assert_array_equal(raw.normals, np.tile([0.0, 0, 1], (8, 1)))


@pytest.mark.parametrize("order", ["ascii", "<", ">"])
def test_ply_triangle_strips(order):
    raw = parse(ply(order, None, strip=[0, 1, 2, 3, -1, 4, 5, 6, 7]), "strips.ply")
    assert triangles(raw).tolist() == [[0, 1, 2], [2, 1, 3], [4, 5, 6], [6, 5, 7]]


def test_strips_keep_one_orientation_and_drop_steering_triangles():
    square = np.array([[0, 0, 0], [0, 1, 0], [1, 0, 0], [1, 1, 0.0]])
    for index in ([0, 1, 2, 3], [-1, 0, 1, 2, 3, -1], [0, 0, 0, 1, 2, 3], [3, -1, 0, 1, 2, 3, 3]):
        faces = strips(np.array(index))
        a, b, c = (square[faces[:, i]] for i in range(3))
        assert np.cross(b - a, c - a)[:, 2].tolist() == [-1, -1]
    assert len(strips(np.array([0, 1]))) == 0


@pytest.mark.parametrize("order", ["ascii", "<", ">"])
@pytest.mark.parametrize("keep", [0.3, 0.75, 0.97])
def test_truncated_ply(order, keep):
    data = ply(order, QUADS)
    with pytest.raises(ValueError, match=r"'t\.ply' cannot be read as ply"):
        parse(data[: int(keep * len(data))].rstrip(b"0123456789 "), "t.ply")


def test_bad_ply_headers():
    for data in (
        b"ply\nformat x 1.0\nend_header\n",
        b"no",
        b"ply\nformat ascii 1.0\nelement vertex two\nend_header\n",
    ):
        with pytest.raises(ValueError, match="PLY"):
            parse(data, "x.ply")
    with pytest.raises(ValueError, match="vertex 9 of 8"):
        parse(ply("<", [[0, 1, 9]]), "x.ply")


def pcd(layout: str, points: np.ndarray, padding: bytes = b"") -> bytes:
    """A PCD file with a label, padding and normals around x, y, z."""
    n = len(points)
    row = np.dtype(
        [("label", "<u4"), ("x", "<f4"), ("y", "<f8"), ("z", "<f4"), ("_", "u1", (3,)), ("n", "<f4", (3,))]
    )
    table = np.zeros(n, row)
    table["label"], table["x"], table["y"], table["z"] = np.arange(n), *points.T
    table["n"] = [0, 0, 1]
    head = (
        "# .PCD v0.7\nVERSION 0.7\nFIELDS label x y z _ normal_x normal_y normal_z\nSIZE 4 4 8 4 1 4 4 4\n"
        f"TYPE U F F F U F F F\nCOUNT 1 1 1 1 3 1 1 1\nWIDTH {n}\nHEIGHT 1\nVIEWPOINT 0 0 0 1 0 0 0\n"
        f"POINTS {n}\nDATA {layout}\n"
    ).encode()
    if layout == "ascii":
        lines = [f"{r['label']} {r['x']} {r['y']} {r['z']} 0 0 0 0 0 1" for r in table]
        return head + "\n".join(lines).encode() + b"\n"
    if layout == "binary":
        return head + table.tobytes() + padding
    columns = [table[name].tobytes() for name in ("label", "x", "y", "z", "_")]
    block = b"".join(columns + [np.ascontiguousarray(table["n"][:, i]).tobytes() for i in range(3)])
    packed = lzf_compress(block)
    return head + struct.pack("<II", len(packed), len(block)) + packed + padding


@pytest.mark.parametrize("layout", ["ascii", "binary", "binary_compressed"])
def test_pcd_layouts(layout, rng):
    points = rng.normal(size=(50, 3)).astype(np.float32).astype(np.float64)
    points[7] = np.nan
    raw = parse(pcd(layout, points, b"" if layout == "ascii" else b"\0" * 13), "scan.pcd")
    np.testing.assert_allclose(raw.vertices, points)
    np.testing.assert_array_equal(raw.normals, np.tile([0.0, 0, 1], (50, 1)))
    with pytest.raises(ValueError, match=r"'scan\.pcd' cannot be read as pcd"):
        parse(pcd(layout, points)[:-60], "scan.pcd")


def test_bad_pcd_headers():
    good = pcd("ascii", CUBE)
    for old, new, match in (
        (b"FIELDS label x", b"FIELDS label q", "no fields x, y, z"),
        (b"DATA ascii", b"DATA zip", "layout"),
        (b"SIZE 4 4", b"SIZE 4", "differ"),
        (b"TYPE U", b"TYPE Q", "unknown type"),
        (b"DATA ascii", b"", "PCD header"),
    ):
        with pytest.raises(ValueError, match=match):
            parse(good.replace(old, new), "x.pcd")


@pytest.mark.parametrize(
    "text",
    ["0 1 2\n3 4 5\n", "x,y,z\n0,1,2\n3,4,5", "# comment\n0;1;2;9\n3;4;5;9\n", "2\n0\t1\t2\n3\t4\t5\n\n"],
    ids=["spaces", "csv", "semicolons", "count"],
)
def test_text_clouds(text):
    raw = parse(text.encode(), "cloud.csv")
    np.testing.assert_array_equal(raw.vertices, [[0, 1, 2], [3, 4, 5]])
    assert raw.faces is None and raw.normals is None


def test_text_normals_are_told_from_colours():
    normals = parse(b"0,1,2,0,0.6,0.8\n3,4,5,1,0,0\n", "a.txt").normals
    assert normals is not None and normals.tolist() == [[0.0, 0.6, 0.8], [1.0, 0.0, 0.0]]
    assert parse(b"0 1 2 255 0 0\n3 4 5 9 9 9\n", "a.xyz").normals is None


@pytest.mark.parametrize("text", ["0 1\n2 3\n", "0 1 2\n3 4\n", "# nothing\n", "x y z\na b c\n"])
def test_bad_text(text):
    with pytest.raises(ValueError, match=r"'a\.xyz' cannot be read as xyz"):
        parse(text.encode(), "a.xyz")


def test_numpy_files():
    def saved(save: Callable[..., None], *args: Any, **kwargs: Any) -> bytes:
        buffer = io.BytesIO()
        save(buffer, *args, **kwargs)
        return buffer.getvalue()

    np.testing.assert_array_equal(parse(saved(np.save, CUBE), "a.npy").vertices, CUBE)
    mesh = parse(saved(np.savez, vertices=CUBE, faces=[[0, 1, 2]]), "a.npz")
    assert triangles(mesh).tolist() == [[0, 1, 2]]
    cloud = parse(saved(np.savez, pos=CUBE, normal=CUBE), "a.npz")
    np.testing.assert_array_equal(cloud.normals, CUBE)
    for data in (
        saved(np.save, np.zeros(3)),
        saved(np.savez, a=CUBE),
        saved(np.save, CUBE)[:150],
        b"not numpy",
    ):
        with pytest.raises(ValueError, match="cannot be read"):
            parse(data, "a.npz")


@pytest.mark.parametrize("suffix", ["obj", "stl", "glb"])
def test_trimesh_formats(suffix):
    trimesh = pytest.importorskip("trimesh")
    box = trimesh.creation.box(extents=(1, 2, 3))
    data = box.export(file_type=suffix)
    raw = parse(data.encode() if isinstance(data, str) else data, f"box.{suffix}")
    assert volume(raw) == pytest.approx(6, rel=1e-5) and len(triangles(raw)) == 12
    scene = trimesh.Scene([box, box.copy().apply_translation([5, 0, 0])])
    if suffix == "glb":
        assert volume(parse(scene.export(file_type="glb"), "scene.glb")) == pytest.approx(12, rel=1e-5)


@pytest.mark.parametrize("suffix", ["obj", "stl", "glb"])
def test_rubbish_in_trimesh_formats(suffix):
    pytest.importorskip("trimesh")
    with pytest.raises(ValueError, match=rf"'x\.{suffix}'"):
        parse(b"this is no mesh at all" * 9, f"x.{suffix}")


def test_unknown_and_missing_files(tmp_path):
    with pytest.raises(ValueError, match=r"unknown format.*off, ply"):
        parse(b"1", "thesis.docx")
    with pytest.raises(FileNotFoundError, match=r"no\.off"):
        read_raw(tmp_path / "no.off")


def test_shared_scans(shared):
    clouds = shared / "data" / "clouds"
    kinect = read_raw(clouds / "kinect_mosd_test0.pcd")
    assert len(kinect.vertices) == 307200 and int(np.isfinite(kinect.vertices).all(axis=1).sum()) == 189198
    igea = read_raw(clouds / "igea.ply")
    assert triangles(igea).shape == (268686, 3)
    # closed and consistently oriented: every directed edge once, its reverse once
    edges = triangles(igea)[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2).astype(np.int64)
    there = np.sort(edges[:, 0] * 2**32 + edges[:, 1])
    back = np.sort(edges[:, 1] * 2**32 + edges[:, 0])
    assert len(np.unique(there)) == len(there) and np.array_equal(there, back)
    full, ground = (read_raw(clouds / f"samp51-utm{kind}.pcd").vertices for kind in ("", "-ground"))
    assert len(full) == 17845 and {tuple(row) for row in ground} <= {tuple(row) for row in full}


def test_shared_meshes_all_read(shared):
    with zipfile.ZipFile(shared / "data" / "modelnet10" / "meshes.zip") as archive:
        names = [name for name in archive.namelist() if name.endswith(".off")]
        sizes = [len(triangles(parse(archive.read(name), name))) for name in names]
    assert len(sizes) == 160 and min(sizes) == 72 and max(sizes) == 8278
