"""Scenes in npz: positions and fields as arrays by name, read and written again."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ccnn_pc.datasets.formats.numpy_file import read_npz
from ccnn_pc.datasets.formats.point_table import (
    AskedError,
    PointTable,
    check_holds,
    check_rows,
    type_for,
    wanted_fields,
)

POSITIONS = ("pos", "points", "xyz")


def read_npz_scene(path: Path, fields: Sequence[str] | None = None) -> PointTable:
    """Positions of ``pos``, ``points`` or ``xyz`` ``[n, 3]``; every other array of n rows is a field.

    A text ``crs`` is the coordinate system.

    Raises:
        ValueError: no such archive, no positions, or of another shape.
        AskedError: a named field is not there, or has other rows than the positions.
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


def write_npz_fields(source: Path, target: Path, columns: Mapping[str, np.ndarray]) -> None:
    """The archive again with some arrays ``[n]`` set, in the type that they had; other members byte by byte.

    Raises:
        ValueError: other numbers of rows than points, or numbers that the type of an array cannot hold.
    """
    table = read_npz_scene(source)
    check_rows(columns, len(table.pos))
    written = {}
    others = {name for name in read_npz(source) if name not in table.fields or table.fields[name].ndim > 1}
    for name, values in columns.items():
        if name in others:
            raise AskedError(
                f"its array '{name}' is no field of one number per point, and is not overwritten"
            )
        kind = table.fields[name].dtype if name in table.fields else type_for(values)
        check_holds(name, values, kind)
        with io.BytesIO() as stream:
            np.lib.format.write_array(stream, np.asarray(values).astype(kind), allow_pickle=False)
            written[f"{name}.npy"] = stream.getvalue()
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        members = old.infolist()
        for member in members:
            content = written.pop(member.filename, None)
            new.writestr(member, old.read(member) if content is None else content)
        for name, content in written.items():
            new.writestr(name, content, compress_type=members[0].compress_type)
