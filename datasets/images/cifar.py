"""CIFAR-10 and CIFAR-100 as images and as sequences of several kinds."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

import numpy as np

from ccnn_pc.datasets.common.splits import Split
from ccnn_pc.datasets.formats.array_pickle import read_array_pickle
from ccnn_pc.datasets.formats.image_records import read_cifar_binary
from ccnn_pc.datasets.formats.packed import Store
from ccnn_pc.datasets.images.arrays import (
    CIFAR10_SCALING,
    CIFAR100_SCALING,
    ImageArrays,
    Scaling,
    check_labels,
    scaled_view,
    train_or_test,
    warn_subset,
)
from ccnn_pc.datasets.images.download import how_to_get
from ccnn_pc.datasets.registry import register_dataset
from ccnn_pc.datasets.transforms.view import NOISE_LENGTH, View


class _Layout(NamedTuple):
    """Where the parts of one of the two data sets lie."""

    name: str
    stem: str
    train: tuple[str, ...]
    test: tuple[str, ...]
    key: str
    classes: tuple[str, str, str]
    label_bytes: int
    num_classes: int
    scaling: Scaling


_CIFAR10 = _Layout(
    "cifar10",
    "cifar-10",
    tuple(f"data_batch_{number}" for number in range(1, 6)),
    ("test_batch",),
    "labels",
    ("batches.meta.txt", "batches.meta", "label_names"),
    1,
    10,
    CIFAR10_SCALING,
)
_CIFAR100 = _Layout(
    "cifar100",
    "cifar-100",
    ("train",),
    ("test",),
    "fine_labels",
    ("fine_label_names.txt", "meta", "fine_label_names"),
    2,
    100,
    CIFAR100_SCALING,
)
_OFFICIAL = {Split.TRAIN: 50_000, Split.TEST: 10_000}


class _Cifar(ImageArrays):
    """What the two data sets share."""

    _layout: _Layout

    def __init__(
        self,
        root: str | os.PathLike[str],
        split: Split | str = Split.TRAIN,
        view: View | str | None = View.IMAGE,
        *,
        scaling: Scaling | None = None,
        permutation_seed: int = 0,
        length: int = NOISE_LENGTH,
        noise_seed: int = 0,
        **options: Any,
    ) -> None:
        split, layout = train_or_test(split), self._layout
        settings: dict[str, Any] = {"permutation_seed": permutation_seed, "length": length}
        how = scaled_view(view, layout.scaling, scaling, noise_seed=noise_seed, **settings)
        names = layout.test if split is Split.TEST else layout.train
        store = _store(root, layout, names)
        parts = [part for part in (_part(store, layout, name) for name in names) if part is not None]
        if not parts:
            raise FileNotFoundError(
                f"'root' must hold {names[0]} or {names[0]}.bin of {layout.stem.upper()}, also in "
                f"{layout.stem}-binary.tar.gz or {layout.stem}-python.tar.gz (found none at '{root}').\n"
                + how_to_get(layout.name)
            )
        images, labels = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        warn_subset(len(images), _OFFICIAL[split], split, root)
        super().__init__(
            images,
            labels,
            _class_names(store, layout),
            how,
            **options,
        )


def _store(root: str | os.PathLike[str], layout: _Layout, names: tuple[str, ...]) -> Store:
    folders = [f"{layout.stem}-{end}" for end in ("batches-bin", "batches-py", "binary", "python")]
    archives = [f"{layout.stem}-{end}.tar.gz" for end in ("binary", "python")]
    wanted = [*names, *(f"{name}.bin" for name in names), *layout.classes[:2]]
    return Store(root, [*folders, layout.name], archives, wanted)


def _part(store: Store, layout: _Layout, name: str) -> tuple[np.ndarray, np.ndarray] | None:
    """Images and labels of one file, binary or pickled; None if it is not there."""
    found = store.read(f"{name}.bin")
    if found is not None:
        images, labels = read_cifar_binary(*found, label_bytes=layout.label_bytes)
        check_labels(labels[:, -1], layout.num_classes, found[1], len(images))
        return images, labels[:, -1]
    found = store.read(name)
    if found is None:
        return None
    content = read_array_pickle(*found)
    data = _entry(content, "data")
    listed = _entry(content, layout.key)
    listed = listed if isinstance(listed, (list, tuple, np.ndarray)) else []
    if (
        not isinstance(data, np.ndarray)
        or data.dtype != np.uint8
        or data.shape[1:] != (3072,)
        or not len(data)
    ):
        raise ValueError(f"'{found[1]}' must hold 'data', uint8 [n, 3072]; download it again")
    plain = isinstance(listed, np.ndarray) or all(
        type(label) is int and abs(label) < 2**31 for label in listed
    )
    labels = np.asarray(listed if plain else [str(label) for label in listed])
    check_labels(labels, layout.num_classes, found[1], len(data))
    return data.reshape(-1, 3, 32, 32), labels


def _entry(content: Any, key: str) -> Any:
    """An entry of a pickled dictionary, whose keys are bytes (Python 2) or text; an empty list if it is missing."""
    if not isinstance(content, dict):
        return []
    return content.get(key, content.get(key.encode(), []))


def _class_names(store: Store, layout: _Layout) -> list[str]:
    """Names from the files beside the images; numbers where there are none."""
    text, pickled, key = layout.classes
    names: list[str] = []
    found = store.read(text)
    if found is not None:
        names = found[0].decode("utf-8", errors="replace").split()
    else:
        found = store.read(pickled)
        if found is not None:
            listed = _entry(read_array_pickle(*found), key)
            listed = listed if isinstance(listed, (list, tuple)) else []
            names = [
                name.decode(errors="replace") if isinstance(name, bytes) else str(name) for name in listed
            ]
    return names if len(names) == layout.num_classes else [str(n) for n in range(layout.num_classes)]


@register_dataset("cifar10", own_validation=False)
class CIFAR10(_Cifar):
    """Ten classes of 32 x 32 colour images (Krizhevsky, 2009).

    Read at ``root`` (or in a folder of the official names in it): ``data_batch_1`` to ``5`` and ``test_batch``,
    binary (``.bin``, also .gz or .xz) or pickled (of arrays only: nothing in a pickle is run), or the official
    archive with either. Where some of them are missing, the others are the data set, and a warning says so.

    Args:
        root: folder or archive.
        split: TRAIN (50,000) or TEST (10,000).
        view: image ``[3, 32, 32]``, sequence ``[3, 1024]``, permuted, grey ``[1, 32, 32]``, grey_sequence
            ``[1, 1024]``, noise_padded ``[96, 1000]``; None: an image in [0, 1], not normalised.
        scaling: mean and deviation; None: the published ones (grey: 122.6/255, 61/255).
        permutation_seed: of the permuted view.
        length: of noise-padded sequences.
        noise_seed: of the noise, the same for all items.
        options: transform, pre_transform, seed: see :class:`LabelledDataset`; transforms see ``x [1, 3, 32, 32]`` in
            [0, 1].

    Raises:
        FileNotFoundError: the files are not there; the message says how to get them.
        ValueError: a damaged file.
    """

    _layout = _CIFAR10


@register_dataset("cifar100", own_validation=False)
class CIFAR100(_Cifar):
    """A hundred classes of 32 x 32 colour images (Krizhevsky, 2009), by their fine labels.

    Arguments and views are those of :class:`CIFAR10`; files are ``train`` and ``test``, binary or pickled.
    """

    _layout = _CIFAR100
