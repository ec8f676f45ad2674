"""What readers of scenes return: positions in float64, and every other column by the file's own name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ccnn_pc.datasets.formats.columns import column_name

_AXES = ("x", "y", "z")


class MissingFieldError(ValueError):
    """A field that was asked for is not in the file."""


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
        MissingFieldError: one is not there; the message lists those that are.

    Example:
        >>> wanted_fields(["intensity", "class"], ["class"]), wanted_fields(["intensity"], None)
        (['class'], ['intensity'])
    """
    if wanted is None:
        return list(there)
    missing = next((name for name in wanted if name not in there), None)
    if missing is not None:
        raise MissingFieldError(f"it has no field '{missing}' (it has {', '.join(there) or 'none'})")
    return list(dict.fromkeys(wanted))


def point_table(
    columns: Sequence[tuple[str, np.ndarray]], wanted: Sequence[str] | None, crs: str | None = None
) -> PointTable:
    """Positions and fields of named columns; x, y, z in any spelling that the library knows.

    A column without a name is called after its number, a name that comes twice gets ``_2``.

    Raises:
        ValueError: no x, y, z, or two of them.
        MissingFieldError: a wanted field is not there.

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
    return PointTable(pos, {name: fields[name] for name in wanted_fields(list(fields), wanted)}, crs)


def own_name(text: str, number: int) -> str:
    """The name of a column without quotes and spaces around it; of one without a name, its number.

    Example:
        >>> own_name(' "Class" ', 4), own_name("", 4)
        ('Class', 'column_4')
    """
    return re.sub(r"^[\s\"']+|[\s\"']+$", "", text) or f"column_{number}"
