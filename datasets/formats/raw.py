"""What every reader returns, before any sampling."""

from __future__ import annotations

import dataclasses
import re
import warnings
from collections.abc import Callable

import numpy as np

_NUMBER = re.compile(rb"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|nan|inf(?:inity)?)", re.IGNORECASE)
#: Positions become float32, and so do their differences.
_LARGEST = 1e38


@dataclasses.dataclass
class RawShape:
    """A mesh (with ``faces``) or a cloud (without), exactly as it lies in the file.

    Attributes:
        vertices: ``[V, 3]`` float64.
        faces: triangles ``[F, 3]`` int64, or None for a cloud.
        normals: of the points of a cloud ``[V, 3]`` float64, or None.
        attributes: what else the file says of each vertex, ``[V]`` or ``[V, C]``, by name (see
            :mod:`ccnn_pc.datasets.formats.columns`).
    """

    vertices: np.ndarray
    faces: np.ndarray | None = None
    normals: np.ndarray | None = None
    attributes: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)


def numbers(text: bytes | str, line: int | None = None) -> np.ndarray:
    r"""All numbers of a white-space separated text, float64.

    Args:
        text: ``nan`` and ``inf`` are numbers, ``1_5`` and ``1d5`` are none.
        line: number of its first line in the file, for messages.

    Raises:
        ValueError: something in it is not a number, or one that float64 cannot hold.

    Example:
        >>> numbers("1 2.5\n-3e2").tolist()
        [1.0, 2.5, -300.0]
        >>> numbers("1 2\n3 x", line=7)
        Traceback (most recent call last):
        ...
        ValueError: line 8: 'x' is not a number
    """
    data = text.encode("utf-8", errors="replace") if isinstance(text, str) else text
    if not data.strip():
        return np.empty(0)
    try:
        with warnings.catch_warnings():
            # before numpy 2.3 what is now an error was this warning, and the numbers up to there
            warnings.simplefilter("error", DeprecationWarning)
            values = np.fromstring(data.decode("ascii"), dtype=np.float64, sep=" ")
    except (ValueError, DeprecationWarning):
        raise ValueError(
            _first(data, line, lambda token: not _NUMBER.fullmatch(token), "is not a number")
        ) from None
    if np.isinf(values).any():
        too_large = _first(data, line, _overflows, "is larger than any number of 64 bits", otherwise="")
        if too_large:
            raise ValueError(too_large)
    return values


def is_number(text: str) -> bool:
    """Whether :func:`numbers` takes a text for a number.

    Example:
        >>> [is_number(text) for text in ("1.5e3", "nan", "1_5", "1,5", "")]
        [True, True, False, False, False]
    """
    return _NUMBER.fullmatch(text.encode("utf-8", errors="replace")) is not None


def _overflows(token: bytes) -> bool:
    return b"n" not in token.lower() and abs(float(token)) == np.inf


def _first(
    data: bytes,
    line: int | None,
    wrong: Callable[[bytes], bool],
    what: str,
    otherwise: str = "something that is not a number stands where numbers are expected",
) -> str:
    for number, row in enumerate(data.splitlines(), line or 1):
        for token in row.split():
            if wrong(token):
                shown = token[:40].decode("utf-8", errors="replace")
                return ("" if line is None else f"line {number}: ") + f"{shown!r} {what}"
    return otherwise


def check_raw(raw: RawShape) -> RawShape:
    """What a reader returned: positions that float32 can hold, faces with finite corners that are there.

    Raises:
        ValueError: otherwise.
    """
    count = len(raw.vertices)
    finite = raw.vertices[np.isfinite(raw.vertices)]
    largest = float(np.abs(finite).max()) if finite.size else 0.0
    if largest > _LARGEST:
        raise ValueError(
            f"its coordinates must be within ±{_LARGEST:g}, which float32 can hold (got {largest:g})"
        )
    if raw.faces is not None and len(raw.faces):
        low, high = int(raw.faces.min()), int(raw.faces.max())
        if low < 0 or high >= count:
            raise ValueError(
                f"a face names vertex {high if high >= count else low} of {count}, which count from 0"
            )
        lost = ~np.isfinite(raw.vertices).all(axis=1)
        if lost.any() and lost[raw.faces].any():
            first = int(raw.faces[lost[raw.faces]][0])
            raise ValueError(
                f"its faces must have finite corners (vertex {first} is {raw.vertices[first].tolist()})"
            )
    return raw


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
