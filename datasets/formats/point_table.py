"""Points as readers of scenes return them, and columns that writers add: every one by the file's own name."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ccnn_pc.datasets.common.broken import DataWarning
from ccnn_pc.datasets.formats.columns import column_name

_AXES = ("x", "y", "z")


class AskedError(ValueError):
    """What was asked for does not fit the file, which is in order: no such field, a number that it cannot hold."""


class PointTable(NamedTuple):
    """The points of a file.

    Attributes:
        pos: ``[n, 3]`` float64.
        fields: ``[n]`` or ``[n, c]``, by the file's own names.
        crs: the coordinate system as WKT, as ``EPSG:number`` where the file names it so, or None.
    """

    pos: np.ndarray
    fields: dict[str, np.ndarray]
    crs: str | None = None


def wanted_fields(there: Sequence[str], wanted: Sequence[str] | None) -> list[str]:
    """The fields to read: those that are wanted, all that are there for None.

    Raises:
        AskedError: one is not there; the message lists those that are.

    Example:
        >>> wanted_fields(["intensity", "class"], ["class"]), wanted_fields(["intensity"], None)
        (['class'], ['intensity'])
    """
    if wanted is None:
        return list(there)
    missing = next((name for name in wanted if name not in there), None)
    if missing is not None:
        raise AskedError(f"it has no field '{missing}' (it has {', '.join(there) or 'none'})")
    return list(dict.fromkeys(wanted))


def point_table(
    columns: Sequence[tuple[str, np.ndarray]], wanted: Sequence[str] | None, crs: str | None = None
) -> PointTable:
    """Positions and fields of named columns; x, y, z in any spelling that the library knows.

    A column without a name is called after its number, a name that comes twice gets ``_2``.

    Raises:
        ValueError: no x, y, z, or two of them.
        AskedError: a wanted field is not there.

    Example:
        >>> table = point_table([(name, np.zeros(2)) for name in ("X [m]", "Y", "z", "Class")], None)
        >>> table.pos.shape, list(table.fields)
        ((2, 3), ['Class'])
    """
    axes: dict[str, np.ndarray] = {}
    fields: dict[str, np.ndarray] = {}
    for number, (text, values) in enumerate(columns, 1):
        name = own_name(text, number)
        axis = column_name(text)
        if axis in _AXES:
            if axis in axes:
                raise ValueError(f"it has two columns called {axis}")
            axes[axis] = values
            continue
        while name in fields:
            name += "_2"
        fields[name] = values
    if len(axes) < 3:
        raise ValueError(
            f"it has no columns x, y, z (got {', '.join(text for text, _ in columns) or 'none'})"
        )
    if any(values.ndim > 1 or values.dtype.kind not in "fiu" for values in axes.values()):
        raise ValueError("its x, y, z must hold one number per point")
    pos = np.column_stack([axes[axis] for axis in _AXES]).astype(np.float64, copy=False)
    if axes["x"].dtype == np.float32 or axes["y"].dtype == np.float32:
        warn_of_float32(pos)
    return PointTable(pos, {name: fields[name] for name in wanted_fields(list(fields), wanted)}, crs)


def warn_of_float32(pos: np.ndarray) -> None:
    """Warn of positions ``[n, 3]`` that were stored in float32 and lie on a raster as coarse as their distances."""
    if len(pos) < 2 or not np.isfinite(pos).all():
        return
    low, high = pos[:, :2].min(axis=0), pos[:, :2].max(axis=0)
    step = float(np.spacing(np.abs(pos[:, :2]).max().astype(np.float32)))
    apart = float(np.sqrt(np.prod(high - low) / len(pos)))
    if 0 < 0.1 * apart < step:
        most = np.abs(pos[:, :2]).max()
        warnings.warn(
            f"positions are stored in float32, whose numbers near {most:.6g} are {step:g} apart, and points lie about "
            f"{apart:.2g} apart: save them in 64 bits, or less an offset",
            DataWarning,
            stacklevel=2,
        )


def own_name(text: str, number: int) -> str:
    """The name of a column without quotes and spaces around it; of one without a name, its number.

    Example:
        >>> own_name(' "Class" ', 4), own_name("", 4)
        ('Class', 'column_4')
    """
    return re.sub(r"^[\s\"']+|[\s\"']+$", "", text) or f"column_{number}"


def check_rows(columns: Mapping[str, np.ndarray], count: int) -> None:
    """Columns to write must have a row for each point of the file.

    Raises:
        AskedError: otherwise.
    """
    for name, values in columns.items():
        if len(values) != count:
            raise AskedError(f"'{name}' must have {count} rows, one per point (got {len(values)})")


def check_holds(name: str, values: np.ndarray, kind: np.dtype, limits: tuple[int, int] | None = None) -> None:
    """Whole numbers that are written must be what the type in the file can hold; it may round others.

    Args:
        name: of the field.
        values: whole numbers, or floats.
        kind: type in the file.
        limits: smallest and largest number, where they are closer than those of the type.

    Raises:
        AskedError: a number outside of them, or floats for a type of whole numbers.

    Example:
        >>> check_holds("class", np.array([300]), np.dtype("u1"))
        Traceback (most recent call last):
        ...
        ccnn_pc.datasets.formats.point_table.AskedError: field 'class' (uint8) holds numbers from 0 to 255 (got 300)
    """
    if values.dtype.kind == "f":
        if kind.kind != "f":
            raise AskedError(f"field '{name}' ({kind}) holds whole numbers only")
        return
    if kind.kind == "f":
        most = 1 << (np.finfo(kind).nmant + 1)
        low, high = -most, most
    elif kind.kind in "iu":
        low, high = limits or (int(np.iinfo(kind).min), int(np.iinfo(kind).max))
    else:
        raise AskedError(f"field '{name}' ({kind}) holds no numbers")
    for wrong in (int(values.min()), int(values.max())):
        if not low <= wrong <= high:
            raise AskedError(f"field '{name}' ({kind}) holds numbers from {low} to {high} (got {wrong})")


def type_for(values: np.ndarray) -> np.dtype:
    """The type of a new field: float32, or the smallest of one to four bytes that holds all whole numbers.

    Raises:
        AskedError: numbers of more than 32 bits.

    Example:
        >>> type_for(np.array([2, 300])), type_for(np.array([-1, 5])), type_for(np.array([0.5]))
        (dtype('uint16'), dtype('int8'), dtype('float32'))
    """
    if values.dtype.kind == "f":
        return np.dtype(np.float32)
    low, high = int(values.min()), int(values.max())
    for name in ("u1", "u2", "u4") if low >= 0 else ("i1", "i2", "i4"):
        limits = np.iinfo(name)
        if limits.min <= low and high <= limits.max:
            return np.dtype(name)
    raise AskedError(f"numbers of more than 32 bits cannot be written (got {low} to {high})")


def rows_as_bytes(values: np.ndarray, kind: np.dtype) -> np.ndarray:
    """Values in a type as bytes ``[n, size]``, rounded where it is a float.

    Example:
        >>> rows_as_bytes(np.array([1, 258]), np.dtype(">u2")).tolist()
        [[0, 1], [1, 2]]
    """
    return np.ascontiguousarray(values).astype(kind).view(np.uint8).reshape(len(values), kind.itemsize)


def as_text(values: np.ndarray) -> list[bytes]:
    """Numbers as texts that are read as the same numbers; floats in float32.

    Example:
        >>> as_text(np.array([2, 31])), as_text(np.array([0.1]))
        ([b'2', b'31'], [b'0.100000001'])
    """
    if values.dtype.kind == "f":
        return [b"%.9g" % value for value in values.astype(np.float32).tolist()]
    return [b"%d" % value for value in values.tolist()]
