"""Scenes from files, and labels back into them."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from ccnn_pc.datasets.common.broken import BrokenFileError
from ccnn_pc.datasets.common.folders import files_below, is_hidden
from ccnn_pc.datasets.formats.e57 import read_e57
from ccnn_pc.datasets.formats.las import read_las
from ccnn_pc.datasets.formats.npz_scene import read_npz_scene
from ccnn_pc.datasets.formats.pcd import pcd_columns
from ccnn_pc.datasets.formats.ply import ply_columns
from ccnn_pc.datasets.formats.point_table import MissingFieldError, PointTable, point_table
from ccnn_pc.datasets.formats.table import parse_table
from ccnn_pc.datasets.scenes.scene import Scene

Wanted = Sequence[str] | None


def _ply(path: Path, fields: Wanted) -> PointTable:
    return point_table(ply_columns(path.read_bytes()), fields)


def _pcd(path: Path, fields: Wanted) -> PointTable:
    return point_table(pcd_columns(path.read_bytes()), fields)


def _text(path: Path, fields: Wanted) -> PointTable:
    table = parse_table(path.read_bytes(), path.suffix.lower()[1:])
    if table.heading is None:
        raise ValueError(
            f"no line names its {len(table.columns)} columns: write a first line such as 'x y z intensity class'"
        )
    return point_table(table.columns, fields)


READERS: dict[str, Callable[[Path, Wanted], PointTable]] = {
    **dict.fromkeys(("las", "laz"), read_las),
    "ply": _ply,
    "pcd": _pcd,
    "e57": read_e57,
    "npz": read_npz_scene,
    **dict.fromkeys(("xyz", "txt", "csv", "pts"), _text),
}
"""File name suffix -> reader of a scene."""


def is_scene(path: str | os.PathLike[str]) -> bool:
    """Whether the name of a file ends as those of scenes do.

    Example:
        >>> is_scene("a/b.LAZ"), is_scene("a/b.png")
        (True, False)
    """
    return Path(path).suffix.lower()[1:] in READERS


def read_scene(path: str | os.PathLike[str], *, fields: Sequence[str] | None = None) -> Scene:
    """The points of a file and what it says of each.

    Args:
        path: a file of one of the formats of :data:`READERS`.
        fields: names of the fields to read, by the file's own names; they must be finite numbers. None: all, as they
            are.

    Raises:
        FileNotFoundError: no such file.
        BrokenFileError: it cannot be read: another format, cut off, empty, a header that contradicts its points.
        ValueError: a named field is not there (the message lists those that are), or holds words or numbers that are
            not finite; coordinates that are not finite.
        ImportError: a needed package is missing.
    """
    path = Path(path)
    suffix = path.suffix.lower()[1:]
    if suffix not in READERS:
        raise ValueError(f"'{path}' has an unknown format: save it as one of {', '.join(READERS)}")
    if not path.is_file():
        raise FileNotFoundError(f"'{path}' must be an existing file")
    if path.stat().st_size == 0:
        raise BrokenFileError(f"'{path}' is empty (0 bytes): copy or export it again")
    try:
        table = READERS[suffix](path, fields)
    except MissingFieldError as error:
        raise ValueError(f"'{path}': {error}") from None
    except (ImportError, PermissionError):
        raise
    except (
        BaseException
    ) as error:  # a damaged file ends in any error of a library, lazrs' own panic among them
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise BrokenFileError(f"'{path}' cannot be read as {suffix}: {_reason(error)}") from error
    if len(table.pos) == 0:
        raise BrokenFileError(f"'{path}' holds no points: export it again")
    scene = Scene(table.pos, table.fields, table.crs, str(path))
    for name in fields or ():
        scene.numbers(name)
    return scene


def scene_files(paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]]) -> list[Path]:
    """The files that a path, a pattern with ``*``, a folder, or several of them mean, sorted, each once.

    Raises:
        FileNotFoundError: one of them means no file of a scene.
    """
    given = [paths] if isinstance(paths, (str, os.PathLike)) else list(paths)
    found: set[Path] = set()
    for each in given:
        path = Path(each)
        if path.is_dir():
            here = files_below(path, is_scene)
        elif path.exists():
            here = [path]
        else:
            here = [Path(name) for name in glob.glob(str(each), recursive=True)]
            here = [name for name in here if is_scene(name) and not is_hidden(name.name)]
        if not here:
            raise FileNotFoundError(
                f"'{each}' must be a file, a folder or a pattern of scenes ({', '.join(READERS)})"
            )
        found |= set(here)
    return sorted(found)


def write_labels(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    labels: np.ndarray,
    *,
    field: str = "classification",
    probabilities: np.ndarray | None = None,
    class_names: Sequence[str] | None = None,
    overwrite: bool = False,
) -> None:
    """Write a file again with one field set; all others, the order of the points and the header are kept.

    The file is written under a hidden name and renamed at the end.

    Args:
        source: the file that was read.
        target: the file to write, in the format of ``source`` (LAS and LAZ may change into each other).
        labels: ``[n]``, the number of each point's class.
        field: its name; it is added where the file does not have it.
        probabilities: ``[n, K]``: become float32 fields ``p_NAME`` of each class.
        class_names: K names.
        overwrite: allow ``target`` to be ``source``.

    Raises:
        ValueError: other numbers of labels than points, a label that the field cannot hold, ``target`` is ``source``.
    """
    raise NotImplementedError


def _reason(error: BaseException) -> str:
    if isinstance(error, ValueError):
        return " ".join(str(error).split())
    text = " ".join(f"{type(error).__name__}: {error}".split())
    return text if len(text) <= 160 else f"{text[:157]}..."  # libraries tell where in them it was
