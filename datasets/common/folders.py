"""What names of folders and files say: parts of a data set, classes, and what is no data."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path, PurePath

from ccnn_pc.datasets.common.splits import Split

SPLIT_NAMES = {
    Split.TRAIN: ("train", "training"),
    Split.VAL: ("val", "valid", "validation", "eval", "evaluation", "dev"),
    Split.TEST: ("test", "testing"),
}
"""Names of folders that are parts, in any case."""


def split_named(name: str) -> Split | None:
    """The part that a folder of this name holds; None: it is a class, or something else.

    Example:
        >>> split_named("Training"), split_named("valid"), split_named("chair")
        (<Split.TRAIN: 'train'>, <Split.VAL: 'val'>, None)
    """
    return next((split for split, names in SPLIT_NAMES.items() if name.lower() in names), None)


def is_hidden(path: PurePath | str) -> bool:
    """Whether a file, or a folder on a relative way to it, is no data.

    Hidden files, the AppleDouble files (``._name``) and ``__MACOSX`` folders that macOS puts into archives, and folders
    of programs (``__pycache__``).

    Example:
        >>> [is_hidden(path) for path in ("a/b.off", "a/._b.off", ".cache/b.off", "__MACOSX/b.off", "a/__b.off")]
        [False, True, True, True, False]
    """
    *folders, name = PurePath(path).parts or ("",)
    return name.startswith(".") or any(each.startswith((".", "__")) for each in folders)


def visible(paths: Iterable[Path], root: Path) -> list[Path]:
    """Those of some paths below ``root`` that are data, sorted."""
    return sorted(path for path in paths if not is_hidden(path.relative_to(root)))


def folders_in(root: Path) -> list[Path]:
    """Folders in ``root`` that may hold data, sorted; none where it is no folder."""
    if not root.is_dir():
        return []
    return sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith((".", "__")))


def files_below(root: Path, is_data: Callable[[Path], bool]) -> list[Path]:
    """All files below ``root`` that are data, sorted; none where it is no folder.

    Raises:
        OSError: a folder cannot be read.
    """

    def stop(error: OSError) -> None:
        raise error  # what cannot be read is not left out in silence

    found = (Path(folder, name) for folder, _, names in os.walk(root, onerror=stop) for name in names)
    return [path for path in visible(found, root) if is_data(path)] if root.is_dir() else []


def named_splits(root: Path) -> dict[Split, list[Path]]:
    """All folders in ``root`` with the name of a part, also where others lie beside them."""
    found: dict[Split, list[Path]] = {}
    for folder in folders_in(root):
        split = split_named(folder.name)
        if split is not None:
            found.setdefault(split, []).append(folder)
    return found


def split_folders(root: Path, is_data: Callable[[Path], bool]) -> dict[Split, list[Path]]:
    """The folders in ``root`` that are its parts; empty where they are classes.

    Folders with names of parts are parts where there are no others, or where they all hold folders of classes:
    ``train`` beside ``bus`` and ``car`` is a class.

    Args:
        root: the folder.
        is_data: whether a file may be one of its items.

    Raises:
        ValueError: there are parts, and other folders with data beside them.
    """
    found = named_splits(root)
    others = [folder for folder in folders_in(root) if split_named(folder.name) is None]
    if not found or not others:
        return found
    if not all(_holds_classes(folder, is_data) for folders in found.values() for folder in folders):
        return {}
    stray = next((folder for folder in others if files_below(folder, is_data)), None)
    if stray is not None:
        parts = ", ".join(folder.name for folders in found.values() for folder in folders)
        raise ValueError(
            f"'{root}' must hold either parts or classes (got the parts {parts} and, beside them, '{stray.name}' with "
            "data): move one of them elsewhere"
        )
    return found


def _holds_classes(folder: Path, is_data: Callable[[Path], bool]) -> bool:
    inner = folders_in(folder)
    direct = any(is_data(path) and not is_hidden(path.name) for path in folder.iterdir() if not path.is_dir())
    return not direct and bool(inner) and all(split_named(each.name) is None for each in inner)
