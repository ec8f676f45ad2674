"""Clouds of equal size, or filled up to it, in one ``.npz``: the plain form of a data set."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from ccnn_pc.datasets.clouds.collect import warn_broken
from ccnn_pc.datasets.clouds.missing import which_measured
from ccnn_pc.datasets.clouds.stored import (
    CloudPacker,
    StoredAttributes,
    StoredClouds,
    StoredDataset,
    cached_clouds,
)
from ccnn_pc.datasets.common.broken import DataWarning
from ccnn_pc.datasets.common.cache import fingerprint
from ccnn_pc.datasets.formats.columns import stored_type
from ccnn_pc.datasets.formats.numpy_file import read_npz
from ccnn_pc.datasets.formats.numpy_shape import attributes_of_array, wide
from ccnn_pc.datasets.formats.rounded import check_resolved
from ccnn_pc.datasets.registry import register_dataset


def read_arrays(path: str | os.PathLike[str], cache: str | os.PathLike[str] | None = None) -> StoredClouds:
    """Read an npz file of clouds of equal size.

    Arrays: ``points [n, P, 3]`` (or, channels first, ``[n, 3, P]``), ``label [n]``, ``classes [C]`` and, where present,
    ``normals`` of the same shape, ``name [n]``, ``center [n, 3]``, ``scale [n]``. Every other array ``[n, P]`` or
    ``[n, P, C]`` is an attribute of the points; ``colors [n, P, 3]`` are red, green, blue.
    Integer points are taken as they are (``iinfo.max`` = 1); floating ones are centred and scaled per cloud.
    Points that fill a cloud up are left out and counted (:func:`~ccnn_pc.datasets.clouds.missing.which_measured`).

    Args:
        path: the file.
        cache: folder of the decompressed copy (None: the default cache).

    Raises:
        FileNotFoundError: no such file.
        ValueError: not an npz file, or its arrays do not fit together.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"'path' must be an existing .npz file (got '{path}')")
    settings = {"source": fingerprint([path]), "reading": 2}
    return cached_clouds(cache, f"arrays-{path.stem}", settings, lambda: _read(path))


def _read(path: Path) -> StoredClouds:
    try:
        arrays = read_npz(path)
    except ValueError as error:
        raise ValueError(f"'{path}' must be an npz archive of arrays ({error}); copy it again") from error
    missing = [key for key in ("points", "label", "classes") if key not in arrays]
    if missing:
        raise ValueError(
            f"'{path}' must hold the arrays points, label and classes (missing: {', '.join(missing)})"
        )
    try:
        return _stored(arrays, path.stem)
    except ValueError as error:
        raise ValueError(f"'{path}': {error}") from error


def _stored(arrays: dict[str, np.ndarray], stem: str) -> StoredClouds:
    points, normals, measured = _positions(arrays.pop("points"), arrays.pop("normals", None))
    n, size = points.shape[:2]
    classes = _classes(arrays.pop("classes"))
    label = _labels(arrays.pop("label"), n, len(classes))
    names = arrays.pop("name", np.array([f"{stem}_{row}" for row in range(n)], dtype=np.str_))
    center = arrays.pop("center", np.zeros((n, 3))).astype(np.float64)
    scale = arrays.pop("scale", np.ones(n)).astype(np.float64)
    if names.shape != (n,) or center.shape != (n, 3) or scale.shape != (n,):
        shapes = ", ".join(str(list(each.shape)) for each in (names, center, scale))
        raise ValueError(f"'name' must be [{n}], 'center' [{n}, 3] and 'scale' [{n}] (got {shapes})")
    if not (np.isfinite(center).all() and np.isfinite(scale).all() and (scale > 0).all()):
        raise ValueError("'center' must be finite, and 'scale' finite and positive")
    named, attributes = [str(name) for name in names], _attributes(arrays, (n, size))
    kept = measured.sum(axis=1)
    dropped = {named[row]: int(size - kept[row]) for row in np.flatnonzero(kept < size)}
    if points.dtype.kind == "f":
        packer = CloudPacker()
        for row, known in enumerate(measured):
            of_row = {key: values[row][known] for key, values in attributes.items()}
            direction = None if normals is None else normals[row][known]
            packer.add(points[row][known], direction, int(label[row]), named[row], of_row)
        clouds = packer.finish(classes)
        clouds.attributes.dropped = dropped
        return clouds
    return StoredClouds(
        points=points[measured],
        normals=None if normals is None else normals[measured],
        offset=np.concatenate([[0], np.cumsum(kept, dtype=np.int64)]),
        label=label,
        name=named,
        classes=classes,
        center=center,
        scale=scale,
        attributes=StoredAttributes(
            {key: values[measured] for key, values in attributes.items()}, dropped=dropped
        ),
    )


def _positions(
    points: np.ndarray, normals: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray | None, np.ndarray]:
    """Points and normals ``[n, P, 3]``, and which of them were measured ``[n, P]``."""
    points, normals = wide(points), None if normals is None else wide(normals)
    if points.ndim == 3 and points.shape[1] == 3 != points.shape[2]:  # channels first
        points = points.swapaxes(1, 2)
        normals = normals.swapaxes(1, 2) if normals is not None and normals.ndim == 3 else normals
    if points.ndim != 3 or points.shape[2] != 3 or points.shape[1] == 0:
        raise ValueError(f"'points' must have shape [n, P, 3] (got {list(points.shape)})")
    if normals is not None and normals.shape != points.shape:
        raise ValueError(f"'normals' must match 'points' {list(points.shape)} (got {list(normals.shape)})")
    measured = np.full(points.shape[:2], True)
    if points.dtype.kind in "fi" and len(points):
        measured = np.stack(which_measured(list(points)))
    for name, values in (("points", points), ("normals", normals)):
        if values is not None and values.dtype.kind == "f":
            left_out = np.isnan(values) if name == "points" else ~measured[..., None]
            right = (left_out | (np.abs(values) < 1e38)).all(axis=(1, 2)) & measured.any(axis=1)
            if not right.all():
                raise ValueError(
                    f"'{name}' must be finite, within ±1e38 (cloud {int(np.argmin(right))} is not)"
                )
    for row, cloud in enumerate(points):
        try:
            check_resolved(cloud[measured[row]])
        except ValueError as error:
            raise ValueError(f"cloud {row} of 'points': {error}") from None
    kinds = {points.dtype.kind} | ({normals.dtype.kind} if normals is not None else set())
    if kinds not in ({"f"}, {"i"}):
        found = f"{points.dtype}, {None if normals is None else normals.dtype}"
        raise ValueError(
            f"'points' and 'normals' must both be floating or both signed integers (got {found})"
        )
    if normals is None or not normals.any():  # normals that are all 0 are missing
        return points, None, measured
    known = (normals != 0).any(axis=(1, 2))
    if not known.all():
        raise ValueError(f"'normals' must not be 0 (all of cloud {int(np.argmin(known))} are)")
    if kinds == {"f"}:
        length = np.linalg.norm(normals, axis=2, keepdims=True)
        unit = np.divide(normals, length, out=np.zeros_like(normals), where=length > 0)
        normals = np.where(np.abs(length - 1) > 1e-3, unit, normals)
    return points, normals, measured


def _classes(classes: np.ndarray) -> list[str]:
    names = [str(name) for name in classes] if classes.ndim == 1 else []
    if not names or len(set(names)) < len(names):
        found = names or f"shape {list(classes.shape)}"
        raise ValueError(f"'classes' must be a list of different names (got {found})")
    return names


def _labels(label: np.ndarray, n: int, num_classes: int) -> np.ndarray:
    if label.shape != (n,):
        raise ValueError(f"'label' must match the {n} clouds of 'points' (got shape {list(label.shape)})")
    whole = label.dtype.kind in "iu" or (
        label.dtype.kind == "f" and bool((np.isfinite(label) & (label == np.rint(label))).all())
    )
    if not whole:
        wrong = next(
            (each for each in label.tolist() if not isinstance(each, float) or not each.is_integer()), None
        )
        raise ValueError(f"'label' must be whole numbers, the places of names in 'classes' (got {wrong!r})")
    if n and not 0 <= label.min() <= label.max() < num_classes:
        raise ValueError(f"'label' must be in [0, {num_classes}) (got {label.min():g} to {label.max():g})")
    return label.astype(np.int64)


def _attributes(arrays: dict[str, np.ndarray], shape: tuple[int, int]) -> dict[str, np.ndarray]:
    """The arrays with one row per point; a warning names the others."""
    found: dict[str, np.ndarray] = {}
    others = []
    for name, values in arrays.items():
        if values.shape[:2] != shape or values.ndim > 3 or values.dtype.kind not in "fiubU":
            others.append(f"'{name}' {list(values.shape)}")
            continue
        rows = attributes_of_array(name, values.reshape(-1, *values.shape[2:]))
        for key, each in rows.items():
            found[key] = stored_type(key, each).reshape(*shape, *each.shape[1:])
    if others:
        warnings.warn(
            f"arrays that are no attributes of points ([{shape[0]}, {shape[1]}] or with one more axis) are left out: "
            f"{', '.join(others)}",
            DataWarning,
            stacklevel=6,
        )
    return found


@register_dataset(
    "cloud_arrays", recognises=lambda path: path.suffix == ".npz", split_of=lambda path: None, rank=1
)
class CloudArrays(StoredDataset):
    """The clouds of one npz file (see :func:`read_arrays`).

    Args:
        path: the file.
        options: transform, pre_transform, seed: see :class:`PointCloudDataset`.
        cache: folder for the decompressed copy.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        cache: str | os.PathLike[str] | None = None,
        **options: Any,
    ) -> None:
        clouds = read_arrays(path, cache)
        warn_broken(clouds, path, "clouds")
        super().__init__(clouds, **options)
