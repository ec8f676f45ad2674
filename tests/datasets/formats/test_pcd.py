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
