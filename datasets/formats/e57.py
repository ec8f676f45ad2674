"""E57: terrestrial laser scans, all of a file in one coordinate system."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ccnn_pc._optional import require
from ccnn_pc.datasets.formats.limits import check_unpacked
from ccnn_pc.datasets.formats.point_table import PointTable, wanted_fields

_CARTESIAN = ("cartesianX", "cartesianY", "cartesianZ")
_SPHERICAL = ("sphericalRange", "sphericalAzimuth", "sphericalElevation")
_INVALID = ("cartesianInvalidState", "sphericalInvalidState")
SCAN = "scan"
"""Field with the number of the scan that a point comes from."""


def read_e57(path: Path, fields: Sequence[str] | None = None) -> PointTable:
    """Valid points of all scans, turned and moved by the pose of each, with the fields that all scans have.

    Args:
        path: the file.
        fields: names of the format (``intensity``, ``colorRed``, ...), or ``scan``, the number of the scan from 0;
            None: all.

    Raises:
        ImportError: pye57 is missing.
        ValueError: no E57, damaged, or without points.
        AskedError: a scan does not have a named field.
    """
    pye57 = require("pye57", extra="e57", purpose="to read E57")
    with pye57.E57(str(path)) as file:
        headers = [file.get_header(number) for number in range(file.scan_count)]
        if not headers:
            raise ValueError("it holds no scan")
        there = [
            name
            for name in headers[0].point_fields
            if name not in (*_CARTESIAN, *_SPHERICAL, *_INVALID)
            and all(name in header.point_fields for header in headers)
        ]
        wanted = wanted_fields([*there, SCAN], fields)
        parts = [
            _scan(pye57, file, header, [name for name in wanted if name != SCAN], path) for header in headers
        ]
        metadata = (
            file.root["coordinateMetadata"].value() if file.root.isDefined("coordinateMetadata") else ""
        )
    kept = {
        name: np.concatenate(
            [
                np.full(len(pos), number) if name == SCAN else values[name]
                for number, (pos, values) in enumerate(parts)
            ]
        )
        for name in wanted
    }
    return PointTable(np.concatenate([pos for pos, _ in parts]), kept, metadata.strip() or None)


def _scan(
    pye57: Any, file: Any, header: Any, wanted: Sequence[str], path: Path
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Valid points of a scan in the coordinates of the file, and fields of them."""
    axes = next((names for names in (_CARTESIAN, _SPHERICAL) if set(names) <= set(header.point_fields)), None)
    if axes is None:
        raise ValueError(f"a scan has neither {', '.join(_CARTESIAN)} nor {', '.join(_SPHERICAL)}")
    state = next((name for name in _INVALID if name[:4] == axes[0][:4] and name in header.point_fields), None)
    names = [*axes, *wanted, *([state] if state else [])]
    check_unpacked(header.point_count * 8 * len(names), path.stat().st_size)
    columns, buffers = {}, pye57.libe57.VectorSourceDestBuffer()
    for name in names:  # float64 holds every number of the format, but not integers above 2^53
        columns[name] = np.empty(header.point_count)
        buffers.append(
            pye57.libe57.SourceDestBuffer(
                file.image_file, name, columns[name], header.point_count, True, True
            )
        )
    reader = header.points.reader(buffers)
    read = reader.read()
    reader.close()
    if read != header.point_count:
        raise ValueError(f"it is truncated: {header.point_count} points are announced, {read} are there")
    pos = np.column_stack([columns[name] for name in axes])
    if axes is _SPHERICAL:
        pos = pye57.utils.convert_spherical_to_cartesian(pos)
    if header.has_pose():
        pos = file.to_global(pos, header.rotation, header.translation)
    valid = columns[state] == 0 if state else slice(None)
    return pos[valid], {name: columns[name][valid] for name in wanted}
