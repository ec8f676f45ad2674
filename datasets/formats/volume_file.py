"""Volumes: npy and npz of three axes, NIfTI through nibabel, binvox."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ccnn_pc._optional import require
from ccnn_pc.datasets.formats.limits import check_unpacked
from ccnn_pc.datasets.formats.numpy_file import read_npy, read_npz
from ccnn_pc.datasets.formats.packed import read_file

SUFFIXES = (".npy", ".npz", ".nii", ".nii.gz", ".binvox")
#: An axis in front of, or behind, three others that is so short holds channels.
MOST_CHANNELS = 4
#: What an array of the distances of cells is called beside a volume.
_STEPS = ("spacing", "voxel_size", "voxel_spacing", "zooms", "pixdim")
#: Millimetres of the units that NIfTI names; others are taken for millimetres.
_MILLIMETRES = {"meter": 1000.0, "micron": 0.001}
_BINVOX = re.compile(rb"#binvox 1\s+dim\s+(\d+)\s+(\d+)\s+(\d+)\s+.*?data\r?\n", re.DOTALL)


class Volume(NamedTuple):
    """What a file of a volume holds.

    Attributes:
        values: float32 ``[C, D, H, W]``.
        steps: distance of cells along each axis in millimetres; NaN where the file does not say it.
        oriented: 1 where the file says which way its axes point, 0 where it should and does not; NaN of formats that
            cannot.
    """

    values: np.ndarray
    steps: tuple[float, float, float]
    oriented: float


def is_volume(path: Path) -> bool:
    """Whether the name of a file ends as those of volumes do.

    Example:
        >>> is_volume(Path("a.NII.gz")), is_volume(Path("a.csv.gz"))
        (True, False)
    """
    return path.name.lower().endswith(SUFFIXES)


def read_volume(path: Path) -> np.ndarray:
    """The values of a volume, float32 ``[C, D, H, W]``.

    Read are ``npy [D, H, W]``, or with up to four channels before or behind; ``npz`` with one such array; NIfTI, with
    its axes in their usual directions and its values scaled as it says (extra ``volumes``); ``binvox``, 0 and 1.

    Raises:
        FileNotFoundError: no such file.
        ImportError: nibabel is missing.
        ValueError: another format, damaged, another number of axes, values that are not finite; the message names the
            file.
    """
    return read_whole_volume(path).values


def read_whole_volume(path: Path) -> Volume:
    """The same, with what the file says of its axes; of an ``npz`` an array ``spacing`` of three numbers.

    Raises:
        FileNotFoundError, ImportError, ValueError: see :func:`read_volume`.
    """
    name, content = path.name.lower(), read_file(path)
    steps, oriented = (math.nan, math.nan, math.nan), math.nan
    try:
        if not content:
            raise ValueError("it is empty (0 bytes)")
        if name.endswith(".npy"):
            values = read_npy(content)
        elif name.endswith(".npz"):
            values, steps = _only_volume(read_npz(content))
        elif name.endswith(".binvox"):
            values = read_binvox(content)
        elif name.endswith((".nii", ".nii.gz")):
            values, steps, oriented = _nifti(path, len(content))
        else:
            raise ValueError(f"its name must end in {', '.join(SUFFIXES)}")
        return Volume(_checked(values), steps, oriented)
    except ImportError:
        raise
    except Exception as error:  # nibabel raises anything for damaged files
        reason = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
        raise ValueError(
            f"'{path}' cannot be read as a volume: {' '.join(reason.split())}; copy or export it again"
        ) from error


def _checked(values: np.ndarray) -> np.ndarray:
    if values.dtype.kind not in "fiub":
        raise ValueError(f"it must hold real numbers (got {values.dtype})")
    if values.ndim == 4 and values.shape[0] > MOST_CHANNELS >= values.shape[-1]:
        values = np.moveaxis(values, -1, 0)
    values = values[None] if values.ndim == 3 else values
    if values.ndim != 4 or not 1 <= values.shape[0] <= MOST_CHANNELS or min(values.shape) < 1:
        raise ValueError(
            f"it must have three axes, and at most {MOST_CHANNELS} channels before or behind them "
            f"(got {list(values.shape)})"
        )
    values = np.ascontiguousarray(values, dtype=np.float32)
    if not np.isfinite(values).all():
        raise ValueError(
            f"it must hold finite numbers ({int((~np.isfinite(values)).sum())} are NaN or infinite)"
        )
    return values


def _only_volume(arrays: dict[str, np.ndarray]) -> tuple[np.ndarray, tuple[float, float, float]]:
    found = {name: each for name, each in arrays.items() if each.ndim in (3, 4)}
    if len(found) != 1:
        shapes = {name: list(each.shape) for name, each in arrays.items()}
        raise ValueError(f"it must hold one array of three axes (got {shapes})")
    steps = next(
        (each for name, each in arrays.items() if name.lower() in _STEPS and each.shape == (3,)), None
    )
    if steps is None or steps.dtype.kind not in "fiu" or not (np.isfinite(steps).all() and (steps > 0).all()):
        steps = np.full(3, math.nan)
    first, second, third = map(float, steps)
    return next(iter(found.values())), (first, second, third)


def _nifti(path: Path, size: int) -> Volume:
    nibabel = require("nibabel", extra="volumes", purpose="to read NIfTI")
    image = nibabel.load(path)
    check_unpacked(8 * math.prod(image.shape), size, f"'{path}'")
    while len(image.shape) > 3 and image.shape[-1] == 1:  # one time
        image = image.slicer[..., 0]
    if image.get_data_dtype().kind not in "fiub":
        raise ValueError(f"it must hold real numbers (got {image.get_data_dtype()})")
    turned, head = nibabel.as_closest_canonical(image), image.header
    unit = _MILLIMETRES.get(head.get_xyzt_units()[0], 1.0) if hasattr(head, "get_xyzt_units") else 1.0
    first, second, third = (unit * abs(float(step)) or math.nan for step in turned.header.get_zooms()[:3])
    codes = [int(head[name]) for name in ("sform_code", "qform_code") if name in head]
    return Volume(np.asarray(turned.dataobj, dtype=np.float32), (first, second, third), float(any(codes)))


def read_binvox(content: bytes) -> np.ndarray:
    r"""The cells of a binvox file, uint8 ``[x, y, z]``, 0 and 1.

    Raises:
        ValueError: another format, or damaged.

    Example:
        >>> read_binvox(b"#binvox 1\ndim 2 1 2\ndata\n" + bytes([0, 1, 1, 3])).tolist()
        [[[0], [1]], [[1], [1]]]
    """
    head = _BINVOX.match(content[:2000])
    if head is None:
        raise ValueError("its first lines must be '#binvox 1', 'dim D H W' and 'data'")
    depth, height, width = map(int, head.groups())
    pairs = np.frombuffer(content, np.uint8, offset=head.end())
    if len(pairs) % 2:
        raise ValueError("it is cut off: its runs are pairs of bytes")
    counts = pairs[1::2].astype(np.int64)
    if counts.sum() != depth * height * width:
        raise ValueError(
            f"it is cut off: {depth * height * width} cells are announced, {counts.sum()} are there"
        )
    cells = np.repeat(pairs[::2] > 0, counts).astype(np.uint8)
    return cells.reshape(depth, height, width).transpose(0, 2, 1)  # x slowest, then z, then y
