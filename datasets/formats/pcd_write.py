"""A PCD again with some fields set."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ccnn_pc.datasets.formats.pcd import pcd_header, pcd_values
from ccnn_pc.datasets.formats.point_table import (
    AskedError,
    as_text,
    check_holds,
    check_rows,
    rows_as_bytes,
    type_for,
)

_LETTERS = {"f": "F", "i": "I", "u": "U"}


def write_pcd_fields(source: Path, target: Path, columns: Mapping[str, np.ndarray]) -> None:
    """Write a PCD again with some fields set; the bytes of all others are copied.

    What was ``binary_compressed`` becomes ``binary``: the values are the same, the file is larger.

    Args:
        source: file to read.
        target: file to write.
        columns: ``[n]`` by name; those that it does not have become its last fields.

    Raises:
        ValueError: ``source`` is broken, other numbers of rows than points, or a number that a field cannot hold.
    """
    data = source.read_bytes()
    layout, fields, values = pcd_values(data)
    count = len(values[0])
    check_rows(columns, count)
    places = {field.name: place for place, field in reversed(list(enumerate(fields)))}
    new: dict[str, np.dtype] = {}
    for name, column in columns.items():
        if name not in places:
            new[name] = type_for(column)
        elif fields[places[name]].width > 1:
            raise AskedError(f"field '{name}' must be one number per point to be written")
        check_holds(name, column, new[name] if name in new else np.dtype(fields[places[name]].kind))
    header, body, _ = pcd_header(data)
    added = {
        b"FIELDS": list(new),
        b"SIZE": [str(kind.itemsize) for kind in new.values()],
        b"TYPE": [_LETTERS[kind.kind] for kind in new.values()],
        b"COUNT": ["1"] * len(new),
    }
    added[b"COLUMNS"] = added[b"FIELDS"]
    lines = []
    for line in data[: len(data) - len(body)].splitlines(keepends=True):
        key = (line.split() or [b""])[0].upper()
        end = line[len(line.rstrip()) :]
        if new and key in added:
            line = b" ".join([line.rstrip(), *(word.encode() for word in added[key])]) + end
        elif key == b"DATA" and layout == "binary_compressed":
            line = re.sub(rb"(?i)binary_compressed", b"binary", line)
        lines.append(line)
    with open(target, "wb") as out:
        out.writelines(lines)
        if layout == "ascii":
            starts = np.cumsum([0, *(field.width for field in fields)])
            texts = {name: as_text(column) for name, column in columns.items()}
            row = 0
            for line in body.splitlines(keepends=True):
                if line.strip():
                    words = line.split()
                    for name, text in texts.items():
                        if name in places:
                            words[starts[places[name]]] = text[row]
                        else:
                            words.append(text[row])
                    line = b" ".join(words) + line[len(line.rstrip()) :]
                    row += 1
                out.write(line)
            return
        parts = [
            rows_as_bytes(columns[field.name], np.dtype(field.kind))
            if field.name in columns and places[field.name] == place
            else np.ascontiguousarray(values[place]).view(np.uint8).reshape(count, -1)
            for place, field in enumerate(fields)
        ]
        parts += [rows_as_bytes(columns[name], kind.newbyteorder("<")) for name, kind in new.items()]
        out.write(np.hstack(parts).tobytes())
