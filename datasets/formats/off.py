"""OFF meshes, ModelNet's glued headers included."""

from __future__ import annotations

import re

import numpy as np

from ccnn_pc.datasets.formats.columns import COLOURS
from ccnn_pc.datasets.formats.polygons import triangulate
from ccnn_pc.datasets.formats.raw import RawShape, numbers

_HEADER = re.compile(rb"\s*(ST)?C?N?(4)?(n)?(?:OFF|off)")
_COUNTS = re.compile(rb"\s*(\d+)\s+(\d+)(?:[ \t]+\d+|\s*\n[ \t]*\d+(?=[ \t\r]*\n))?[ \t\r]*(?:\n|$)")
_COMMENT = re.compile(rb"(?<!\.)#[^\n]*")
"""``1.#IND`` is no number with a comment behind it."""


def read_off(data: bytes) -> RawShape:
    """Read text OFF: ``OFF``, counts, vertices, polygons (cut into triangles).

    Understood: a byte order mark, comments and blank lines anywhere, counts on the header's line with or without a
    space (``OFF490 518 0``, as in many ModelNet files), polygons of any size over any number of lines, colours behind
    faces, extra columns of COFF/NOFF/STOFF vertices; the colours of COFF are kept as attributes.

    Raises:
        ValueError: not OFF, other counts than announced, a line too short, or a face that names a missing vertex.
    """
    text = _COMMENT.sub(b"", data.removeprefix(b"\xef\xbb\xbf")).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    header = _HEADER.match(text)
    if header is None:
        raise ValueError("it does not start with 'OFF'")
    body = text[header.end() :]
    if body[:16].strip().upper().startswith(b"BINARY"):
        raise ValueError("it is binary OFF; save it as text")
    if header[2] or header[3]:
        raise ValueError("its vertices do not have three coordinates (4OFF, nOFF); save it as OFF")
    counts = _COUNTS.match(body)
    if counts is None:
        raise ValueError("the numbers of vertices and faces are missing")
    num_vertices, num_faces = int(counts[1]), int(counts[2])
    start = text.count(b"\n", 0, header.end() + counts.end()) + 1
    body = body[counts.end() :]
    coloured = header[0].strip().upper() == b"COFF"
    return _plain(body, num_vertices, num_faces) or _Body(body, start).read(num_vertices, num_faces, coloured)


def _plain(body: bytes, num_vertices: int, num_faces: int) -> RawShape | None:
    """Three numbers for every vertex, four for every triangle, and nothing else; None for all other files."""
    try:
        values = numbers(body)
    except ValueError:
        return None
    rows = (
        values[3 * num_vertices :].reshape(num_faces, 4)
        if len(values) == 3 * num_vertices + 4 * num_faces
        else None
    )
    if rows is None or not (rows[:, 0] == 3).all() or not (rows == np.rint(rows)).all():
        return None
    vertices, corners = values[: 3 * num_vertices].reshape(-1, 3), rows[:, 1:].astype(np.int64)
    return RawShape(vertices, triangulate(vertices, corners.reshape(-1), np.full(num_faces, 3)))


class _Body:
    """What follows the counts: all numbers, and how many stand in each line that has any.

    Args:
        text: without comments.
        start: number of its first line in the file.
    """

    def __init__(self, text: bytes, start: int) -> None:
        lines = [line.split() for line in text.split(b"\n")]
        self.places = np.array([start + i for i, line in enumerate(lines) if line], dtype=np.int64)
        self.widths = np.array([len(line) for line in lines if line], dtype=np.int64)
        try:
            self.values = numbers(text)
        except ValueError:
            self.values = np.empty(0)
        if len(self.values) != self.widths.sum():
            self._blame(lines, start)

    @staticmethod
    def _blame(lines: list[list[bytes]], start: int) -> None:
        for place, line in enumerate(lines, start):
            try:
                complete = len(numbers(b" ".join(line))) == len(line)
            except ValueError:
                complete = False
            if not complete:
                shown = b" ".join(line)[:60].decode(errors="replace")
                raise ValueError(f"line {place} is malformed: it must hold numbers (got {shown!r})")

    def read(self, num_vertices: int, num_faces: int, coloured: bool) -> RawShape:
        if len(self.widths) < num_vertices + (num_faces > 0):
            raise ValueError(
                f"it is truncated: {num_vertices} vertices and {num_faces} faces are announced, "
                f"{len(self.widths)} lines follow"
            )
        widths = self.widths[:num_vertices]
        width = int(widths[0]) if num_vertices else 3
        odd = np.flatnonzero((widths < 3) | (widths != width))
        if len(odd):
            raise ValueError(
                f"line {self.places[odd[0]]} must hold a vertex of {max(width, 3)} numbers, as the first "
                f"(got {widths[odd[0]]})"
            )
        table = self.values[: num_vertices * width].reshape(-1, width)
        vertices = table[:, :3]
        colours = table[:, 3:].T if coloured and width in (6, 7) else table[:0]
        corners, sizes = self._faces(num_vertices, num_faces)
        attributes = dict(zip((*COLOURS, "alpha"), colours, strict=False))
        return RawShape(vertices, triangulate(vertices, corners, sizes), attributes=attributes)

    def _faces(self, skipped: int, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Corners and sizes of all polygons; what stands behind a polygon in its line is its colour."""
        widths, places = self.widths[skipped:], self.places[skipped:]
        values = self.values[self.widths[:skipped].sum() :]
        ends = np.cumsum(widths)
        if len(widths) == count:
            starts = ends - widths
            sizes = values[starts]
            if (sizes == np.rint(sizes)).all() and (sizes > 0).all() and (widths > sizes).all():
                sizes = sizes.astype(np.int64)
                self._check_colours(widths - 1 - sizes, places)
                named = (
                    np.repeat(starts + 1, sizes)
                    + np.arange(sizes.sum())
                    - np.repeat(np.cumsum(sizes) - sizes, sizes)
                )
                return self._whole(values[named], named, ends, places), sizes
        return self._faces_over_lines(values, ends, places, count)

    def _faces_over_lines(
        self, values: np.ndarray, ends: np.ndarray, places: np.ndarray, count: int
    ) -> tuple[np.ndarray, np.ndarray]:
        named: list[np.ndarray] = []
        sizes: list[int] = []
        colours, place, line = [], 0, 0
        for _ in range(count):
            if place >= len(values):
                raise ValueError(f"it is truncated: {count} faces are announced, {len(sizes)} are there")
            size = values[place]
            if not (size > 0 and size == int(size)):
                raise ValueError(f"line {places[line]} must begin with a number of corners (got {size:g})")
            stop = place + 1 + int(size)
            if stop > len(values):
                raise ValueError(
                    f"it is truncated: the face in line {places[line]} announces {size:g} corners "
                    f"and has {len(values) - place - 1}"
                )
            named.append(np.arange(place + 1, stop))
            sizes.append(int(size))
            line = int(np.searchsorted(ends, stop))
            colours.append(ends[line] - stop)
            place, line = int(ends[line]), line + 1
        if place < len(values):
            raise ValueError(f"line {places[line]} must be the end: {count} faces are announced, more follow")
        self._check_colours(np.array(colours), places)
        chosen = np.concatenate([np.empty(0, dtype=np.int64), *named])
        return self._whole(values[chosen], chosen, ends, places), np.array(sizes, dtype=np.int64)

    @staticmethod
    def _check_colours(colours: np.ndarray, places: np.ndarray) -> None:
        """None, 1 (of a map), 3 or 4 numbers; a single number behind some of the faces is no colour but damage."""
        kinds = set(np.unique(colours).tolist())
        if not kinds <= {0, 1, 3, 4} or (1 in kinds and len(kinds) > 1):
            usual = np.bincount(colours).argmax()
            odd = np.flatnonzero((colours != usual) & ~np.isin(colours, [0, 3, 4]))
            row = int(odd[0]) if len(odd) else 0
            raise ValueError(
                f"the face in line {places[row]} must end after its corners or with a colour "
                f"(got {colours[row]} more numbers)"
            )

    @staticmethod
    def _whole(corners: np.ndarray, chosen: np.ndarray, ends: np.ndarray, places: np.ndarray) -> np.ndarray:
        odd = np.flatnonzero(~(np.abs(corners) < 2**53) | (corners != np.rint(corners)))
        if len(odd):
            line = places[np.searchsorted(ends, chosen[odd[0]], side="right")]
            raise ValueError(f"line {line} must name vertices by whole numbers (got {corners[odd[0]]:g})")
        return corners.astype(np.int64)
