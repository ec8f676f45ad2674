"""A folder with one folder of image files per class."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ccnn_pc._checks import check_at_least
from ccnn_pc._choices import choice
from ccnn_pc.datasets.common.broken import DataWarning, warn_broken
from ccnn_pc.datasets.common.folders import is_hidden, split_folders
from ccnn_pc.datasets.common.grid_data import GridData
from ccnn_pc.datasets.common.grids import GridDataset
from ccnn_pc.datasets.common.items import Division, Items, find_items, rows_of_part
from ccnn_pc.datasets.common.labelled import LabelledDataset, taken
from ccnn_pc.datasets.common.splits import Split
from ccnn_pc.datasets.formats.image_file import CLEAR, SUFFIXES, Picture, picture_size, read_picture
from ccnn_pc.datasets.formats.packed import read_file
from ccnn_pc.datasets.images.arrays import IMAGENET_SCALING, ImageArrays, Scaling, scaled_view
from ccnn_pc.datasets.registry import register_dataset
from ccnn_pc.datasets.transforms.view import View

#: Bytes of a folder whose images are all tried when it is opened: some seconds.
LOOKED_THROUGH = 1 << 30
#: Training images that mean and deviation are taken of.
MEASURED = 256


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES


def _parts(path: Path) -> dict[Split, list[Path]]:
    """Folders of each part; those of classes have none."""
    return split_folders(path, _is_image)


def _holds_images(path: Path) -> bool:
    """Whether there are images in the folders of a folder, or in itself where it has none."""
    for folder, inner, names in os.walk(path):
        inner[:] = [name for name in inner if not is_hidden(f"{name}/x")]
        if (Path(folder) != path or not inner) and any(
            _is_image(Path(n)) and not is_hidden(n) for n in names
        ):
            return True
    return False


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
            the same, in any case), or what is drawn where there is none; None (default): all images.
        view: image (default), sequence, permuted, grey, grey_sequence; None: in [0, 1], not normalised.
        size: make squares of so many pixels: the middle of each image, resized. None: take images as they are;
            they must all have the size of the first.
        grey: read one channel instead of three.
        bits: 8, or 16 for grey images of 16 bits.
        scaling: mean and deviation; None: those of ImageNet (grey views: of grey CIFAR); "measured": those of the
            training images, of :data:`MEASURED` of them at most.
        options: test_fraction, val_fraction, split_seed, split_file, labels, targets: see
            :class:`~ccnn_pc.datasets.common.items.Division`; transform, pre_transform, seed: see
            :class:`LabelledDataset`; transforms see ``x [1, C, H, W]`` in [0, 1].

    Attributes:
        files: paths, in the order of the rows.
        broken: files that could not be read, with the reason.
        scaling: mean and deviation that were measured; None.

    Raises:
        FileNotFoundError: no such folder, no class folder in it, or no image.
        ImportError: PIL is missing.
        ValueError: no image can be read; (when it is read) an image of another size, or a damaged one of a larger
            folder; the message names it.
    """

    _what = "images"
    words: tuple[type, ...] = (Division,)

    def __init__(
        self,
        root: str | os.PathLike[str],
        split: Split | str | None = None,
        view: View | str | None = View.IMAGE,
        *,
        size: int | None = None,
        grey: bool = False,
        bits: int = 8,
        scaling: Scaling | str | None = None,
        **options: Any,
    ) -> None:
        root = Path(root)
        split = None if split is None else choice("split", split, Split)
        division = taken(Division, options)
        items = find_items(root, _is_image, division, ", ".join(SUFFIXES))
        rows = rows_of_part(items, split, division, root)
        found = [(items.paths[row], row) for row in rows]
        self.size = None if size is None else check_at_least("size", size, 1)
        self.grey, self.bits = grey, bits
        self.broken = self._broken([path for path, _ in found])
        left_out = {path for path, _ in self.broken}
        found = [each for each in found if str(each[0]) not in left_out]
        if not found:
            raise ValueError(
                f"none of the {len(self.broken)} images in '{root}' can be read; the first: {self.broken[0][1]}"
            )
        warn_broken(self.broken, len(self.broken) + len(found), root)
        self.files = [path for path, _ in found]
        super().__init__(items.classes, items.labels[[row for _, row in found]], **options)
        if items.numbers is not None:
            self._values = items.numbers[[row for _, row in found]]
            self.classes = list(division.targets or ())
        self.scaling: Scaling | None = None
        if scaling == "measured":
            training = rows if split is Split.TRAIN else _training_rows(items, division)
            scaling = self.scaling = self._measured([items.paths[row] for row in training])
        self.view = scaled_view(view, IMAGENET_SCALING, scaling)  # type: ignore[arg-type]
        self._first = self._read(0).shape

    def _open(self, path: Path) -> Picture:
        return read_picture(read_file(path), str(path), self.size, self.grey, self.bits)

    def clear(self, limit: int = MEASURED) -> tuple[list[str], int]:
        """Files that are transparent, and how many were looked at: ``limit`` of the items or so, spread over all."""
        rows = self._rows[:: max(1, len(self._rows) // limit)]
        files = [self.files[int(row)] for row in rows]
        return [str(path) for path in files if self._open(path).clear > CLEAR], len(files)

    def _broken(self, files: list[Path]) -> list[tuple[str, str]]:
        """Files that cannot be read, with the reason; none of those of a large folder, which takes too long to try."""
        broken = []
        if sum(path.lstat().st_size for path in files) <= LOOKED_THROUGH:
            for path in files:
                try:
                    self._open(path)
                except (OSError, ValueError) as error:
                    broken.append((str(path), str(error)))
        return broken

    def _measured(self, files: list[Path]) -> Scaling:
        """Mean and deviation of some training images, channel by channel."""
        moments: list[np.ndarray] = []
        for path in files[:: max(1, len(files) // MEASURED)]:
            try:
                pixels = (
                    self._open(path).pixels.astype(np.float64).reshape(1 if self.grey else 3, -1) / self.white
                )
            except (OSError, ValueError):
                continue
            moments.append(np.stack([pixels.mean(axis=1), np.square(pixels).mean(axis=1)]))
        if not moments:
            return IMAGENET_SCALING
        mean, square = np.mean(moments, axis=0)
        std = np.sqrt(np.maximum(square - mean**2, 0))
        least = 1 / self.white  # images of one value
        return Scaling(tuple(mean.tolist()), tuple(np.maximum(std, least).tolist()))

    def measured(self) -> dict[str, Any]:
        """What a network must know of these images: ``in_channels``, ``shape``, and the numbers that normalise them."""
        channels, *shape = self.shape
        found: dict[str, Any] = {"in_channels": channels, "shape": shape, "spacing": 1.0}
        if self.scaling is not None:
            found["preprocessing"] = {
                **{key: list(each) for key, each in self.scaling._asdict().items()},
                "transparent": self._transparent(),
            }
        return found

    def _transparent(self) -> float:
        """Share of the pictures that are transparent; a warning where it is some of them."""
        files, looked = self.clear()
        if 0 < len(files) < looked:
            warnings.warn(
                f"{len(files)} of {looked} pictures of training are transparent (the first: '{files[0]}') and are read "
                "as on white, beside others with a background of their own: a network learns which is which; lay all "
                "on one background",
                DataWarning,
                stacklevel=3,
            )
        return len(files) / max(looked, 1)

    @property
    def white(self) -> int:
        """The largest value of a pixel."""
        return (1 << self.bits) - 1

    def _read(self, row: int) -> np.ndarray:
        return self._open(self.files[row]).pixels

    def _pixels(self, rows: np.ndarray) -> np.ndarray:
        """Images of some rows, uint8 or uint16 ``[len(rows), C, H, W]``."""
        values = np.empty((len(rows), *self._first), dtype=np.uint8 if self.bits == 8 else np.uint16)
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
        return torch.from_numpy(self._pixels(rows).astype(np.float32)).div_(self.white)

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
        values = self._pixels(np.arange(len(self.files)))
        values = values if self.bits == 8 else values.astype(np.float32) / np.float32(self.white)
        kept = ImageArrays(
            values, self._labels, self.classes, self.view, transform=self.transform, seed=self.seed
        )
        kept.set_epoch(self.epoch)
        kept._rows, kept._values = self._rows, self._values
        return kept


def _training_rows(items: Items, division: Division) -> np.ndarray:
    """Rows of the training part; of a folder that has none, all."""
    if all(part not in (None, Split.TRAIN) for part in items.parts):
        return np.arange(len(items.paths))
    return rows_of_part(items, Split.TRAIN, division)
