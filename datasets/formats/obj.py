"""Wavefront OBJ meshes. Read here: trimesh counts relative indices from the end of the file, and cuts only fans."""

from __future__ import annotations

import codecs
import re

import numpy as np

from ccnn_pc.datasets.formats.columns import COLOURS
from ccnn_pc.datasets.formats.polygons import triangulate
from ccnn_pc.datasets.formats.raw import RawShape, numbers

_CONTINUED = re.compile(rb"(?:[^\n]*\\\n)+[^\n]*")
_BEHIND_SLASH = re.compile(rb"/[0-9/+-]*")
_COMMENT = re.compile(rb"(?<!\.)#[^\n]*")
"""``1.#IND`` is no number with a comment behind it."""
_WIDTHS = (3, 4, 6, 7)
"""Numbers of a vertex: x y z, then a weight and a colour, each or not."""

Line = tuple[int, bytes]
"""Number of a line in the file, and its words behind the first."""


def read_obj(data: bytes) -> RawShape:
    """Read the faces of all objects and groups of an OBJ file; polygons are cut into triangles.

    Indices count from 1, or back from the vertex before the face's own line (-1). Textures, normals, materials, points,
    lines and curves are passed over, and so are faces of fewer than three corners. Colours of vertices
    (``v x y z r g b``) are kept as attributes where all have one.

    Raises:
        ValueError: a malformed vertex or face, or a face that names a missing vertex; the message names the line.
    """
    vertices, faces, before = _lines(data)
    if not vertices:
        raise ValueError("it has no vertices ('v x y z')")
    positions, colours = _positions(vertices)
    if not faces:
        return RawShape(positions, attributes=colours)
    corners, sizes = _corners(faces, np.array(before), len(positions))
    return RawShape(positions, triangulate(positions, corners, sizes), attributes=colours)


def _lines(data: bytes) -> tuple[list[Line], list[Line], list[int]]:
    """Vertices, faces, and the number of vertices before each face."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        data = data.decode("utf-16").encode()
    text = data.removeprefix(codecs.BOM_UTF8).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if b"\\\n" in text:
        text = _CONTINUED.sub(lambda run: run[0].replace(b"\\\n", b" ") + b"\n" * run[0].count(b"\\\n"), text)
    if b"#" in text:
        text = _COMMENT.sub(b"", text)
    vertices: list[Line] = []
    faces: list[Line] = []
    before: list[int] = []
    for place, line in enumerate(text.split(b"\n"), 1):
        words = line.split(None, 1)
        if not words:
            continue
        if words[0] == b"v":
            vertices.append((place, words[1] if len(words) > 1 else b""))
        elif words[0] == b"f":
            faces.append((place, words[1] if len(words) > 1 else b""))
            before.append(len(vertices))
    return vertices, faces, before


def _numbers(rows: list[Line], texts: list[bytes]) -> tuple[np.ndarray, np.ndarray]:
    """All numbers of some lines, and how many each holds."""
    widths = np.array([len(text.split()) for text in texts], dtype=np.int64)
    try:
        values = numbers(b"\n".join(texts))
    except ValueError:
        values = np.empty(0)
    if len(values) != widths.sum():
        for (place, row), text in zip(rows, texts, strict=True):
            try:
                good = len(numbers(text)) == len(text.split())
            except ValueError:
                good = False
            if not good:
                raise ValueError(
                    f"line {place} must hold numbers (got {row[:60].decode(errors='replace')!r})"
                )
    return values, widths


def _positions(vertices: list[Line]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Positions ``[V, 3]``, and red, green, blue."""
    values, widths = _numbers(vertices, [row for _, row in vertices])
    odd = np.flatnonzero(~np.isin(widths, _WIDTHS))
    if len(odd):
        raise ValueError(
            f"line {vertices[odd[0]][0]} must hold a vertex x y z (got {widths[odd[0]]} numbers)"
        )
    starts = np.cumsum(widths) - widths
    coloured = bool((widths >= 6).all())
    colours = values[(starts + widths)[:, None] - np.arange(3, 0, -1)].T if coloured else []
    return values[starts[:, None] + np.arange(3)], dict(zip(COLOURS, colours, strict=coloured))


def _corners(faces: list[Line], before: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of vertices, and how many each face has; of ``1/2/3`` the first number counts."""
    joined = b"\n".join(row for _, row in faces)
    texts = _BEHIND_SLASH.sub(b"", joined).split(b"\n") if b"/" in joined else [row for _, row in faces]
    values, sizes = _numbers(faces, texts)
    behind = np.repeat(before, sizes)
    corners = np.where(values > 0, values - 1, behind + values)
    wrong = np.flatnonzero(
        ~((corners >= 0) & (corners < count) & (values != 0) & (values == np.rint(values)))
    )
    if len(wrong):
        row = int(np.searchsorted(np.cumsum(sizes), wrong[0], side="right"))
        raise ValueError(
            f"line {faces[row][0]} names vertex {values[wrong[0]]:.12g} of {count}, which count from 1, "
            "or back from the line's own (-1)"
        )
    return corners.astype(np.int64), sizes
