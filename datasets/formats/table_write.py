"""A table of text again with some columns set."""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ccnn_pc.datasets.formats.point_table import AskedError, as_text, check_rows, own_name
from ccnn_pc.datasets.formats.table import as_utf8, parse_table


def write_text_fields(source: Path, target: Path, columns: Mapping[str, np.ndarray]) -> None:
    """Write a text again with some columns set; all other cells, comments and line ends are copied.

    Args:
        source: file to read, in UTF-8.
        target: file to write.
        columns: ``[n]`` by name; those that it does not have become its last columns, as all do where no line names its
            columns.

    Raises:
        ValueError: ``source`` is broken, in UTF-16, or with other numbers of rows.
    """
    raw, suffix = source.read_bytes(), source.suffix.lower()[1:]
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise AskedError("it is in UTF-16: save it as UTF-8")
    data = as_utf8(raw)
    table = parse_table(data, suffix)
    check_rows(columns, len(table.lines))
    width, heading = len(table.columns), table.heading or []
    places = {own_name(text, number): number - 1 for number, text in reversed(list(enumerate(heading, 1)))}
    new = [name for name in columns if name not in places]
    lines = data.splitlines(keepends=True)
    if new and heading:
        if table.heading_line is None:
            raise AskedError(
                f"no line names its columns, so there is no place for '{new[0]}': write one, as txt"
            )
        lines[table.heading_line - 1] = _with_names(lines[table.heading_line - 1], table.separator, new)
    commas = table.separator != b"," and any(b"," in line for _, line in table.lines)
    texts = {name: as_text(values) for name, values in columns.items()}
    if commas:
        texts = {name: [text.replace(b".", b",") for text in found] for name, found in texts.items()}
    between = table.separator or b" "
    for row, (number, line) in enumerate(table.lines):
        spans = _spans(line, table.separator)
        end = spans[width - 1][1]
        lines[number - 1] = (
            lines[number - 1][:end]
            + b"".join(between + texts[name][row] for name in new)
            + lines[number - 1][end:]
        )
        for name in sorted(set(columns) - set(new), key=lambda name: -places[name]):
            begin, end = spans[places[name]]
            lines[number - 1] = lines[number - 1][:begin] + texts[name][row] + lines[number - 1][end:]
    written = b"".join(lines)
    if heading and parse_table(written, suffix).heading != [*heading, *new]:
        raise AskedError(f"its line of names cannot take up {', '.join(new)}: write it with one separator")
    target.write_bytes(raw[: len(raw) - len(data)] + written)


def _with_names(line: bytes, separator: bytes | None, names: list[str]) -> bytes:
    """A line of names with more of them."""
    end = len(line.rstrip())
    between = next((each for each in (b";", b"\t", b",") if each in line), b" ")
    if separator is not None and separator in line:
        between = separator
    return line[:end] + b"".join(between + name.encode() for name in names) + line[end:]


def _spans(line: bytes, separator: bytes | None) -> list[tuple[int, int]]:
    """Where the cells of a line begin and end, without spaces around them."""
    bare = re.sub(rb'"[^"]*"', lambda found: b"0" * len(found[0]), line)
    if separator is None:
        return [found.span() for found in re.finditer(rb"\S+", bare)]
    spans, begin = [], 0
    for cell in bare.split(separator):
        left, right = len(cell) - len(cell.lstrip()), len(cell.rstrip())
        spans.append((begin + min(left, right), begin + right))
        begin += len(cell) + len(separator)
    return spans
