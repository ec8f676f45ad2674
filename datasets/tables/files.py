"""From the files of a long table, and of its labels, to series."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ccnn_pc.datasets.formats.columns import has_columns
from ccnn_pc.datasets.series.stored import StoredSeries
from ccnn_pc.datasets.tables.labels import classes_of, labels_of, read_labels
from ccnn_pc.datasets.tables.observations import LongTable

SUFFIXES = tuple(kind + packed for packed in ("", ".gz", ".xz") for kind in (".csv", ".tsv", ".txt"))


def find_tables(root: Any, labels: str | os.PathLike[str] | None = None) -> list[Path]:
    """The files of a table: itself, those of a list, or those of a folder, by name and without the file of labels.

    Raises:
        FileNotFoundError: there are none, or one of a list is missing.
    """
    if not isinstance(root, (str, os.PathLike)):
        found = [Path(path) for path in root]
    elif Path(root).is_dir():
        other = None if labels is None else Path(labels).resolve()
        files = sorted(path for path in Path(root).iterdir() if path.name.lower().endswith(SUFFIXES))
        found = [path for path in files if path.resolve() != other]
    else:
        found = [Path(root)]
    missing = [path for path in found if not path.is_file()]
    if missing or not found:
        raise FileNotFoundError(
            f"'root' must be a table of observations, a list of tables or a folder with some of "
            f"{', '.join(SUFFIXES[:3])} (got '{missing[0] if missing else root}')"
        )
    if labels is not None and not Path(labels).is_file():
        raise FileNotFoundError(f"'labels' must be an existing file (got '{labels}')")
    return found


def unlabelled_series(table: LongTable, files: Sequence[Path]) -> StoredSeries:
    """The series of the files, every label 0.

    Raises:
        ValueError: what a table must not hold; the message names file and line.
    """
    for path in files:
        table.add(path)
    return table.series(files)


def labelled_series(
    table: LongTable,
    files: Sequence[Path],
    labels: str | os.PathLike[str] | None,
    classes: Sequence[str] | None,
) -> StoredSeries:
    """The series of the files with their labels, from the table or from a file of labels.

    Raises:
        FileNotFoundError: no such file.
        ValueError: as for :func:`unlabelled_series`, or labels that are missing, contradict each other, are none of the
            classes, or are all the same; the message names file and line.
    """
    columns = table.columns
    bare = next((path for path in files if labels is None and not has_columns(path, table.names)), None)
    if bare is not None and has_columns(bare, columns.observation):
        raise ValueError(
            f"'{bare}' line 1 must name a column '{columns.label}', or 'labels' a file with '{columns.id}' and "
            f"'{columns.label}'"
        )
    stored = unlabelled_series(table, files)
    found, names = table.labels, table.names
    if labels is not None:
        found, names = read_labels(Path(labels), columns), (columns.id, columns.label)
    ids = [str(name) for name in stored.name or ()]
    if classes is None:
        classes = classes_of({name: found[name] for name in ids if name in found})
    stored.classes = list(classes)
    stored.label = labels_of(ids, found, stored.classes, files, columns, names)
    if len(stored.classes) < 2:
        raise ValueError(
            f"'{labels or files[0]}' must have at least two labels (got {', '.join(stored.classes)})"
        )
    return stored
