"""A PLY again with some properties of its vertices set, and clouds as new PLY files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ccnn_pc.datasets.formats.ply import Element, binary_lists, ply_columns, ply_header
from ccnn_pc.datasets.formats.point_table import (
    AskedError,
    as_text,
    check_holds,
    check_rows,
    rows_as_bytes,
    type_for,
)

_CHUNK = 1_000_000
#: What types are called in headers.
_NAMES = {
    "u1": "uchar",
    "i1": "char",
    "u2": "ushort",
    "i2": "short",
    "u4": "uint",
    "i4": "int",
    "f4": "float",
}
_NAMES |= {"f8": "double", "i8": "int64", "u8": "uint64"}


def write_ply_fields(source: Path, target: Path, columns: Mapping[str, np.ndarray]) -> None:
    """Write a PLY again with some properties of its vertices set; all else is copied byte by byte.

    Args:
        source: file to read; ascii, or binary of either byte order.
        target: file to write.
        columns: ``[n]`` by name; those that the vertices do not have become their last properties.

    Raises:
        ValueError: ``source`` is broken, other numbers of rows than vertices, a number that a property cannot hold,
            or vertices with lists.
    """
    data = source.read_bytes()
    ply_columns(data)  # all of it is there
    order, elements, body, _ = ply_header(data)
    place = next(place for place, element in enumerate(elements) if element.name == "vertex")
    vertex = elements[place]
    check_rows(columns, vertex.rows)
    listed = next((each.name for each in vertex.properties if each.length is not None), None)
    if listed is not None:
        raise AskedError(
            f"its vertices have a list ('{listed}'): labels are written beside single numbers only"
        )
    kinds = {each.name: np.dtype((order or "<") + each.kind) for each in vertex.properties}
    for name, values in columns.items():
        kinds.setdefault(name, np.dtype((order or "<") + type_for(values).str[1:]))
        check_holds(name, values, kinds[name])
    new = [name for name in columns if name not in {each.name for each in vertex.properties}]
    header = data[: len(data) - len(body)]
    with open(target, "wb") as out:
        out.write(
            _with_properties(header, [f"property {_NAMES[kinds[name].str[1:]]} {name}" for name in new])
        )
        if order:
            _write_binary(out, body, elements[:place], vertex, order, columns, kinds)
        else:
            _write_text(out, body, elements[:place], vertex, columns)


def _with_properties(header: bytes, lines: Sequence[str]) -> bytes:
    """A header whose element ``vertex`` has more properties at its end."""
    end_of_line = next(
        each for each in (b"\r\n", b"\n", b"\r") if header.startswith(b"ply" + each) or each == b"\r"
    )
    rows = header.split(end_of_line)
    place = next(place for place, row in enumerate(rows) if row.split()[:2] == [b"element", b"vertex"]) + 1
    while rows[place].split()[:1] not in ([b"element"], [b"end_header"]):
        place += 1
    return end_of_line.join([*rows[:place], *(line.encode() for line in lines), *rows[place:]])


def _write_binary(
    out: BinaryIO,
    body: bytes,
    before: Sequence[Element],
    vertex: Element,
    order: str,
    columns: Mapping[str, np.ndarray],
    kinds: Mapping[str, np.dtype],
) -> None:
    rest = body
    for element in before:
        if any(each.length is not None for each in element.properties):
            _, rest = binary_lists(rest, element, order)
        else:
            rest = rest[element.rows * sum(np.dtype(each.kind).itemsize for each in element.properties) :]
    begin = len(body) - len(rest)
    out.write(body[:begin])
    sizes = [np.dtype(each.kind).itemsize for each in vertex.properties]
    starts = {each.name: sum(sizes[:place]) for place, each in enumerate(vertex.properties)}
    width = sum(sizes)
    for first in range(0, vertex.rows, _CHUNK):
        count = min(_CHUNK, vertex.rows - first)
        rows = (
            np.frombuffer(body, np.uint8, count * width, begin + first * width).reshape(count, width).copy()
        )
        added = []
        for name, values in columns.items():
            written = rows_as_bytes(values[first : first + count], kinds[name])
            if name in starts:
                rows[:, starts[name] : starts[name] + written.shape[1]] = written
            else:
                added.append(written)
        out.write(np.hstack([rows, *added]).tobytes())
    out.write(body[begin + vertex.rows * width :])


def _write_text(
    out: BinaryIO, body: bytes, before: Sequence[Element], vertex: Element, columns: Mapping[str, np.ndarray]
) -> None:
    texts = {name: as_text(values) for name, values in columns.items()}
    places = {each.name: place for place, each in enumerate(vertex.properties)}
    skipped = sum(element.rows for element in before if element.properties)
    row = -skipped
    for line in body.splitlines(keepends=True):
        if not line.strip():
            out.write(line)
            continue
        if 0 <= row < vertex.rows:
            words = line.split()
            end = line[len(line.rstrip()) :]
            for name, text in texts.items():
                if name in places:
                    words[places[name]] = text[row]
                else:
                    words.append(text[row])
            line = b" ".join(words) + end
        out.write(line)
        row += 1


def write_new_ply(target: Path, pos: np.ndarray, columns: Mapping[str, np.ndarray]) -> None:
    """Write a cloud as binary PLY: x, y, z as doubles, columns ``[n]`` in their own types.

    Raises:
        ValueError: columns of other lengths, or that hold no numbers.
    """
    check_rows(columns, len(pos))
    kinds = {name: values.dtype.newbyteorder("<") for name, values in columns.items()}
    unknown = next((name for name, kind in kinds.items() if kind.str[1:] not in _NAMES), None)
    if unknown is not None:
        raise AskedError(f"field '{unknown}' ({kinds[unknown]}) cannot be written as PLY")
    header = ["ply", "format binary_little_endian 1.0", f"element vertex {len(pos)}"]
    header += [f"property double {axis}" for axis in "xyz"]
    header += [f"property {_NAMES[kind.str[1:]]} {name}" for name, kind in kinds.items()]
    with open(target, "wb") as out:
        out.write("\n".join([*header, "end_header", ""]).encode())
        for here in _slices(len(pos)):
            parts = [rows_as_bytes(pos[here, axis], np.dtype("<f8")) for axis in range(3)]
            parts += [rows_as_bytes(values[here], kinds[name]) for name, values in columns.items()]
            out.write(np.hstack(parts).tobytes())


def _slices(count: int) -> Iterator[slice]:
    return (slice(first, first + _CHUNK) for first in range(0, count, _CHUNK))
