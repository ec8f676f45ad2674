"""ModelNet10 and ModelNet40 in whatever form they lie on disk."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any

from ccnn_pc._checks import check_at_least
from ccnn_pc._choices import choice
from ccnn_pc.datasets.clouds.arrays import read_arrays
from ccnn_pc.datasets.clouds.collect import warn_broken
from ccnn_pc.datasets.clouds.modelnet_forms import FINDERS, find_h5, find_off_zip, find_text_tree
from ccnn_pc.datasets.clouds.stored import StoredClouds, StoredDataset
from ccnn_pc.datasets.common.cache import cached_clouds, fingerprint
from ccnn_pc.datasets.common.splits import Split, split_rows
from ccnn_pc.datasets.registry import register_dataset

HOW_TO_GET = """\
Get one of them by hand and give its folder as 'root':
  ModelNet10.zip or ModelNet40.zip   https://modelnet.cs.princeton.edu  (no need to unpack)
  modelnet40_normal_resampled.zip    https://shapenet.cs.stanford.edu/media/  (unpack)
  modelnet40_ply_hdf5_2048.zip       https://shapenet.cs.stanford.edu/media/  (unpack)
or let ccnn_pc.datasets.download_modelnet(root) fetch it where the network allows."""


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
