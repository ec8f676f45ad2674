"""Shapes: an embedded, procedural data set of solids; no file is read."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from ccnn_pc._checks import check_at_least
from ccnn_pc._choices import choice
from ccnn_pc._optional import require
from ccnn_pc.datasets.clouds.stored import CloudPacker, StoredClouds, StoredDataset, cached_clouds
from ccnn_pc.datasets.common.seeding import seeded_generator
from ccnn_pc.datasets.common.splits import Split
from ccnn_pc.datasets.registry import register_dataset
from ccnn_pc.ops.points.surface import sample_surface

Mesh = tuple[np.ndarray, np.ndarray]
"""Vertices ``[V, 3]`` float64 and triangles ``[F, 3]`` int64."""


def _creation() -> Any:
    require("trimesh", extra="mesh", purpose="to build the solids of Shapes")
    return require("trimesh.creation", extra="mesh")


def _arrays(mesh: Any) -> Mesh:
    return np.asarray(mesh.vertices, dtype=np.float64), np.asarray(mesh.faces, dtype=np.int64)


def prism(outline: np.ndarray, height: float, kernel: tuple[float, float] = (0.0, 0.0)) -> Mesh:
    """The prism over a polygon that is star-shaped seen from ``kernel``; caps are fans around that point.

    Args:
        outline: ``[n, 2]``, counter-clockwise.
        height: along z, centred.
        kernel: a point that sees the whole outline.
    """
    n = len(outline)
    rows = [
        np.column_stack([np.vstack([outline, kernel]), np.full(n + 1, z)]) for z in (-height / 2, height / 2)
    ]
    i, j = np.arange(n), np.roll(np.arange(n), -1)
    low, high = n, 2 * n + 1  # the two kernel points
    bottom = np.column_stack([j, i, np.full(n, low)])
    top = np.column_stack([i + n + 1, j + n + 1, np.full(n, high)])
    walls = np.vstack([np.column_stack([i, j, j + n + 1]), np.column_stack([i, j + n + 1, i + n + 1])])
    return np.vstack(rows), np.vstack([bottom, top, walls])


def pipe(curve: np.ndarray, radius: float, sections: int = 10) -> Mesh:
    """A pipe of ``radius`` along an open curve ``[n, 3]`` that is never vertical; its ends are open."""
    tangent = np.gradient(curve, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    side = np.cross(tangent, [0.0, 0.0, 1.0])
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    up = np.cross(side, tangent)
    angle = np.linspace(0, 2 * math.pi, sections, endpoint=False)
    ring = np.cos(angle)[None, :, None] * side[:, None] + np.sin(angle)[None, :, None] * up[:, None]
    vertices = (curve[:, None] + radius * ring).reshape(-1, 3)
    row, column = np.meshgrid(np.arange(len(curve) - 1), np.arange(sections), indexing="ij")
    a = (row * sections + column).ravel()
    b = (row * sections + (column + 1) % sections).ravel()
    faces = np.vstack(
        [np.column_stack([a, a + sections, b]), np.column_stack([b, a + sections, b + sections])]
    )
    return vertices, faces


def _box(r: np.random.Generator) -> Mesh:
    return _arrays(_creation().box(extents=r.uniform(0.6, 1.4, 3)))


def _sphere(r: np.random.Generator) -> Mesh:
    return _arrays(_creation().icosphere(subdivisions=2))


def _cylinder(r: np.random.Generator) -> Mesh:
    return _arrays(_creation().cylinder(radius=1.0, height=r.uniform(1.2, 3.5), sections=32))


def _cone(r: np.random.Generator) -> Mesh:
    return _arrays(_creation().cone(radius=1.0, height=r.uniform(1.2, 3.0), sections=32))


def _torus(r: np.random.Generator) -> Mesh:
    return _arrays(
        _creation().torus(
            major_radius=1.0, minor_radius=r.uniform(0.15, 0.4), major_sections=32, minor_sections=16
        )
    )


def _capsule(r: np.random.Generator) -> Mesh:
    return _arrays(_creation().capsule(radius=1.0, height=r.uniform(1.2, 3.5), count=[20, 16]))


def _tube(r: np.random.Generator) -> Mesh:
    return _arrays(
        _creation().annulus(r_min=r.uniform(0.45, 0.75), r_max=1.0, height=r.uniform(1.0, 3.0), sections=32)
    )


def _pyramid(r: np.random.Generator) -> Mesh:
    return _arrays(_creation().cone(radius=1.0, height=r.uniform(1.0, 2.2), sections=4))


def _star(r: np.random.Generator) -> Mesh:
    angle = np.linspace(0, 2 * math.pi, 10, endpoint=False)
    reach = np.where(np.arange(10) % 2 == 0, 1.0, r.uniform(0.35, 0.5))
    return prism(reach[:, None] * np.column_stack([np.cos(angle), np.sin(angle)]), r.uniform(0.3, 0.9))


def _cross(r: np.random.Generator) -> Mesh:
    w = r.uniform(0.2, 0.38)
    quarter = np.array([[1.0, -w], [1.0, w], [w, w]])
    turns = [quarter @ np.array([[c, s], [-s, c]]) for c, s in ((1, 0), (0, 1), (-1, 0), (0, -1))]
    return prism(np.vstack(turns), r.uniform(0.3, 0.9))


def _l_shape(r: np.random.Generator) -> Mesh:
    w, v = r.uniform(0.4, 0.7, 2)
    outline = np.array([[0.0, 0.0], [2.0, 0.0], [2.0, w], [v, w], [v, 2.0], [0.0, 2.0]])
    return prism(outline - 1.0, r.uniform(0.4, 1.0), kernel=(v / 2 - 1.0, w / 2 - 1.0))


def _spring(r: np.random.Generator) -> Mesh:
    turns, t = r.uniform(2.0, 4.0), np.linspace(0, 1, 96)
    angle = 2 * math.pi * turns * t
    curve = np.column_stack([np.cos(angle), np.sin(angle), r.uniform(1.8, 3.0) * (t - 0.5)])
    return pipe(curve, r.uniform(0.1, 0.16))


SOLIDS: dict[str, Callable[[np.random.Generator], Mesh]] = {
    "box": _box,
    "capsule": _capsule,
    "cone": _cone,
    "cross": _cross,
    "cylinder": _cylinder,
    "l_shape": _l_shape,
    "pyramid": _pyramid,
    "sphere": _sphere,
    "spring": _spring,
    "star": _star,
    "torus": _torus,
    "tube": _tube,
}
"""Class name → a mesh with random proportions; z is the axis of symmetry where there is one."""


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
