"""PartShapes: an embedded, procedural data set of objects made of labelled parts; no file is read."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import torch

from ccnn_pc._checks import check_at_least, check_not_negative
from ccnn_pc._choices import choice
from ccnn_pc.datasets.clouds.parts import PART, PartDataset
from ccnn_pc.datasets.clouds.shapes import Mesh, pipe, pose
from ccnn_pc.datasets.clouds.stored import CloudPacker, StoredClouds, cached_clouds
from ccnn_pc.datasets.common.seeding import seeded_generator
from ccnn_pc.datasets.common.splits import Split
from ccnn_pc.datasets.registry import register_dataset
from ccnn_pc.ops.points.surface import face_areas_and_normals, sample_surface

Object: TypeAlias = list[tuple[str, Mesh]]
"""Parts of an object by name; a name may come several times."""
Draw: TypeAlias = np.random.Generator


def lathe(profile: Sequence[tuple[float, float]], sections: int = 20) -> Mesh:
    """The surface that a polyline of (radius, z) makes about z; it faces right of the way along the polyline.

    So a wall drawn upwards faces outwards, a lid drawn towards the axis faces up.
    """
    radius, z = np.asarray(profile, dtype=np.float64).T
    angle = np.linspace(0, 2 * math.pi, sections, endpoint=False)
    ring = np.stack([np.cos(angle), np.sin(angle), np.zeros_like(angle)], axis=1)
    vertices = radius[:, None, None] * ring + z[:, None, None] * np.array([0.0, 0.0, 1.0])
    row, column = (each.ravel() for each in np.mgrid[: len(radius) - 1, :sections])
    a, b = row * sections + column, row * sections + (column + 1) % sections
    faces = [[a, b, b + sections], [a, b + sections, a + sections]]
    return vertices.reshape(-1, 3), np.concatenate([np.stack(each, axis=1) for each in faces])


def plate(x: float, y: float, z: float, without: str = "") -> Mesh:
    """A box of these lengths about the origin; ``without`` a side, like "-z", that touches something."""
    corners = np.array([[i, j, k] for i in (-0.5, 0.5) for j in (-0.5, 0.5) for k in (-0.5, 0.5)])
    sides = {
        **{"-x": (0, 1, 3, 2), "+x": (4, 6, 7, 5), "-y": (0, 4, 5, 1)},
        **{"+y": (2, 3, 7, 6), "-z": (0, 2, 6, 4), "+z": (1, 5, 7, 3)},
    }
    quads = [quad for side, quad in sides.items() if side != without]
    return corners * [x, y, z], np.array([[q[0], q[i], q[i + 1]] for q in quads for i in (1, 2)])


def moved(mesh: Mesh, shift: Sequence[float], turn: np.ndarray | None = None) -> Mesh:
    """A mesh turned, then shifted."""
    vertices = mesh[0] if turn is None else mesh[0] @ turn.T
    return vertices + np.asarray(shift), mesh[1]


def about(axis: int, angle: float) -> np.ndarray:
    """The rotation about a coordinate axis."""
    c, s = math.cos(angle), math.sin(angle)
    i, j = (axis + 1) % 3, (axis + 2) % 3
    turn = np.eye(3)
    turn[i, i], turn[i, j], turn[j, i], turn[j, j] = c, -s, s, c
    return turn


def rod(radius: float, low: float, high: float) -> Mesh:
    """A thin cylinder along z, open at its ends."""
    return lathe([(radius, low), (radius, high)], sections=10)


def disc(radius: float, thickness: float) -> Mesh:
    """A closed flat cylinder about the origin."""
    h = thickness / 2
    return lathe([(0.0, -h), (radius, -h), (radius, h), (0.0, h)])


def _legs(r: Draw, width: float, depth: float, height: float) -> Object:
    """Four legs that end at z = 0."""
    radius = r.uniform(0.07, 0.12)
    x, y = width / 2 - 1.5 * radius, depth / 2 - 1.5 * radius
    return [("leg", moved(rod(radius, -height, 0.0), (i * x, j * y, 0.0))) for i in (-1, 1) for j in (-1, 1)]


def _table(r: Draw) -> Object:
    thickness, height = r.uniform(0.08, 0.16), r.uniform(0.8, 1.6)
    if r.random() < 0.5:
        width, depth = r.uniform(1.4, 2.4, 2)
        top, legs = plate(width, depth, thickness), _legs(r, width, depth, height)
    else:
        radius = r.uniform(0.8, 1.2)
        top, legs = disc(radius, thickness), _legs(r, 1.4 * radius, 1.4 * radius, height)
    return [("top", moved(top, (0, 0, thickness / 2))), *legs]


def _chair(r: Draw) -> Object:
    width, depth, height = r.uniform(0.9, 1.3), r.uniform(0.9, 1.3), r.uniform(0.7, 1.2)
    thickness, tall = r.uniform(0.08, 0.16), r.uniform(0.8, 1.5)
    back = moved(
        plate(width, thickness, tall),
        (0, (thickness - depth) / 2, tall / 2),
        about(0, r.uniform(-0.05, 0.15)),
    )
    return [
        ("seat", moved(plate(width, depth, thickness), (0, 0, thickness / 2))),
        ("back", moved(back, (0, 0, thickness))),
        *_legs(r, width, depth, height),
    ]


def _lamp(r: Draw) -> Object:
    foot, height, tall = r.uniform(0.1, 0.2), r.uniform(1.0, 1.8), r.uniform(0.5, 0.9)
    low, high = r.uniform(0.5, 0.8), r.uniform(0.2, 0.45)
    return [
        ("foot", disc(r.uniform(0.4, 0.7), foot)),
        ("pole", rod(r.uniform(0.05, 0.08), foot / 2, height)),
        ("shade", moved(lathe([(low, 0.0), (high, tall), (0.0, tall)]), (0, 0, height - tall / 2))),
    ]


def _mug(r: Draw) -> Object:
    low, high, tall = r.uniform(0.5, 0.8), r.uniform(0.6, 0.9), r.uniform(1.1, 1.9)
    reach, half = r.uniform(0.3, 0.5), r.uniform(0.25, 0.4) * tall
    angle = np.linspace(-math.pi / 2, math.pi / 2, 12)
    curve = np.stack([reach * np.cos(angle), half * np.sin(angle), 0 * angle], axis=1)  # then y becomes z
    handle = moved(
        pipe(curve, r.uniform(0.09, 0.14), 8), ((low + high) / 2, 0, tall / 2), about(0, math.pi / 2)
    )
    return [("body", lathe([(0.0, 0.0), (low, 0.0), (high, tall)])), ("handle", handle)]


def _rocket(r: Draw) -> Object:
    radius, tall, tip = r.uniform(0.3, 0.45), r.uniform(1.2, 2.0), r.uniform(0.5, 0.9)
    reach, rise, fins = r.uniform(0.35, 0.6), r.uniform(0.45, 0.8), int(r.integers(3, 5))
    curved = [(radius * (1 - t) * (1 + t / 2), tall + tip * t) for t in np.linspace(0, 1, 7)]
    fin = moved(plate(reach, 0.08, rise, "-x"), (radius + reach / 2, 0, rise / 2 - 0.15))
    return [
        ("body", lathe([(0.0, 0.0), (radius, 0.0), (radius, tall)])),
        ("nose", lathe(curved if r.random() < 0.5 else [curved[0], curved[-1]])),
        *[("fin", moved(fin, (0, 0, 0), about(2, 2 * math.pi * i / fins))) for i in range(fins)],
    ]


def _hammer(r: Draw) -> Object:
    length, across, thick = r.uniform(1.3, 2.0), r.uniform(0.9, 1.3), r.uniform(0.4, 0.55)
    head = (
        plate(across, thick, thick)
        if r.random() < 0.5
        else moved(disc(thick / 2, across), (0, 0, 0), about(1, math.pi / 2))
    )
    grip = r.uniform(0.13, 0.18)
    return [
        ("handle", lathe([(0.0, 0.0), (grip, 0.0), (grip, length)], 10)),
        ("head", moved(head, (0, 0, length + thick / 2))),
    ]


def _cart(r: Draw) -> Object:
    width, length, tall = r.uniform(0.8, 1.2), r.uniform(1.2, 1.8), r.uniform(0.4, 0.7)
    wheel, wide = r.uniform(0.24, 0.36), r.uniform(0.14, 0.2)
    thin, rise, reach = 0.06, r.uniform(0.5, 0.8), r.uniform(0.2, 0.4)
    walls = [
        plate(length, width, thin),
        *[moved(plate(length, thin, tall), (0, i * width / 2, tall / 2)) for i in (-1, 1)],
        *[moved(plate(thin, width, tall), (i * length / 2, 0, tall / 2)) for i in (-1, 1)],
    ]
    turned = moved(disc(wheel, wide), (0, 0, 0), about(0, math.pi / 2))
    places = [(i * length / 3, j * (width / 2 + wide / 2 + 0.12), -0.15) for i in (-1, 1) for j in (-1, 1)]
    # a bow from wall to wall, drawn in the plane x y and then set up: it leans back
    half = np.linspace(-math.pi / 2, math.pi / 2, 12)
    bow = np.stack([np.sqrt(rise**2 + reach**2) * np.cos(half), width / 2 * np.sin(half), 0 * half], axis=1)
    handle = moved(pipe(bow, 0.07, 8), (length / 2, 0, tall), about(1, -math.atan2(rise, reach)))
    return [
        *[("body", wall) for wall in walls],
        *[("wheel", moved(turned, place)) for place in places],
        ("handle", handle),
    ]


def _sign(r: Draw) -> Object:
    height, thin = r.uniform(1.2, 1.9), r.uniform(0.06, 0.12)
    if r.random() < 0.5:
        wide, tall = r.uniform(0.7, 1.4), r.uniform(0.6, 1.0)
        board = plate(wide, thin, tall)
    else:
        tall = r.uniform(0.7, 1.1)
        board = moved(disc(tall / 2, thin), (0, 0, 0), about(0, math.pi / 2))
    return [
        ("pole", rod(r.uniform(0.05, 0.08), 0.0, height)),
        ("board", moved(board, (0, 0, height + tall / 2))),
    ]


OBJECTS: dict[str, Callable[[Draw], Object]] = {
    "cart": _cart,
    "chair": _chair,
    "hammer": _hammer,
    "lamp": _lamp,
    "mug": _mug,
    "rocket": _rocket,
    "sign": _sign,
    "table": _table,
}
"""Category → parts with random proportions, z up."""
PARTS: dict[str, tuple[str, ...]] = {
    "cart": ("body", "handle", "wheel"),
    "chair": ("back", "leg", "seat"),
    "hammer": ("handle", "head"),
    "lamp": ("foot", "pole", "shade"),
    "mug": ("body", "handle"),
    "rocket": ("body", "fin", "nose"),
    "sign": ("board", "pole"),
    "table": ("leg", "top"),
}
"""Category → its parts. Body, handle, leg and pole are parts of several."""
PART_NAMES = sorted({name for names in PARTS.values() for name in names})

_SIZES = {Split.TRAIN: 150, Split.VAL: 20, Split.TEST: 40}


def sample_object(
    parts: Object, linear: np.ndarray, num_points: int, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor, np.ndarray]:
    """Points drawn uniformly from the surfaces of all parts, their normals, and the numbers of their parts."""
    meshes = [
        (torch.from_numpy(vertices @ linear.T), torch.from_numpy(faces)) for _, (vertices, faces) in parts
    ]
    areas = torch.stack([face_areas_and_normals(*mesh)[0].sum() for mesh in meshes])
    drawn = torch.multinomial(areas, num_points, replacement=True, generator=generator)
    counts = torch.bincount(drawn, minlength=len(parts)).tolist()
    found = [
        (*sample_surface(*mesh, count, generator), np.full(count, PART_NAMES.index(name), dtype=np.int16))
        for (name, _), mesh, count in zip(parts, meshes, counts, strict=True)
        if count
    ]
    points, normals, part = zip(*found, strict=True)
    return torch.cat(points), torch.cat(normals), np.concatenate(part)


def _build(split: Split, per_category: int, num_points: int, noise: float, shape_seed: int) -> StoredClouds:
    packer = CloudPacker()
    for label, (name, build) in enumerate(OBJECTS.items()):
        for number in range(per_category):
            key = (shape_seed, list(Split).index(split), label, number)
            r, generator = np.random.default_rng(key), seeded_generator(*key)
            points, normals, part = sample_object(build(r), pose(r), num_points, generator)
            size = float((points.amax(0) - points.amin(0)).max()) / 2
            points += noise * size * torch.randn(points.shape, generator=generator, dtype=points.dtype)
            title = f"{name}_{split.value}_{number:04d}"
            packer.add(points.numpy(), normals.numpy(), label, title, {PART: part})
    return packer.finish(list(OBJECTS))


@register_dataset("part_shapes", sample={"per_category": 1, "num_points": 64})
class PartShapes(PartDataset):
    """Eight categories of objects made of fourteen parts, in random proportions and poses, as points with normals.

    cart: body, handle, wheels; chair: seat, back, legs; hammer: handle, head; lamp: foot, pole, shade; mug: body,
    handle; rocket: body, nose, fins; sign: pole, board; table: top, legs. Body, handle, leg and pole are parts of
    several categories, which parts a shape has is not said: a point's own place does not tell its part. Every split has
    shapes of its own; a shape is a function of (``shape_seed``, split, category, number) and ``noise`` alone.

    Args:
        split: TRAIN (150 per category), VAL (20) or TEST (40).
        per_category: another number of shapes per category.
        num_points: stored surface points of each shape.
        noise: standard deviation of what is added to each coordinate, in half lengths of the longest side.
        shape_seed: seed of the shapes.
        cache: folder of processed data (None: the default cache).
        options: transform, pre_transform, seed: see :class:`PointCloudDataset`.

    Raises:
        ValueError: an unknown split, a count below 1, or a negative noise.
    """

    def __init__(
        self,
        split: Split | str = Split.TRAIN,
        *,
        per_category: int | None = None,
        num_points: int = 1024,
        noise: float = 0.01,
        shape_seed: int = 0,
        cache: str | os.PathLike[str] | None = None,
        **options: Any,
    ) -> None:
        split = choice("split", split, Split)
        size = check_at_least("per_category", _SIZES[split] if per_category is None else per_category, 1)
        check_at_least("num_points", num_points, 1)
        check_not_negative("noise", noise)
        check_at_least("shape_seed", shape_seed, 0)
        settings = {
            "version": 1,
            "split": split.value,
            "per_category": size,
            "num_points": num_points,
            "noise": noise,
            "seed": shape_seed,
        }
        clouds = cached_clouds(
            cache, "part_shapes", settings, lambda: _build(split, size, num_points, noise, shape_seed)
        )
        of_category = [[PART_NAMES.index(name) for name in PARTS[each]] for each in OBJECTS]
        super().__init__(clouds, PART_NAMES, of_category, **options)
