"""Clouds and meshes as numpy arrays: npy, npz."""

from __future__ import annotations

import numpy as np

from ccnn_pc.datasets.formats.columns import COLOURS, column_name, shape_of_columns, whole_label
from ccnn_pc.datasets.formats.numpy_file import read_npy, read_npz
from ccnn_pc.datasets.formats.polygons import triangulate
from ccnn_pc.datasets.formats.raw import RawShape
from ccnn_pc.datasets.formats.table import shape_of_table

_POSITIONS, _NORMALS = ("vertices", "points", "pos", "xyz"), ("normals", "normal")
_COLOURS = ("color", "colors", "colour", "colours", "rgb")
#: ``[3, N]`` with more columns than this can only be positions of channels first: no table is so wide.
_WIDEST = 20


def read_numpy(data: bytes) -> RawShape:
    """Read an ``.npy`` table ``[n, 3+]`` (columns as in text, by name if it is a structured array) or an ``.npz``.

    The npz holds ``vertices``, ``points``, ``pos`` or ``xyz`` and, where present, ``normals``, ``faces`` of three or
    four corners (counted from 0), and attributes with one row per point. ``[3, N]`` is turned to ``[N, 3]`` where
    nothing else can be meant (N above 20, or normals that say so).

    Raises:
        ValueError: not numpy's format, pickled objects, no such array, or shapes that do not fit together.
    """
    if not data.startswith(b"PK"):
        array = read_npy(data)
        if array.dtype.names is not None and array.ndim == 1:
            return shape_of_columns([(name, _numeric(name, array[name])) for name in array.dtype.names])
        return _table("its array", array)
    arrays = read_npz(data)
    key = next((key for key in _POSITIONS if key in arrays), None)
    if key is None:
        raise ValueError(
            f"it has no array points [n, 3] (found { ({name: list(each.shape) for name, each in arrays.items()}) })"
        )
    points = arrays.pop(key)
    name = next((name for name in _NORMALS if name in arrays), None)
    normals = None if name is None else _numeric(f"'{name}'", arrays.pop(name))
    if normals is not None and points.shape == normals.shape and points.ndim == 2 and points.shape[0] == 3:
        points, normals = (points.T, normals.T) if points.shape[1] != 3 else (points, normals)
    raw = _table(f"'{key}'", points)
    count = len(raw.vertices)
    if normals is not None:
        if normals.shape == (3, count) and count != 3:
            normals = normals.T
        if normals.shape != (count, 3):
            raise ValueError(
                f"'{name}' must have shape [{count}, 3], as the points (got {list(normals.shape)})"
            )
        raw.normals = normals.astype(np.float64)
    if "faces" in arrays:
        raw.faces = _faces(arrays.pop("faces"), raw.vertices)
    for name, values in arrays.items():
        if values.ndim in (1, 2) and len(values) == count:
            raw.attributes |= attributes_of_array(name, values)
    return raw


def _numeric(name: str, values: np.ndarray) -> np.ndarray:
    if values.dtype.kind not in "fiu":
        raise ValueError(f"{name} must hold real numbers (got {values.dtype})")
    return wide(values)


def wide(values: np.ndarray) -> np.ndarray:
    """Numbers of 16 bits as float32, in which sums and limits do not overflow; others as they are."""
    return values.astype(np.float32) if values.dtype == np.float16 else values


def _table(name: str, values: np.ndarray) -> RawShape:
    values = _numeric(name, values)
    if values.ndim == 2 and values.shape[0] == 3 and values.shape[1] > _WIDEST:
        values = values.T  # channels first, as point networks store clouds
    shape = list(values.shape)
    if values.ndim != 2 or shape[1] < 3:
        raise ValueError(f"{name} must be points [n, 3] (got shape {shape})")
    if 3 <= shape[0] < 10 and (shape[1] > _WIDEST or shape[0] == 3 < shape[1]):
        raise ValueError(
            f"{name} of shape {shape} may be {shape[0]} points or, channels first, {shape[1]}: save it as [n, 3]"
        )
    return shape_of_table(list(values.T))


def _faces(faces: np.ndarray, vertices: np.ndarray) -> np.ndarray:
    if faces.dtype.kind not in "iu":
        raise ValueError(f"'faces' must be whole numbers (got {faces.dtype})")
    if faces.ndim == 2 and faces.shape[0] in (3, 4) and faces.shape[1] > 4:
        faces = faces.T
    if faces.ndim != 2 or faces.shape[1] not in (3, 4):
        raise ValueError(f"'faces' must have shape [f, 3] or [f, 4] (got {list(faces.shape)})")
    faces = faces.astype(np.int64)
    if len(faces) and faces.min() == 1 and faces.max() == len(vertices):
        raise ValueError("'faces' are counted from 1: subtract 1 from all of them")
    return triangulate(vertices, faces.ravel(), np.full(len(faces), faces.shape[1]))


def attributes_of_array(name: str, values: np.ndarray) -> dict[str, np.ndarray]:
    """Attributes in an array with one row per point: colours by column, a single column without its axis.

    Raises:
        ValueError: neither numbers nor words.

    Example:
        >>> {name: values.tolist() for name, values in attributes_of_array("colors", np.array([[255, 128, 1]])).items()}
        {'red': [255], 'green': [128], 'blue': [1]}
    """
    if values.dtype.kind not in "fiubU":
        raise ValueError(f"'{name}' must hold real numbers or words (got {values.dtype})")
    if name.lower() in _COLOURS and values.ndim == 2 and values.shape[1] in (3, 4):
        return dict(zip((*COLOURS, "alpha"), values.T, strict=False))
    called = column_name(name)
    return {called: whole_label(called, values[:, 0] if values.shape[1:] == (1,) else values)}
