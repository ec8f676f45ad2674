"""Pathfinder of Long Range Arena: do two marks lie on one contour?"""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ccnn_pc._choices import choice
from ccnn_pc.datasets.common.cache import cached, check_labels, check_stored, fingerprint
from ccnn_pc.datasets.common.splits import Split
from ccnn_pc.datasets.formats.image_file import read_image
from ccnn_pc.datasets.images.arrays import ImageArrays, Scaling, scaled_view
from ccnn_pc.datasets.registry import is_found, register_dataset
from ccnn_pc.datasets.transforms.view import View

#: Values as they are, in [0, 1].
UNSCALED = Scaling((0.0,), (1.0,))
CLASSES = ["apart", "connected"]
#: What one file of the published set of the easier kind is: damaged.
_LEFT_OUT = ("curv_baseline", "imgs/0/sample_172.png")


@dataclasses.dataclass
class StoredImages:
    """Images and their classes.

    Attributes:
        values: uint8 ``[n, 1, H, W]``.
        labels: int64 ``[n]``.
    """

    values: np.ndarray
    labels: np.ndarray

    def save(self, folder: Path) -> None:
        """Write into an existing folder."""
        np.save(folder / "values.npy", self.values)
        np.save(folder / "labels.npy", self.labels)

    @classmethod
    def load(cls, folder: Path) -> StoredImages:
        """Read what :meth:`save` wrote; values stay on disk until they are used.

        Raises:
            ValueError: the arrays do not fit together.
        """
        found = cls(np.load(Path(folder) / "values.npy", mmap_mode="r"), np.load(Path(folder) / "labels.npy"))
        check_stored(np.arange(len(found.values) + 1), [found.values], [found.labels])
        check_labels(found.labels, CLASSES)
        return found


@register_dataset("pathfinder", recognises=lambda path: is_found(find_contours, path))
class Pathfinder(ImageArrays):
    """Dashed contours with two marks, which lie on one contour or on two (Linsley et al. 2018; Tay et al. 2021).

    Read at ``root`` (or in its folders ``pathfinder32`` and ``curv_contour_length_14``): tables
    ``metadata/<number>.npy``, text with a line for each image: folder, name, number, label, and more; and the images in
    these folders. Images are put in the order of the tables' numbers and divided 80 : 10 : 10 by one permutation (seed
    42), as CCNN's released code does.

    Args:
        root: folder.
        split: TRAIN, VAL or TEST.
        view: image or sequence; None: an image.
        scaling: mean and deviation; None: values stay in [0, 1].
        cache: folder of processed data; None: the usual one.
        options: transform, pre_transform, seed: see :class:`LabelledDataset`.

    Raises:
        FileNotFoundError: no such files.
        ValueError: a damaged table or image; the message names it.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        split: Split | str = Split.TRAIN,
        view: View | str | None = View.IMAGE,
        *,
        scaling: Scaling | None = None,
        cache: str | os.PathLike[str] | None = None,
        **options: Any,
    ) -> None:
        folder = find_contours(root)
        tables = _tables(folder)
        settings = {"version": 1, "source": fingerprint(tables)}
        stored = cached(cache, "pathfinder", settings, lambda: read(folder), StoredImages.load)
        rows = divided(len(stored.labels))[choice("split", split, Split)]
        super().__init__(
            np.asarray(stored.values[rows]),
            stored.labels[rows],
            CLASSES,
            scaled_view(view, UNSCALED, scaling),
            **options,
        )


def divided(count: int) -> dict[Split, np.ndarray]:
    """Rows of the three parts: ``random_split`` of PyTorch with seed 42.

    Example:
        >>> {split.value: len(rows) for split, rows in divided(25).items()}
        {'train': 21, 'val': 2, 'test': 2}
    """
    order = torch.randperm(count, generator=torch.Generator().manual_seed(42)).numpy()
    tenth = int(0.1 * count)
    cuts = [count - 2 * tenth, count - tenth]
    return dict(zip(Split, np.split(order, cuts), strict=True))


def find_contours(root: str | os.PathLike[str]) -> Path:
    """The folder that has the tables.

    Raises:
        FileNotFoundError: there are none.
    """
    root = Path(root)
    for folder in (root, root / "curv_contour_length_14", root / "pathfinder32" / "curv_contour_length_14"):
        if _tables(folder):
            return folder
    raise FileNotFoundError(
        f"'root' must be a folder with metadata/<number>.npy and imgs/ of Pathfinder (got '{root}'); "
        "Contours draws images of this kind"
    )


def _tables(folder: Path) -> list[Path]:
    found = [path for path in (folder / "metadata").glob("*.npy") if re.fullmatch(r"\d+", path.stem)]
    return sorted(found, key=lambda path: int(path.stem))


def read(folder: Path) -> StoredImages:
    """All images, in the order of the tables.

    Raises:
        ValueError: a damaged table, an image that is missing, damaged or of another size.
    """
    values: list[np.ndarray] = []
    labels: list[int] = []
    for table in _tables(folder):
        for number, line in enumerate(table.read_text(encoding="utf-8").splitlines(), start=1):
            words = line.split()
            if len(words) < 4 or words[3] not in ("0", "1"):
                raise ValueError(
                    f"'{table}' line {number} must say folder, name, number and label (got {line!r})"
                )
            if (folder.name, f"{words[0]}/{words[1]}") == _LEFT_OUT:
                continue
            values.append(_grey(folder / words[0] / words[1], values))
            labels.append(int(words[3]))
    if not values:
        raise ValueError(f"'{folder}' must hold images (its tables name none)")
    return StoredImages(np.stack(values)[:, None], np.array(labels, dtype=np.int64))


def _grey(path: Path, before: Sequence[np.ndarray]) -> np.ndarray:
    if not path.is_file():
        raise ValueError(f"'{path}' must be there: a table names it")
    (image,) = read_image(path.read_bytes(), str(path), grey=True)
    if before and image.shape != before[0].shape:
        raise ValueError(f"'{path}' must be of {before[0].shape} pixels as the first (got {image.shape})")
    return image
