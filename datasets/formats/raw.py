"""What every reader returns, before any sampling."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

import numpy as np


@dataclasses.dataclass
class RawShape:
    """A mesh (with ``faces``) or a cloud (without), exactly as it lies in the file.

    Attributes:
        vertices: ``[V, 3]`` float64.
        faces: triangles ``[F, 3]`` int64, or None for a cloud.
        normals: of the points of a cloud ``[V, 3]`` float64, or None.
    """

    vertices: np.ndarray
    faces: np.ndarray | None = None
    normals: np.ndarray | None = None


def numbers(text: bytes | str) -> np.ndarray:
    """All numbers of a white-space separated text, float64.

    Raises:
        ValueError: something in it is not a number.
    """
    if isinstance(text, bytes):
        text = text.decode("ascii", errors="replace")
    if not text.strip():
        return np.empty(0)
    try:
        return np.fromstring(text, dtype=np.float64, sep=" ")
    except (ValueError, DeprecationWarning) as error:
        raise ValueError("something that is not a number stands where numbers are expected") from error


def fan(polygon: Sequence[int] | np.ndarray) -> list[tuple[int, int, int]]:
    """The triangles of a convex polygon, all from its first corner; none for fewer than three corners.

    Example:
        >>> fan([4, 5, 6, 7])
        [(4, 5, 6), (4, 6, 7)]
    """
    return [(int(polygon[0]), int(polygon[i]), int(polygon[i + 1])) for i in range(1, len(polygon) - 1)]


def fans(polygons: Iterable[Sequence[int] | np.ndarray]) -> np.ndarray:
    """Triangles ``[F, 3]`` of many polygons."""
    return np.array([triangle for polygon in polygons for triangle in fan(polygon)], dtype=np.int64).reshape(
        -1, 3
    )


def strips(index: np.ndarray) -> np.ndarray:
    """Triangles ``[F, 3]`` of triangle strips written one after the other; -1 starts a new one.

    Every second triangle of a strip is turned, so that all keep the orientation of the first; triangles that
    name a vertex twice (they only steer the strip) are dropped.

    Example:
        >>> strips(np.array([0, 1, 2, 3, -1, 4, 5, 6])).tolist()
        [[0, 1, 2], [2, 1, 3], [4, 5, 6]]
    """
    index = np.asarray(index, dtype=np.int64)
    if len(index) < 3:
        return np.empty((0, 3), dtype=np.int64)
    place = np.arange(len(index))
    start = np.maximum.accumulate(np.where(index < 0, place + 1, 0))  # where the strip of each entry begins
    triangles = np.column_stack([index[:-2], index[1:-1], index[2:]])
    odd = (place - start)[:-2] % 2 == 1
    triangles[odd] = triangles[odd][:, [1, 0, 2]]
    a, b, c = triangles.T
    return triangles[(triangles >= 0).all(axis=1) & (a != b) & (b != c) & (a != c)]
