"""From columns with names to a cloud: positions, normals, and every other column as an attribute of its points."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from ccnn_pc.datasets.formats.raw import RawShape

#: Spellings of the columns that the library knows, in lower case.
_SPELLINGS = {
    "x": ("x", "points:0"),
    "y": ("y", "points:1"),
    "z": ("z", "points:2"),
    "nx": ("nx", "normal_x", "normalx", "n_x", "normals:0"),
    "ny": ("ny", "normal_y", "normaly", "n_y", "normals:1"),
    "nz": ("nz", "normal_z", "normalz", "n_z", "normals:2"),
    "red": ("red", "r", "diffuse_red"),
    "green": ("green", "g", "diffuse_green"),
    "blue": ("blue", "b", "diffuse_blue"),
    "alpha": ("alpha", "diffuse_alpha"),
    "intensity": ("intensity",),
    "label": ("label", "class", "classification"),
}
_KNOWN = {spelling: name for name, spellings in _SPELLINGS.items() for spelling in spellings}
_UNIT = re.compile(r"\s*[\[(][^\[(]*[\])]$")
#: What items, batches and transforms call their own attributes.
_TAKEN = {
    *("pos", "normal", "batch", "ptr", "name", "face", "edge_index", "edge_attr", "num_nodes"),
    *("neighbor_index", "neighbor_count", "neighbor_table", "center", "dropped", "scale", "volume"),
    *("lattice", "spacing", "times", "mask", "occupied", "one", "unoriented_normal"),
}
COLOURS = ("red", "green", "blue")
MEASURED = (*COLOURS, "alpha", "intensity")
"""Attributes that are numbers, whatever their type in the file."""
_AXES, _NORMAL = ("x", "y", "z"), ("nx", "ny", "nz")
PARTS = (*_AXES, *_NORMAL)
"""Columns of positions and normals; all others are attributes."""


def column_name(text: str) -> str:
    """What the library calls a column: known ones by one name in any spelling, others by their own.

    Units in brackets and CloudCompare's ``scalar_`` are no part of a known name. A name that items of data sets use
    themselves gets a ``_`` at its end.

    Example:
        >>> [column_name(text) for text in ("X [m]", "Normal_X", "R", "scalar_Intensity", "Class", "GpsTime", "batch")]
        ['x', 'nx', 'red', 'intensity', 'label', 'GpsTime', 'batch_']
    """
    own = text.strip().strip("\"'").strip()
    plain = _UNIT.sub("", own).lower().removeprefix("scalar_")
    return _KNOWN.get(plain, f"{own}_" if own in _TAKEN else own)


def names_positions(names: Sequence[str]) -> bool:
    """Whether columns of these names hold x, y and z."""
    return set(_AXES) <= {column_name(name) for name in names}


def shape_of_columns(
    columns: Sequence[tuple[str, np.ndarray]], faces: np.ndarray | None = None, what: str = "columns"
) -> RawShape:
    """A cloud, or a mesh, of named columns: x, y, z; nx, ny, nz; all others are attributes.

    Args:
        columns: names as the file has them, with one value or row of values per point; a column without a name is
            called after its number.
        faces: ``[F, 3]`` of a mesh.
        what: what the format calls its columns, for the message.

    Raises:
        ValueError: no x, y, z, or two of them.
    """
    named: dict[str, np.ndarray] = {}
    for number, (text, values) in enumerate(columns, 1):
        name = column_name(text) or f"column_{number}"
        if name in named and name in _AXES:
            raise ValueError(f"it has two {what} called {name}")
        while name in named:
            name += "_2"
        named[name] = values
    if not all(axis in named for axis in _AXES):
        raise ValueError(f"it has no {what} x, y, z (got {', '.join(text for text, _ in columns) or 'none'})")
    if any(named[axis].ndim > 1 for axis in PARTS if axis in named):
        raise ValueError(f"its {what} x, y, z must hold one number per point")
    vertices = np.column_stack([named.pop(axis) for axis in _AXES]).astype(np.float64)
    normals = None
    if all(axis in named for axis in _NORMAL):
        normals = np.column_stack([named.pop(axis) for axis in _NORMAL]).astype(np.float64)
    return RawShape(vertices, faces, normals, {name: whole_label(name, each) for name, each in named.items()})


def as_declared(values: np.ndarray, kind: str) -> np.ndarray:
    """Numbers of a text in the integer type that its header declares, unless that changed one of them."""
    if np.dtype(kind).kind not in "iu" or values.dtype.kind != "f" or not np.isfinite(values).all():
        return values
    limits = np.iinfo(kind)
    fits = values.size == 0 or (limits.min <= values.min() and values.max() <= limits.max)
    whole = values.astype(kind) if fits else None
    return values if whole is None or (whole != values).any() else whole


def whole_label(name: str, values: np.ndarray) -> np.ndarray:
    """Values of ``label`` as int64 where all are whole numbers; of other columns as they are."""
    if name != "label" or values.dtype.kind not in "fiu":
        return values
    whole = values.dtype.kind != "f" or bool(np.isfinite(values).all() and (values == np.rint(values)).all())
    return values.astype(np.int64) if whole else values


def colours_of(packed: np.ndarray, alpha: bool = False) -> list[tuple[str, np.ndarray]]:
    """Red, green, blue (and alpha), 0 to 255, of colours in the bits of 32-bit numbers.

    Example:
        >>> [(name, int(value[0])) for name, value in colours_of(np.array([0x00FF8001], dtype=np.uint32))]
        [('red', 255), ('green', 128), ('blue', 1)]
    """
    bits = packed.astype(np.float32).view(np.uint32) if packed.dtype.kind == "f" else packed.astype(np.uint32)
    parts = list(zip(COLOURS, (16, 8, 0), strict=True)) + ([("alpha", 24)] if alpha else [])
    return [(name, (bits >> shift & 255).astype(np.uint8)) for name, shift in parts]


def stored_type(name: str, values: np.ndarray) -> np.ndarray:
    """An attribute as items of data sets hold it.

    Integers are int64, words stay words, numbers are float32; float64 where float32 would lose more than 1e-4 of
    their range (times of GPS, say). Colours and intensities are numbers, whatever their type in the file, and so is
    what batches would take for rows of points by its name (``index``).

    Example:
        >>> stored_type("time", np.array([1.3e9, 1.3e9 + 1])).dtype, stored_type("red", np.array([255])).dtype
        (dtype('float64'), dtype('float32'))
    """
    if values.dtype.kind == "U":
        return values
    measured = name in MEASURED or "index" in name or "batch" in name
    if values.dtype.kind in "biu" and not measured:
        return values.astype(np.int64)
    wide = values.astype(np.float64)
    finite = wide[np.isfinite(wide)]
    with np.errstate(over="ignore"):
        narrow = finite.astype(np.float32)
    lost = float(np.abs(narrow - finite).max()) if finite.size else 0.0
    size = float(np.ptp(finite)) if finite.size else 0.0
    return wide if lost > 1e-4 * size and size > 0 else wide.astype(np.float32)
