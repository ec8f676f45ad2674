"""Processed data on disk: keyed by the settings that made it, written whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Protocol, TypeVar

from ccnn_pc._files import written_whole

_FORMAT = 1


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
        state = path.stat()
        digest.update(f"{path.resolve()}|{state.st_size}|{state.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]


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

    Where the cache cannot be written the data stay in memory and a warning says so.
    """
    folder = cache_root(root) / f"{name}-{settings_key(settings)}"
    if folder.is_dir():
        try:
            return load(folder)
        except (OSError, ValueError, KeyError, TypeError) as error:
            warnings.warn(f"the cache '{folder}' is damaged and is built again ({error})", stacklevel=4)
            shutil.rmtree(folder, ignore_errors=True)
    data = build()
    try:
        with written_whole(folder, folder=True) as hidden:
            data.save(hidden)
    except OSError as error:
        if folder.is_dir():  # another process was first
            return load(folder)
        warnings.warn(
            f"'{folder}' cannot be written ({error}): the data stay in memory and are processed again "
            "next time; set CCNN_PC_CACHE to a writable folder",
            stacklevel=4,
        )
        return data
    return load(folder)
