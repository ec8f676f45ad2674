"""PCD clouds: ascii, binary and binary_compressed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ccnn_pc.datasets.formats.columns import as_declared, colours_of, shape_of_columns
from ccnn_pc.datasets.formats.limits import check_unpacked
from ccnn_pc.datasets.formats.lzf import lzf_decompress
from ccnn_pc.datasets.formats.raw import RawShape, numbers
from ccnn_pc.datasets.formats.table import check_not_cut

_KINDS = {
    ("F", 4): "<f4",
    ("F", 8): "<f8",
    **{(k, s): f"<{k.lower()}{s}" for k in "IU" for s in (1, 2, 4, 8)},
}


class Field(NamedTuple):
    """A field of every point: name, numpy's type, numbers of it."""

    name: str
    kind: str
    width: int


def read_pcd(data: bytes) -> RawShape:
    """Read PCD 0.5 to 0.7: positions, ``normal_x, normal_y, normal_z`` where present, other fields as attributes.

    ``rgb`` and ``rgba`` become red, green, blue (and alpha) from 0 to 255; padding (``_``) is skipped. Organised
    clouds come as a list of points.

    Raises:
        ValueError: not PCD, truncated, other numbers of points than announced, or without x, y, z.
    """
    return shape_of_columns(pcd_columns(data), what="fields")


def pcd_columns(data: bytes) -> list[tuple[str, np.ndarray]]:
    """The fields of a PCD by their own names, but ``rgb`` and ``rgba``.

    Raises:
        ValueError: as for :func:`read_pcd`.
    """
    _, fields, columns = pcd_values(data)
    named: list[tuple[str, np.ndarray]] = []
    for field, values in zip(fields, columns, strict=True):
        if field.name == "_":
            continue
        values = as_declared(values, field.kind)
        if field.name.lower() in ("rgb", "rgba") and field.width == 1 and np.dtype(field.kind).itemsize == 4:
            named += colours_of(values[:, 0].astype(field.kind), alpha=field.name.lower() == "rgba")
        else:
            named.append((field.name, values[:, 0] if field.width == 1 else values))
    return named


def pcd_values(data: bytes) -> tuple[str, list[Field], list[np.ndarray]]:
    """Layout, fields, and the values of each, ``[n, width]``: of their types, but float64 in ascii."""
    header, body, line = pcd_header(data)
    fields, points = _fields(header), _points(header)
    layout = header["DATA"][0].lower()
    if layout == "ascii":
        columns = _ascii(body, points, fields, line)
    elif layout == "binary":
        columns = _binary(body, points, fields)
    elif layout == "binary_compressed":
        columns = _compressed(body, points, fields)
    else:
        raise ValueError(f"its data layout is unknown (DATA {layout})")
    return layout, fields, columns


def pcd_header(data: bytes) -> tuple[dict[str, list[str]], bytes, int]:
    """Words of the header, what follows it, and the number of the line where that starts."""
    header: dict[str, list[str]] = {}
    place, line = 0, 1
    while "DATA" not in header:
        end = data.find(b"\n", place)
        if end < 0 or place > 65536:
            raise ValueError("it has no PCD header that ends in a DATA line")
        words = data[place:end].decode("utf-8", errors="replace").split()
        place, line = end + 1, line + 1
        if words and not words[0].startswith("#"):
            header[words[0].upper()] = words[1:]
    if "COLUMNS" in header:  # what FIELDS was called once
        header.setdefault("FIELDS", header["COLUMNS"])
    missing = [key for key in ("FIELDS", "SIZE", "TYPE", "DATA") if not header.get(key)]
    if missing or not (header.get("POINTS") or (header.get("WIDTH") and header.get("HEIGHT"))):
        raise ValueError(f"its PCD header lacks {', '.join(missing) or 'POINTS'}")
    return header, data[place:], line


def _whole(header: dict[str, list[str]], key: str, least: int) -> list[int]:
    words = header[key]
    if not all(word.isascii() and word.isdigit() and int(word) >= least for word in words):
        raise ValueError(
            f"{key} of its header must be whole numbers of at least {least} (got {' '.join(words)})"
        )
    return [int(word) for word in words]


def _fields(header: dict[str, list[str]]) -> list[Field]:
    names, sizes, types = header["FIELDS"], _whole(header, "SIZE", 1), header["TYPE"]
    counts = _whole(header, "COUNT", 1) if "COUNT" in header else [1] * len(names)
    if not len(names) == len(sizes) == len(types) == len(counts):
        raise ValueError("FIELDS, SIZE, TYPE and COUNT of its header differ in length")
    try:
        kinds = [_KINDS[kind.upper(), size] for kind, size in zip(types, sizes, strict=True)]
    except KeyError as error:
        raise ValueError(f"its header has a field of unknown type and size {error}") from error
    return [Field(*each) for each in zip(names, kinds, counts, strict=True)]


def _points(header: dict[str, list[str]]) -> int:
    announced = {}
    if header.get("POINTS"):
        announced["POINTS"] = _whole(header, "POINTS", 0)[0]
    if header.get("WIDTH") and header.get("HEIGHT"):
        announced["WIDTH times HEIGHT"] = math.prod(_whole(header, key, 0)[0] for key in ("WIDTH", "HEIGHT"))
    if len(set(announced.values())) > 1:
        numbers_of = " and ".join(f"{key} {value}" for key, value in announced.items())
        raise ValueError(f"its header announces two numbers of points ({numbers_of})")
    return next(iter(announced.values()))


def _need(available: int, needed: int) -> None:
    if available < needed:
        raise ValueError(f"it is truncated: {needed} bytes of points are announced, {available} are there")


def _ascii(body: bytes, points: int, fields: Sequence[Field], line: int) -> list[np.ndarray]:
    values, width = numbers(body, line), sum(field.width for field in fields)
    rows = [row for row in body.splitlines() if row.strip()]
    if len(rows) < points:
        raise ValueError(f"it is truncated: {points} lines of points are announced, {len(rows)} are there")
    if len(rows) > points:
        raise ValueError(f"it has {len(rows)} lines of points where {points} are announced")
    wrong = next((row for row in rows if len(row.split()) != width), None)
    if wrong is not None or values.size != points * width:
        raise ValueError(
            f"every line must have {width} numbers, as its fields say (got {(wrong or b'')[:60]!r})"
        )
    check_not_cut(rows, body)
    table = values.reshape(points, width)
    return np.split(table, np.cumsum([field.width for field in fields])[:-1], axis=1)


def _binary(body: bytes, points: int, fields: Sequence[Field]) -> list[np.ndarray]:
    # names may repeat ("_" is padding): number them
    row = np.dtype([(f"f{i}", field.kind, (field.width,)) for i, field in enumerate(fields)])
    _need(len(body), points * row.itemsize)
    rest = body[points * row.itemsize :]
    if len(rest) >= row.itemsize and rest.strip(b"\0"):  # zeros fill up pages
        raise ValueError(f"it has {len(rest)} bytes behind the {points} points that are announced")
    table = np.frombuffer(body, row, points)
    return [table[f"f{i}"] for i in range(len(fields))]


def _compressed(body: bytes, points: int, fields: Sequence[Field]) -> list[np.ndarray]:
    _need(len(body), 8)
    packed, unpacked = (int(value) for value in np.frombuffer(body, "<u4", 2))
    _need(len(body) - 8, packed)
    sizes = [points * field.width * np.dtype(field.kind).itemsize for field in fields]
    if unpacked != sum(sizes):
        raise ValueError(
            f"its compressed block announces {unpacked} bytes, {points} points need {sum(sizes)}"
        )
    check_unpacked(unpacked, packed)
    block = lzf_decompress(body[8 : 8 + packed], unpacked)
    columns, place = [], 0
    for field, size in zip(fields, sizes, strict=True):  # all x, then all y, …
        values = np.frombuffer(block, field.kind, points * field.width, place)
        columns.append(values.reshape(points, field.width))
        place += size
    return columns
