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


POINTS = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]


def text_ply(body: str, properties: str = "x y z", vertices: int = 2, more: str = "") -> str:
    lines = "".join(f"property float {name}\n" for name in properties.split())
    return f"ply\nformat ascii 1.0\nelement vertex {vertices}\n{lines}{more}end_header\n{body}"


FACE = "element face 1\nproperty list uchar int vertex_indices\n"


@pytest.mark.parametrize(
    "text",
    [
        text_ply("1 2 3\n4 5 6\n"),
        text_ply("\n1 2 3\n\n4 5 6"),
        text_ply("1 2 3\n4 5 6\n").replace("\n", "\r\n"),
        text_ply("1 2 3\n4 5 6\n").replace("\n", "\r"),
        text_ply("1 2 3\n4 5 6\n").replace(
            "ascii 1.0\n", "ascii 1.0\ncomment end_header is below\nobj_info made by hand\n"
        ),
        text_ply("9\n8\n1 2 3\n4 5 6\n").replace(
            "element vertex", "element camera 2\nproperty int id\nelement vertex"
        ),
        text_ply("3 1 2\n6 4 5\n", "z x y"),
        text_ply("1 2 3\n4 5 6\n7\n", more="element camera 1\nproperty int id\n"),
    ],
)
def test_ply_headers_as_people_write_them(text):
    assert parse(text.encode(), "a.ply").vertices.tolist() == POINTS


def test_polygons_that_are_not_convex():
    dart = text_ply("0 0 0\n1 -1 0\n0 3 0\n-1 -1 0\n4 1 2 3 0\n", vertices=4, more=FACE)
    assert area(parse(dart.encode(), "a.ply")) == pytest.approx(3)


def test_ply_attributes():
    raw = parse(
        text_ply("1 2 3 255 0 9\n4 5 6 1 2 8\n", "x y z Red scalar_Intensity label").encode(), "a.ply"
    )
    assert {name: values.tolist() for name, values in raw.attributes.items()} == {
        "red": [255, 1],
        "intensity": [0, 2],
        "label": [9, 8],
    }
    text = text_ply("1 2 3 2 7 8\n4 5 6 2 9 10\n", more="property list uchar int tags\n")
    assert parse(text.encode(), "a.ply").attributes["tags"].tolist() == [[7, 8], [9, 10]]
    for order in ("<", ">"):
        raw = parse(ply(order, QUADS), "cube.ply")
        assert raw.attributes["red"].tolist() == [7] * 8


@pytest.mark.parametrize(
    ("text", "match"),
    [
        (text_ply("", vertices=0), "holds no points"),
        (text_ply("1 2 3\n4 5\n"), "line 9 must have the 3 numbers"),
        (text_ply("1 2 3\n4 5 6 7\n"), "line 9 must have the 3 numbers"),
        (text_ply("1 2 3\n4 5 6\n7 8 9\n"), "line 10: it has 1 lines more"),
        (text_ply("1 2 3\n"), "truncated"),
        (text_ply("1 2 3\n4 5 six\n"), "line 9: 'six' is not a number"),
        (text_ply("1 2 3\n4 5 1_0\n"), "line 9"),
        (text_ply("1 2 3\n4 5 6\n", vertices=-2), "line 3 of its PLY header"),
        (text_ply("1 2 3\n4 5 6\n").replace("float x", "quad x"), "line 4 of its PLY header"),
        (text_ply("1 2\n4 5\n", "x y"), "no properties of vertices x, y, z"),
        (text_ply("1 2 3\n4 5 6\n3 0 1 0.5\n", more=FACE), "whole numbers"),
        (text_ply("1 2 3\n4 5 6\n3 0 1\n", more=FACE), "line 12: it is too short"),
        (text_ply("1 2 3\n4 5 6\n3 0 1 0 1\n", more=FACE), "line 12: it has more numbers"),
        (text_ply("1 2 3\n4 5 6\n-1 0 1 0\n", more=FACE), "announces -1 values"),
        (text_ply("1 2 3\n4 5 6\n3 0 1 2\n", more=FACE), "vertex 2 of 2"),
        (text_ply("1 2 3\n4 5 6\n3 0 1 -1\n", more=FACE), "vertex -1 of 2"),
        (text_ply("1 2 3\n4 5 6\n3 0 1 0\n", more=FACE.replace(" int", " float")), "whole numbers"),
    ],
)
def test_what_is_wrong_with_a_text_ply(text, match):
    with pytest.raises(ValueError, match=match) as error:
        parse(text.encode(), "a.ply")
    assert "'a.ply'" in str(error.value)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    "change", [(b"vertex 8", b"vertex 9"), (b"vertex 8", b"vertex 7"), (b"face 6", b"face 5")]
)
def test_ply_with_another_number_of_rows_than_announced(order, change):
    with pytest.raises(ValueError, match=r"'a\.ply'"):
        parse(ply(order, QUADS).replace(*change), "a.ply")
