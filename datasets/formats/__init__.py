"""Readers of single files; each takes the bytes of one and knows nothing of data sets."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path, PurePosixPath

from ccnn_pc.datasets.formats.gltf import read_gltf
from ccnn_pc.datasets.formats.numpy_shape import read_numpy
from ccnn_pc.datasets.formats.obj import read_obj
from ccnn_pc.datasets.formats.off import read_off
from ccnn_pc.datasets.formats.pcd import read_pcd
from ccnn_pc.datasets.formats.ply import read_ply
from ccnn_pc.datasets.formats.raw import RawShape, check_raw
from ccnn_pc.datasets.formats.stl import read_stl
from ccnn_pc.datasets.formats.table import read_text

__all__ = ["READERS", "RawShape", "parse", "read_raw"]

READERS: dict[str, Callable[[bytes], RawShape]] = {
    "off": read_off,
    "ply": read_ply,
    "pcd": read_pcd,
    "obj": read_obj,
    "stl": read_stl,
    **dict.fromkeys(("glb", "gltf"), read_gltf),
    **{suffix: partial(read_text, suffix=suffix) for suffix in ("xyz", "txt", "csv", "pts")},
    **dict.fromkeys(("npy", "npz"), read_numpy),
}
"""File name suffix → reader."""

_MESH_ONLY = ("off", "obj", "stl", "glb", "gltf")


def parse(data: bytes, name: str, beside: Callable[[str], bytes] | None = None) -> RawShape:
    """Read a mesh or a cloud from the bytes of a file called ``name``.

    Args:
        data: its content.
        name: its name, whose end says the format.
        beside: content of a file beside it, by its relative name, for glTF; None: there is none.

    Raises:
        ValueError: unknown format, unreadable, empty, or a mesh format without faces; the message names the
            file.
    """
    suffix = name.rsplit(".", 1)[-1].lower() if "." in name else ""
    reader = READERS.get(suffix)
    if reader is None:
        raise ValueError(f"'{name}' has an unknown format: save it as one of {', '.join(READERS)}")
    if not data:
        raise ValueError(f"'{name}' is empty (0 bytes): copy or export it again")
    try:
        raw = check_raw(read_gltf(data, beside) if reader is read_gltf else reader(data))
    except ImportError:
        raise
    except (
        Exception
    ) as error:  # a damaged file ends in any error of a library: always one that names the file
        reason = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
        reason = " ".join(reason.split())
        raise ValueError(f"'{name}' cannot be read as {suffix}: {reason}; copy or export it again") from error
    if len(raw.vertices) == 0:
        raise ValueError(f"'{name}' holds no points: export it again")
    if suffix in _MESH_ONLY and (raw.faces is None or len(raw.faces) == 0):
        raise ValueError(
            f"'{name}' is a mesh without faces: save it as xyz, ply or npy to have it read as a cloud"
        )
    return raw


def read_raw(path: str | os.PathLike[str]) -> RawShape:
    """Read the mesh or cloud at ``path``; see :func:`parse`.

    Raises:
        FileNotFoundError: no such file.
        OSError: it cannot be read.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"'{path}' must be an existing file of one of the formats {', '.join(READERS)}"
        )
    try:
        data = path.read_bytes()
    except OSError as error:
        raise OSError(f"'{path}' cannot be read ({error})") from error
    return parse(data, str(path), partial(_beside, path.parent))


def _beside(folder: Path, name: str) -> bytes:
    """The file of that name in ``folder`` or below."""
    relative = PurePosixPath(name)
    if "://" in name or relative.is_absolute() or ".." in relative.parts:
        raise ValueError(f"its numbers lie in '{name}', which is no file beside it: save it as .glb")
    if not (folder / relative).is_file():
        raise ValueError(f"its numbers lie in '{name}', which is not beside it: copy that file too")
    return (folder / relative).read_bytes()
