"""Files that are either whole or absent."""

from __future__ import annotations

import csv
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
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


def append_row(path: str | Path, row: Mapping[str, Any]) -> None:
    """Add a row to a CSV file of any columns: the file is written anew with the union, then renamed.

    Rows that are there stay, their columns first and in their order. Processes that append at the same time
    wait for each other (where the system has file locks).

    Raises:
        ValueError: the file is no table (a row has more fields than the header).
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with _alone_in(path.parent):
        columns, rows = _read_table(path)
        write_rows_atomically(path, [*rows, row], columns=columns)


def write_rows_atomically(
    path: str | Path, rows: Iterable[Mapping[str, Any]], *, columns: Sequence[str] = ()
) -> None:
    """Write rows as CSV; to ``columns`` come other keys in order of appearance, gaps stay empty."""
    path, rows = Path(path), list(rows)
    columns = list(dict.fromkeys([*columns, *(key for row in rows for key in row)]))
    hidden = path.parent / f".{path.name}.{os.getpid()}"
    with open(hidden, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    sync_file(hidden)
    os.replace(hidden, path)


def read_rows(path: str | Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file, empty fields left out; an absent file has none."""
    return _read_table(Path(path))[1]


def _read_table(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    """Columns, and rows without their empty fields."""
    if not path.exists():
        return [], []
    rows = []
    with open(path, newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        for row in reader:
            if None in row:
                raise ValueError(
                    f"'{path}' must be a table with one field per column (line {reader.line_num} has more)"
                )
            rows.append({key: value for key, value in row.items() if value})
        return list(reader.fieldnames or []), rows


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """One process at a time; a lock on the folder itself, which a crash releases."""
    try:
        import fcntl
    except ImportError:  # no such locks on this system
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
