"""PLY meshes and clouds: text or binary, polygons or triangle strips, normals, attributes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ccnn_pc.datasets.formats.columns import as_declared, shape_of_columns
from ccnn_pc.datasets.formats.polygons import triangulate
from ccnn_pc.datasets.formats.raw import RawShape, numbers, strips
from ccnn_pc.datasets.formats.table import check_not_cut

_TYPES = {
    **{"char": "i1", "uchar": "u1", "short": "i2", "ushort": "u2", "int": "i4", "uint": "u4"},
    **{"int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2", "int32": "i4", "uint32": "u4"},
    **{"float": "f4", "float32": "f4", "double": "f8", "float64": "f8"},
    **{"int64": "i8", "uint64": "u8"},
}
_ORDERS = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}


class Property(NamedTuple):
    """A property of an element: name, type, and the type of its length if it is a list."""

    name: str
    kind: str
    length: str | None


class Element(NamedTuple):
    """Name, number of rows, and properties of each."""

    name: str
    rows: int
    properties: list[Property]


Rows = np.ndarray | list[np.ndarray]
"""Values of a property: an array with one row per row of its element; lists of different lengths one by one."""


def read_ply(data: bytes) -> RawShape:
    """Read PLY 1.0; whatever vertices have besides positions and normals is kept as attributes.

    Lists of vertices are kept where all have one length. Other elements than vertices and faces are skipped.

    Raises:
        ValueError: not PLY, truncated, more data than announced, without positions, or a face that names a missing
            vertex.
    """
    found = _elements(data)
    raw = shape_of_columns(_vertices(found), what="properties of vertices")
    faces = _faces(found, raw.vertices)
    raw.faces = faces if len(faces) else None
    return raw


def ply_columns(data: bytes) -> list[tuple[str, np.ndarray]]:
    """Properties of the vertices of a PLY by their own names; lists where all have one length.

    Raises:
        ValueError: as for :func:`read_ply`.
    """
    return _vertices(_elements(data))


def _elements(data: bytes) -> dict[str, list[tuple[str, Rows]]]:
    order, elements, body, line = ply_header(data)
    return _text(body, elements, line) if order == "" else _binary(body, elements, order)


def _vertices(found: dict[str, list[tuple[str, Rows]]]) -> list[tuple[str, np.ndarray]]:
    if "vertex" not in found:
        raise ValueError("it has no element 'vertex' with x, y, z")
    return [(name, values) for name, values in found["vertex"] if isinstance(values, np.ndarray)]


def _faces(found: dict[str, list[tuple[str, Rows]]], vertices: np.ndarray) -> np.ndarray:
    for element in ("face", "tristrips"):
        for name, rows in found.get(element, []):
            if name not in ("vertex_indices", "vertex_index") or len(rows) == 0:
                continue
            corners = rows.reshape(-1) if isinstance(rows, np.ndarray) else np.concatenate(rows)
            if corners.dtype.kind not in "iu":
                raise ValueError(f"indices of vertices must be whole numbers (property list of '{element}')")
            if element == "tristrips":
                return np.vstack([strips(row) for row in rows])
            return triangulate(vertices, corners, np.array(list(map(len, rows))))
    return np.empty((0, 3), dtype=np.int64)


def ply_header(data: bytes) -> tuple[str, list[Element], bytes, int]:
    """Byte order (empty: text), elements, what follows the header, and the number of the line where that starts."""
    if not data.startswith((b"ply\n", b"ply\r", b"ply ")):
        raise ValueError("it does not start with a PLY header")
    end_of_line = b"\n" if data[3:4] != b"\r" or data[4:5] == b"\n" else b"\r"
    order: str | None = None
    elements: list[Element] = []
    place = line = 0
    words: list[str] = []
    while words[:1] != ["end_header"]:
        end = data.find(end_of_line, place)
        if end < 0:
            raise ValueError("it does not start with a PLY header that ends in end_header")
        text = data[place:end].decode("utf-8", errors="replace")
        words, place, line = text.split(), end + 1, line + 1
        try:
            if words[:1] == ["format"]:
                order = _ORDERS[words[1]]
            elif words[:1] == ["element"]:
                elements.append(Element(words[1], _count(words[2]), []))
            elif words[:2] == ["property", "list"]:
                elements[-1].properties.append(Property(words[4], _TYPES[words[3]], _TYPES[words[2]]))
            elif words[:1] == ["property"]:
                elements[-1].properties.append(Property(words[2], _TYPES[words[1]], None))
            elif line > 1 and words and words[0] not in ("comment", "obj_info", "end_header"):
                raise ValueError
        except (KeyError, IndexError, ValueError) as error:
            raise ValueError(
                f"line {line} of its PLY header is not understood ({text.strip()[:80]!r})"
            ) from error
    if order is None:
        raise ValueError("its PLY header names no format")
    return order, elements, data[place:], line + 1


def _count(word: str) -> int:
    if not (word.isascii() and word.isdigit()):
        raise ValueError(word)
    return int(word)


def _need(available: int, needed: int, name: str) -> None:
    if available < needed:
        raise ValueError(
            f"it is truncated: element '{name}' needs {needed} more bytes, {available} are there"
        )


def _binary(body: bytes, elements: Sequence[Element], order: str) -> dict[str, list[tuple[str, Rows]]]:
    found: dict[str, list[tuple[str, Rows]]] = {}
    for element in elements:
        if any(each.length is not None for each in element.properties):
            found[element.name], body = binary_lists(body, element, order)
        elif element.properties:
            row = np.dtype([(f"f{i}", order + each.kind) for i, each in enumerate(element.properties)])
            _need(len(body), element.rows * row.itemsize, element.name)
            table = np.frombuffer(body, row, element.rows)
            found[element.name] = [(each.name, table[f"f{i}"]) for i, each in enumerate(element.properties)]
            body = body[element.rows * row.itemsize :]
    if body.strip(b"\0 \r\n\t"):
        raise ValueError(f"it has {len(body)} bytes more than its header announces")
    return found


def binary_lists(body: bytes, element: Element, order: str) -> tuple[list[tuple[str, Rows]], bytes]:
    """Values of a binary element with lists, and what follows it."""
    name, count, properties = element
    if len(properties) == 1 and count > 0:  # all lists of the same length: one table
        key, kind, length = properties[0]
        head = np.dtype(order + str(length))
        _need(len(body), head.itemsize, name)
        size = int(np.frombuffer(body, head, 1)[0])
        row = head.itemsize + max(size, 0) * np.dtype(kind).itemsize
        if size >= 0 and len(body) >= count * row:
            table = np.frombuffer(body, [("n", head), ("values", order + kind, (size,))], count)
            if (table["n"] == size).all():
                return [(key, table["values"])], body[count * row :]
    columns: list[list[np.ndarray]] = [[] for _ in properties]
    place = 0
    for _ in range(count):
        for column, (_, kind, length) in zip(columns, properties, strict=True):
            size = 1
            if length is not None:
                head = np.dtype(order + length)
                _need(len(body) - place, head.itemsize, name)
                size = _size(np.frombuffer(body, head, 1, place)[0], name)
                place += head.itemsize
            item = np.dtype(order + kind)
            _need(len(body) - place, size * item.itemsize, name)
            column.append(np.frombuffer(body, item, size, place))
            place += size * item.itemsize
    return [
        (each.name, _stacked(column, each)) for each, column in zip(properties, columns, strict=True)
    ], body[place:]


def _size(value: float, name: str) -> int:
    if not value >= 0 or value != int(value):
        raise ValueError(f"a list of element '{name}' announces {value:g} values")
    return int(value)


def _stacked(rows: list[np.ndarray], each: Property) -> Rows:
    """Rows of one length as one array: ``[n]`` of a single number, ``[n, L]`` of lists."""
    if each.length is None:
        return np.concatenate(rows) if rows else np.empty(0, each.kind)
    same = len({len(row) for row in rows}) == 1
    return np.stack(rows) if same else rows


def _text(body: bytes, elements: Sequence[Element], line: int) -> dict[str, list[tuple[str, Rows]]]:
    rows = [(number, row) for number, row in enumerate(body.splitlines(), line) if row.strip()]
    found: dict[str, list[tuple[str, Rows]]] = {}
    place = 0
    for element in elements:
        mine = rows[place : place + element.rows] if element.properties else []
        if element.properties and len(mine) < element.rows:
            raise ValueError(
                f"it is truncated: element '{element.name}' needs {element.rows} lines, {len(mine)} are there"
            )
        place += len(mine)
        if any(each.length is not None for each in element.properties):
            found[element.name] = _text_lists(mine, element)
        else:
            table = _text_table(mine, element)
            found[element.name] = [
                (each.name, as_declared(table[:, i], each.kind)) for i, each in enumerate(element.properties)
            ]
    if place < len(rows):
        raise ValueError(
            f"line {rows[place][0]}: it has {len(rows) - place} lines more than its header announces"
        )
    check_not_cut([row for _, row in rows], body)
    return found


def _text_table(rows: Sequence[tuple[int, bytes]], element: Element) -> np.ndarray:
    width = len(element.properties)
    for number, row in rows:
        if len(row.split()) != width:
            raise ValueError(
                f"line {number} must have the {width} numbers of element '{element.name}' (got {row.strip()[:60]!r})"
            )
    values = numbers(b"\n".join(row for _, row in rows), rows[0][0] if rows else None)
    return values.reshape(len(rows), width)


def _text_lists(rows: Sequence[tuple[int, bytes]], element: Element) -> list[tuple[str, Rows]]:
    flat = numbers(b"\n".join(line for _, line in rows), rows[0][0] if rows else None)
    widths = np.array([len(line.split()) for _, line in rows], dtype=np.int64)
    ends = np.cumsum(widths)
    if len(rows) and len(element.properties) == 1 and element.properties[0].kind[0] in "iu":
        width = int(widths[0])
        if (widths == width).all() and (flat[::width] == width - 1).all() and (flat == np.rint(flat)).all():
            return [(element.properties[0].name, flat.reshape(-1, width)[:, 1:].astype(np.int64))]
    columns: list[list[np.ndarray]] = [[] for _ in element.properties]
    for (number, line), row in zip(rows, np.split(flat, ends[:-1]), strict=False):
        place = 0
        for column, each in zip(columns, element.properties, strict=True):
            size = 1
            if each.length is not None and place < len(row):
                size, place = _size(row[place], element.name), place + 1
            values = row[place : place + size]
            if len(values) < size:
                raise ValueError(f"line {number}: it is too short for element '{element.name}'")
            if each.kind[0] in "iu" and not (values == np.rint(values)).all():
                raise ValueError(
                    f"line {number}: '{each.name}' must be whole numbers (got {line.strip()[:60]!r})"
                )
            column.append(values.astype(np.int64) if each.kind[0] in "iu" else values)
            place += size
        if place != len(row):
            raise ValueError(
                f"line {number}: it has more numbers than element '{element.name}' has properties"
            )
    return [
        (each.name, _stacked(column, each)) for each, column in zip(element.properties, columns, strict=True)
    ]
