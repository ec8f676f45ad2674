"""PCD clouds: ascii, binary and binary_compressed."""

from __future__ import annotations

import numpy as np

from ccnn_pc.datasets.formats.lzf import lzf_decompress
from ccnn_pc.datasets.formats.raw import RawShape, numbers

_KINDS = {
    ("F", 4): "<f4",
    ("F", 8): "<f8",
    **{(k, s): f"<{k.lower()}{s}" for k in "IU" for s in (1, 2, 4, 8)},
}


def read_pcd(data: bytes) -> RawShape:
    """Read PCD 0.6/0.7: positions and, where present, ``normal_x, normal_y, normal_z``.

    Other fields are skipped. Organised clouds come as a list of points. Bytes behind the data (padding) are
    ignored.

    Raises:
        ValueError: not PCD, truncated, or without x, y, z.
    """
    header, body = _header(data)
    fields = header["FIELDS"]
    sizes = [int(value) for value in header["SIZE"]]
    counts = [int(value) for value in header.get("COUNT", ["1"] * len(fields))]
    if not len(fields) == len(sizes) == len(header["TYPE"]) == len(counts):
        raise ValueError("FIELDS, SIZE, TYPE and COUNT of its header differ in length")
    try:
        kinds = [_KINDS[kind, size] for kind, size in zip(header["TYPE"], sizes, strict=True)]
    except KeyError as error:
        raise ValueError(f"its header has a field of unknown type and size {error}") from error
    points = (
        int(header["POINTS"][0]) if "POINTS" in header else int(header["WIDTH"][0]) * int(header["HEIGHT"][0])
    )
    layout = header["DATA"][0].lower()
    if layout == "ascii":
        columns = _ascii(body, points, fields, counts)
    elif layout == "binary":
        columns = _binary(body, points, fields, kinds, counts)
    elif layout == "binary_compressed":
        columns = _compressed(body, points, fields, kinds, counts)
    else:
        raise ValueError(f"its data layout is unknown (DATA {layout})")
    if not all(axis in columns for axis in "xyz"):
        raise ValueError(f"it has no fields x, y, z (FIELDS {' '.join(fields)})")
    normals = None
    if all(f"normal_{axis}" in columns for axis in "xyz"):
        normals = np.column_stack([columns[f"normal_{axis}"] for axis in "xyz"]).astype(np.float64)
    return RawShape(np.column_stack([columns[axis] for axis in "xyz"]).astype(np.float64), None, normals)


def _header(data: bytes) -> tuple[dict[str, list[str]], bytes]:
    header: dict[str, list[str]] = {}
    place = 0
    while "DATA" not in header:
        end = data.find(b"\n", place)
        if end < 0 or place > 65536:
            raise ValueError("it has no PCD header that ends in a DATA line")
        words = data[place:end].decode("ascii", errors="replace").split()
        place = end + 1
        if words and not words[0].startswith("#"):
            header[words[0].upper()] = words[1:]
    missing = [key for key in ("FIELDS", "SIZE", "TYPE", "DATA") if not header.get(key)]
    if missing or not (header.get("POINTS") or (header.get("WIDTH") and header.get("HEIGHT"))):
        raise ValueError(f"its PCD header lacks {', '.join(missing) or 'POINTS'}")
    return header, data[place:]


def _need(available: int, needed: int) -> None:
    if available < needed:
        raise ValueError(f"it is truncated: {needed} bytes of points are announced, {available} are there")


def _ascii(body: bytes, points: int, fields: list[str], counts: list[int]) -> dict[str, np.ndarray]:
    values = numbers(body)
    width = sum(counts)
    if values.size < points * width:
        raise ValueError(
            f"it is truncated: {points} points of {width} numbers are announced, {values.size} are there"
        )
    table = values[: points * width].reshape(points, width)
    starts = np.cumsum([0, *counts[:-1]])
    return {field: table[:, start] for field, start in zip(fields, starts, strict=True)}


def _binary(
    body: bytes, points: int, fields: list[str], kinds: list[str], counts: list[int]
) -> dict[str, np.ndarray]:
    # names may repeat ("_" is padding): number them
    row = np.dtype(
        [(f"f{i}", kind, (count,)) for i, (kind, count) in enumerate(zip(kinds, counts, strict=True))]
    )
    _need(len(body), points * row.itemsize)
    table = np.frombuffer(body, row, points)
    return {field: table[f"f{i}"][:, 0] for i, field in enumerate(fields) if counts[i] > 0}


def _compressed(
    body: bytes, points: int, fields: list[str], kinds: list[str], counts: list[int]
) -> dict[str, np.ndarray]:
    _need(len(body), 8)
    packed, unpacked = (int(value) for value in np.frombuffer(body, "<u4", 2))
    _need(len(body) - 8, packed)
    block = lzf_decompress(body[8 : 8 + packed], unpacked)
    columns: dict[str, np.ndarray] = {}
    place = 0
    for field, kind, count in zip(fields, kinds, counts, strict=True):  # all x, then all y, …
        size = points * count * np.dtype(kind).itemsize
        _need(len(block) - place, size)
        if count > 0:
            columns[field] = np.frombuffer(block, kind, points * count, place).reshape(points, count)[:, 0]
        place += size
    return columns
