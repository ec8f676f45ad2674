"""A user's own folder of class folders."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ccnn_pc._checks import check_at_least
from ccnn_pc._choices import choice
from ccnn_pc.datasets.clouds.collect import Source, collect_clouds, warn_broken
from ccnn_pc.datasets.clouds.read_shape import Sampling
from ccnn_pc.datasets.clouds.stored import StoredDataset, cached_clouds
from ccnn_pc.datasets.common.cache import fingerprint
from ccnn_pc.datasets.common.folders import files_below, folders_in, split_named
from ccnn_pc.datasets.common.items import Division, Items, find_items, own_table, rows_of_part
from ccnn_pc.datasets.common.labelled import taken
from ccnn_pc.datasets.common.splits import Split
from ccnn_pc.datasets.formats import READERS, read_raw
from ccnn_pc.datasets.registry import register_dataset


def _split_of(path: Path) -> Split | None:
    nested = (folder for top in folders_in(path) for folder in (top, *folders_in(top)))
    return Split.TEST if any(split_named(folder.name) is Split.TEST for folder in nested) else None


def _is_shape(path: Path) -> bool:
    return path.suffix.lower()[1:] in READERS


@register_dataset("folder", recognises=Path.is_dir, split_of=_split_of, rank=2)
class PointCloudFolder(StoredDataset):
    """Meshes and clouds in one folder per class, or with a table of labels.

    Three layouts are recognised: ``root/<class>/*``, ``root/<class>/{train,test}/*`` and
    ``root/{train,test}/<class>/*`` (``val`` likewise; ``training``, ``valid``, ``validation``, ``eval``, ``testing``
    mean the same, in any case); with a table of labels files may lie anywhere. Hidden and AppleDouble files are left
    out. Each file becomes up to ``num_points`` stored points with normals: ``pos`` in [-1, 1]^3.

    Args:
        root: the folder.
        split: TRAIN, VAL, TEST, or None (default) for every file.
        num_points: points stored of each shape.
        sampling: of meshes.
        normals: estimate missing normals (open3d); False keeps clouds without them.
        shape_seed: seed of the stored points.
        cache: folder of processed data (None: the default cache).
        options: test_fraction, val_fraction, split_seed, split_file, labels, targets: see
            :class:`~ccnn_pc.datasets.common.items.Division`; transform, pre_transform, seed, numbers: see
            :class:`PointCloudDataset`.

    Attributes:
        files: paths, in the order of the rows.
        broken: files that could not be read, with the reason; one warning tells their number.

    Raises:
        FileNotFoundError: no such folder, no class folder in it, no file, or no such split.
        ValueError: every file is broken; parts and classes lie side by side; what a table must not hold.
    """

    words: tuple[type, ...] = (Division,)

    def __init__(
        self,
        root: str | os.PathLike[str],
        split: Split | str | None = None,
        *,
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
        division = taken(Division, options)
        items = find_items(root, _is_shape, division, ", ".join(READERS))
        tables = (division.labels, division.split_file, own_table(root, division.targets))
        if split is Split.TRAIN and tables == (None, None, None):
            _check_training(items, root)
        rows = rows_of_part(items, split, division, root)
        paths = [items.paths[row] for row in rows]
        settings = {
            "files": fingerprint([*paths, *_beside(paths)]),
            "labels": items.labels[rows].tolist(),
            "classes": items.classes,
            "num_points": num_points,
            "sampling": sampling.value,
            "normals": normals,
            "seed": shape_seed,
            "reading": 2,
        }
        sources: list[Source] = [
            (str(path), int(label), partial(read_raw, path))
            for path, label in zip(paths, items.labels[rows], strict=True)
        ]
        clouds = cached_clouds(
            cache,
            f"folder-{root.resolve().name}",
            settings,
            lambda: collect_clouds(sources, items.classes, num_points, sampling, shape_seed, normals),
        )
        warn_broken(clouds, root)
        super().__init__(clouds, **options)
        self.files = [Path(str(name)) for name in np.asarray(clouds.name)]
        if items.numbers is not None:
            place = {path: row for row, path in enumerate(items.paths)}
            self._values = items.numbers[[place[path] for path in self.files]]
            self.classes = list(division.targets or ())


def _check_training(items: Items, root: Path) -> None:
    """Where folders say which files train, none may lie beside them.

    Raises:
        ValueError: some do.
    """
    if {Split.TRAIN, None} <= set(items.parts):
        raise ValueError(
            f"'{root}' must hold its files in 'train' folders where it has any (got "
            f"'{items.paths[items.parts.index(None)]}' beside them)"
        )


def _beside(paths: Iterable[Path]) -> list[Path]:
    """Files that ``.gltf`` files may keep their numbers in."""
    folders = {path.parent for path in paths if path.suffix.lower() == ".gltf"}
    found = (
        each for folder in folders for each in files_below(folder, lambda path: path.suffix.lower() == ".bin")
    )
    return sorted(set(found))


def validation_folder(root: str | os.PathLike[str], **options: Any) -> PointCloudFolder | None:
    """The validation part of a user's folder, its own or drawn; None where it has none and none is drawn.

    Args:
        root: the folder.
        options: of :class:`PointCloudFolder`, all but ``split``.
    """
    division = taken(Division, dict(options))
    parts = find_items(Path(root), _is_shape, division, ", ".join(READERS)).parts
    drawn = division.val_fraction > 0
    return PointCloudFolder(root, Split.VAL, **options) if drawn or Split.VAL in parts else None
