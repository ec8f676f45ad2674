"""MNIST as images, sequences, and permuted sequences."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from ccnn_pc.datasets.common.splits import Split
from ccnn_pc.datasets.formats.idx import read_idx
from ccnn_pc.datasets.formats.packed import Store
from ccnn_pc.datasets.images.arrays import (
    MNIST_SCALING,
    ImageArrays,
    Scaling,
    check_labels,
    train_or_test,
    warn_subset,
)
from ccnn_pc.datasets.images.download import how_to_get
from ccnn_pc.datasets.registry import register_dataset
from ccnn_pc.datasets.transforms.view import ToView, View

_OFFICIAL = {Split.TRAIN: 60_000, Split.TEST: 10_000}


@register_dataset("mnist", own_validation=False)
class MNIST(ImageArrays):
    """Handwritten digits (LeCun et al., Proc. IEEE 86(11), 1998), 28 x 28 grey values, 10 classes.

    Read at ``root`` (or in its folders ``raw``, ``MNIST/raw``, ``mnist``): the four IDX files, plain, .gz or
    .xz.

    Args:
        root: folder.
        split: TRAIN (60,000) or TEST (10,000).
        view: image ``[1, 28, 28]``, sequence ``[1, 784]`` or permuted ``[1, 784]``; None: an
            image in [0, 1], not normalised.
        permutation: order of the pixels of the permuted view; None: the one of ``permutation_seed``.
        permutation_seed: default 0, the published permutation (see :func:`fixed_permutation`).
        scaling: mean and deviation; None: 0.1307 and 0.3081.
        options: transform, pre_transform, seed: see :class:`LabelledDataset`; transforms see ``x [1, 1, 28, 28]`` in
            [0, 1].

    Raises:
        FileNotFoundError: the files are not there; the message says how to get them.
        ValueError: a damaged file, or files that do not belong together.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        split: Split | str = Split.TRAIN,
        view: View | str | None = View.IMAGE,
        *,
        permutation: Sequence[int] | np.ndarray | None = None,
        permutation_seed: int = 0,
        scaling: Scaling | None = None,
        **options: Any,
    ) -> None:
        split = train_or_test(split)
        order: dict[str, Any] = {"permutation": permutation, "permutation_seed": permutation_seed}
        how = None if view is None else ToView(view, *(scaling or MNIST_SCALING), **order)
        store = Store(root, ["raw", "MNIST/raw", "mnist"])
        (images, name), (labels, of_labels) = (
            _array(store, split, what, dim) for what, dim in (("images", 3), ("labels", 1))
        )
        if images.shape[1:] != (28, 28) or not len(images):
            raise ValueError(f"'{name}' must hold images of 28 x 28 pixels (got {list(images.shape)})")
        check_labels(labels, 10, of_labels, len(images))
        warn_subset(len(images), _OFFICIAL[split], split, root)
        super().__init__(
            images[:, None],
            labels,
            [str(digit) for digit in range(10)],
            how,
            **options,
        )


def _array(store: Store, split: Split, what: str, dim: int) -> tuple[np.ndarray, str]:
    """The array of a file, and its name."""
    part = "t10k" if split is Split.TEST else "train"
    for joint in ("-", "."):
        found = store.read(f"{part}-{what}{joint}idx{dim}-ubyte")
        if found is not None:
            array = read_idx(*found, dim=dim)
            if array.dtype != np.uint8:
                raise ValueError(f"'{found[1]}' must hold bytes (got {array.dtype})")
            return array, found[1]
    raise FileNotFoundError(
        f"'root' must hold {part}-{what}-idx{dim}-ubyte(.gz) (found none at '{store.root}').\n"
        + how_to_get("mnist")
    )
