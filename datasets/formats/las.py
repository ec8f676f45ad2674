"""LAS and LAZ: airborne and mobile laser scans, read chunk by chunk."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ccnn_pc._optional import require
from ccnn_pc.datasets.formats.limits import check_unpacked
from ccnn_pc.datasets.formats.point_table import PointTable, wanted_fields

CHUNK = 1_000_000
"""Points that are unpacked at a time."""

_RAW = ("X", "Y", "Z")
#: What a LAZ of point format 6 to 10 can leave packed, and the names of laspy that need it.
_PARTS = {
    "classification": ("classification",),
    "flags": ("synthetic", "key_point", "withheld", "overlap", "scan_direction_flag", "edge_of_flight_line"),
    "intensity": ("intensity",),
    "scan_angle": ("scan_angle",),
    "user_data": ("user_data",),
    "point_source_id": ("point_source_id",),
    "gps_time": ("gps_time",),
    "rgb": ("red", "green", "blue"),
    "nir": ("nir",),
}
_GEOGRAPHIC, _PROJECTED = 2048, 3072


def read_las(path: Path, fields: Sequence[str] | None = None) -> PointTable:
    """Positions and dimensions of a LAS or LAZ file of point formats 0 to 10, by laspy's names.

    Extra dimensions come with them, those with a scale as what they stand for. Only what is asked for is kept, so a
    file of any size needs its positions, the named fields and :data:`CHUNK` points at a time.

    Args:
        path: the file.
        fields: names; None: all.

    Raises:
        ImportError: laspy or lazrs is missing.
        ValueError: not LAS, cut off, or its header and its points do not agree.
        AskedError: a named field is not there.
    """
    with las_reader(path) as reader:
        header = reader.header
        wanted = wanted_fields(las_fields(header), fields)
        reader.decompression_selection = _selection(wanted, header)
        count = header.point_count
        pos = np.empty((count, 3))
        kept: dict[str, np.ndarray] = {}
        place = 0
        for points in chunks(reader):
            here = slice(place, place + len(points))
            for axis, name in enumerate(_RAW):
                pos[here, axis] = points.array[name] * header.scales[axis] + header.offsets[axis]
            for name in wanted:
                values = np.asarray(points[name])
                if name not in kept:
                    kept[name] = np.empty((count, *values.shape[1:]), values.dtype)
                kept[name][here] = values
            place += len(points)
        return PointTable(pos, kept, crs_of(header))


def las_fields(header: Any) -> list[str]:
    """Names of all dimensions but the raw coordinates."""
    return [name for name in header.point_format.dimension_names if name not in _RAW]


@contextmanager
def las_reader(path: Path) -> Iterator[Any]:
    """A reader of laspy, of a file whose header has been compared with its size.

    Raises:
        ValueError: the header announces other numbers of points than are there.
    """
    laspy = require("laspy", extra="scenes", purpose="to read LAS and LAZ")
    with open(path, "rb") as file:
        size = path.stat().st_size
        _check_records(file, size)
        reader = laspy.LasReader(file, closefd=False)
        if reader.header.are_points_compressed:
            require("lazrs", extra="scenes", purpose="to read LAZ")
        _check_count(reader.header, size, file)
        yield reader


def chunks(reader: Any) -> Iterator[Any]:
    """Its points, :data:`CHUNK` at a time.

    Raises:
        ValueError: there are fewer than the header announces.
    """
    count, place = reader.header.point_count, 0
    while place < count:
        points = reader.read_points(CHUNK)
        if len(points) < min(CHUNK, count - place):
            raise ValueError(
                f"it is truncated: {count} points are announced, {place + len(points)} are there"
            )
        place += len(points)
        yield points


def _check_records(file: BinaryIO, size: int) -> None:
    """Records before and behind the points lie within the file; laspy would read billions that are not there."""
    head = file.read(375)
    file.seek(0)
    if len(head) < 227 or head[:4] != b"LASF":
        return  # laspy says so
    begin, start, count = struct.unpack_from("<HII", head, 94)
    if start > size or begin + count * 54 > start:
        raise ValueError(
            f"it is truncated: its header announces {count} records before its points at {start}"
        )
    if head[25] < 4 or len(head) < 375:
        return
    place, count = struct.unpack_from("<QI", head, 235)
    if count * 60 > size:
        raise ValueError(f"it is truncated: its header announces {count} records behind its points")
    for _ in range(count):
        file.seek(min(place + 20, size))
        length = file.read(8)
        place += 60 + int.from_bytes(length, "little")
        if len(length) < 8 or place > size:
            raise ValueError("it is truncated: a record behind its points is not all there")
    file.seek(0)


def _check_count(header: Any, size: int, file: BinaryIO) -> None:
    count, start = header.point_count, header.offset_to_point_data
    if count == 0:
        raise ValueError("it holds no points")
    returned = int(np.sum(header.number_of_points_by_return, dtype=np.int64))
    if returned > count:
        raise ValueError(f"its header announces {count} points and {returned} returns of them")
    record = header.point_format.size
    if header.are_points_compressed:
        check_unpacked(count * record, size)
        _check_chunks(header, file)
        return
    end = points_end(header, size)
    there = (end - start) // record
    if there < count:
        raise ValueError(f"it is truncated: {count} points are announced, {max(there, 0)} are there")
    if there > count:
        raise ValueError(f"its header announces {count} points, {there} are there")


def _check_chunks(header: Any, file: BinaryIO) -> None:
    """As many chunks of a LAZ as its points need."""
    lazrs = require("lazrs", extra="scenes", purpose="to read LAZ")
    vlr = lazrs.LazVlr(header.vlrs[header.vlrs.index("LasZipVlr")].record_data)
    place = file.tell()
    file.seek(header.offset_to_point_data)
    table = lazrs.read_chunk_table(file, vlr)
    file.seek(place)
    if vlr.uses_variable_size_chunks():
        there = sum(points for points, _ in table)
        if there != header.point_count:
            raise ValueError(f"its header announces {header.point_count} points, {there} are there")
    elif len(table) != -(-header.point_count // vlr.chunk_size()):
        raise ValueError(
            f"its header announces {header.point_count} points, which are not {len(table)} chunks of {vlr.chunk_size()}"
        )


def points_end(header: Any, size: int) -> int:
    """Where the points of a file end at the latest: at the first record behind them, or at its end."""
    behind = [size]
    if header.version.minor >= 3 and header.global_encoding.waveform_data_packets_internal:
        behind.append(header.start_of_waveform_data_packet_record)
    if header.version.minor >= 4 and header.number_of_evlrs:
        behind.append(header.start_of_first_evlr)
    return min(place for place in behind if place >= header.offset_to_point_data)


def _selection(wanted: Sequence[str], header: Any) -> Any:
    """What has to be unpacked for some fields; laspy unpacks everything of point formats below 6."""
    laspy = require("laspy", extra="scenes")
    selection = laspy.DecompressionSelection.base().decompress_z()
    for part, names in _PARTS.items():
        if set(names) & set(wanted):
            selection = getattr(selection, f"decompress_{part}")()
    others = set(wanted) - {name for names in _PARTS.values() for name in names}
    if others & set(header.point_format.extra_dimension_names):
        selection = selection.decompress_all_extra_bytes()
    if any("wave" in name or name in ("x_t", "y_t", "z_t") for name in others):
        selection = selection.decompress_wavepacket()
    return selection


def crs_of(header: Any) -> str | None:
    """The coordinate system that a header names: WKT, else ``EPSG:number`` of its GeoTIFF keys, else None."""
    records = [*header.vlrs, *(header.evlrs or [])]
    for record in records:
        if type(record).__name__ == "WktCoordinateSystemVlr" and record.string.strip("\0 \n"):
            return record.string.strip("\0 \n")
    for record in records:
        if type(record).__name__ == "GeoKeyDirectoryVlr":
            keys = {key.id: key.value_offset for key in record.geo_keys}
            codes = [keys[key] for key in (_PROJECTED, _GEOGRAPHIC) if 1024 <= keys.get(key, 0) <= 32766]
            if codes:
                return f"EPSG:{codes[0]}"
    return None


def epsg_of(crs: str) -> str:
    """A coordinate system by which two may be compared: its EPSG number where its text ends in one, else the text.

    Example:
        >>> epsg_of('PROJCS["UTM 32N", AUTHORITY["EPSG","25832"]]'), epsg_of('LOCAL_CS["here"]')
        ('EPSG:25832', 'LOCAL_CS["here"]')
    """
    found = re.search(r'(?:AUTHORITY|ID)\s*\[\s*"EPSG"\s*,\s*"?(\d+)"?\s*\]\s*\]\s*$', crs)
    return f"EPSG:{found[1]}" if found else re.sub(r"\s+", "", crs)
