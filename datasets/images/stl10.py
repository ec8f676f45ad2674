"""STL-10: larger images, few labels."""

from __future__ import annotations

import os
from typing import Any

from ccnn_pc.datasets.common.splits import Split
from ccnn_pc.datasets.formats.image_records import read_stl10_images, read_stl10_labels
from ccnn_pc.datasets.formats.packed import Store
from ccnn_pc.datasets.images.arrays import (
    STL10_SCALING,
    ImageArrays,
    Scaling,
    check_labels,
    scaled_view,
    train_or_test,
    warn_subset,
)
from ccnn_pc.datasets.images.download import how_to_get
from ccnn_pc.datasets.registry import register_dataset
from ccnn_pc.datasets.transforms.view import View

_OFFICIAL = {Split.TRAIN: 5_000, Split.TEST: 8_000}
_CLASSES = ["airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck"]


@register_dataset("stl10", own_validation=False)
class STL10(ImageArrays):
    """Ten classes of 96 x 96 colour images (Coates, Lee, Ng, AISTATS 2011); the unlabelled ones are not read.

    Read at ``root`` or in ``root/stl10_binary``: ``{train,test}_{X,y}.bin``, or the official archive (which is
    unpacked in memory at every start; unpack it on disk once).

    Args:
        root: folder or archive.
        split: TRAIN (5,000) or TEST (8,000).
        view: image ``[3, 96, 96]`` (default), sequence ``[3, 9216]``, or a grey one; None: an image
            in [0, 1], not normalised.
        scaling: mean and deviation; None: the published ones.
        options: transform, pre_transform, seed: see :class:`LabelledDataset`; transforms see ``x [1, 3, 96, 96]`` in
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
        scaling: Scaling | None = None,
        **options: Any,
    ) -> None:
        split = train_or_test(split)
        names = [f"{split.value}_{what}.bin" for what in ("X", "y")]
        store = Store(root, ["stl10_binary", "stl10"], ["stl10_binary.tar.gz"], names)
        files = []
        for name in names:
            found = store.read(name)
            if found is None:
                raise FileNotFoundError(
                    f"'root' must hold {name} of STL-10, also in stl10_binary.tar.gz (found none at '{root}').\n"
                    + how_to_get("stl10")
                )
            files.append(found)
        images, labels = read_stl10_images(*files[0]), read_stl10_labels(*files[1])
        check_labels(labels, len(_CLASSES), files[1][1], len(images))
        warn_subset(len(images), _OFFICIAL[split], split, root)
        super().__init__(
            images,
            labels,
            _CLASSES,
            scaled_view(view, STL10_SCALING, scaling),
            **options,
        )
