"""PLY meshes, clouds and triangle strips."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from ccnn_pc.datasets.formats import parse
from ccnn_pc.datasets.formats.raw import strips
from tests.datasets.conftest import CUBE, QUADS, area, triangles


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
