"""ShapeNetPart: models of sixteen categories as points, with the part of every point, in both editions."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ccnn_pc._choices import choice
from ccnn_pc.datasets.clouds.parts import PART, PartDataset
from ccnn_pc.datasets.clouds.stored import CloudPacker, StoredClouds, cached_clouds
from ccnn_pc.datasets.common.broken import warn_broken
from ccnn_pc.datasets.common.cache import fingerprint
from ccnn_pc.datasets.common.folders import visible
from ccnn_pc.datasets.common.splits import Split
from ccnn_pc.datasets.formats.h5_clouds import read_h5_parts
from ccnn_pc.datasets.formats.raw import numbers
from ccnn_pc.datasets.registry import register_dataset

CATEGORIES = {
    **{
        "Airplane": 4,
        "Bag": 2,
        "Cap": 2,
        "Car": 4,
        "Chair": 4,
        "Earphone": 3,
        "Guitar": 3,
        "Knife": 2,
        "Lamp": 4,
    },
    **{"Laptop": 2, "Motorbike": 6, "Mug": 2, "Pistol": 3, "Rocket": 3, "Skateboard": 3, "Table": 3},
}
"""Number of parts of each category; parts are numbered through, in this order."""
PART_NAMES = [f"{name} {number}" for name, count in CATEGORIES.items() for number in range(1, count + 1)]
_ENDS = np.cumsum(list(CATEGORIES.values())).tolist()
OF_CATEGORY = [list(range(end - count, end)) for end, count in zip(_ENDS, CATEGORIES.values(), strict=True)]
"""Numbers of the parts of each category."""
_SYNSETS, _OBJECTS = "synsetoffset2category.txt", "all_object_categories.txt"


def _files_of(root: Path, split: Split) -> tuple[list[Path], dict[str, str]]:
    """Files of a part, in their order, and of the text edition the category of each folder.

    Raises:
        FileNotFoundError: neither edition is there.
        ValueError: lists that name other categories, or files that are not there.
    """
    for base in (root, root / "hdf5_data"):
        files = visible(base.glob(f"ply_data_{split.value}*.h5"), base)
        if files and (base / _OBJECTS).is_file():
            named = [line.split()[0] for line in (base / _OBJECTS).read_text().splitlines() if line.strip()]
            if named != list(CATEGORIES):
                raise ValueError(
                    f"'{base / _OBJECTS}' must list {', '.join(CATEGORIES)} (got {', '.join(named)})"
                )
            return files, {}
    for base in (root, root / "shapenetcore_partanno_segmentation_benchmark_v0_normal"):
        listing = base / "train_test_split" / f"shuffled_{split.value}_file_list.json"
        if not (base / _SYNSETS).is_file() or not listing.is_file():
            continue
        rows = [line.split() for line in (base / _SYNSETS).read_text().splitlines() if line.strip()]
        folders = {row[-1]: row[0] for row in rows if len(row) == 2}
        if sorted(folders.values()) != list(CATEGORIES):
            raise ValueError(
                f"'{base / _SYNSETS}' must name {', '.join(CATEGORIES)} (got {', '.join(folders.values())})"
            )
        try:
            shapes = [str(each).split("/")[-2:] for each in json.loads(listing.read_text())]
            files = [base / folder / f"{name}.txt" for folder, name in shapes]
        except (ValueError, TypeError) as error:
            raise ValueError(f"'{listing}' must be a list of 'shape_data/FOLDER/NAME' ({error})") from error
        unknown = next((folder for folder, _ in shapes if folder not in folders), None)
        if unknown is not None or not files:
            raise ValueError(
                f"'{listing}' must name shapes in the folders of '{_SYNSETS}' (got {unknown or 'none'})"
            )
        return files, folders
    raise FileNotFoundError(
        f"'{root}' must hold ply_data_{split.value}*.h5 and {_OBJECTS}, or {_SYNSETS} and train_test_split/ (download "
        "hdf5_data or shapenetcore_partanno_segmentation_benchmark_v0_normal by hand)"
    )


def _build(files: Sequence[Path], folders: dict[str, str]) -> StoredClouds:
    packer, broken = CloudPacker(), []
    categories = list(CATEGORIES)
    for path in files:
        try:
            if folders:
                label = categories.index(folders[path.parent.name])
                points, normals, part = _read_text(path, OF_CATEGORY[label])
                packer.add(points, normals, label, f"{folders[path.parent.name]}/{path.stem}", {PART: part})
                continue
            data, labels, parts = read_h5_parts(path, len(categories), len(PART_NAMES))
        except (ValueError, OSError) as error:
            broken.append((str(path), str(error)))
            continue
        for row, (points, label, part) in enumerate(zip(data, labels.tolist(), parts, strict=True)):
            name = f"{categories[label]}/{path.stem}_{row}"
            packer.add(points, None, label, name, {PART: part.astype(np.int16)})
    if len(broken) == len(files):
        raise ValueError(f"none of the {len(files)} files can be read; the first: {broken[0][1]}")
    return packer.finish(categories, broken)


def _read_text(path: Path, parts: Sequence[int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points, normals and parts of a shape of the text edition."""
    try:
        values = numbers(path.read_bytes(), line=1)
        if not values.size or values.size % 7:
            raise ValueError(
                f"it must have lines of x, y, z, a normal and a part (got {values.size} numbers)"
            )
        table = values.reshape(-1, 7)
        wrong = table[~np.isin(table[:, 6], parts), 6]
        if len(wrong):
            raise ValueError(f"its parts must be from {parts[0]} to {parts[-1]} (got {wrong[0]:g})")
        if not np.isfinite(table).all():
            raise ValueError("its numbers must be finite")
    except ValueError as error:
        raise ValueError(f"'{path}': {error}") from None
    return table[:, :3], table[:, 3:6], table[:, 6].astype(np.int16)


def _is_there(path: Path) -> bool:
    places = (path, *path.iterdir()) if path.is_dir() else ()
    return any((base / name).is_file() for base in places for name in (_SYNSETS, _OBJECTS))


@register_dataset("shapenet_part", recognises=_is_there)
class ShapeNetPart(PartDataset):
    """Points of models of 16 categories, each with one of 50 parts; a category has 2 to 6 of them.

    Two editions are read: ``hdf5_data`` (``ply_data_train*.h5`` …: 2,048 points of each shape) and
    ``shapenetcore_partanno_segmentation_benchmark_v0_normal`` (a text for each shape, with normals). Parts have no
    names: they are called ``Airplane 1`` … ``Table 3``.

    Args:
        root: folder of an edition, or the one that holds it.
        split: TRAIN, VAL or TEST, as published.
        cache: folder of processed data (None: the default cache).
        options: transform, pre_transform, seed: see :class:`PointCloudDataset`.

    Attributes:
        broken: files that could not be read, with the reason; one warning tells their number.

    Raises:
        FileNotFoundError: no such folder, or neither edition is in it.
        ValueError: every file is broken, or lists that contradict.
        ImportError: h5py is missing where it is needed.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        split: Split | str = Split.TRAIN,
        *,
        cache: str | os.PathLike[str] | None = None,
        **options: Any,
    ) -> None:
        split = choice("split", split, Split)
        files, folders = _files_of(Path(root), split)
        settings = {"version": 1, "files": fingerprint(path for path in files if path.exists())}
        clouds = cached_clouds(
            cache, f"shapenet_part-{split.value}", settings, lambda: _build(files, folders)
        )
        warn_broken(clouds.broken, len(files), root)
        super().__init__(clouds, PART_NAMES, OF_CATEGORY, **options)
