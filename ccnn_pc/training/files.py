"""Files that are either whole or absent."""

from __future__ import annotations

import csv
import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any


def sync_file(path: Path) -> None:
    """Flush a written file to the disk."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())


def write_text_atomically(path: str | Path, text: str) -> None:
    """Write ``text`` to another name in the same folder, then rename."""
    path = Path(path)
    hidden = path.parent / f".{path.name}.{os.getpid()}"
    hidden.write_text(text, encoding="utf-8")
    sync_file(hidden)
    os.replace(hidden, path)


def check_writable_folder(name: str, folder: str | Path) -> Path:
    """Create ``folder`` if needed and prove that a file can be written in it.

    Raises:
        ValueError: if it cannot be created or written; the message names the argument to change.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        reason = error.strerror or str(error)
        raise ValueError(f"'{name}' must be a folder that can be written (got {folder}: {reason})") from error
    return folder


def write_rows_atomically(path: str | Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows as CSV; columns are the union of the keys in order of appearance, gaps stay empty."""
    path, rows = Path(path), list(rows)
    columns = list(dict.fromkeys(key for row in rows for key in row))
    hidden = path.parent / f".{path.name}.{os.getpid()}"
    with open(hidden, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    sync_file(hidden)
    os.replace(hidden, path)


def read_rows(path: str | Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file, empty fields left out; an absent file has none."""
    path = Path(path)
    if not path.exists():
        return []
    with open(path, newline="", encoding="utf-8") as file:
        return [{key: value for key, value in row.items() if value} for row in csv.DictReader(file)]
