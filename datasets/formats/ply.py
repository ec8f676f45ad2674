"""PLY meshes and clouds: text or binary, polygons or triangle strips, normals."""

from __future__ import annotations

from typing import Any

import numpy as np

from ccnn_pc.datasets.formats.raw import RawShape, fans, numbers, strips

_TYPES = {
    **{"char": "i1", "uchar": "u1", "short": "i2", "ushort": "u2", "int": "i4", "uint": "u4"},
    **{"int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2", "int32": "i4", "uint32": "u4"},
    **{"float": "f4", "float32": "f4", "double": "f8", "float64": "f8"},
}
_ORDERS = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}
Properties = list[tuple[str, str, str | None]]  # name, type, type of the length if it is a list


def read_ply(data: bytes) -> RawShape:
    """Read PLY 1.0.

    Raises:
        ValueError: not PLY, truncated, without positions, or a face that names a missing vertex.
    """
    order, elements, body = _header(data)
    found: dict[str, dict[str, Any]] = {}
    read = _text_rows if order == "" else _binary_rows
    for name, count, properties in elements:
        if any(length is not None for _, _, length in properties) or order == "":
            found[name], body = read(body, count, properties, order, name)
        else:
            found[name], body = _table(body, count, properties, order, name)
    vertex = found.get("vertex", {})
    if not all(axis in vertex for axis in "xyz"):
        raise ValueError("it has no vertices with x, y, z")
    vertices = np.column_stack([vertex[axis] for axis in "xyz"]).astype(np.float64)
    normals = None
    if all(axis in vertex for axis in ("nx", "ny", "nz")):
        normals = np.column_stack([vertex[axis] for axis in ("nx", "ny", "nz")]).astype(np.float64)
    faces = _faces(found)
    if faces is not None and len(faces) and (faces.min() < 0 or faces.max() >= len(vertices)):
        raise ValueError(f"a face names vertex {faces.max()} of {len(vertices)}")
    return RawShape(vertices, faces if faces is not None and len(faces) else None, normals)


def _faces(found: dict[str, dict[str, Any]]) -> np.ndarray | None:
    for name, convert in (
        ("face", fans),
        ("tristrips", lambda rows: np.vstack([strips(np.asarray(row)) for row in rows])),
    ):
        for key in ("vertex_indices", "vertex_index"):
            rows = found.get(name, {}).get(key)
            if rows is not None and len(rows):
                if isinstance(rows, np.ndarray) and rows.ndim == 2 and rows.shape[1] == 3 and name == "face":
                    return rows.astype(np.int64)
                return convert(rows)
    return None


def _header(data: bytes) -> tuple[str, list[tuple[str, int, Properties]], bytes]:
    end = data.find(b"end_header")
    line_end = data.find(b"\n", end)
    if not data.startswith(b"ply") or end < 0 or line_end < 0:
        raise ValueError("it does not start with a PLY header")
    order, elements = None, []  # type: ignore[var-annotated]
    try:
        for line in data[:end].decode("ascii", errors="replace").splitlines()[1:]:
            words = line.split()
            if not words or words[0] in ("comment", "obj_info"):
                continue
            if words[0] == "format":
                order = _ORDERS[words[1]]
            elif words[0] == "element":
                elements.append((words[1], int(words[2]), []))
            elif words[0] == "property" and words[1] == "list":
                elements[-1][2].append((words[4], _TYPES[words[3]], _TYPES[words[2]]))
            elif words[0] == "property":
                elements[-1][2].append((words[2], _TYPES[words[1]], None))
    except (KeyError, IndexError, ValueError) as error:
        raise ValueError(f"its PLY header has a line that is not understood ({line!r})") from error
    if order is None:
        raise ValueError("its PLY header names no format")
    return order, elements, data[line_end + 1 :]


def _need(available: int, needed: int, name: str) -> None:
    if available < needed:
        raise ValueError(
            f"it is truncated: element '{name}' needs {needed} more bytes, {available} are there"
        )


def _table(
    body: bytes, count: int, properties: Properties, order: str, name: str
) -> tuple[dict[str, Any], bytes]:
    row = np.dtype([(key, order + kind) for key, kind, _ in properties])
    _need(len(body), count * row.itemsize, name)
    table = np.frombuffer(body, row, count)
    return {key: table[key] for key, _, _ in properties}, body[count * row.itemsize :]


def _binary_rows(
    body: bytes, count: int, properties: Properties, order: str, name: str
) -> tuple[dict[str, Any], bytes]:
    if len(properties) == 1 and count > 0:  # all lists of the same length: one table
        key, kind, length = properties[0]
        head = np.dtype(order + str(length))
        _need(len(body), head.itemsize, name)
        size = int(np.frombuffer(body, head, 1)[0])
        row = np.dtype([("n", head), ("values", order + kind, (max(size, 0),))])
        if len(body) >= count * row.itemsize:
            table = np.frombuffer(body, row, count)
            if (table["n"] == size).all():
                return {key: table["values"]}, body[count * row.itemsize :]
    columns: dict[str, list[Any]] = {key: [] for key, _, _ in properties}
    place = 0
    for _ in range(count):
        for key, kind, length in properties:
            size = 1
            if length is not None:
                head = np.dtype(order + length)
                _need(len(body) - place, head.itemsize, name)
                size = int(np.frombuffer(body, head, 1, place)[0])
                place += head.itemsize
            item = np.dtype(order + kind)
            _need(len(body) - place, size * item.itemsize if size >= 0 else len(body) + 1, name)
            values = np.frombuffer(body, item, size, place)
            place += size * item.itemsize
            columns[key].append(values if length is not None else values[0])
    return dict(columns), body[place:]


def _text_rows(
    body: bytes, count: int, properties: Properties, order: str, name: str
) -> tuple[dict[str, Any], bytes]:
    lines = body.split(b"\n", count)
    if len(lines) < count or (count > 0 and not lines[count - 1].strip()):
        raise ValueError(f"it is truncated: element '{name}' needs {count} lines")
    rest = lines[count] if len(lines) > count else b""
    if all(length is None for _, _, length in properties):
        values = numbers(b"\n".join(lines[:count]))
        if values.size != count * len(properties):
            raise ValueError(f"element '{name}' needs {len(properties)} numbers in each of {count} lines")
        table = values.reshape(count, -1)
        return {key: table[:, column] for column, (key, _, _) in enumerate(properties)}, rest
    columns: dict[str, list[Any]] = {key: [] for key, _, _ in properties}
    for line in lines[:count]:
        row, place = numbers(line), 0
        for key, _, length in properties:
            size = 1
            if length is not None and place < len(row):
                size, place = int(row[place]), place + 1
            if place + size > len(row):
                raise ValueError(
                    f"a line of element '{name}' is too short ({line.decode(errors='replace')!r})"
                )
            columns[key].append(
                row[place : place + size].astype(np.int64) if length is not None else row[place]
            )
            place += size
    return dict(columns), rest
