"""A LAS or LAZ again with some fields set; header, records and all other bytes of the points stay as they are."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from ccnn_pc._optional import require
from ccnn_pc.datasets.formats.las import chunks, las_fields, las_reader, points_end
from ccnn_pc.datasets.formats.point_table import AskedError, check_holds, check_rows, rows_as_bytes, type_for

_EXTRA, _LASZIP = (b"LASF_Spec", 4), (b"laszip encoded", 22204)
#: Tells where the points of an octree lie: not true of points that are packed anew.
_COPC = b"copc"
#: Types of extra bytes in LAS 1.4, table 24.
_TYPES = {"u1": 1, "i1": 2, "u2": 3, "i2": 4, "u4": 5, "i4": 6, "u8": 7, "i8": 8, "f4": 9, "f8": 10}
#: What LASzip calls waveforms of point formats 4 and 5.
_WAVES = 9
#: The point format that has the fields of another, and room for classes up to 255.
_WIDER = {0: 6, 1: 6, 2: 7, 3: 7, 4: 9, 5: 10}


class Record(NamedTuple):
    """A variable length record: who defined it, its number, and its bytes with their head."""

    user: bytes
    number: int
    content: bytes


def write_las_fields(
    source: Path, target: Path, columns: Mapping[str, np.ndarray], *, compressed: bool
) -> None:
    """Write a LAS or LAZ again, chunk by chunk, with some dimensions set; those it does not have become extra bytes.

    Header and records are copied as bytes: what changes are the places of things, the records that describe extra
    bytes and compression, and those of COPC, which are left out.

    Args:
        source: file to read.
        target: file to write.
        columns: ``[n]`` by laspy's names.
        compressed: whether ``target`` becomes LAZ.

    Raises:
        ImportError: laspy or lazrs is missing.
        ValueError: ``source`` is broken, other numbers of rows than points, a number that a dimension cannot hold.
    """
    with las_reader(source) as reader, open(source, "rb") as raw, open(target, "wb") as out:
        header, size = reader.header, source.stat().st_size
        form = header.point_format
        check_rows(columns, header.point_count)
        old, new = _old_and_new(header, columns)
        added = sum(kind.itemsize for kind, _ in new.values())
        head = bytearray(raw.read(header.offset_to_point_data))
        records, gap = _records(bytes(head))
        records = [_without_limits(record, set(old)) for record in records]
        records = _with_extra_bytes(form, records, {name: kind for name, (kind, _) in new.items()})
        records, vlr = _with_compression(header, records, added, compressed)
        body = b"".join(record.content for record in records)
        start = struct.unpack_from("<H", head, 94)[0]
        struct.pack_into("<II", head, 96, start + len(body) + len(gap), len(records))
        struct.pack_into("<BH", head, 104, form.id | (0x80 if compressed else 0), form.size + added)
        out.write(bytes(head[:start]) + body + gap)
        packer = require("lazrs", extra="scenes").ParLasZipCompressor(out, vlr) if compressed else None
        place, channels = 0, set[int]()
        for points in chunks(reader):
            here = slice(place, place + len(points))
            place += len(points)
            for name, values in old.items():
                points[name][:] = values[here]
            rows = points.array.view(np.uint8).reshape(len(points), -1)
            rows = np.hstack([rows, *(rows_as_bytes(values[here], kind) for kind, values in new.values())])
            channels |= (
                set(np.unique(points["scanner_channel"]).tolist()) if packer and form.id in (9, 10) else set()
            )
            if len(channels) > 1:  # seen with lazrs 0.8.2; LASzip's own are read rightly
                raise AskedError(
                    "lazrs packs waveforms of several scanner channels wrongly: write it as .las"
                )
            if packer is None:
                out.write(rows.tobytes())
            else:
                packer.compress_many(rows.reshape(-1))
        if packer is not None:
            packer.done()
        out.seek(0, 2)
        _append_tail(header, raw, out, head, points_end(header, size), size)
        out.seek(0)
        out.write(bytes(head[:start]))


def check_las_fields(source: Path, columns: Mapping[str, np.ndarray]) -> None:
    """See from the header whether a file could hold dimensions; points are not read.

    Args:
        source: file to look at.
        columns: by name, with any number of rows.

    Raises:
        ValueError: as :func:`write_las_fields`.
    """
    with las_reader(source) as reader, open(source, "rb") as raw:
        header = reader.header
        _, new = _old_and_new(header, columns)
        records, _ = _records(raw.read(header.offset_to_point_data))
        _with_extra_bytes(header.point_format, records, {name: kind for name, (kind, _) in new.items()})


def _old_and_new(
    header: Any, columns: Mapping[str, np.ndarray]
) -> tuple[dict[str, np.ndarray], dict[str, tuple[np.dtype, np.ndarray]]]:
    """Columns for dimensions that are there, and those that become extra bytes, with their types."""
    there = set(las_fields(header))
    old = {name: _checked(header, name, values) for name, values in columns.items() if name in there}
    return old, {name: (type_for(values), values) for name, values in columns.items() if name not in there}


def _checked(header: Any, name: str, values: np.ndarray) -> np.ndarray:
    """Values that a dimension can hold."""
    dimension, number = header.point_format.dimension_by_name(name), header.point_format.id
    if dimension.num_elements > 1 or dimension.is_scaled:
        raise AskedError(f"field '{name}' must be one number per point, without a scale, to be written")
    kind = dimension.dtype or np.dtype(np.uint8)
    if (
        name == "classification"
        and number in _WIDER
        and values.dtype.kind != "f"
        and values.max() > dimension.max
    ):
        raise AskedError(
            f"field 'classification' of point format {number} holds numbers up to {dimension.max} (got "
            f"{values.max()}): convert the file to point format {_WIDER[number]}, or write another field"
        )
    check_holds(name, values, kind, None if dimension.dtype else (0, int(dimension.max)))
    return values


def _records(head: bytes) -> tuple[list[Record], bytes]:
    """The records behind a header, and what lies between them and the points."""
    place, count = struct.unpack_from("<H", head, 94)[0], struct.unpack_from("<I", head, 100)[0]
    records = []
    for _ in range(count):
        user, number, length = struct.unpack_from("<16sHH", head, place + 2)
        records.append(Record(user.split(b"\0")[0], number, head[place : place + 54 + length]))
        place += 54 + length
    return records, head[place:]


def _record(user: bytes, number: int, description: bytes, content: bytes) -> Record:
    return Record(
        user, number, struct.pack("<H16sHH32s", 0, user, number, len(content), description) + content
    )


def _without_limits(record: Record, fields: set[str]) -> Record:
    """The description of extra bytes, no longer with the smallest and largest value of fields that are set."""
    if (record.user, record.number) != _EXTRA:
        return record
    content = bytearray(record.content)
    for place in range(54, len(content) - 191, 192):
        if bytes(content[place + 4 : place + 36]).split(b"\0")[0].decode("utf-8", errors="replace") in fields:
            content[place + 3] &= ~0b110
    return record._replace(content=bytes(content))


def _with_extra_bytes(form: Any, records: Sequence[Record], new: Mapping[str, np.dtype]) -> list[Record]:
    """The records, one of which describes the new fields too."""
    if not new:
        return list(records)
    described = b"".join(_extra(name.encode(), _TYPES[kind.str[1:]]) for name, kind in new.items())
    own = next(
        (each for each in form.extra_dimensions if each.description == "Un-registered ExtraBytes"), None
    )
    if own is not None:  # nobody could say where the new ones begin if these were not described
        sizes = [8] * (own.num_elements // 8) + [size for size in (4, 2, 1) if own.num_elements & size]
        before = [_extra(b"unknown_%d" % number, _TYPES[f"u{size}"]) for number, size in enumerate(sizes, 1)]
        described = b"".join(before) + described
    place = next((place for place, each in enumerate(records) if (each.user, each.number) == _EXTRA), None)
    if place is None:
        return [*records, _record(*_EXTRA, b"Extra Bytes Record", described)]
    stale = form.num_extra_bytes == (own.num_elements if own else 0)  # describes what is not there
    content = (b"" if stale else records[place].content[54:]) + described
    if len(content) > 65535:
        raise AskedError(f"there is no room for {len(new)} more fields")
    head = bytearray(records[place].content[:54])
    struct.pack_into("<H", head, 20, len(content))
    return [*records[:place], Record(*_EXTRA, bytes(head) + content), *records[place + 1 :]]


def _extra(name: bytes, kind: int) -> bytes:
    """The description of extra bytes, 192 bytes."""
    if len(name) > 32:
        raise AskedError(f"'{name.decode()}' must have at most 32 bytes to be a field of LAS")
    return struct.pack("<2xBx32s156x", kind, name)


def _with_compression(
    header: Any, records: Sequence[Record], added: int, compressed: bool
) -> tuple[list[Record], Any]:
    """The records, with that of LAZ where it is due, and how lazrs packs the points."""
    places = [place for place, each in enumerate(records) if (each.user, each.number) == _LASZIP]
    kept = [each for each in records if (each.user, each.number) != _LASZIP and each.user != _COPC]
    if not compressed:
        return kept, None
    lazrs = require("lazrs", extra="scenes", purpose="to write LAZ")
    form = header.point_format
    content = bytearray(lazrs.LazVlr.new_for_compression(form.id, form.num_extra_bytes + added).record_data())
    for place in range(34, len(content), 6):  # lazrs calls 2 what LASzip knows as version 1, and reads both
        if struct.unpack_from("<H", content, place)[0] == _WAVES:
            struct.pack_into("<H", content, place + 4, 1)
    vlr = lazrs.LazVlr(bytes(content))
    place = min(places[0], len(kept)) if places else len(kept)
    made = _record(*_LASZIP, b"http://laszip.org", bytes(content))
    kept.insert(place, made)
    if places and len(records[places[0]].content) == len(made.content):  # as it was described
        kept[place] = made._replace(content=records[places[0]].content[:54] + made.content[54:])
    return kept, vlr


def _append_tail(header: Any, raw: BinaryIO, out: BinaryIO, head: bytearray, begin: int, end: int) -> None:
    """What lies behind the points (extended records, waveforms), and where the header says that it is."""
    version, moved = header.version.minor, out.tell() - begin
    evlrs = header.number_of_evlrs if version >= 4 else 0
    if begin == end:
        return
    if version >= 3 and header.global_encoding.waveform_data_packets_internal:
        struct.pack_into("<Q", head, 227, header.start_of_waveform_data_packet_record + moved)
    stop = header.start_of_first_evlr if evlrs else end
    _copy(raw, out, begin, stop)
    if not evlrs:
        return
    struct.pack_into("<Q", head, 235, out.tell())
    place = stop
    for _ in range(header.number_of_evlrs):
        raw.seek(place)
        user, _, length = struct.unpack("<2x16sHQ", raw.read(28))
        if user.split(b"\0")[0] == _COPC:
            evlrs -= 1
        else:
            _copy(raw, out, place, place + 60 + length)
        place += 60 + length
    struct.pack_into("<I", head, 243, evlrs)
    if not evlrs:
        struct.pack_into("<Q", head, 235, 0)
    _copy(raw, out, place, end)


def _copy(raw: BinaryIO, out: BinaryIO, begin: int, end: int) -> None:
    raw.seek(begin)
    while begin < end:
        piece = raw.read(min(end - begin, 1 << 24))
        if not piece:
            raise ValueError("it is truncated: a record behind its points is not all there")
        out.write(piece)
        begin += len(piece)


#: Unit of coordinates in new files, metres.
_STEP = 1e-4
#: Fields of other formats by the names of LAS, where the numbers mean the same.
_SAME = ("classification",)


def write_new_las(
    target: Path,
    pos: np.ndarray,
    columns: Mapping[str, np.ndarray],
    *,
    crs: str | None = None,
    compressed: bool = True,
) -> None:
    """Write a cloud as LAS 1.4 of point format 6: positions to 0.1 mm; all fields but the classes as extra bytes.

    Args:
        target: file to write.
        pos: ``[n, 3]`` float64.
        columns: ``[n]`` by name; ``classification`` goes to the field of that name, other names of LAS get a ``_``:
            what they mean may differ.
        crs: WKT.
        compressed: whether ``target`` becomes LAZ.

    Raises:
        AskedError: positions that are further apart than LAS can hold, columns of other lengths or types.
        ImportError: laspy or lazrs is missing.
    """
    laspy = require("laspy", extra="scenes", purpose="to write LAS and LAZ")
    require("lazrs", extra="scenes", purpose="to write LAZ") if compressed else None
    check_rows(columns, len(pos))
    low, high = pos.min(axis=0), pos.max(axis=0)
    if float((high - low).max()) > 2**31 * _STEP:
        raise AskedError(
            f"its points must lie within {2**31 * _STEP:.0f} m of each other (got {(high - low).max():g})"
        )
    header = laspy.LasHeader(version="1.4", point_format=6)
    header.scales, header.offsets = np.full(3, _STEP), np.floor((low + high) / 2)
    taken = set(header.point_format.dimension_names)
    extra = {
        f"{name}_" if name in taken else name: each for name, each in columns.items() if name not in _SAME
    }
    unknown = next((name for name, each in extra.items() if each.dtype.str[1:] not in _TYPES), None)
    if unknown is not None:
        raise AskedError(f"field '{unknown}' ({extra[unknown].dtype}) cannot be written as LAS")
    for name in extra:
        _extra(name.encode(), 1)
    header.add_extra_dims([laspy.ExtraBytesParams(name, each.dtype.str[1:]) for name, each in extra.items()])
    if crs is not None:
        header.vlrs.append(laspy.vlrs.known.WktCoordinateSystemVlr(crs))
        header.global_encoding.wkt = True
    las = laspy.LasData(header)
    las.points = laspy.ScaleAwarePointRecord.zeros(len(pos), header=header)
    las.x, las.y, las.z = pos.T
    for name in _SAME:
        if name in columns:
            check_holds(name, columns[name], np.dtype(np.uint8))
            las.classification = columns[name].astype(np.uint8)
    for name, values in extra.items():
        las[name] = values
    with open(target, "wb") as out:
        las.write(out, do_compress=compressed)
