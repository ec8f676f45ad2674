"""Series of the UEA and UCR archives: ``.ts``, ``.arff`` and ``.tsv``, of one or several channels, of any length."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from ccnn_pc.datasets.formats.numerals import number_in, numbers_in
from ccnn_pc.datasets.formats.packed import read_packed
from ccnn_pc.datasets.formats.uea_stamps import BETWEEN, stamped_series

Labelled = tuple[list[np.ndarray], list[str]]
"""Series ``[n, C]`` float32 (NaN: missing) and the name of the class of each."""

SUFFIXES = (".ts", ".arff", ".tsv", ".txt")
"""Formats in which the archives hand out their series, also with ``.gz`` or ``.xz`` behind."""

_LINE_END = re.compile(r"\r\n|\n|\r")
_QUOTED = r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\""
_WORD = re.compile(rf"{_QUOTED}|\S+")
#: What follows the last colon of a line of .ts that stands in no quotes.
_LABEL = re.compile(rf":\s*({_QUOTED}|[^:]*)$")
_CELL = re.compile(rf"\s*({_QUOTED}|[^,'\"]*?)\s*(,|$)")
_ATTRIBUTE = re.compile(rf"@attribute\s+({_QUOTED}|\S+)\s+(.+)", re.IGNORECASE)
_ELSEWHERE = "a table with one observation per row (LongCSV) holds such series"
_NUMBERS = "'numbers=True' reads them"


def read_uea(path: str | os.PathLike[str], numbers: bool = False) -> Labelled:
    """Read ``.ts``, ``.arff``, or ``.tsv`` and ``.txt`` whose first column is the class; also ``.gz`` and ``.xz``.

    ``?`` and NaN are missing values; samples without any value at the end of a series are cut.

    Args:
        path: the file.
        numbers: labels are numbers to predict instead of classes.

    Raises:
        OSError: no such file, or it cannot be read.
        ValueError: damaged, cut off, without labels, with numbers where classes are wanted, or with time stamps of
            its own; the message names file and line.
    """
    rows, labels, times = read_stamped(path, numbers)
    if times is not None:
        raise ValueError(
            f"'{path}' must have series without time stamps of their own (got '@timeStamps true'): UEAArchive reads "
            "them"
        )
    return rows, labels


def read_stamped(
    path: str | os.PathLike[str], numbers: bool = False, labelled: bool = True
) -> tuple[list[np.ndarray], list[str], list[np.ndarray] | None]:
    """As :func:`read_uea`, with the time stamps ``[n]`` float64 of each series; None where the file has none.

    Series with stamps have those of all of their channels, NaN where a channel has no value.

    Args:
        path: the file.
        numbers: as for :func:`read_uea`.
        labelled: False takes labels as they are, or none: ``?``, numbers, ``@classLabel false``.

    Raises:
        OSError, ValueError: see :func:`read_uea`.
    """
    content, name = read_packed(path), str(path)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")  # every byte is a letter there: comments of old files
    suffixes = [suffix.lower() for suffix in Path(path).suffixes]
    plain = _arff if ".arff" in suffixes else _columns if {".tsv", ".txt"} & set(suffixes) else _ts
    lines = _LINE_END.split(text)
    stamped = plain is _ts and _flag(_header(lines, name, "#")[0], "@timestamps", name)
    rows: list[np.ndarray] = []
    labels: list[str] = []
    times: list[np.ndarray] = []
    for number, channels, label in plain(lines, name, numbers, labelled):
        values, stamps = _series(channels, name, number, rows, stamped)
        rows.append(values)
        times.append(stamps)
        labels.append(label)
        if not labelled:
            continue
        if label.lower() in ("", "?", "nan"):
            raise _damaged(name, number, f"it must have a class (got {label!r})")
        if numbers:
            try:
                number_in(label)
            except ValueError as error:
                raise _damaged(name, number, f"its label {error}") from None
    if not rows:
        raise ValueError(f"'{name}' must hold at least one series (found none)")
    return rows, labels, times if stamped else None


Lines = Iterable[tuple[int, Sequence[str], str]]
"""Number of a line, text of its channels, and its class."""


def _ts(lines: Sequence[str], name: str, numbers: bool, labelled: bool) -> Lines:
    settings, start = _header(lines, name, "#")
    stamped = _flag(settings, "@timestamps", name)
    target = _flag(settings, "@targetlabel", name)
    told = target or _flag(settings, "@classlabel", name)
    if target and not numbers and labelled:
        raise ValueError(
            f"'{name}' must have classes, not numbers to predict (got '@targetLabel true'): {_NUMBERS}"
        )
    if labelled and not told:
        raise ValueError(f"'{name}' must have class labels (got '@classLabel false'): {_ELSEWHERE}")
    known = [_bare(word) for word in settings["@classlabel"][1:]] if labelled and not target else []
    for number, line in enumerate(lines[start:], start + 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        if not told:
            yield number, BETWEEN.split(line) if stamped else line.split(":"), ""
            continue
        found = _LABEL.search(line)
        if found is None:
            raise _damaged(name, number, "it must be channels and a class with ':' between them")
        label = _bare(found.group(1).strip())
        _check_known(label, known, name, number)
        if labelled and not known and not numbers and re.fullmatch(r"[+-]?\d*\.\d*[1-9]\d*", label):
            raise _damaged(
                name, number, f"its class must be a name or a whole number (got {label!r}): {_NUMBERS}"
            )
        series = line[: found.start()]
        yield number, BETWEEN.split(series) if stamped else series.split(":"), label


def _arff(lines: Sequence[str], name: str, numbers: bool, labelled: bool) -> Lines:
    numbers = numbers or not labelled
    _, start = _header(lines, name, "%")
    attributes, inside = [], False
    for number, line in enumerate(lines[:start], 1):
        line = line.strip()
        found = _ATTRIBUTE.fullmatch(line)
        if line.lower().startswith("@end"):
            inside = False
        elif found and not inside:
            attributes.append(found.group(2).strip())
            inside = attributes[-1].lower() == "relational"
        elif line.lower().startswith("@attribute") and not found:
            raise _damaged(name, number, f"it must be '@attribute NAME TYPE' (got {line[:40]!r})")
    nominal = [place for place, kind in enumerate(attributes) if kind.startswith("{")]
    if len(nominal) != 1 and not (numbers and attributes and not nominal):
        raise ValueError(
            f"'{name}' must have one attribute with names of classes in braces (got {len(nominal)}); "
            f"where the last one is a number to predict, {_NUMBERS}"
        )
    place = nominal[0] if nominal else len(attributes) - 1
    known = [_bare(cell) for cell in _cells(attributes[place].strip("{} \t"), name, 0)] if nominal else []
    for number, line in enumerate(lines[start:], start + 1):
        line = line.strip()
        if not line or line.startswith("%"):
            continue
        cells = _cells(line, name, number)
        if len(attributes) > 1 and len(cells) != len(attributes):
            raise _damaged(name, number, f"it must have {len(attributes)} entries (got {len(cells)})")
        label = _bare(cells.pop(place if len(attributes) > 1 else -1))
        _check_known(label, known if labelled else [], name, number)
        related = len(cells) == 1 and cells[0][:1] in ("'", '"')
        yield number, _bare(cells[0]).strip("\n").split("\n") if related else [",".join(cells)], label


def _columns(lines: Sequence[str], name: str, numbers: bool, labelled: bool) -> Lines:
    for number, line in enumerate(lines, 1):
        if line.strip():
            label, *values = line.strip().split(next((mark for mark in "\t," if mark in line), None))
            if labelled and not numbers:
                try:
                    whole = number_in(label.strip())
                except ValueError as error:
                    raise _damaged(name, number, f"its class {error}") from None
                if whole % 1:
                    raise _damaged(
                        name,
                        number,
                        f"its class must be a whole number (got {label!r}); of others, {_NUMBERS}",
                    )
                label = str(int(whole))
            yield number, [",".join(values)], label.strip()


def _header(lines: Sequence[str], name: str, comment: str) -> tuple[dict[str, list[str]], int]:
    """Words of each line before the data, by the first in small letters, and the first line of the data."""
    settings: dict[str, list[str]] = {}
    for number, line in enumerate(lines, 1):
        words = _WORD.findall(line)
        if not words or words[0].startswith(comment):
            continue
        key = words[0].lower()
        if not re.fullmatch(r"@[a-z_]+", key):
            raise ValueError(
                f"'{name}' must have a line '@data' after lines that begin with '@' and a word "
                f"(got {line[:40]!r} in line {number}): it is damaged or another file"
            )
        if key == "@data":
            return settings, number
        settings[key] = words[1:]
    raise ValueError(f"'{name}' must have a line '@data' (found none): it is damaged or another file")


def _flag(settings: dict[str, list[str]], key: str, name: str) -> bool:
    words = settings.get(key, ["false"])
    if not words or words[0].lower() not in ("true", "false"):
        raise ValueError(f"'{name}' must say true or false after '{key}' (got {' '.join(words)!r})")
    return words[0].lower() == "true"


def _cells(line: str, name: str, number: int) -> list[str]:
    """The entries of a line of .arff, with their quotes."""
    cells, place, more = [], 0, True
    while more:
        found = _CELL.match(line, place)
        if found is None:
            raise _damaged(name, number, "its quotes must be closed, with commas between its entries")
        cells.append(found.group(1))
        place, more = found.end(), bool(found.group(2))
    return cells


def _bare(word: str) -> str:
    """A word without its quotes, and what a backslash stands for."""
    if word[:1] not in ("'", '"'):
        return word
    return re.sub(r"\\(.)", lambda found: "\n" if found.group(1) == "n" else found.group(1), word[1:-1])


def _series(
    channels: Sequence[str], name: str, number: int, before: Sequence[np.ndarray], stamped: bool
) -> tuple[np.ndarray, np.ndarray]:
    """One series ``[n, C]`` from the text of its channels, and its time stamps, or the numbers of its samples."""
    try:
        parts = [] if stamped else [
            numbers_in(["NaN" if cell == "?" else cell for cell in map(str.strip, part.split(","))])
            for part in channels
        ]  # fmt: skip
        values, times = stamped_series(channels) if stamped else (None, None)
    except ValueError as error:
        raise _damaged(name, number, f"a {'channel' if stamped else 'value'} {error}") from error
    lengths = sorted({len(part) for part in parts})
    wanted = before[0].shape[1] if before else len(channels)
    if len(channels) != wanted or len(lengths) > 1:
        raise _damaged(
            name,
            number,
            f"it must have {wanted or 'some'} channels of one length and a class "
            f"(got {len(channels)} channels of lengths {lengths})",
        )
    if values is None or times is None:
        values, times = np.stack(parts, axis=1), np.arange(lengths[0], dtype=np.float64)
    known = np.flatnonzero(np.isfinite(values).any(axis=1))
    if not len(known):
        raise ValueError(f"'{name}' has a series without any value in line {number}")
    return values[: known[-1] + 1].astype(np.float32), times[: known[-1] + 1]


def _check_known(label: str, known: Sequence[str], name: str, number: int) -> None:
    if known and label not in known:
        raise _damaged(name, number, f"its class must be one of {', '.join(known[:30])} (got {label!r})")


def _damaged(name: str, number: int, what: str) -> ValueError:
    return ValueError(f"'{name}' is damaged or cut off in line {number}: {what}")
