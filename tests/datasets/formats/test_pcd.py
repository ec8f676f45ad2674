"""PCD clouds and their compression."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from ccnn_pc.datasets.formats import parse
from ccnn_pc.datasets.formats.lzf import lzf_decompress
from tests.datasets.conftest import CUBE


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


POINTS = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
ASCII = (
    "VERSION 0.7\nFIELDS x y z\nSIZE 4 4 4\nTYPE F F F\nCOUNT 1 1 1\nWIDTH 2\nHEIGHT 1\nVIEWPOINT 0 0 0 1 0 0 0\n"
    "POINTS 2\nDATA ascii\n1 2 3\n4 5 6\n"
)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("FIELDS", "COLUMNS"),
        ("FIELDS x", "fields x"),
        ("POINTS 2\n", ""),
        ("WIDTH 2\nHEIGHT 1\n", ""),
        ("WIDTH 2\nHEIGHT 1\n", "WIDTH 1\nHEIGHT 2\n"),
        ("COUNT 1 1 1\n", ""),
        ("VIEWPOINT 0 0 0 1 0 0 0\n", "VIEWPOINT 5 6 7 1 0 0 0\n# a comment\n\n"),
        ("\n", "\r\n"),
        ("4 5 6\n", "\n4 5 6"),
    ],
)
def test_pcd_headers_as_people_write_them(old, new):
    assert parse(ASCII.replace(old, new).encode(), "a.pcd").vertices.tolist() == POINTS


@pytest.mark.parametrize("layout", ["ascii", "binary", "binary_compressed"])
def test_pcd_fields_are_kept(layout):
    raw = parse(pcd(layout, np.array(POINTS)), "a.pcd")
    assert {name: values.tolist() for name, values in raw.attributes.items()} == {"label": [0, 1]}
    assert raw.attributes["label"].dtype == np.int64


@pytest.mark.parametrize("kind", ["F", "U"])
def test_pcd_colours_are_unpacked(kind):
    bits = np.array([0x00FF8001, 0x00010203], dtype=np.uint32)
    colour = bits.view(np.float32) if kind == "F" else bits
    head = (
        ASCII.replace("x y z", "x y z rgb feature")
        .replace("4 4 4", "4 4 4 4 4")
        .replace("1 1 1\n", "1 1 1 1 2\n")
    )
    head = head.replace("F F F", f"F F F {kind} F").partition("DATA")[0]
    text = "".join(f"{x} {y} {z} {c!s} 7 8\n" for (x, y, z), c in zip(POINTS, colour.tolist(), strict=True))
    table = np.zeros(2, [("p", "<f4", 3), ("rgb", colour.dtype), ("feature", "<f4", 2)])
    table["p"], table["rgb"], table["feature"] = POINTS, colour, [7, 8]
    for data in (f"{head}DATA ascii\n{text}".encode(), f"{head}DATA binary\n".encode() + table.tobytes()):
        raw = parse(data, "a.pcd")
        assert raw.vertices.tolist() == POINTS
        assert {name: values.tolist() for name, values in raw.attributes.items()} == {
            "red": [255, 1],
            "green": [128, 2],
            "blue": [1, 3],
            "feature": [[7, 8], [7, 8]],
        }


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ("POINTS 2", "POINTS -1", "POINTS of its header must be whole numbers of at least 0"),
        ("POINTS 2", "POINTS 3", "two numbers of points"),
        ("POINTS 2", "POINTS 2.5", "whole numbers"),
        ("HEIGHT 1", "HEIGHT 0", "two numbers of points"),
        ("WIDTH 2", "WIDTH -2", "at least 0"),
        ("COUNT 1 1 1", "COUNT 1 1 0", "COUNT .* at least 1"),
        ("SIZE 4 4 4", "SIZE 4 4 -4", "SIZE"),
        ("4 5 6\n", "", "truncated"),
        ("4 5 6\n", "4 5 6\n7 8 9\n", "3 lines of points where 2 are announced"),
        ("4 5 6\n", "4 5 6 7\n", r"3 numbers.*4 5 6 7"),
        ("1 2 3\n4 5 6\n", "1 2\n3 4 5 6\n", "3 numbers"),
        ("4 5 6\n", "4 5 oops\n", "line 12: 'oops' is not a number"),
        ("4 5 6\n", "4 5 1_0\n", "line 12"),
        ("4 5 6\n", "4 5 1e39\n", r"1e\+38"),
    ],
)
def test_what_is_wrong_with_a_pcd(old, new, match):
    with pytest.raises(ValueError, match=match) as error:
        parse(ASCII.replace(old, new).encode(), "a.pcd")
    assert "'a.pcd'" in str(error.value)


def test_pcd_with_another_number_of_points_than_announced():
    points = np.arange(12.0).reshape(4, 3)
    for layout in ("ascii", "binary", "binary_compressed"):
        for count in (3, 5):
            data = pcd(layout, points)
            data = data.replace(b"WIDTH 4", b"WIDTH %d" % count).replace(b"POINTS 4", b"POINTS %d" % count)
            with pytest.raises(ValueError, match=r"'a\.pcd'.*announce"):
                parse(data, "a.pcd")


def test_an_lzf_block_stops_at_the_size_that_it_announces():
    bomb = bytes([0, 65]) + bytes([0xE0, 255, 0]) * 2_000_000  # half a gigabyte
    with pytest.raises(ValueError, match="more than"):
        lzf_decompress(bomb, 480)
    head = ASCII.partition("DATA")[0].encode() + b"DATA binary_compressed\n"
    for unpacked, match in ((24, "more than 2"), (1 << 29, "announces 536870912 bytes, 2 points need 24")):
        with pytest.raises(ValueError, match=match):
            parse(head + struct.pack("<II", len(bomb), unpacked) + bomb, "a.pcd")
    head = head.replace(b"WIDTH 2", b"WIDTH 40000000").replace(b"POINTS 2", b"POINTS 40000000")
    with pytest.raises(ValueError, match="too many for"):
        parse(head + struct.pack("<II", 5, 480000000) + b"\0A\xe0\xff\0", "a.pcd")
