"""From what a user types after ``--data`` to a data set."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ccnn_pc._choices import choice
from ccnn_pc.datasets.clouds.arrays import CloudArrays
from ccnn_pc.datasets.clouds.folder import PointCloudFolder
from ccnn_pc.datasets.clouds.modelnet import ModelNet
from ccnn_pc.datasets.clouds.modelnet_forms import find_h5, find_off_zip, find_text_tree
from ccnn_pc.datasets.clouds.shapes import Shapes
from ccnn_pc.datasets.common.labelled import LabelledDataset
from ccnn_pc.datasets.common.splits import Split
from ccnn_pc.datasets.formats.image_file import SUFFIXES
from ccnn_pc.datasets.images.cifar import CIFAR10, CIFAR100
from ccnn_pc.datasets.images.folder import ImageFolder
from ccnn_pc.datasets.images.mnist import MNIST
from ccnn_pc.datasets.images.stl10 import STL10
from ccnn_pc.datasets.series.dataset import SeriesForm
from ccnn_pc.datasets.series.open_series import SYNTHETIC, open_series
from ccnn_pc.datasets.transforms.base import Transform

NAMES = ("shapes", *SYNTHETIC)


def open_dataset(
    spec: str | os.PathLike[str],
    split: Split | str | None = None,
    *,
    transform: Transform | None = None,
    pre_transform: Transform | None = None,
    seed: int = 0,
    cache: str | os.PathLike[str] | None = None,
    normals: bool = True,
    image_size: int | None = None,
    grey: bool = False,
    form: SeriesForm | str | None = None,
) -> LabelledDataset[Any]:
    """Open a data set by name, file or folder.

    * ``"shapes"``: :class:`Shapes`; ``"oscillations"``, ``"copy_memory"``, ``"adding"``: synthetic series.
    * an ``.npz`` file: :class:`CloudArrays`, all of it, whatever ``split`` says.
    * a folder with ``train.npz``/``test.npz``, the official ModelNet zip, or one of the two resampled
      ModelNet40 trees: :class:`ModelNet`.
    * a folder with the files of :class:`MNIST`, :class:`CIFAR10`, :class:`CIFAR100` or :class:`STL10`, or with class
      folders of image files (:class:`ImageFolder`): images in [0, 1], not normalised: ``transform`` takes the view
      (``preprocessing_transform`` of what is stored with a model).
    * the files of :class:`CharacterTrajectories`, :class:`PhysioNet2019`, :class:`SpeechCommands` or
      :class:`SpokenDigits`, or a folder with them: normalised by the same training part as in training.
    * any other folder: :class:`PointCloudFolder`.

    Args:
        spec: name or path.
        split: part to open; None is TEST where the data have one, else everything.
        transform: see :class:`PointCloudDataset`.
        pre_transform: likewise.
        seed: likewise.
        cache: folder of processed data (None: the default cache).
        normals: estimate those that clouds of a :class:`PointCloudFolder` lack (open3d); False keeps such
            clouds without.
        image_size: make squares of so many pixels of the files of an :class:`ImageFolder`; None: as they are.
        grey: read one channel of them instead of three.
        form: of series: "grid" or "irregular" (default: that of the data set).

    Raises:
        FileNotFoundError: neither a known name nor an existing path.
        ValueError: VAL of data that have no validation part of their own.
    """
    split = None if split is None else choice("split", split, Split)
    path = Path(spec)
    if str(spec) == "shapes" and not path.exists():
        return Shapes(
            split or Split.TEST, transform=transform, pre_transform=pre_transform, seed=seed, cache=cache
        )
    if path.is_file() or str(spec) in SYNTHETIC:
        series = open_series(
            spec, split, form=form, cache=cache, transform=transform, pre_transform=pre_transform, seed=seed
        )
        if series is not None:
            return series
    if path.is_file() and path.suffix == ".npz":
        return CloudArrays(path, transform=transform, pre_transform=pre_transform, seed=seed, cache=cache)
    if not path.exists():
        raise FileNotFoundError(
            f"'data' must be a folder, an .npz file or one of the names {', '.join(NAMES)} "
            f"(got '{spec}', which does not exist)"
        )
    if _is_modelnet(path):
        _check_not_val(spec, split)
        return ModelNet(
            path,
            split=split or Split.TEST,
            transform=transform,
            pre_transform=pre_transform,
            seed=seed,
            cache=cache,
        )
    options = {"transform": transform, "pre_transform": pre_transform, "seed": seed}
    images = _open_images(path, split, {"size": image_size, "grey": grey}, **options)
    if images is not None:
        return images
    series = open_series(
        path, split, form=form, cache=cache, transform=transform, pre_transform=pre_transform, seed=seed
    )
    if series is not None:
        return series
    if split is None and any(path.glob("test/*/*")) | any(path.glob("*/test/*")):
        split = Split.TEST
    return PointCloudFolder(
        path,
        split=split,
        normals=normals,
        transform=transform,
        pre_transform=pre_transform,
        seed=seed,
        cache=cache,
    )


def _is_modelnet(path: Path) -> bool:
    if path.is_file() or (path / "test.npz").is_file() or (path / "train.npz").is_file():
        return True
    return any(find(path, None, "test") is not None for find in (find_off_zip, find_text_tree, find_h5))


def _check_not_val(spec: str | os.PathLike[str], split: Split | None) -> None:
    if split is Split.VAL:
        raise ValueError(
            f"'split' must be train or test for '{spec}', which has no validation part of its own (got val): "
            "the part that a training holds out is scored in its metrics.csv"
        )


def _open_images(
    path: Path, split: Split | None, files: dict[str, Any], **options: Any
) -> LabelledDataset[Any] | None:
    """The images at ``path``; None if there are none."""
    for kind in (MNIST, CIFAR10, CIFAR100, STL10):
        try:
            found = kind(path, Split.TRAIN if split is Split.TRAIN else Split.TEST, None, **options)
        except FileNotFoundError:
            continue
        _check_not_val(path, split)
        return found
    parts = [part.value for part in Split if (path / part.value).is_dir()]
    below = [path / split.value] if split is not None else [path / part for part in parts] or [path]
    if not any(file.suffix.lower() in SUFFIXES for folder in below for file in folder.glob("*/*")):
        return None
    if split is None and parts:
        split = Split.TEST if "test" in parts else Split(parts[-1])
    return ImageFolder(path, split, None, **files, **options)
