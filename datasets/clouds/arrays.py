"""Clouds of equal size in one ``.npz``: the plain form of a data set."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from ccnn_pc.datasets.clouds.stored import CloudPacker, StoredClouds, StoredDataset, cached_clouds
from ccnn_pc.datasets.common.cache import fingerprint
from ccnn_pc.datasets.registry import register_dataset


def read_arrays(path: str | os.PathLike[str], cache: str | os.PathLike[str] | None = None) -> StoredClouds:
    """Read an npz file of clouds of equal size.

    Arrays: ``points [n, P, 3]``, ``label [n]``, ``classes [C]`` and, where present, ``normals [n, P, 3]``,
    ``name [n]``, ``center [n, 3]``, ``scale [n]``.
    Integer points are taken as they are (``iinfo.max`` = 1); floating ones are centred and scaled per cloud.

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
    return cached_clouds(cache, f"arrays-{path.stem}", {"source": fingerprint([path])}, lambda: _read(path))


def _read(path: Path) -> StoredClouds:
    try:
        with np.load(path) as archive:
            arrays = {key: archive[key] for key in archive.files}
    except (OSError, ValueError, zipfile.BadZipFile, EOFError, AttributeError) as error:
        raise ValueError(f"'{path}' must be an npz archive of arrays ({error}); copy it again") from error
    missing = [key for key in ("points", "label", "classes") if key not in arrays]
    if missing:
        raise ValueError(
            f"'{path}' must hold the arrays points, label and classes (missing: {', '.join(missing)})"
        )
    points, label, normals = arrays["points"], arrays["label"].astype(np.int64), arrays.get("normals")
    if points.ndim != 3 or points.shape[2] != 3 or points.shape[1] == 0:
        raise ValueError(f"'{path}': 'points' must have shape [n, P, 3] (got {list(points.shape)})")
    n, size = points.shape[:2]
    if label.shape != (n,) or (normals is not None and normals.shape != points.shape):
        shapes = f"label {list(label.shape)}, normals {None if normals is None else list(normals.shape)}"
        raise ValueError(
            f"'{path}': 'label' and 'normals' must match 'points' {list(points.shape)} (got {shapes})"
        )
    classes = [str(name) for name in arrays["classes"]]
    if n and not 0 <= label.min() <= label.max() < len(classes):
        raise ValueError(
            f"'{path}': 'label' must be in [0, {len(classes)}) (got {label.min()} to {label.max()})"
        )
    names = (
        [str(name) for name in arrays["name"]]
        if "name" in arrays
        else [f"{path.stem}_{row}" for row in range(n)]
    )
    if points.dtype.kind == "f":
        finite = np.isfinite(points).all(axis=(1, 2))
        if not finite.all():
            raise ValueError(f"'{path}': 'points' must be finite (cloud {int(np.argmin(finite))} is not)")
        packer = CloudPacker()
        for row in range(n):
            packer.add(points[row], None if normals is None else normals[row], int(label[row]), names[row])
        return packer.finish(classes)
    if points.dtype.kind != "i" or (normals is not None and normals.dtype.kind != "i"):
        kinds = f"{points.dtype}, {None if normals is None else normals.dtype}"
        raise ValueError(
            f"'{path}': 'points' and 'normals' must both be floating or both signed integers (got {kinds})"
        )
    return StoredClouds(
        points=points.reshape(-1, 3),
        normals=None if normals is None else normals.reshape(-1, 3),
        offset=np.arange(n + 1, dtype=np.int64) * size,
        label=label,
        name=names,
        classes=classes,
        center=np.asarray(arrays.get("center", np.zeros((n, 3))), dtype=np.float64),
        scale=np.asarray(arrays.get("scale", np.ones(n)), dtype=np.float64),
    )


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
        super().__init__(read_arrays(path, cache), **options)
