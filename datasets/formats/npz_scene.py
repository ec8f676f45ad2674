"""Scenes in npz: positions and fields as arrays by name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ccnn_pc.datasets.formats.numpy_file import read_npz
from ccnn_pc.datasets.formats.point_table import PointTable, wanted_fields

POSITIONS = ("pos", "points", "xyz")


def read_npz_scene(path: Path, fields: Sequence[str] | None = None) -> PointTable:
    """Positions of ``pos``, ``points`` or ``xyz`` ``[n, 3]``; every other array of n rows is a field.

    A text ``crs`` is the coordinate system.

    Raises:
        ValueError: no such archive, no positions, or of another shape.
        MissingFieldError: a named field is not there, or has other rows than the positions.
    """
    arrays = read_npz(path)
    key = next((name for name in POSITIONS if name in arrays), None)
    if key is None:
        found = ", ".join(f"{name} {list(values.shape)}" for name, values in arrays.items())
        raise ValueError(f"it has no array pos, points or xyz [n, 3] (got {found or 'none'})")
    pos = arrays.pop(key)
    if pos.ndim != 2 or pos.shape[1] != 3 or pos.dtype.kind not in "fiu":
        raise ValueError(f"its '{key}' must be numbers [n, 3] (got {list(pos.shape)}, {pos.dtype})")
    crs = arrays.pop("crs", None)
    there = {
        name: values for name, values in arrays.items() if values.ndim in (1, 2) and len(values) == len(pos)
    }
    other = next((name for name in fields or () if name in arrays and name not in there), None)
    if other is not None:
        raise ValueError(
            f"its '{other}' must have {len(pos)} rows, as '{key}' (got {list(arrays[other].shape)})"
        )
    kept = {name: there[name] for name in wanted_fields(list(there), fields)}
    named = str(crs) if crs is not None and crs.dtype.kind == "U" and crs.ndim == 0 else None
    return PointTable(pos.astype(np.float64, copy=False), kept, named)
