"""Series of the UEA and UCR archives: ``.ts`` and ``.arff``, of one or several channels, of any length."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ccnn_pc.datasets.formats.packed import read_packed

Labelled = tuple[list[np.ndarray], list[str]]
"""Series ``[n, C]`` float32 (NaN: missing) and the name of the class of each."""


def read_uea(path: str | os.PathLike[str]) -> Labelled:
    """Read ``.ts`` or ``.arff``, also ``.gz``; samples without any value at the end of a series are cut.

    Raises:
        FileNotFoundError: no such file.
        ValueError: damaged, cut off, without class labels, or with time stamps of its own (which no archive file
            that is read here has); the message names file and line.
    """
    text = read_packed(path).decode("utf-8", errors="replace")
    name = str(path)
    return _arff(text, name) if ".arff" in Path(path).suffixes else _ts(text, name)


def _ts(text: str, name: str) -> Labelled:
    lines = text.splitlines()
    starts = [number for number, line in enumerate(lines) if line.strip().lower() == "@data"]
    if not starts:
        raise ValueError(f"'{name}' must have a line '@data' (found none): it is damaged or another file")
    header = [line.split() for line in lines[: starts[0]] if line.startswith("@")]
    settings = {words[0].lower(): words[1:] for words in header}
    if settings.get("@timestamps", ["false"])[0].lower() == "true":
        raise ValueError(
            f"'{name}' must have series without time stamps of their own (got '@timeStamps true')"
        )
    known = settings.get("@classlabel", ["false"])
    if known[0].lower() != "true":
        raise ValueError(f"'{name}' must have class labels (got '@classLabel {known[0]}')")
    rows: list[np.ndarray] = []
    labels: list[str] = []
    for number, line in enumerate(lines[starts[0] + 1 :], starts[0] + 2):
        if not line.strip() or line.startswith("#"):
            continue
        *channels, label = line.split(":")
        rows.append(_series(channels, name, number, rows))
        labels.append(_known(label.strip(), known[1:], name, number))
    return _some(rows, labels, name)


def _arff(text: str, name: str) -> Labelled:
    lines = text.splitlines()
    lower = [line.strip().lower() for line in lines]
    if "@data" not in lower:
        raise ValueError(f"'{name}' must have a line '@data' (found none): it is damaged or another file")
    start = lower.index("@data") + 1
    nominal = [line for line in lines[:start] if "{" in line and line.lower().startswith("@attribute")]
    known = nominal[-1].split("{")[1].split("}")[0].replace(" ", "").split(",") if nominal else []
    rows: list[np.ndarray] = []
    labels: list[str] = []
    for number, line in enumerate(lines[start:], start + 1):
        line = line.strip()
        if not line or line.startswith("%"):
            continue
        quote = line[0] if line[0] in "'\"" else ""
        body, _, label = line[len(quote) :].rpartition(f"{quote},")
        rows.append(_series(body.split("\\n") if quote else [body], name, number, rows))
        labels.append(_known(label.strip("'\" "), known, name, number))
    return _some(rows, labels, name)


def _series(channels: Sequence[str], name: str, number: int, before: Sequence[np.ndarray]) -> np.ndarray:
    """One series ``[n, C]`` from the text of its channels."""
    try:
        parts = [np.array(part.replace("?", "nan").split(","), dtype=np.float64) for part in channels]
    except ValueError as error:
        raise ValueError(f"'{name}' is damaged or cut off in line {number} ({error})") from error
    lengths = sorted({len(part) for part in parts})
    wanted = before[0].shape[1] if before else len(parts)
    if len(parts) != wanted or len(lengths) != 1:
        raise ValueError(
            f"'{name}' is damaged or cut off in line {number}: it must have {wanted or 'some'} channels of one "
            f"length and a class (got {len(parts)} channels of lengths {lengths})"
        )
    values = np.stack(parts, axis=1)
    known = np.flatnonzero(np.isfinite(values).any(axis=1))
    if not len(known):
        raise ValueError(f"'{name}' has a series without any value in line {number}")
    return values[: known[-1] + 1].astype(np.float32)


def _known(label: str, known: Sequence[str], name: str, number: int) -> str:
    if not label or (known and label not in known):
        raise ValueError(
            f"'{name}' is damaged or cut off in line {number}: its class must be one of "
            f"{', '.join(known[:30])} (got {label!r})"
        )
    return label


def _some(rows: list[np.ndarray], labels: list[str], name: str) -> Labelled:
    if not rows:
        raise ValueError(f"'{name}' must hold at least one series after '@data' (found none)")
    return rows, labels
