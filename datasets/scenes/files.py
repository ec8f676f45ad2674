"""Scenes from files, and labels back into them."""

from __future__ import annotations

import errno
import glob
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from ccnn_pc._files import written_whole
from ccnn_pc.datasets.common.broken import BrokenFileError
from ccnn_pc.datasets.common.folders import files_below, is_hidden
from ccnn_pc.datasets.formats.e57 import read_e57
from ccnn_pc.datasets.formats.las import las_fields, las_reader, read_las
from ccnn_pc.datasets.formats.las_write import check_las_fields, write_las_fields, write_new_las
from ccnn_pc.datasets.formats.npz_scene import read_npz_scene, write_npz_fields
from ccnn_pc.datasets.formats.pcd import pcd_columns
from ccnn_pc.datasets.formats.pcd_write import write_pcd_fields
from ccnn_pc.datasets.formats.ply import ply_columns
from ccnn_pc.datasets.formats.ply_write import write_new_ply, write_ply_fields
from ccnn_pc.datasets.formats.point_table import AskedError, PointTable, point_table
from ccnn_pc.datasets.formats.table import parse_table
from ccnn_pc.datasets.formats.table_write import write_text_fields
from ccnn_pc.datasets.scenes.s3dis import ANNOTATIONS, is_room, read_s3dis_room, room_files
from ccnn_pc.datasets.scenes.scene import Scene
from ccnn_pc.datasets.scenes.semantic_kitti import VELODYNE, label_file, read_semantic_kitti

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
    "bin": read_semantic_kitti,
}
"""File name suffix -> reader of a scene."""


def is_scene(path: str | os.PathLike[str]) -> bool:
    """Whether the name of a file ends as those of scenes do; ``.bin`` in the folders of SemanticKITTI alone.

    Example:
        >>> is_scene("a/b.LAZ"), is_scene("a/b.png"), is_scene("a/b.bin")
        (True, False, False)
    """
    path = Path(path)
    suffix = path.suffix.lower()[1:]
    return suffix in READERS and (suffix != "bin" or path.parent.name == VELODYNE)


def read_scene(
    path: str | os.PathLike[str], *, fields: Sequence[str] | None = None, gaps: Sequence[str] = ()
) -> Scene:
    """The points of a file and what it says of each.

    Args:
        path: a file of one of the formats of :data:`READERS`, or a room of S3DIS.
        fields: names of the fields to read, by the file's own names; they must be finite numbers. None: all, as they
            are.
        gaps: those of them in which NaN may stand for numbers that are not known.

    Raises:
        FileNotFoundError: no such file.
        BrokenFileError: it cannot be read: another format, cut off, empty, a header that contradicts its points.
        ValueError: a named field is not there (the message lists those that are), or holds words or numbers that are
            not finite; coordinates that are not finite.
        ImportError: a needed package is missing.
    """
    path = Path(path)
    room = is_room(path)
    suffix = path.suffix.lower()[1:]
    if not room and suffix not in READERS:
        raise ValueError(f"'{path}' has an unknown format: save it as one of {', '.join(READERS)}")
    if not room and not path.is_file():
        raise FileNotFoundError(f"'{path}' must be an existing file")
    if not room and path.stat().st_size == 0:
        raise BrokenFileError(f"'{path}' is empty (0 bytes): copy or export it again")
    with _named(path):
        table = read_s3dis_room(path, fields) if room else READERS[suffix](path, fields)
    if len(table.pos) == 0:
        raise BrokenFileError(f"'{path}' holds no points: export it again")
    scene = Scene(table.pos, table.fields, table.crs, str(path))
    for name in fields or ():
        scene.numbers(name, gaps=name in gaps)
    return scene


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """What is wrong with a file, under its name: ValueError of what was asked for, BrokenFileError of the rest."""
    try:
        yield
    except AskedError as error:
        raise ValueError(f"'{path}': {error}") from None
    except ImportError:
        raise
    except BaseException as error:
        # a damaged file ends in any error of a library: lazrs' own panic, a place before the file
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise
        raise BrokenFileError(
            f"'{path}' cannot be read as {path.suffix.lower()[1:] or 'a room'}: {_reason(error)}"
        ) from error


def scene_files(paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]]) -> list[Path]:
    """The files that a path, a pattern with ``*``, a folder, or several of them mean, sorted, each once.

    Of S3DIS they are its rooms, which are folders.

    Raises:
        FileNotFoundError: one of them means no file of a scene.
    """
    given = [paths] if isinstance(paths, (str, os.PathLike)) else list(paths)
    found: set[Path] = set()
    for each in given:
        path = Path(each)
        if is_room(path):
            here = [path]
        elif path.is_dir():
            here = _with_rooms(files_below(path, is_scene), path)
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


def _with_rooms(files: Sequence[Path], root: Path) -> list[Path]:
    """Rooms of S3DIS in the place of all files in them."""
    inside = [file.parent.parent for file in files if file.parent.name == ANNOTATIONS]
    rooms = {room for room in inside if room.is_relative_to(root)}
    return [*rooms, *(file for file in files if not rooms.intersection(file.parents))]


def scene_parts(path: str | os.PathLike[str]) -> list[Path]:
    """All files that a scene is read from."""
    path = Path(path)
    if is_room(path):
        return room_files(path)
    labels = [label_file(path)] if path.suffix.lower() == ".bin" else []
    return [path, *(each for each in labels if each.is_file())]


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
    """Write a file again with the class of every point set; see :func:`write_fields`.

    Args:
        source: the file that was read.
        target: the file to write, in the format of ``source`` (LAS and LAZ may change into each other).
        labels: ``[n]`` whole numbers: that of each point's class.
        field: its name; it is added where the file does not have it.
        probabilities: ``[n, K]``: become float32 fields ``p_NAME`` of each class, spaces as ``_``.
        class_names: K names.
        overwrite: allow ``target`` to be ``source``.

    Raises:
        ValueError: other numbers of labels than points, a label that the field cannot hold; and what
            :func:`write_fields` refuses.
    """
    if labels.ndim != 1 or labels.dtype.kind not in "iu" or len(labels) == 0:
        raise ValueError(f"'labels' must be whole numbers [n] (got {list(labels.shape)}, {labels.dtype})")
    columns, names = {field: labels}, class_names or ()
    if probabilities is not None:
        if probabilities.shape != (len(labels), len(names)):
            raise ValueError(
                f"'probabilities' must be floats [{len(labels)}, {len(names)}], a column for each of 'class_names' "
                f"(got {list(probabilities.shape)}, {probabilities.dtype})"
            )
        columns |= probability_fields(probabilities, names)
    write_fields(source, target, columns, overwrite=overwrite)


def probability_fields(probabilities: np.ndarray, class_names: Sequence[str]) -> dict[str, np.ndarray]:
    """Probabilities of classes ``[n, K]`` as fields ``p_NAME``, spaces as ``_``.

    Raises:
        ValueError: other numbers of names than columns, or names that would be one field.

    Example:
        >>> list(probability_fields(np.ones((1, 2)), ("low noise", "ground")))
        ['p_low_noise', 'p_ground']
    """
    shape, names = list(probabilities.shape), list(class_names)
    if len(shape) != 2 or shape[1] != len(names) or probabilities.dtype.kind != "f":
        raise ValueError(
            f"'probabilities' must be floats [n, {len(names)}], a column for each of 'class_names' "
            f"(got {shape}, {probabilities.dtype})"
        )
    columns: dict[str, np.ndarray] = {}
    for place, name in enumerate(names):
        called = "p_" + re.sub(r"[\s,;\"']+", "_", name)
        if called in columns:
            raise ValueError(
                f"'class_names' must differ in more than spaces (got {name!r} twice, as '{called}')"
            )
        columns[called] = probabilities[:, place]
    return columns


def write_fields(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    columns: Mapping[str, np.ndarray],
    *,
    overwrite: bool = False,
) -> None:
    """Write a file again with some fields set; all others, the order of the points and the header are kept.

    The file is written under a hidden name and renamed at the end: no half of it is ever seen. A PCD that was
    compressed is written as plain binary; a LAZ with the octree of COPC loses that. E57, rooms of S3DIS and scans of
    SemanticKITTI are not written: their (valid) points go to a new PLY, exactly, or LAS or LAZ, to 0.1 mm.

    Args:
        source: the file that was read.
        target: the file to write, in the format of ``source`` (LAS and LAZ may change into each other).
        columns: ``[n]`` of each field by name, whole numbers or floats; fields that the file does not have are added,
            floats as float32.
        overwrite: allow ``target`` to be ``source``.

    Raises:
        FileNotFoundError: no such file, or no such folder for ``target``.
        BrokenFileError: ``source`` cannot be read.
        ValueError: other numbers of rows than points, a number that a field cannot hold, ``target`` is ``source`` or
            has another format.
        ImportError: a needed package is missing.
    """
    source, target = Path(source), Path(target)
    _check_names(columns)
    kind, wanted = _check_target(source, target, overwrite), target.suffix.lower()[1:]
    with _named(source), written_whole(target) as hidden:
        if kind in _ANEW:
            _write_anew(source, hidden, columns, wanted)
        elif _WRITERS[kind] is write_las_fields:
            write_las_fields(source, hidden, columns, compressed=wanted == "laz")
        else:
            _WRITERS[kind](source, hidden, columns)


def check_fields(
    source: str | os.PathLike[str], target: str | os.PathLike[str], columns: Mapping[str, np.ndarray]
) -> None:
    """See beforehand, from names and headers, whether :func:`write_fields` could write these fields; writes nothing.

    Args:
        source: file that will be read.
        target: file that would be written.
        columns: by name, with any number of rows: all numbers that there may be.

    Raises:
        FileNotFoundError: no such file, or no such folder for ``target``.
        BrokenFileError: the header of a LAS or LAZ cannot be read.
        PermissionError: the folder cannot be written.
        ValueError: what :func:`write_fields` refuses, as far as it is known before the points are read.
    """
    source, target = Path(source), Path(target)
    _check_names(columns)
    kind = _check_target(source, target, overwrite=False)
    if not os.access(target.parent, os.W_OK | os.X_OK):
        raise PermissionError(f"'target' must be in a folder that can be written (got '{target}')")
    if _WRITERS.get(kind) is write_las_fields:
        with _named(source):
            check_las_fields(source, columns)


def fields_of(path: str | os.PathLike[str]) -> list[str]:
    """Names of the fields of a file; of LAS and LAZ the header alone is read.

    Raises:
        FileNotFoundError: no such file.
        BrokenFileError: it cannot be read.
    """
    path = Path(path)
    if READERS.get(path.suffix.lower()[1:]) is read_las and path.is_file():
        with _named(path), las_reader(path) as reader:
            return las_fields(reader.header)
    return list(read_scene(path).fields)


def target_suffixes(source: str | os.PathLike[str]) -> tuple[str, ...]:
    """Suffixes of what a scene can be written as, the best one first.

    Raises:
        ValueError: an unknown format.

    Example:
        >>> target_suffixes("a.laz"), target_suffixes("a.e57")
        (('laz', 'las'), ('laz', 'las', 'ply'))
    """
    kind = _kind(Path(source))
    if kind not in _WRITERS and kind not in _ANEW:
        raise ValueError(f"'{source}' has an unknown format: save it as one of {', '.join(READERS)}")
    return _TARGETS.get(kind, _NEW if kind in _ANEW else (kind,))


def _kind(source: Path) -> str:
    return "room" if is_room(source) else source.suffix.lower()[1:]


def _check_target(source: Path, target: Path, overwrite: bool) -> str:
    """The kind of a source, whose target must be one."""
    kind, ends = _kind(source), target_suffixes(source)
    if target.suffix.lower()[1:] not in ends:
        raise ValueError(
            f"'target' must end in .{' or .'.join(ends)} where 'source' is a {kind} file (got '{target}')"
        )
    if not source.exists():
        raise FileNotFoundError(f"'{source}' must be an existing file")
    if not target.parent.is_dir():
        raise FileNotFoundError(f"'target' must be in a folder that exists (got '{target}')")
    if target.is_dir():
        raise ValueError(f"'target' must be a file, no folder (got '{target}')")
    if target.exists() and target.samefile(source) and not overwrite:
        raise ValueError(
            f"'target' must not be the file that was read, or 'overwrite' be True (got '{target}')"
        )
    return kind


def _write_anew(source: Path, target: Path, columns: Mapping[str, np.ndarray], suffix: str) -> None:
    scene = read_scene(source)
    fields = dict(scene.fields) | dict(columns)
    if suffix == "ply":
        write_new_ply(target, scene.pos, fields)
    else:
        wkt = None if scene.crs is None or scene.crs.startswith("EPSG:") else scene.crs
        write_new_las(target, scene.pos, fields, crs=wkt, compressed=suffix == "laz")


#: Scenes that are not written as what they are, and what they are written as.
_ANEW, _NEW = ("e57", "bin", "room"), ("laz", "las", "ply")
#: Suffix -> suffixes of what it can be written as, where these are others.
_TARGETS = {"las": ("las", "laz"), "laz": ("laz", "las")}
_WRITERS: dict[str, Callable[..., None]] = {
    **dict.fromkeys(("las", "laz"), write_las_fields),
    "ply": write_ply_fields,
    "pcd": write_pcd_fields,
    "npz": write_npz_fields,
    **dict.fromkeys(("xyz", "txt", "csv", "pts"), write_text_fields),
}


def _check_names(columns: Mapping[str, np.ndarray]) -> None:
    """Fields to write have names that every format can hold."""
    for field in columns:
        if not re.fullmatch(r"[^\s,;\"']+", field) or field.lower() in ("x", "y", "z"):
            raise ValueError(f"'field' must be a name without spaces, and not x, y or z (got {field!r})")


def _reason(error: BaseException) -> str:
    if isinstance(error, ValueError):
        return " ".join(str(error).split())
    text = " ".join(f"{type(error).__name__}: {error}".split())
    return text if len(text) <= 160 else f"{text[:157]}..."  # libraries tell where in them it was
