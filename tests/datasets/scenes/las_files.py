"""LAS and LAZ files whose every byte is drawn at random."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import laspy
import numpy as np
from laspy.vlrs.known import WktCoordinateSystemVlr

WKT = 'PROJCS["ETRS89 / UTM zone 32N",GEOGCS["ETRS89"],UNIT["metre",1],AUTHORITY["EPSG","25832"]]'


def random_las(number: int, version: str | None = None, count: int = 500, extra: bool = True) -> Any:
    """All bits of all fields at random, numbers that are no numbers included; extra bytes of three kinds."""
    header = laspy.LasHeader(point_format=number, version=version)
    header.scales, header.offsets = [0.001, 0.01, 0.25], [500_000.0, 5_400_000.0, -7.5]
    header.system_identifier, header.generating_software = "a scanner", "a program"
    if extra:
        header.add_extra_dims(
            [
                laspy.ExtraBytesParams("height", "f8", description="above ground"),
                laspy.ExtraBytesParams("echo_width", "u2", scales=[0.1], offsets=[3.0]),
                laspy.ExtraBytesParams("normal", "3f4"),
            ]
        )
    header.vlrs.append(laspy.VLR("somebody", 7, "a note", b"\x00\x01anything\xff"))
    header.vlrs.append(WktCoordinateSystemVlr(WKT))
    rng = np.random.default_rng(number)
    las = laspy.LasData(header)
    size = header.point_format.size
    array = rng.integers(0, 256, (count, size), dtype=np.uint8).reshape(-1).view(header.point_format.dtype())
    for axis in "XYZ":
        array[axis] = rng.integers(-100_000, 100_000, count)
    las.points = laspy.ScaleAwarePointRecord(array, header.point_format, header.scales, header.offsets)
    if number in (9, 10):  # lazrs packs waveforms of one channel alone rightly
        las.scanner_channel = np.full(count, 2, dtype=np.uint8)
    returns = np.arange(count) % 5 + 1
    las.return_number = returns.astype(np.uint8)
    if header.version.minor >= 4:
        las.evlrs = laspy.vlrs.vlrlist.VLRList(
            [laspy.VLR("somebody", 8, "a long note", bytes(range(256)) * 300)]
        )
    return las


def write_las(path: Path, las: Any) -> Path:
    las.write(str(path))
    return path


def raw_points(path: Path) -> np.ndarray:
    """The bytes of all points ``[n, record]``."""
    array = laspy.read(path).points.array
    return array.view(np.uint8).reshape(len(array), -1)
