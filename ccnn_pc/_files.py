"""Files that are either whole or absent."""

from __future__ import annotations

import csv
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def written_whole(target: str | Path, *, folder: bool = False) -> Iterator[Path]:
    """A hidden path to write to, which becomes ``target`` at the end of the block; nothing stays of one that fails.

    A reader sees the old file or the new one, also where the process is killed; a killed process leaves a hidden
    ``.NAME.*.part`` at most.

    Args:
        target: file, in a folder that exists; a file that is there is replaced.
        folder: make a folder instead, in folders that are made too, but only at the end.

    Raises:
        OSError: the place cannot be written; a folder that came there meanwhile holds something.

    Example:
        >>> with tempfile.TemporaryDirectory() as place:
        ...     with written_whole(Path(place, "a", "b"), folder=True) as hidden:
        ...         _ = (hidden / "x").write_text("x")
        ...     os.listdir(place), os.listdir(Path(place, "a", "b"))
        (['a'], ['x'])
    """
    target = Path(target)
    place = nearest_above(target) if folder else target.parent
    hidden = place / f".{target.name}.{os.getpid()}-{secrets.token_hex(4)}.part"
    try:
        if folder:
            hidden.mkdir()
        yield hidden
        if folder:
            target.parent.mkdir(parents=True, exist_ok=True)
            os.rename(hidden, target)
        else:
            with open(hidden, "rb") as file:
                os.fsync(file.fileno())
            os.replace(hidden, target)
    finally:
        if folder:
            shutil.rmtree(hidden, ignore_errors=True)
        else:
            hidden.unlink(missing_ok=True)


def write_text_atomically(path: str | Path, text: str) -> None:
    """Write ``text`` to a file, whole or not at all."""
    with written_whole(path) as hidden:
        hidden.write_text(text, encoding="utf-8")


def nearest_above(path: Path) -> Path:
    """The nearest path above that exists."""
    return next(above for above in path.absolute().parents if os.path.lexists(above))


def check_new_folder(name: str, folder: str | os.PathLike[str]) -> Path:
    """``folder`` must not exist, and the nearest folder above it must be one that can be written; makes nothing.

    Raises:
        ValueError: it exists, or cannot be made; the message names the argument to change.
    """
    target = Path(folder)
    if os.path.lexists(target):
        raise ValueError(f"'{name}' must be a folder that does not exist yet (got '{target}', which does)")
    above = nearest_above(target)
    if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        reason = "cannot be written" if above.is_dir() else "is no folder"
        raise ValueError(
            f"'{name}' must be in a folder that can be written (got '{target}': '{above}' {reason})"
        )
    return target


def check_writable_folder(name: str, folder: str | Path, *, make: bool = True) -> Path:
    """Create ``folder`` if needed and prove that a file can be written in it.

    Args:
        name: of the argument.
        folder: the folder.
        make: False: make nothing, and prove it of the nearest folder above that exists.

    Raises:
        ValueError: if it cannot be created or written; the message names the argument to change.
    """
    folder = Path(folder)
    try:
        if make:
            folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder if os.path.lexists(folder) else nearest_above(folder)):
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
    with written_whole(path) as hidden, open(hidden, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


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
def held_alone(folder: Path) -> Iterator[None]:
    """No other process holds the folder meanwhile (where the system has file locks); a crash lets it go.

    Raises:
        ValueError: another process does.
    """
    with _alone_in(folder, wait=False):
        yield


@contextmanager
def _alone_in(folder: Path, wait: bool = True) -> Iterator[None]:
    """One process at a time; a lock on the folder itself, which a crash releases."""
    try:
        import fcntl
    except ImportError:  # no such locks on this system
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            raise ValueError(
                f"'{folder}' is being written by another process; wait for it, or stop it"
            ) from None
        yield
    finally:
        os.close(handle)
