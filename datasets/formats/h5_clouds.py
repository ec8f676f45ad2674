"""Clouds of equal size with labels in one h5 file, as the resampled ModelNet has them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ccnn_pc._optional import require
from ccnn_pc.datasets.formats.limits import check_unpacked


def read_h5_clouds(path: Path, num_classes: int) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Points ``[n, P, 3]``, labels ``[n]`` int64 and, where the file has them, normals ``[n, P, 3]``.

    Args:
        path: file with ``data``, ``label`` and perhaps ``normal``.
        num_classes: labels are below it.

    Raises:
        ImportError: h5py is missing.
        ValueError: another kind of file, damaged, arrays that do not fit together, or numbers that are not finite; the
            message names the file.
    """
    with _opened(path, "'data' and 'label'") as (file, packed):
        data, label = _array(file, "data", packed), _array(file, "label", packed)
        normal = _array(file, "normal", packed) if "normal" in file else None
        return data, _labels(label, data, num_classes), _checked(data, normal)


def read_h5_parts(path: Path, num_classes: int, num_parts: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points ``[n, P, 3]``, labels ``[n]`` int64, and the part of each point ``[n, P]`` int64.

    Args:
        path: file with ``data``, ``label`` and ``pid``.
        num_classes: labels are below it.
        num_parts: parts are below it.

    Raises:
        ImportError: h5py is missing.
        ValueError: as for :func:`read_h5_clouds`.
    """
    with _opened(path, "'data', 'label' and 'pid'") as (file, packed):
        data, label, part = (_array(file, name, packed) for name in ("data", "label", "pid"))
        labels = _labels(label, data, num_classes)
        _checked(data, None)
        if part.shape != data.shape[:2]:
            raise ValueError(f"'pid' must have shape {list(data.shape[:2])} (got {list(part.shape)})")
        wrong = part[~((part >= 0) & (part < num_parts) & (part == np.rint(part)))]
        if len(wrong):
            raise ValueError(f"'pid' must be whole numbers in [0, {num_parts}) (got {wrong[0]})")
        return data, labels, part.astype(np.int64)


@contextmanager
def _opened(path: Path, arrays: str) -> Iterator[tuple[Any, int]]:
    """The file, and its size; whatever is wrong with it as one kind of error."""
    h5py = require("h5py", extra="mesh", purpose="to read .h5 files")
    try:
        with h5py.File(path, "r") as file:
            yield file, path.stat().st_size
    except Exception as error:  # h5py lets every kind of error through
        reason = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
        raise ValueError(
            f"'{path}' must be an h5 file with {arrays} ({' '.join(reason.split())}): download it again"
        ) from error


def _array(file: Any, name: str, packed: int) -> np.ndarray:
    """An array of numbers, of a size that the file accounts for."""
    found = file[name]
    kind = getattr(found, "dtype", None)
    if kind is None or kind.kind not in "fiu":
        raise ValueError(f"'{name}' must be an array of numbers (got {kind or 'a group'})")
    check_unpacked(found.size * kind.itemsize, packed, f"'{name}'")
    return np.asarray(found[()])


def _labels(label: np.ndarray, data: np.ndarray, num_classes: int) -> np.ndarray:
    if data.ndim != 3 or data.shape[2] != 3 or 0 in data.shape:
        raise ValueError(f"'data' must have shape [n, P, 3] (got {list(data.shape)})")
    if label.size != len(data) or label.shape[:1] != (len(data),):
        raise ValueError(
            f"'label' must hold one number per cloud (got {list(label.shape)} for {len(data)} clouds)"
        )
    label = label.reshape(-1)
    wrong = np.flatnonzero(~((label >= 0) & (label < num_classes) & (label == np.rint(label))))
    if len(wrong):
        raise ValueError(f"'label' must be whole numbers in [0, {num_classes}) (got {label[wrong[0]]})")
    return label.astype(np.int64)


def _checked(data: np.ndarray, normal: np.ndarray | None) -> np.ndarray | None:
    if normal is not None and normal.shape != data.shape:
        raise ValueError(
            f"'normal' must have the shape of 'data', {list(data.shape)} (got {list(normal.shape)})"
        )
    for name, values in (("data", data), ("normal", normal)):
        if values is not None and not (np.abs(values) < 1e38).all():
            raise ValueError(f"'{name}' must be finite, and within what float32 can hold")
    return normal
