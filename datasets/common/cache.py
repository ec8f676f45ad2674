"""Processed data on disk: keyed by the settings that made it, written whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np

from ccnn_pc._files import written_whole
from ccnn_pc.datasets.common.broken import DataWarning

_FORMAT = 2
"""Raised whenever readers get other values from the same files: what older ones stored is then no longer used."""


def cache_root(root: str | os.PathLike[str] | None = None) -> Path:
    """Where processed data lie: ``root``, else ``$CCNN_PC_CACHE``, else ``~/.cache/ccnn_pc``."""
    if root is not None:
        return Path(root).expanduser()
    if os.environ.get("CCNN_PC_CACHE"):
        return Path(os.environ["CCNN_PC_CACHE"]).expanduser()
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "ccnn_pc"


def settings_key(settings: dict[str, Any]) -> str:
    """16 hexadecimal digits that differ where any setting differs; the order of the settings does not matter.

    Example:
        >>> settings_key({"a": 1, "b": 2}) == settings_key({"b": 2, "a": 1}) != settings_key({"a": 1, "b": 3})
        True
    """
    text = json.dumps({"format": _FORMAT, **settings}, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def fingerprint(paths: Iterable[Path]) -> str:
    """A hash of the absolute paths, sizes and times of files: changes when one of them changes."""
    digest = hashlib.sha256()
    for path in paths:
        state = path.stat() if path.exists() else path.lstat()  # a link to nowhere is a broken file
        digest.update(f"{path.resolve()}|{state.st_size}|{state.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]


def check_stored(offset: np.ndarray, rows: Iterable[Any], items: Iterable[Any]) -> None:
    """Stored items must lie one after the other: item i in rows ``offset[i]`` to ``offset[i + 1]``.

    Args:
        offset: ``[n + 1]``.
        rows: what has ``offset[n]`` rows, or None.
        items: what has n rows, or None.

    Raises:
        ValueError: they do not fit together.

    Example:
        >>> check_stored(np.array([0, 2, 3]), [np.zeros(3)], [["a", "b"], None])
        >>> check_stored(np.array([0, 2, 4]), [np.zeros(3)], [["a", "b"]])
        Traceback (most recent call last):
        ...
        ValueError: 2 items of 4 rows are stored (got arrays of 3 rows and of 2 items)
    """
    lengths, numbers = ({len(each) for each in some if each is not None} for some in (rows, items))
    count = len(offset) - 1
    if (
        count < 0
        or offset[0] != 0
        or (np.diff(offset) < 0).any()
        or lengths != {int(offset[-1])}
        or numbers != {count}
    ):
        raise ValueError(
            f"{count} items of {offset[-1] if count >= 0 else 0} rows are stored (got arrays of "
            f"{', '.join(map(str, sorted(lengths)))} rows and of {', '.join(map(str, sorted(numbers)))} items)"
        )


def check_labels(label: np.ndarray, classes: Sequence[str]) -> None:
    """Stored labels must be rows of the names of their classes.

    Raises:
        ValueError: one is not.
    """
    if len(label) and not 0 <= label.min() <= label.max() < len(classes):
        raise ValueError(f"stored labels must be in [0, {len(classes)}) (got {label.min()} to {label.max()})")


class Storable(Protocol):
    """What a cache takes: it writes itself into a folder."""

    def save(self, folder: Path, /) -> Any: ...


S = TypeVar("S", bound=Storable)


def cached(
    root: str | os.PathLike[str] | None,
    name: str,
    settings: dict[str, Any],
    build: Callable[[], S],
    load: Callable[[Path], S],
) -> S:
    """What ``build()`` returns, read by ``load`` from the cache if built before with the same settings.

    Where the cache is damaged it is built again, where it cannot be written the data stay in memory; a warning says so.
    """
    folder = cache_root(root) / f"{name}-{settings_key(settings)}"
    if os.path.isdir(folder):  # also false where it cannot be reached
        try:
            return load(folder)
        except Exception as error:  # damaged files fail in any way
            warnings.warn(
                f"the cache '{folder}' is damaged and is built again ({type(error).__name__}: {error})",
                DataWarning,
                stacklevel=4,
            )
            shutil.rmtree(folder, ignore_errors=True)
    data = build()
    try:
        with written_whole(folder, folder=True) as hidden:
            data.save(hidden)
    except OSError as error:
        if os.path.isdir(folder):  # another process was first
            return load(folder)
        warnings.warn(
            f"'{folder}' cannot be written ({error}): the data stay in memory and are processed again "
            "next time; set CCNN_PC_CACHE to a writable folder",
            DataWarning,
            stacklevel=4,
        )
        return data
    return load(folder)
