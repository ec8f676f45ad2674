"""STL meshes, text and binary. Read here: trimesh loses solids without an end, and names that hold keywords."""

from __future__ import annotations

import re

import numpy as np

from ccnn_pc.datasets.formats.raw import RawShape, numbers

_ROW = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
_HEADER = 84
_BLANK = b"\0 \t\r\n"


def read_stl(data: bytes) -> RawShape:
    """Read the triangles of all solids of an STL file, each with corners of its own.

    A file is text if it begins with ``solid``, names a facet, and holds no zero byte and not just what a binary file of
    its count would.

    Raises:
        ValueError: cut off, another count than announced, or a line that is not understood; the message names it.
    """
    count = int.from_bytes(data[80:_HEADER], "little")
    exact = len(data) == _HEADER + count * _ROW.itemsize
    words = data.removeprefix(b"\xef\xbb\xbf")
    if not exact and words.lstrip()[:5].lower() == b"solid" and b"\0" not in data.rstrip(_BLANK):
        return _text(words.rstrip(_BLANK))
    if len(data) < _HEADER:
        raise ValueError(f"it is neither text that begins with 'solid' nor binary ({len(data)} bytes)")
    return _binary(data, count)


def _binary(data: bytes, count: int) -> RawShape:
    there = (len(data) - _HEADER) // _ROW.itemsize
    rest = data[_HEADER + count * _ROW.itemsize :]
    if there < count:
        raise ValueError(f"it is truncated: {count} triangles are announced, {there} are there")
    if len(rest) >= _ROW.itemsize and len(rest) % _ROW.itemsize == 0 and rest.strip(_BLANK):
        raise ValueError(f"it announces {count} triangles, and {there} are there")
    corners = np.frombuffer(data, _ROW, count, _HEADER)["corners"].astype(np.float64)
    return RawShape(corners.reshape(-1, 3), np.arange(3 * count).reshape(-1, 3))


def _text(data: bytes) -> RawShape:
    """Line by line: what stands behind ``solid`` and ``endsolid`` is a name, whatever it says."""
    rows: list[bytes] = []
    inside, ended, place = 0, False, 0  # how many corners the triangle has, and one more
    for place, line in enumerate(re.split(rb"\r\n|\n|\r", data), 1):
        words = line.split(None, 1)
        if not words:
            continue
        kind = words[0].lower()
        if kind == b"vertex" and 1 <= inside <= 3 and len(words) == 2:
            rows.append(words[1])
            inside += 1
        elif kind == b"outer" and not inside:
            inside = 1
        elif kind == b"endloop" and inside == 4:
            inside = 0
        elif kind in (b"solid", b"endsolid") and not inside:
            ended = kind == b"endsolid"
        elif kind not in (b"facet", b"endfacet") or inside:
            shown = line.strip()[:60].decode(errors="replace")
            raise ValueError(f"line {place} is not understood where it stands (got {shown!r})")
    if not ended:
        raise ValueError(f"it is cut off: its last solid has no 'endsolid' (line {place})")
    values = numbers(b"\n".join(rows))
    if len(values) != 3 * len(rows) or any(len(row.split()) != 3 for row in rows):
        raise ValueError("each of its lines 'vertex' must hold three numbers")
    return RawShape(values.reshape(-1, 3), np.arange(len(rows)).reshape(-1, 3))
