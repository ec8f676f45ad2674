"""Data sets of images of equal size, and the numbers by which they are normalised."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from ccnn_pc._choices import choice
from ccnn_pc.datasets.common.broken import DataWarning
from ccnn_pc.datasets.common.grids import GridArrays
from ccnn_pc.datasets.common.splits import Split
from ccnn_pc.datasets.transforms.view import ToView, View


class Scaling(NamedTuple):
    """Mean and deviation per channel of values in [0, 1]."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


MNIST_SCALING = Scaling((0.1307,), (0.3081,))
CIFAR10_SCALING = Scaling((0.4914, 0.4822, 0.4465), (0.247, 0.243, 0.261))
CIFAR100_SCALING = Scaling((0.5071, 0.4867, 0.4408), (0.2675, 0.2565, 0.2761))
STL10_SCALING = Scaling((0.4467, 0.4398, 0.4066), (0.2603, 0.2566, 0.2713))
IMAGENET_SCALING = Scaling((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
#: Grey CIFAR-10 of Long Range Arena.
GREY_SCALING = Scaling((122.6 / 255,), (61.0 / 255,))


def scaled_view(
    view: View | str | None, colour: Scaling, scaling: Scaling | None = None, **settings: Any
) -> ToView | None:
    """``ToView``, scaled by :data:`GREY_SCALING` for grey views, else by ``colour``; None without a view."""
    if view is None:
        return None
    view = choice("view", view, View)
    usual = GREY_SCALING if view in (View.GREY, View.GREY_SEQUENCE) else colour
    mean, std = usual if scaling is None else scaling
    return ToView(view, mean, std, **settings)


class ImageArrays(GridArrays):
    """Labelled images in one array of bytes, handed out as a view.

    Transforms see images ``[1, C, H, W]`` with values in [0, 1]; after them the view is taken.

    Args:
        values: uint8 ``[n, C, H, W]``; or floating-point numbers, which are taken as they are.
        labels: class index of each.
        classes: names of the classes.
        view: how images are normalised and handed out; None: as they are, in [0, 1].
        options: transform, pre_transform, seed: see :class:`LabelledDataset`.

    Example:
        >>> data = ImageArrays(np.zeros((4, 1, 28, 28), np.uint8), np.zeros(4), ["zero"], ToView("sequence"))
        >>> data[1].x.shape, data.batch([0, 2]).x.shape, data.shape
        (torch.Size([1, 1, 784]), torch.Size([2, 1, 784]), (1, 784))
    """

    _what = "images"

    def __init__(
        self,
        values: np.ndarray,
        labels: np.ndarray,
        classes: Sequence[str],
        view: ToView | None,
        **options: Any,
    ) -> None:
        super().__init__(values, labels, classes, **options)
        if values.ndim != 4:
            raise ValueError(f"'values' must have shape [n, C, H, W] (got {list(values.shape)})")
        if values.dtype != np.uint8 and values.dtype.kind != "f":
            raise ValueError(
                f"'values' must be uint8, or numbers in [0, 1] (got {values.dtype}): (values >> 8) of uint16"
            )
        self.view = view

    def last(self, x: Tensor) -> Tensor:
        return x if self.view is None else self.view.of(x)

    @property
    def shape(self) -> tuple[int, ...]:
        """Channels and sizes of an item, ``(C, *S)``."""
        channels, height, width = self.values.shape[1:]
        return (channels, height, width) if self.view is None else self.view.shape_of(channels, height, width)


def train_or_test(split: Split | str) -> Split:
    """TRAIN or TEST.

    Raises:
        ValueError: VAL, which image data sets do not have, or an unknown split.
    """
    split = choice("split", split, Split)
    if split is Split.VAL:
        raise ValueError(
            "'split' must be 'train' or 'test' (got 'val'): draw validation from the training images"
        )
    return split


def check_labels(labels: np.ndarray, classes: int, name: str, count: int) -> None:
    """Labels of the file ``name`` must be whole numbers in [0, ``classes``), one for each of ``count`` images.

    Raises:
        ValueError: they are not.
    """
    if labels.shape != (count,):
        raise ValueError(
            f"'{name}' must hold one label for each of {count} images (got {list(labels.shape)})"
        )
    if labels.dtype.kind not in "iu" or (count and not 0 <= labels.min() <= labels.max() < classes):
        found = f"{labels.min()} to {labels.max()}" if labels.dtype.kind in "iu" else f"type {labels.dtype}"
        raise ValueError(f"'{name}' must hold labels in [0, {classes}) (got {found})")


def warn_subset(found: int, official: int, split: Split, root: object) -> None:
    """Say so where fewer images are there than the data set has."""
    if found != official:
        warnings.warn(
            f"'{root}' holds {found:,} of the {official:,} {split.value} images: results are those of a part",
            DataWarning,
            stacklevel=3,
        )
