"""Shapes: an embedded, procedural data set of solids; no file is read."""

from __future__ import annotations

import math
import os
from typing import Any

import numpy as np
import torch

from ccnn_pc._checks import check_at_least
from ccnn_pc._choices import choice
from ccnn_pc._optional import require
from ccnn_pc.datasets.clouds.solids import SOLIDS
from ccnn_pc.datasets.clouds.stored import CloudPacker, StoredClouds, StoredDataset
from ccnn_pc.datasets.common.cache import cached_clouds
from ccnn_pc.datasets.common.seeding import seeded_generator
from ccnn_pc.datasets.common.splits import Split
from ccnn_pc.datasets.registry import register_dataset
from ccnn_pc.ops.points.surface import sample_surface

_TILT = math.radians(15.0)
_SIZES = {Split.TRAIN: 100, Split.VAL: 25, Split.TEST: 40}


def pose(r: np.random.Generator) -> np.ndarray:
    """A random linear map ``[3, 3]``: stretch by 0.85 to 1.15 per axis, any turn about z, tilt up to 15°."""
    turn, lean, toward = r.uniform(0, 2 * math.pi), r.uniform(0, _TILT), r.uniform(0, 2 * math.pi)

    def about_z(angle: float) -> np.ndarray:
        c, s = math.cos(angle), math.sin(angle)
        return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])

    c, s = math.cos(lean), math.sin(lean)
    tilt = about_z(toward) @ np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]]) @ about_z(-toward)
    return tilt @ about_z(turn) @ np.diag(r.uniform(0.85, 1.15, 3))


def _build(split: Split, per_class: int, num_points: int, shape_seed: int) -> StoredClouds:
    require("trimesh", extra="mesh", purpose="to build the solids of Shapes")
    packer = CloudPacker()
    for label, (name, build) in enumerate(SOLIDS.items()):
        for number in range(per_class):
            key = (shape_seed, list(Split).index(split), label, number)
            r = np.random.default_rng(key)
            vertices, faces = build(r)
            posed = torch.from_numpy(vertices @ pose(r).T)
            points, normals = sample_surface(
                posed, torch.from_numpy(faces), num_points, seeded_generator(*key)
            )
            packer.add(points.numpy(), normals.numpy(), label, f"{name}_{split.value}_{number:04d}")
    return packer.finish(list(SOLIDS))


@register_dataset("shapes", sample={"per_class": 1, "num_points": 64})
class Shapes(StoredDataset):
    """Twelve classes of solids with random proportions and poses, z up, as surface points with normals.

    box, capsule, cone, cross, cylinder, l_shape, pyramid, sphere, spring, star, torus, tube. Every split has
    shapes of its own; a shape is a function of (``shape_seed``, split, class, number) alone. Needs the extra
    ``mesh``.

    Args:
        split: TRAIN (100 per class), VAL (25) or TEST (40).
        per_class: another number of shapes per class.
        num_points: stored surface points of each shape.
        shape_seed: seed of the shapes.
        cache: folder of processed data (None: the default cache).
        options: transform, pre_transform, seed: see :class:`PointCloudDataset`.

    Raises:
        ImportError: trimesh is missing.
        ValueError: an unknown split, or a count below 1.
    """

    def __init__(
        self,
        split: Split | str = Split.TRAIN,
        *,
        per_class: int | None = None,
        num_points: int = 1024,
        shape_seed: int = 0,
        cache: str | os.PathLike[str] | None = None,
        **options: Any,
    ) -> None:
        split = choice("split", split, Split)
        size = check_at_least("per_class", _SIZES[split] if per_class is None else per_class, 1)
        check_at_least("num_points", num_points, 1)
        check_at_least("shape_seed", shape_seed, 0)
        settings = {
            "version": 1,
            "split": split.value,
            "per_class": size,
            "num_points": num_points,
            "seed": shape_seed,
        }
        clouds = cached_clouds(cache, "shapes", settings, lambda: _build(split, size, num_points, shape_seed))
        super().__init__(clouds, **options)
