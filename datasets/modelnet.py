"""ModelNet10 and ModelNet40 in whatever form they lie on disk."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from ccnn_pc.datasets.arrays import read_arrays
from ccnn_pc.datasets.splits import Split, as_split, stratified_split
from ccnn_pc.datasets.stored import StoredDataset
from ccnn_pc.datasets.transforms.base import Transform


class ModelNet(StoredDataset):
    """Classification of CAD models (Wu et al., "3D ShapeNets", CVPR 2015), z up, poses aligned.

    Args:
        root: folder with ``train.npz``/``test.npz``, or one such file.
        split: TRAIN, VAL (drawn from the training data) or TEST.
        validation_fraction: share of every class that VAL takes away from TRAIN; 0 (default) leaves TRAIN whole.
        split_seed: seed of that draw.
        transform, pre_transform, seed: see :class:`PointCloudDataset`.
        cache: folder of processed data (None: the default cache).

    Raises:
        FileNotFoundError: no known form lies at ``root``.
        ValueError: VAL without a fraction.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        *,
        split: Split | str = Split.TRAIN,
        validation_fraction: float = 0.0,
        split_seed: int = 0,
        transform: Transform | None = None,
        pre_transform: Transform | None = None,
        seed: int = 0,
        cache: str | os.PathLike[str] | None = None,
    ) -> None:
        split = as_split(split)
        root = Path(root)
        path = root if root.is_file() else root / ("test.npz" if split is Split.TEST else "train.npz")
        clouds = read_arrays(path, cache)
        super().__init__(clouds, transform=transform, pre_transform=pre_transform, seed=seed)
        self._rows = split_rows(self._labels, split, validation_fraction, split_seed)


def split_rows(labels: np.ndarray, split: Split, validation_fraction: float, seed: int) -> np.ndarray:
    """Rows of ``split``; for TRAIN and VAL ``labels`` are those of the whole training data.

    Raises:
        ValueError: VAL with a fraction of 0.
    """
    if split is Split.TEST or (split is Split.TRAIN and validation_fraction == 0):
        return np.arange(len(labels))
    if validation_fraction == 0:
        raise ValueError("'validation_fraction' must be above 0 for a validation split (got 0)")
    rest, drawn = stratified_split(labels, validation_fraction, seed)
    return rest if split is Split.TRAIN else drawn
