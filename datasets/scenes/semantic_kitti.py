"""Scans of SemanticKITTI: ``velodyne/NUMBER.bin``, and ``labels/NUMBER.label`` beside that folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ccnn_pc.datasets.formats.point_table import PointTable, wanted_fields
from ccnn_pc.datasets.scenes.class_table import ClassTable

#: Each class with its numbers; what moves has one of its own.
_NUMBERS = {
    **{"car": (10, 252), "bicycle": (11,), "motorcycle": (15,), "truck": (18, 258)},
    **{"other-vehicle": (20, 13, 16, 256, 257, 259), "person": (30, 254), "bicyclist": (31, 253)},
    **{
        "motorcyclist": (32, 255),
        "road": (40, 60),
        "parking": (44,),
        "sidewalk": (48,),
        "other-ground": (49,),
    },
    **{
        "building": (50,),
        "fence": (51,),
        "vegetation": (70,),
        "trunk": (71,),
        "terrain": (72,),
        "pole": (80,),
    },
    "traffic-sign": (81,),
}
SEMANTIC_KITTI_CLASSES = ClassTable(
    {number: name for name, numbers in _NUMBERS.items() for number in numbers}, ignored=(0, 1, 52, 99)
)
"""The 19 classes of the benchmark of single scans, in its order: a bus or a tram is another vehicle, a lane marking is
road; other structures and other objects have no label."""

VELODYNE = "velodyne"
"""Folder of scans."""


def label_file(scan: Path) -> Path:
    """Where the labels of a scan are.

    Example:
        >>> label_file(Path("sequences/08/velodyne/000000.bin")).as_posix()
        'sequences/08/labels/000000.label'
    """
    return scan.parent.parent / "labels" / f"{scan.stem}.label"


def read_semantic_kitti(scan: Path, fields: Sequence[str] | None = None) -> PointTable:
    """Points of a scan in the sensor's axes: ``remission``; where they are labelled ``class`` and ``object``.

    Args:
        scan: float32 x, y, z in metres, and remission from 0 to 1.
        fields: names; None: all.

    Raises:
        ValueError: not points of four numbers, or other numbers of labels.
        AskedError: no such field; ``class`` where the scan has no labels.
    """
    size = scan.stat().st_size
    if size % 16:
        raise ValueError(f"it must hold four float32 per point (got {size} bytes)")
    table = np.fromfile(scan, dtype="<f4").reshape(-1, 4)
    found = {"remission": table[:, 3].copy()}
    labels = label_file(scan)
    if labels.is_file():
        if labels.stat().st_size != 4 * len(table):
            raise ValueError(
                f"'{labels}' must hold {len(table)} labels of 4 bytes, as points (got {labels.stat().st_size} bytes)"
            )
        words = np.fromfile(labels, dtype="<u4")
        found |= {"class": (words & 0xFFFF).astype(np.uint16), "object": (words >> 16).astype(np.uint16)}
    kept = {name: found[name] for name in wanted_fields(list(found), fields)}
    return PointTable(table[:, :3].astype(np.float64), kept)
