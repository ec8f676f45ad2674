"""Arrays of ``.npy`` and ``.npz`` files: no pickles, and no more memory than the file accounts for."""

from __future__ import annotations

import io
import math
import os
import zipfile
from pathlib import Path

import numpy as np

from ccnn_pc.datasets.formats.limits import check_unpacked, read_unpacked

_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def read_npy(data: bytes) -> np.ndarray:
    """The array of a ``.npy`` file.

    Raises:
        ValueError: not numpy's format, cut off, or an array of Python objects.
    """
    stream = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(stream)
        shape, _, dtype = _HEADERS[version](stream)
    except Exception as error:  # numpy lets errors of the header's Python through
        raise ValueError(f"it is not a readable numpy file ({_reason(error)})") from error
    if dtype.hasobject:
        raise ValueError("it holds Python objects, which are never loaded: save arrays of numbers")
    size, there = math.prod(shape) * dtype.itemsize, len(data) - stream.tell()
    if min(shape, default=0) < 0 or size > there:  # numpy would take the memory first
        raise ValueError(
            f"it is truncated: an array {list(shape)} of {size} bytes is announced, {there} are there"
        )
    stream.seek(0)
    return np.lib.format.read_array(stream, allow_pickle=False)


def read_npz(source: bytes | str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """The arrays of an ``.npz`` file, by name.

    Args:
        source: its bytes, or its path.

    Raises:
        OSError: the path cannot be read.
        ValueError: no zip archive of arrays, damaged, encrypted, with Python objects, or it unpacks to more than
            :func:`~ccnn_pc.datasets.formats.limits.most_bytes`.
    """
    packed = len(source) if isinstance(source, bytes) else Path(source).stat().st_size
    arrays, unpacked = {}, 0
    try:
        with zipfile.ZipFile(io.BytesIO(source) if isinstance(source, bytes) else source) as archive:
            for member in archive.infolist():
                unpacked += member.file_size
                check_unpacked(unpacked, packed)
                with archive.open(member) as stream:
                    data = read_unpacked(stream, packed)
                name = member.filename.removesuffix(".npy")
                try:
                    arrays[name] = read_npy(data)
                except ValueError as error:
                    raise ValueError(f"its member '{member.filename}': {error}") from error
    except ValueError:
        raise
    except OSError as error:
        if error.filename is not None:  # it cannot be opened
            raise
        raise ValueError(f"it is not a readable npz archive ({_reason(error)})") from error
    except (
        Exception
    ) as error:  # zipfile raises BadZipFile, RuntimeError, NotImplementedError, zlib.error, EOFError …
        raise ValueError(f"it is not a readable npz archive ({_reason(error)})") from error
    return arrays


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
