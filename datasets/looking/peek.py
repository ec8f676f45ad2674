"""What kind of data a file of numpy or of text holds."""

from __future__ import annotations

import enum
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from ccnn_pc.datasets.common.columns import usual_column
from ccnn_pc.datasets.common.file_table import ANSWERED
from ccnn_pc.datasets.formats.csv_file import open_text, read_header

#: What the arrays of clouds are called.
_CLOUD_ARRAYS = {"points", "pos", "xyz", "vertices"}
_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?|nan", re.IGNORECASE)


class Kind(enum.Enum):
    """What files hold, in words."""

    CLOUDS = "clouds and meshes"
    SCENES = "scans"
    PICTURES = "pictures"
    SOUND = "sound"
    VOLUMES = "volumes"
    SERIES = "series"
    LONG_TABLE = "tables of observations"
    WIDE_TABLE = "tables with a column per variable"
    ARCHIVE = "series of the UEA archive"
    FILE_TABLE = "tables about files"


def kind_of_numpy(path: Path) -> Kind | None:
    """Of arrays: three axes are a volume, also with channels before them; points are a cloud; None: neither."""
    shapes = array_shapes(path)
    if {name.lower() for name in shapes} & _CLOUD_ARRAYS:
        return Kind.CLOUDS
    if len(shapes) >= 1:
        shape = max(shapes.values(), key=len)
        if len(shape) in (3, 4):
            return Kind.VOLUMES
        if path.suffix.lower() == ".npy" and len(shape) in (1, 2):
            return Kind.CLOUDS
    return None


def array_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Shapes of the arrays of a file by name, from their headers; none where it cannot be read."""
    try:
        if path.suffix.lower() == ".npy":
            with open(path, "rb") as file:
                return {"": _shape(file)}
        with zipfile.ZipFile(path) as archive:
            found = {}
            for member in archive.namelist():
                with archive.open(member) as file:
                    found[member.removesuffix(".npy")] = _shape(file)
            return found
    except Exception:  # damaged files fail in any way; the reader says how
        return {}


def _shape(file: Any) -> tuple[int, ...]:
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape: tuple[int, ...] = read(file)[0]
    return shape


def kind_of_text(path: Path) -> Kind | None:
    """Of tables, by the names of their columns; of numbers without names, by what they look like; None: neither."""
    try:
        with open_text(path) as file:
            header = read_header(file, path, ())
            rows = [line for _, line in zip(range(50), file, strict=False)]
    except (OSError, ValueError):
        return None
    names = header.names
    if all(_NUMBER.fullmatch(name) for name in _cells(" ".join(names)) if name):
        return _kind_of_numbers([" ".join(names), *rows])
    low = {name.lower().lstrip("/# ") for name in names}
    if {"x", "y", "z"} <= low or {"//x", "y", "z"} <= low:
        return Kind.CLOUDS
    if len(names) == 1 and {"x", "y", "z"} <= set(re.split(r"[\s,;/#]+", names[0].lower())):
        return Kind.CLOUDS
    if set(names) >= ANSWERED:
        return None
    if usual_column(names, "file") is not None:
        return Kind.FILE_TABLE
    time = usual_column(names, "time")
    if {"variable", "value"} <= low:
        return Kind.LONG_TABLE
    if time is not None and usual_column(names, "id", [time]) is not None:
        return Kind.WIDE_TABLE
    if not rows or not all(_is_numeric(line, header.delimiter) for line in rows[:5] if line.strip()):
        return None
    return Kind.SERIES


def _cells(line: str) -> list[str]:
    return [cell for cell in re.split(r"[\s;,|]+", line.strip()) if cell]


def _is_numeric(line: str, delimiter: str) -> bool:
    """Whether most cells of a row are numbers, or empty."""
    cells = [cell.strip() for cell in line.strip().split(delimiter)]
    return sum(bool(_NUMBER.fullmatch(cell)) or not cell for cell in cells) >= max(1, len(cells) - 1)


def _kind_of_numbers(lines: list[str]) -> Kind:
    """Three columns and more are points, unless the first one rises all the time."""
    rows = [_cells(line) for line in lines if line.strip()]
    if min(map(len, rows)) < 3:
        return Kind.SERIES
    try:
        first = np.array([float(row[0]) for row in rows])
    except ValueError:
        return Kind.CLOUDS
    return Kind.SERIES if len(first) > 2 and bool((np.diff(first) > 0).all()) else Kind.CLOUDS
