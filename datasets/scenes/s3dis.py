"""Rooms of S3DIS: a folder each, with a text file for every object that was marked in it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ccnn_pc.datasets.common.folders import is_hidden
from ccnn_pc.datasets.formats.point_table import PointTable, wanted_fields
from ccnn_pc.datasets.formats.raw import numbers
from ccnn_pc.datasets.scenes.class_table import ClassTable

_NAMES = (
    *("ceiling", "floor", "wall", "beam", "column", "window", "door", "table", "chair", "sofa", "bookcase"),
    *("board", "clutter"),
)
S3DIS_CLASSES = ClassTable(dict(enumerate(_NAMES)))
"""The 13 classes in the order that results are published in."""
#: Marked in some rooms, and clutter for all who publish results.
_OTHERS = {"stairs": "clutter"}
_COLUMNS = ("red", "green", "blue")
ANNOTATIONS = "Annotations"
"""Folder in a room."""


def is_room(path: Path) -> bool:
    """Whether a folder is a room of S3DIS."""
    return (path / ANNOTATIONS).is_dir()


def room_files(room: Path) -> list[Path]:
    """The files of a room, by name: one for each marked object."""
    return sorted(path for path in (room / ANNOTATIONS).glob("*.txt") if not is_hidden(path.name))


def read_s3dis_room(room: Path, fields: Sequence[str] | None = None) -> PointTable:
    """Points of a room, object by object: ``red``, ``green``, ``blue``; ``class``, and ``object``, its number from 0.

    Args:
        room: a folder with ``Annotations/CLASS_NUMBER.txt``, lines of x, y, z in metres and red, green, blue.
        fields: names; None: all.

    Raises:
        ValueError: no such file, an unknown class, or a line that is not six numbers; the message names the file.
        AskedError: no such field.
    """
    files = room_files(room)
    if not files:
        raise ValueError(f"'{ANNOTATIONS}' must hold a text file of each object")
    of_name = {name: number for number, name in S3DIS_CLASSES.names.items()}
    tables, labels = [], []
    for path in files:
        name = path.stem.rpartition("_")[0]
        name = _OTHERS.get(name, name)
        if name not in of_name:
            raise ValueError(f"'{path.name}' must be called after one of {', '.join(of_name)}, stairs")
        tables.append(_table(path))
        labels.append(of_name[name])
    counts = [len(table) for table in tables]
    table = np.concatenate(tables)
    found = {name: table[:, 3 + place].astype(np.uint8) for place, name in enumerate(_COLUMNS)}
    found["class"] = np.repeat(np.array(labels, dtype=np.uint8), counts)
    found["object"] = np.repeat(np.arange(len(files), dtype=np.int32), counts)
    kept = {name: found[name] for name in wanted_fields(list(found), fields)}
    return PointTable(np.ascontiguousarray(table[:, :3]), kept)


def _table(path: Path) -> np.ndarray:
    """The six columns of an object."""
    try:
        data = path.read_bytes()
        values = numbers(data, line=1)
        wrong = next(
            (n for n, line in enumerate(data.splitlines(), 1) if len(line.split()) not in (0, 6)), None
        )
        if wrong is not None:
            raise ValueError(f"line {wrong} must be x, y, z, red, green, blue")
        table = values.reshape(-1, 6)
        colours = table[:, 3:]
        if not ((colours >= 0) & (colours <= 255) & (colours == np.rint(colours))).all():
            raise ValueError("red, green and blue must be whole numbers from 0 to 255")
    except ValueError as error:
        raise ValueError(f"'{path.name}': {error}") from None
    return table
