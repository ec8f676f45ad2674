"""Clouds as tables: text (xyz, txt, csv, pts) and numpy files."""

from __future__ import annotations

import io
import re
import zipfile

import numpy as np

from ccnn_pc.datasets.formats.raw import RawShape, numbers

_SEPARATORS = re.compile(rb"[,;\t]")


def read_text(data: bytes) -> RawShape:
    """Read one point per line: x y z and, if the next three columns are unit vectors, its normal.

    Columns are separated by spaces, tabs, commas or semicolons. Lines that start with ``#`` or ``//`` are
    comments; one line of names or a point count may come first.

    Raises:
        ValueError: no points, fewer than three columns, or lines of different length.
    """
    lines = [line.strip() for line in _SEPARATORS.sub(b" ", data).splitlines()]
    lines = [line for line in lines if line and not line.startswith((b"#", b"//"))]
    if lines:
        try:
            heading = numbers(lines[0]).size == 1 and len(lines) > 1
        except ValueError:
            heading = True
        lines = lines[1:] if heading else lines
    if not lines:
        raise ValueError("it holds no points")
    width = numbers(lines[0]).size
    values = numbers(b"\n".join(lines))
    if width < 3 or values.size != width * len(lines):
        raise ValueError(
            f"it must have the same number of columns, at least 3, in every line (first line: {width})"
        )
    return _table(values.reshape(len(lines), width))


def read_numpy(data: bytes) -> RawShape:
    """Read an ``.npy`` table ``[n, 3+]`` (columns as in :func:`read_text`) or an ``.npz``.

    The npz holds ``vertices``, ``points``, ``pos`` or ``xyz`` and, where present, ``faces`` and ``normals``.

    Raises:
        ValueError: not numpy's format, pickled objects, or no such array.
    """
    try:
        loaded = np.load(io.BytesIO(data), allow_pickle=False)
        arrays = dict(loaded.items()) if isinstance(loaded, np.lib.npyio.NpzFile) else {"points": loaded}
    except (OSError, EOFError, zipfile.BadZipFile, AttributeError) as error:
        raise ValueError(f"it is not a readable numpy file ({error})") from error
    for key in ("vertices", "points", "pos", "xyz"):
        points = arrays.get(key)
        if points is not None and points.ndim == 2 and points.shape[1] >= 3 and points.dtype.kind in "fiu":
            raw = _table(points.astype(np.float64))
            normals = arrays.get("normals", arrays.get("normal"))
            if normals is not None and normals.shape == (len(points), 3):
                raw.normals = normals.astype(np.float64)
            faces = arrays.get("faces")
            if faces is not None and faces.ndim == 2 and faces.shape[1] == 3:
                raw.faces = faces.astype(np.int64)
            return raw
    shapes = {key: list(value.shape) for key, value in arrays.items()}
    raise ValueError(f"it has no array points [n, 3] (found {shapes})")


def _table(values: np.ndarray) -> RawShape:
    normals = None
    if values.shape[1] >= 6:
        candidate = values[:, 3:6]
        length = np.linalg.norm(candidate[np.isfinite(values).all(axis=1)], axis=1)
        if len(length) and (np.abs(length - 1) < 0.02).mean() > 0.95:
            normals = candidate
    return RawShape(values[:, :3], None, normals)
