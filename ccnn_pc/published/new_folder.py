"""Folders that are either whole or absent."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any


def check_new_folder(name: str, folder: str | os.PathLike[str]) -> Path:
    """``folder`` must not exist, and the nearest folder above it must be one that can be written; makes nothing.

    Raises:
        ValueError: it exists, or cannot be made; the message names the argument to change.
    """
    target = Path(folder)
    if os.path.lexists(target):
        raise ValueError(f"'{name}' must be a folder that does not exist yet (got '{target}', which does)")
    above = _nearest(target)
    if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        reason = "cannot be written" if above.is_dir() else "is no folder"
        raise ValueError(
            f"'{name}' must be in a folder that can be written (got '{target}': '{above}' {reason})"
        )
    return target


def write_new_folder(folder: str | os.PathLike[str], write: Callable[[Path], Any]) -> Path:
    """Let ``write`` fill a hidden folder nearby, then rename it; nothing stays behind if it fails.

    Args:
        folder: where to; does not exist.
        write: called with the hidden folder.

    Example:
        >>> with tempfile.TemporaryDirectory() as place:
        ...     made = write_new_folder(Path(place, "a", "b"), lambda folder: (folder / "x").write_text("x"))
        ...     sorted(p.name for p in made.iterdir()), os.listdir(place)
        (['x'], ['a'])
    """
    target = Path(folder)
    hidden = Path(tempfile.mkdtemp(dir=_nearest(target), prefix=f".{target.name}."))
    try:
        write(hidden)
        hidden.chmod(0o755)
        target.parent.mkdir(parents=True, exist_ok=True)
        os.rename(hidden, target)
    except BaseException:
        shutil.rmtree(hidden, ignore_errors=True)
        raise
    return target


def _nearest(target: Path) -> Path:
    """The nearest path above that exists."""
    return next(path for path in target.absolute().parents if os.path.lexists(path))
