"""A folder with one folder of image files per class."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ccnn_pc._checks import check_at_least
from ccnn_pc._choices import choice
from ccnn_pc.datasets.common.broken import warn_broken
from ccnn_pc.datasets.common.folders import files_below, folders_in, is_hidden, named_splits, split_folders
from ccnn_pc.datasets.common.grid_data import GridData
from ccnn_pc.datasets.common.grids import GridDataset
from ccnn_pc.datasets.common.labelled import LabelledDataset
from ccnn_pc.datasets.common.splits import Split
from ccnn_pc.datasets.formats.image_file import SUFFIXES, picture_size, read_image
from ccnn_pc.datasets.formats.packed import read_file
from ccnn_pc.datasets.images.arrays import IMAGENET_SCALING, ImageArrays, Scaling, scaled_view
from ccnn_pc.datasets.registry import register_dataset
from ccnn_pc.datasets.transforms.view import View

#: Bytes of a folder whose images are all tried when it is opened: some seconds.
LOOKED_THROUGH = 1 << 30


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES


def _parts(path: Path) -> dict[Split, list[Path]]:
    """Folders of each part; those of classes have none."""
    return split_folders(path, _is_image)


def _holds_images(path: Path) -> bool:
    folders = [path, *(folder for folders in named_splits(path).values() for folder in folders)]
    return any(
        _is_image(file) and not is_hidden(file.name)
        for folder in folders for each in folders_in(folder) for file in each.iterdir()
    )  # fmt: skip


def _split_of(path: Path) -> Split | None:
    parts = [split for split in Split if split in _parts(path)]
    return Split.TEST if Split.TEST in parts else parts[-1] if parts else None


@register_dataset("image_folder", recognises=_holds_images, split_of=_split_of, rank=1)
class ImageFolder(GridDataset):
    """Images ``root/<class>/*.png`` or ``root/{train,val,test}/<class>/*.png``: your own, or ImageNet of any size.

    Files are read when they are asked for; ``in_memory()`` reads all of them once. Those of a folder of up to
    :data:`LOOKED_THROUGH` bytes are tried when it is opened, and left out with one warning where they cannot be read.
    Needs PIL (extra ``train``).

    Args:
        root: the folder.
        split: TRAIN, VAL or TEST: that sub-folder (``training``, ``valid``, ``validation``, ``eval``, ``testing`` mean
            the same, in any case); None (default): all images.
        view: image (default), sequence, permuted, grey, grey_sequence; None: in [0, 1], not normalised.
        size: make squares of so many pixels: the middle of each image, resized. None: take images as they are;
            they must all have the size of the first.
        grey: read one channel instead of three.
        scaling: mean and deviation; None: those of ImageNet (grey views: of grey CIFAR).
        options: transform, pre_transform, seed: see :class:`LabelledDataset`; transforms see ``x [1, C, H, W]`` in
            [0, 1].

    Attributes:
        files: paths, in the order of the rows.
        broken: files that could not be read, with the reason.

    Raises:
        FileNotFoundError: no such folder, no class folder in it, or no image.
        ImportError: PIL is missing.
        ValueError: no image can be read; (when it is read) an image of another size, or a damaged one of a larger
            folder; the message names it.
    """

    _what = "images"

    def __init__(
        self,
        root: str | os.PathLike[str],
        split: Split | str | None = None,
        view: View | str | None = View.IMAGE,
        *,
        size: int | None = None,
        grey: bool = False,
        scaling: Scaling | None = None,
        **options: Any,
    ) -> None:
        root = Path(root)
        if not root.is_dir():
            raise FileNotFoundError(f"'root' must be a folder of class folders (there is none at '{root}')")
        split = None if split is None else choice("split", split, Split)
        parts = _parts(root) if split is None else named_splits(root)
        places = [place for folders in parts.values() for place in folders] or [root]
        classes = sorted({each.name for place in places for each in folders_in(place)})
        if split is not None:
            places = parts.get(split, [])
        if not places and split is not None:
            raise FileNotFoundError(
                f"'root' must have a folder '{split.value}' of class folders (there is none in '{root}')"
            )
        folder = places[0] if len(places) == 1 else root
        found = [
            (path, label) for label, name in enumerate(classes)
            for place in places for path in files_below(place / name, _is_image)
        ]  # fmt: skip
        if not found:
            raise FileNotFoundError(
                f"'{folder}' must hold <class>/<image> files ({', '.join(SUFFIXES)}; found none)"
            )
        self.size = None if size is None else check_at_least("size", size, 1)
        self.grey = grey
        self.broken = _broken([path for path, _ in found], self.size, grey)
        left_out = {path for path, _ in self.broken}
        found = [each for each in found if str(each[0]) not in left_out]
        if not found:
            raise ValueError(
                f"none of the {len(self.broken)} images in '{folder}' can be read; the first: {self.broken[0][1]}"
            )
        warn_broken(self.broken, len(self.broken) + len(found), folder)
        self.files = [path for path, _ in found]
        super().__init__(
            classes,
            np.array([label for _, label in found]),
            **options,
        )
        self.view = scaled_view(view, IMAGENET_SCALING, scaling)
        self._first = self._read(0).shape

    def _read(self, row: int) -> np.ndarray:
        return _read(self.files[row], self.size, self.grey)

    def _bytes(self, rows: np.ndarray) -> np.ndarray:
        """Images of some rows, uint8 ``[len(rows), C, H, W]``."""
        values = np.empty((len(rows), *self._first), dtype=np.uint8)
        for place, row in enumerate(rows):
            image = self._read(int(row))
            if image.shape != self._first:
                raise ValueError(
                    f"'{self.files[int(row)]}' must have {self._first[1]} x {self._first[2]} pixels as the first "
                    f"image has (got {image.shape[1]} x {image.shape[2]}): give 'size' to resize all"
                )
            values[place] = image
        return values

    def raw(self, rows: np.ndarray) -> Tensor:
        return torch.from_numpy(self._bytes(rows)).float().div_(255)

    def last(self, x: Tensor) -> Tensor:
        return x if self.view is None else self.view.of(x)

    @property
    def shape(self) -> tuple[int, ...]:
        """Channels and sizes of an item, ``(C, *S)``."""
        channels, height, width = self._first
        return (channels, height, width) if self.view is None else self.view.shape_of(channels, height, width)

    def native_sizes(self, limit: int = 1000) -> set[tuple[int, int]]:
        """Heights and widths of the files as they are stored, of ``limit`` of the items at most, spread over all."""
        rows = self._rows[:: max(1, len(self._rows) // limit)]
        files = [self.files[int(row)] for row in rows]
        return {picture_size(read_file(path), str(path)) for path in files}

    def in_memory(self) -> LabelledDataset[GridData]:
        """The same data set with all images read now; with a ``pre_transform`` its results are kept."""
        if self.pre_transform is not None:
            return super().in_memory()
        values = self._bytes(np.arange(len(self.files)))
        kept = ImageArrays(
            values, self._labels, self.classes, self.view, transform=self.transform, seed=self.seed
        )
        kept.set_epoch(self.epoch)
        kept._rows, kept._values = self._rows, self._values
        return kept


def _read(path: Path, size: int | None, grey: bool) -> np.ndarray:
    return read_image(read_file(path), str(path), size, grey)


def _broken(files: list[Path], size: int | None, grey: bool) -> list[tuple[str, str]]:
    """Files that cannot be read, with the reason; none of those of a large folder, which takes too long to try."""
    broken = []
    if sum(path.lstat().st_size for path in files) <= LOOKED_THROUGH:
        for path in files:
            try:
                _read(path, size, grey)
            except (OSError, ValueError) as error:
                broken.append((str(path), str(error)))
    return broken
