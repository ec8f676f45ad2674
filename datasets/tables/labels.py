"""Labels of the series of a long table: one class for each id."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ccnn_pc.datasets.formats.columns import first_place, line_of, read_columns
from ccnn_pc.datasets.tables.columns import LongColumns

Labels = Mapping[str, tuple[str, Path, int]]
"""Label of each id, and where it stands: file and row."""


def note_labels(
    known: dict[str, tuple[str, Path, int]],
    ids: Sequence[str],
    labels: Sequence[str],
    path: Path,
    first: int,
    names: Sequence[str],
    columns: LongColumns,
) -> None:
    """Enter the label of each id into ``known``; a row without a label says nothing.

    Raises:
        ValueError: two labels for one id; the message names both lines.
    """
    for number, (name, label) in enumerate(zip(ids, labels, strict=True), start=first):
        if label:
            before = known.setdefault(name, (label, path, number))
            if before[0] != label:
                line, other = line_of(path, names, number), line_of(before[1], names, before[2])
                raise ValueError(
                    f"{line}: '{columns.label}' must be one and the same for all rows of '{columns.id}' {name!r} "
                    f"(got {label!r}; {other} says {before[0]!r})"
                )


def read_labels(path: Path, columns: LongColumns) -> dict[str, tuple[str, Path, int]]:
    """The labels of a file with one row per id.

    Raises:
        FileNotFoundError: no such file.
        ValueError: another header, an empty cell, two labels for one id; the message names file and line.
    """
    names = (columns.id, columns.label)
    found: dict[str, tuple[str, Path, int]] = {}
    for first, (ids, labels) in read_columns(path, names):
        for column, cells in zip(names, (ids, labels), strict=True):
            if "" in cells:
                line = line_of(path, names, first + cells.index(""))
                raise ValueError(f"{line}: '{column}' must not be empty")
        note_labels(found, ids, labels, path, first, names, columns)
    return found


def classes_of(labels: Labels) -> list[str]:
    """The labels that occur, sorted: as numbers where all of them are numbers, else as text.

    Example:
        >>> classes_of({name: (name, Path("a.csv"), 0) for name in ("10", "2")})
        ['2', '10']
    """
    found = sorted({label for label, _, _ in labels.values()})
    try:
        return sorted(found, key=float)
    except ValueError:
        return found


def labels_of(
    ids: Sequence[str],
    labels: Labels,
    classes: Sequence[str],
    tables: Sequence[Path],
    columns: LongColumns,
    names: Sequence[str],
) -> np.ndarray:
    """Class index of each series, int64.

    Args:
        ids: of the series.
        labels: as they were read.
        classes: what they may be.
        tables: the files of observations, for messages.
        columns: what the columns are called.
        names: the columns of the file that the labels come from.

    Raises:
        ValueError: a series without a label, or a label that is none of the classes; the message names file and line.
    """
    index = {name: number for number, name in enumerate(classes)}
    bare = [name for name in ids if name not in labels]
    if bare:
        found = (first_place(path, columns.observation, 0, bare[0]) for path in tables)
        raise ValueError(
            f"{next(place for place in found if place)}: '{columns.id}' {bare[0]!r} must have a label "
            f"(got none for {len(bare)} of {len(ids)} series)"
        )
    for name in ids:
        label, path, row = labels[name]
        if label not in index:
            raise ValueError(
                f"{line_of(path, names, row)}: '{columns.label}' must be one of {', '.join(classes)} "
                f"(got {label!r} for {name!r})"
            )
    present = set(ids)
    unused = [name for name in labels if name not in present]
    if unused:
        _, path, row = labels[unused[0]]
        warnings.warn(
            f"{len(unused)} labels belong to no series and are not used (the first: {unused[0]!r}, "
            f"{line_of(path, names, row)})",
            stacklevel=5,
        )
    return np.array([index[labels[name][0]] for name in ids], dtype=np.int64)
