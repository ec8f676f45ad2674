"""OFF meshes, ModelNet's glued headers included."""

from __future__ import annotations

import re

import numpy as np

from ccnn_pc.datasets.formats.raw import RawShape, fans, numbers

_HEADER = re.compile(rb"\s*(?:ST)?(?:C)?(?:N)?OFF")
_COMMENT = re.compile(rb"#[^\n]*")


def read_off(data: bytes) -> RawShape:
    """Read text OFF: ``OFF``, counts, vertices, polygons (cut into triangles).

    Understood: counts on the header's line with or without a space (``OFF490 518 0``, as in many ModelNet
        files),
    comments, blank lines, polygons of any size, colours behind faces, extra columns of COFF/NOFF/STOFF
    vertices.

    Raises:
        ValueError: not OFF, truncated, or a face that names a missing vertex.
    """
    header = _HEADER.match(data)
    if header is None:
        raise ValueError("it does not start with 'OFF'")
    body = data[header.end() :]
    if body[:16].strip().startswith(b"BINARY"):
        raise ValueError("it is binary OFF; save it as text")
    body = _COMMENT.sub(b"", body) if b"#" in body else body
    counts = re.match(rb"\s*(\d+)\s+(\d+)(?:[ \t]+(\d+))?[ \t\r]*(?:\n|$)", body)
    if counts is None:
        raise ValueError("the numbers of vertices and faces are missing")
    num_vertices, num_faces = int(counts[1]), int(counts[2])
    body = body[counts.end() :]
    if len(body) < 2 * 3 * num_vertices - 1:
        raise ValueError(f"it is truncated: {num_vertices} vertices are announced, {len(body)} bytes follow")
    if header[0].strip() == b"OFF":
        try:
            flat = numbers(body)
        except ValueError:
            flat = np.empty(0)
        faces = flat[3 * num_vertices :]
        if len(faces) == 4 * num_faces and (faces[::4] == 3).all():
            return _checked(
                flat[: 3 * num_vertices].reshape(-1, 3), faces.reshape(-1, 4)[:, 1:].astype(np.int64)
            )
    return _by_lines(body, num_vertices, num_faces)


def _by_lines(body: bytes, num_vertices: int, num_faces: int) -> RawShape:
    lines = [line.split() for line in body.splitlines() if line.strip()]
    if len(lines) < num_vertices + num_faces:
        raise ValueError(
            f"it is truncated: {num_vertices} + {num_faces} lines are announced, {len(lines)} are there"
        )
    try:
        vertices = np.array([[float(value) for value in line[:3]] for line in lines[:num_vertices]]).reshape(
            -1, 3
        )
        polygons = []
        for line in lines[num_vertices : num_vertices + num_faces]:
            size = int(line[0])
            if len(line) < size + 1:
                raise ValueError(f"it is truncated: a face announces {size} corners and has {len(line) - 1}")
            polygons.append([int(value) for value in line[1 : size + 1]])
    except (ValueError, IndexError) as error:
        raise ValueError(f"a line is malformed ({error})") from error
    return _checked(vertices, fans(polygons))


def _checked(vertices: np.ndarray, faces: np.ndarray) -> RawShape:
    if len(faces) and (faces.min() < 0 or faces.max() >= len(vertices)):
        raise ValueError(f"a face names vertex {max(faces.max(), -faces.min())} of {len(vertices)}")
    return RawShape(vertices, faces)
