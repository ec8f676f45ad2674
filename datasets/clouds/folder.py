"""A user's own folder of class folders."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ccnn_pc._checks import check_at_least, check_fraction
from ccnn_pc._choices import choice
from ccnn_pc.datasets.clouds.collect import Source, collect_clouds, warn_broken
from ccnn_pc.datasets.clouds.read_shape import Sampling
from ccnn_pc.datasets.clouds.stored import StoredDataset, cached_clouds
from ccnn_pc.datasets.common.cache import fingerprint
from ccnn_pc.datasets.common.folders import files_below, folders_in, split_folders, split_named
from ccnn_pc.datasets.common.splits import Split, split_rows, stratified_split
from ccnn_pc.datasets.formats import READERS, read_raw
from ccnn_pc.datasets.registry import register_dataset


def _split_of(path: Path) -> Split | None:
    nested = (folder for top in folders_in(path) for folder in (top, *folders_in(top)))
    return Split.TEST if any(split_named(folder.name) is Split.TEST for folder in nested) else None


def _is_shape(path: Path) -> bool:
    return path.suffix.lower()[1:] in READERS


@register_dataset("folder", recognises=Path.is_dir, split_of=_split_of, rank=2)
class PointCloudFolder(StoredDataset):
    """Meshes and clouds in one folder per class.

    Three layouts are recognised: ``root/<class>/*``, ``root/<class>/{train,test}/*`` and
    ``root/{train,test}/<class>/*`` (``val`` likewise; ``training``, ``valid``, ``validation``, ``eval``, ``testing``
    mean the same, in any case). Hidden and AppleDouble files are left out. Each file becomes up to ``num_points``
    stored points with normals: ``pos`` in [-1, 1]^3.

    Args:
        root: the folder.
        split: TRAIN, VAL, TEST, or None (default) for every file.
        validation_fraction: share of every class that VAL takes away from TRAIN where there is no ``val``
            folder.
        test_fraction: share of every class that TEST takes where there is no ``test`` folder, before
            validation is drawn (default 0: there is no TEST without such a folder).
        split_seed: seed of these draws.
        num_points: points stored of each shape.
        sampling: of meshes.
        normals: estimate missing normals (open3d); False keeps clouds without them.
        shape_seed: seed of the stored points.
        cache: folder of processed data (None: the default cache).
        options: transform, pre_transform, seed: see :class:`PointCloudDataset`.

    Attributes:
        broken: files that could not be read, with the reason; one warning tells their number.

    Raises:
        FileNotFoundError: no such folder, no class folder in it, no file, or no such split.
        ValueError: every file is broken; parts and classes lie side by side.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        *,
        split: Split | str | None = None,
        validation_fraction: float = 0.0,
        test_fraction: float = 0.0,
        split_seed: int = 0,
        num_points: int = 4096,
        sampling: Sampling | str = Sampling.UNIFORM,
        normals: bool = True,
        shape_seed: int = 0,
        cache: str | os.PathLike[str] | None = None,
        **options: Any,
    ) -> None:
        root = Path(root)
        split = None if split is None else choice("split", split, Split)
        sampling = choice("sampling", sampling, Sampling)
        check_at_least("num_points", num_points, 1)
        check_fraction("test_fraction", test_fraction)
        classes, files = scan(root)
        levels = {level for _, level, _ in files}
        draw_test = split is not None and test_fraction > 0 and Split.TEST.value not in levels
        wanted, drawn = _levels_of(split, levels, root, draw_test)
        chosen = [(path, label) for path, level, label in files if level in wanted]
        settings = {
            "files": fingerprint([*(path for path, _ in chosen), *_beside(path for path, _ in chosen)]),
            "classes": classes,
            "num_points": num_points,
            "sampling": sampling.value,
            "normals": normals,
            "seed": shape_seed,
        }
        sources: list[Source] = [(str(path), label, partial(read_raw, path)) for path, label in chosen]
        clouds = cached_clouds(
            cache,
            f"folder-{root.resolve().name}",
            settings,
            lambda: collect_clouds(sources, classes, num_points, sampling, shape_seed, normals),
        )
        warn_broken(clouds, root)
        super().__init__(clouds, **options)
        if drawn is not None:
            rows = self._rows
            if Split.VAL.value in levels:
                validation_fraction = 0.0
            if draw_test:
                rest, test = stratified_split(self._labels, test_fraction, split_seed)
                rows = test if drawn is Split.TEST else rest
            self._rows = rows[split_rows(self._labels[rows], drawn, validation_fraction, split_seed)]
        self.files = [Path(str(name)) for name in np.asarray(clouds.name)]


def _beside(paths: Iterable[Path]) -> list[Path]:
    """Files that ``.gltf`` files may keep their numbers in."""
    folders = {path.parent for path in paths if path.suffix.lower() == ".gltf"}
    found = (
        each for folder in folders for each in files_below(folder, lambda path: path.suffix.lower() == ".bin")
    )
    return sorted(set(found))


def validation_folder(root: str | os.PathLike[str], **options: Any) -> PointCloudFolder | None:
    """The ``val`` sub-folders of a user's folder; None where it has none.

    Args:
        root: the folder.
        options: of :class:`PointCloudFolder`, all but ``split``.
    """
    if all(level != Split.VAL.value for _, level, _ in scan(Path(root))[1]):
        return None
    return PointCloudFolder(root, split=Split.VAL, **options)


def _levels_of(
    split: Split | None, levels: set[str], root: Path, draw_test: bool
) -> tuple[set[str], Split | None]:
    """Which sub-folders ``split`` reads, and the split that is then drawn from them (None: everything)."""
    if split is None:
        return levels, None
    training = {"train"} if "train" in levels else {""}
    if levels >= {"train", ""} and (split is Split.TRAIN or split.value not in levels):
        raise ValueError(
            f"'{root}' must hold its files in 'train' folders where it has any (some classes have files beside them)"
        )
    if split is Split.TEST and draw_test:
        return training, split
    if split.value in levels and split is not Split.TRAIN:
        return {split.value}, None
    if split is Split.TEST:
        raise FileNotFoundError(
            f"'{root}' has no 'test' folder (test/<class> or <class>/test): make one, have a part of the files "
            "drawn (test_fraction=0.2), or read all files"
        )
    return training, split


def scan(root: Path) -> tuple[list[str], list[tuple[Path, str, int]]]:
    """Class names, and every file of a known format with its sub-level (train, val, test or '') and label.

    Raises:
        FileNotFoundError: nothing usable there.
    """
    if not root.is_dir():
        raise FileNotFoundError(f"'root' must be an existing folder of class folders (got '{root}')")
    parts = split_folders(root, _is_shape)
    found: list[tuple[Path, str, str]] = []
    for split, folders in parts.items():
        found += [(path, split.value, each.name) for top in folders for each in folders_in(top)
                  for path in files_below(each, _is_shape)]  # fmt: skip
    for each in () if parts else folders_in(root):
        for path in files_below(each, _is_shape):
            level = split_named(path.relative_to(each).parts[0])
            found.append((path, "" if level is None else level.value, each.name))
    if not found:
        raise FileNotFoundError(
            f"'{root}' must hold one folder per class, with files of the formats "
            f"{', '.join(READERS)} (found none)"
        )
    classes = sorted({name for _, _, name in found})
    number = {name: label for label, name in enumerate(classes)}
    return classes, [(path, level, number[name]) for path, level, name in found]
