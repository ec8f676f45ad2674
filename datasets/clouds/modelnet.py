"""ModelNet10 and ModelNet40 in whatever form they lie on disk."""

from __future__ import annotations

import dataclasses
import os
import zipfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from ccnn_pc._checks import check_at_least
from ccnn_pc._choices import choice
from ccnn_pc.datasets.clouds.arrays import read_arrays
from ccnn_pc.datasets.clouds.collect import Source, collect_clouds, warn_broken
from ccnn_pc.datasets.clouds.stored import CloudPacker, StoredClouds, StoredDataset, cached_clouds
from ccnn_pc.datasets.common.cache import fingerprint
from ccnn_pc.datasets.common.folders import visible
from ccnn_pc.datasets.common.splits import Split, split_rows
from ccnn_pc.datasets.formats import RawShape, parse, read_raw
from ccnn_pc.datasets.formats.h5_clouds import read_h5_clouds
from ccnn_pc.datasets.formats.packed import zip_members
from ccnn_pc.datasets.registry import register_dataset

HOW_TO_GET = """\
Get one of them by hand and give its folder as 'root':
  ModelNet10.zip or ModelNet40.zip   https://modelnet.cs.princeton.edu  (no need to unpack)
  modelnet40_normal_resampled.zip    https://shapenet.cs.stanford.edu/media/  (unpack)
  modelnet40_ply_hdf5_2048.zip       https://shapenet.cs.stanford.edu/media/  (unpack)
or let ccnn_pc.datasets.download_modelnet(root) fetch it where the network allows."""


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How to build one part of ModelNet.

    Attributes:
        form: name of the form, for messages and the cache.
        files: what it is built from; the cache notices when one changes.
        build: reads everything, given the number of points to store and the seed.
    """

    form: str
    files: tuple[Path, ...]
    build: Callable[[int, int], StoredClouds]


def find_off_zip(root: Path, name: str | None, part: str) -> Recipe | None:
    """The official zip: ``root`` itself, or ``ModelNet10.zip``, ``ModelNet40.zip``, ``meshes.zip`` in it."""
    names = [f"ModelNet{name}.zip"] if name else ["ModelNet10.zip", "ModelNet40.zip", "meshes.zip"]
    for path in [root, *(root / each for each in names)]:
        if path.is_file() and zipfile.is_zipfile(path):
            return Recipe("off-zip", (path,), partial(_build_off_zip, path, part))
    return None


def _build_off_zip(path: Path, part: str, num_points: int, seed: int) -> StoredClouds:
    members = []
    for full, content in zip_members(path, ".off"):
        member = full.removeprefix(f"{path}:")
        parts = PurePosixPath(member).parts
        if len(parts) >= 3:
            members.append((member, parts[-3], parts[-2], content))
    classes = sorted({label for _, label, _, _ in members})
    sources: list[Source] = [
        (member, classes.index(label), partial(_parsed, content, member))
        for member, label, level, content in members
        if level == part
    ]
    if not sources:
        raise ValueError(f"'{path}' must hold members <class>/{part}/*.off (found none)")
    return collect_clouds(sources, classes, num_points, shape_seed=seed)


def _parsed(content: Callable[[], bytes], name: str) -> RawShape:
    return parse(content(), name)


def find_off_tree(root: Path, name: str | None, part: str) -> Recipe | None:
    """The unpacked zip: ``<class>/{train,test}/*.off``, in ``root`` or ``ModelNet10/``, ``ModelNet40/``."""
    names = [f"ModelNet{name}"] if name else ["ModelNet10", "ModelNet40"]
    for base in [root, *(root / each for each in names)]:
        files = visible(base.glob(f"*/{part}/*.off"), base)
        if files:
            classes = sorted({path.parents[1].name for path in visible(base.glob("*/*/*.off"), base)})
            sources: list[Source] = [
                (
                    f"{path.parents[1].name}/{part}/{path.name}",
                    classes.index(path.parents[1].name),
                    partial(read_raw, path),
                )
                for path in files
            ]
            return Recipe("off", tuple(files), partial(_collect, sources, classes))
    return None


def find_text_tree(root: Path, name: str | None, part: str) -> Recipe | None:
    """``modelnet40_normal_resampled``: ``<class>/<shape>.txt`` of ``x,y,z,nx,ny,nz``, listed per split."""
    for base in [root, root / "modelnet40_normal_resampled"]:
        for number in [name] if name else ["40", "10"]:
            listing, names = base / f"modelnet{number}_{part}.txt", base / f"modelnet{number}_shape_names.txt"
            if listing.is_file() and names.is_file():
                classes = names.read_text().split()
                shapes = listing.read_text().split()
                labels = [shape.rsplit("_", 1)[0] for shape in shapes]
                unknown = sorted(set(labels) - set(classes))
                if unknown:
                    raise ValueError(
                        f"'{listing}' must name shapes of the classes in '{names.name}' (got {unknown[0]!r})"
                    )
                paths = [base / label / f"{shape}.txt" for label, shape in zip(labels, shapes, strict=True)]
                sources: list[Source] = [
                    (shape, classes.index(label), partial(read_raw, path))
                    for shape, label, path in zip(shapes, labels, paths, strict=True)
                ]
                present = tuple(path for path in paths if path.is_file())
                return Recipe(
                    f"text{number}", (listing, names, *present), partial(_collect, sources, classes)
                )
    return None


def _collect(sources: Sequence[Source], classes: Sequence[str], num_points: int, seed: int) -> StoredClouds:
    return collect_clouds(sources, classes, num_points, shape_seed=seed)


def find_h5(root: Path, name: str | None, part: str) -> Recipe | None:
    """``modelnet40_ply_hdf5_2048``: ``ply_data_<split>*.h5`` with data, label and (in most copies) normal."""
    for base in [root, root / "modelnet40_ply_hdf5_2048"]:
        files = visible(base.glob(f"*{part}*.h5"), base)
        names = base / "shape_names.txt"
        if files and names.is_file():
            return Recipe("h5", (names, *files), partial(_build_h5, files, names.read_text().split()))
    return None


def _build_h5(files: Sequence[Path], classes: Sequence[str], num_points: int, seed: int) -> StoredClouds:
    packer, random = CloudPacker(), np.random.default_rng(seed)
    for path in files:
        data, label, normal = read_h5_clouds(path, len(classes))
        for row in range(len(data)):
            kept = random.permutation(data.shape[1])[:num_points]
            normals = None if normal is None else normal[row][kept]
            packer.add(data[row][kept], normals, int(label[row]), f"{path.stem}_{row:04d}")
    return packer.finish(classes)


Finder = Callable[[Path, "str | None", str], "Recipe | None"]

FINDERS: dict[str, Finder] = {
    "the official tree <class>/{train,test}/*.off, also in ModelNet10/ or ModelNet40/": find_off_tree,
    "the official zip: ModelNet10.zip, ModelNet40.zip, meshes.zip, or 'root' itself": find_off_zip,
    "modelnet40_normal_resampled: <class>/*.txt, modelnet40_train.txt, …_shape_names.txt": find_text_tree,
    "modelnet40_ply_hdf5_2048: ply_data_train*.h5, shape_names.txt": find_h5,
}
"""What is looked for → how."""


def _is_modelnet(path: Path) -> bool:
    arrays = any((path / name).is_file() for name in ("test.npz", "train.npz"))
    finders = (find_off_zip, find_text_tree, find_h5)
    return path.suffix == ".zip" or arrays or any(find(path, None, "test") is not None for find in finders)


@register_dataset("modelnet", recognises=_is_modelnet, own_validation=False, rank=1)
class ModelNet(StoredDataset):
    """Classification of CAD models (Wu et al., "3D ShapeNets", CVPR 2015).

    Recognised at ``root``, in this order: ``train.npz``/``test.npz`` (see :class:`CloudArrays`); the official
    tree ``<class>/{train,test}/*.off``; the official zip; ``modelnet40_normal_resampled``;
    ``modelnet40_ply_hdf5_2048``. Whatever the form, an item has ``pos`` in [-1, 1]^3 and, where known,
    ``normal``. Meshes and arrays have z up; common copies of the two resampled forms have y up (``Axis.Y``).

    Args:
        root: folder of one of these forms, or one ``.npz`` or ``.zip`` file.
        name: "10" or "40" where both lie at ``root``; None (default) takes what is there.
        split: TRAIN, VAL (drawn from the training data) or TEST.
        validation_fraction: share of every class that VAL takes away from TRAIN; 0 (default) leaves TRAIN
            whole.
        split_seed: seed of that draw.
        num_points: points stored of each shape (meshes are sampled; arrays are taken as they are).
        shape_seed: seed of the stored points.
        cache: folder of processed data (None: the default cache).
        options: transform, pre_transform, seed: see :class:`PointCloudDataset`.

    Attributes:
        form: which form was found.
        broken: files that could not be read, with the reason; one warning tells their number.

    Raises:
        FileNotFoundError: no known form lies at ``root``; the message lists what was looked for and how to
            get it.
        ValueError: VAL without a fraction, an unknown name, or a name that does not fit what lies there.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        *,
        name: str | None = None,
        split: Split | str = Split.TRAIN,
        validation_fraction: float = 0.0,
        split_seed: int = 0,
        num_points: int = 4096,
        shape_seed: int = 0,
        cache: str | os.PathLike[str] | None = None,
        **options: Any,
    ) -> None:
        if name not in (None, "10", "40"):
            raise ValueError(f"'name' must be '10', '40' or None (got {name!r})")
        split = choice("split", split, Split)
        check_at_least("num_points", num_points, 1)
        part = "test" if split is Split.TEST else "train"
        self.form, clouds = _find(Path(root), name, part, num_points, shape_seed, cache)
        if name is not None and len(clouds.classes) != int(name):
            raise ValueError(
                f"'name' must fit the data (got {name!r}; '{root}' holds {len(clouds.classes)} classes)"
            )
        warn_broken(clouds, root)
        super().__init__(clouds, **options)
        self._rows = split_rows(self._labels, split, validation_fraction, split_seed)


def _find(
    root: Path,
    name: str | None,
    part: str,
    num_points: int,
    shape_seed: int,
    cache: str | os.PathLike[str] | None,
) -> tuple[str, StoredClouds]:
    arrays = root if root.suffix == ".npz" else root / f"{part}.npz"
    if arrays.is_file():
        return "arrays", read_arrays(arrays, cache)
    for find in FINDERS.values():
        recipe = find(root, name, part)
        if recipe is not None:
            settings = {
                "form": recipe.form,
                "files": fingerprint(recipe.files),
                "part": part,
                "num_points": num_points,
                "seed": shape_seed,
            }
            return recipe.form, cached_clouds(
                cache, f"modelnet-{part}", settings, partial(recipe.build, num_points, shape_seed)
            )
    wanted = "\n".join(f"  {form}" for form in FINDERS)
    raise FileNotFoundError(
        f"'root' must hold the {part} part of ModelNet (found none at '{root}'). Looked for:\n"
        f"  {part}.npz with points, normals, label, classes\n{wanted}\n{HOW_TO_GET}"
    )
