"""Transforms in the style of PyG, with one addition: random ones take their generator as an argument."""

from __future__ import annotations

import abc
import copy
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch_geometric.transforms import BaseTransform

from ccnn_pc._checks import check_at_least
from ccnn_pc.datasets.transforms.many import Generators, WorksOnMany, works_on_many

Transform: TypeAlias = Callable[..., Any]


class RandomTransform(BaseTransform):
    """A transform that draws random numbers: ``transform(data, generator=g)``.

    Without a generator PyTorch's default one is used. Subclasses write ``forward(data, generator)`` and may
    change ``data`` in place as long as they assign new tensors: it is a shallow copy.
    """

    @abc.abstractmethod
    def forward(self, data: Any, generator: torch.Generator | None = None) -> Any:
        """The transformed data."""

    def __call__(self, data: Any, generator: torch.Generator | None = None) -> Any:
        check_no_neighbors(data, self)
        return self.forward(copy.copy(data), generator)

    def at_epoch(self, epoch: int) -> Transform:
        """What it is in an epoch of a training: itself, unless it says otherwise."""
        return self


class MovesPoints:
    """Mixin of transforms that move points: they must come before features and neighbours are taken."""


class ChangesPoints:
    """Mixin of transforms that add or remove points: they must come before neighbours are taken."""


class TakesFeatures:
    """Mixin of transforms that copy positions or normals into features."""


class TakesNeighbors:
    """Mixin of transforms that attach neighbours."""


class Compose(WorksOnMany, RandomTransform):
    """One transform after another, all random ones on the same generator.

    Augmentation must come before neighbours and features are computed from the positions; another order
    raises. (PyG's own random transforms are welcome, but draw from global generators: results then depend on
    the worker.)

    Raises:
        ValueError: a transform that moves, adds or removes points follows one that has used them.

    Example:
        >>> from ccnn_pc.datasets import Compose, Jitter, PointCloudData, RandomPoints
        >>> data = Compose([RandomPoints(2), Jitter(0.01)])(PointCloudData(pos=torch.zeros(9, 3)))
        >>> data.pos.shape
        torch.Size([2, 3])
    """

    def __init__(self, transforms: Sequence[Transform]) -> None:
        self.transforms = list(transforms)
        # their order is checked here, so one look at the data, before the first of them, is enough
        kinds = (MovesPoints, ChangesPoints)
        first = (next((each for each in self.transforms if isinstance(each, kind)), None) for kind in kinds)
        self._changing = [each for each in first if each is not None]
        featured: Transform | None = None
        neighbored: Transform | None = None
        for transform in self.transforms:
            if isinstance(transform, (MovesPoints, ChangesPoints)) and neighbored is not None:
                raise ValueError(
                    "'transforms' must change points before neighbours are taken "
                    f"(got {transform} after {neighbored})"
                )
            if isinstance(transform, MovesPoints) and featured is not None:
                raise ValueError(
                    "'transforms' must move points before features are taken "
                    f"(got {transform} after {featured})"
                )
            featured = transform if isinstance(transform, TakesFeatures) else featured
            neighbored = transform if isinstance(transform, TakesNeighbors) else neighbored

    def at_epoch(self, epoch: int) -> Transform:
        """Each as it is in that epoch."""
        now = [at_epoch(transform, epoch) for transform in self.transforms]
        same = all(one is other for one, other in zip(now, self.transforms, strict=True))
        return self if same else Compose(now)

    def many(self, items: Sequence[Any], generators: Generators) -> list[Any]:
        """All transforms in turn."""
        for transform in self._changing:
            for item in items:
                check_no_neighbors(item, transform)
        for transform in self.transforms:
            items = _each(transform, items, generators)  # without copies: ours assign new tensors only
        return list(items)

    def __repr__(self) -> str:
        return "Compose([" + ", ".join(repr(transform) for transform in self.transforms) + "])"


class OneOf(WorksOnMany, RandomTransform):
    """One of several transforms, drawn anew for each item with equal chances.

    Args:
        transforms: to draw from; one that stands there twice comes twice as often.
        first_epoch: of a training, in which they are drawn; before it, all items get the first of them.

    Raises:
        ValueError: no transforms; an epoch below 0.

    Example:
        >>> from ccnn_pc.datasets import PointCloudData, RandomPoints
        >>> either = OneOf([RandomPoints(2), RandomPoints(5)])
        >>> sorted({len(either(PointCloudData(pos=torch.zeros(9, 3))).pos) for _ in range(64)})
        [2, 5]
    """

    def __init__(self, transforms: Sequence[Transform], first_epoch: int = 0) -> None:
        self.transforms, self.first_epoch = list(transforms), check_at_least("first_epoch", first_epoch, 0)
        if not self.transforms:
            raise ValueError("'transforms' must hold at least one (got none)")
        self._alone = [Compose([transform]) for transform in self.transforms]

    def at_epoch(self, epoch: int) -> Transform:
        """The first of them before ``first_epoch``."""
        return self if epoch >= self.first_epoch else at_epoch(self.transforms[0], epoch)

    def many(self, items: Sequence[Any], generators: Generators) -> list[Any]:
        """Whatever is drawn."""
        drawn = [
            int(torch.randint(len(self.transforms), (1,), generator=generator)) for generator in generators
        ]
        found: list[Any] = [None] * len(items)
        for kind in dict.fromkeys(drawn):
            rows = [row for row, each in enumerate(drawn) if each == kind]
            made = self._alone[kind].many([items[row] for row in rows], [generators[row] for row in rows])
            for row, item in zip(rows, made, strict=True):
                found[row] = item
        return found

    def __repr__(self) -> str:
        return "OneOf([" + ", ".join(repr(transform) for transform in self.transforms) + "])"


def at_epoch(transform: Transform, epoch: int) -> Transform:
    """The transform as it is in an epoch of a training."""
    return transform.at_epoch(epoch) if isinstance(transform, RandomTransform) else transform


def apply(transform: Transform, data: Any, generator: torch.Generator | None) -> Any:
    """``transform(data)``, with the generator if it is one that takes it."""
    if isinstance(transform, RandomTransform):
        return transform(data, generator)
    return transform(data)


def apply_to_many(transform: Transform, items: Sequence[Any], generators: Generators) -> list[Any]:
    """``apply(transform, item, generator)`` for each of many items, at once where the transform can."""
    if works_on_many(transform):
        return transform.many([copy.copy(item) for item in items], generators)
    return [apply(transform, *each) for each in zip(items, generators, strict=True)]


def _each(transform: Transform, items: Sequence[Any], generators: Generators) -> list[Any]:
    """The same, without copies for transforms that assign new tensors only."""
    if works_on_many(transform):
        return transform.many(items, generators)
    if isinstance(transform, RandomTransform):
        return [transform.forward(*each) for each in zip(items, generators, strict=True)]
    if isinstance(transform, BaseTransform):
        return [transform.forward(item) for item in items]
    return [transform(item) for item in items]


def has(data: Any, key: str) -> bool:
    """Whether ``data`` has ``key`` (``key in data`` builds the list of all keys each time)."""
    return getattr(data, key, None) is not None


#: Of a cloud of one point these still belong to the cloud, though they have one row.
_OF_CLOUDS = ("y", "category", "category_parts", "lattice", "spacing", "center")
NEIGHBORS = ("neighbor_index", "neighbor_table", "edge_index", "adj_t")
"""Attributes that say which points are neighbours."""


def point_keys(data: Any) -> list[str]:
    """Names of the attributes of ``data`` that have one row per point, by PyG's rule ``data.is_node_attr(key)``.

    Class indices ``y [1]`` belong to the cloud, labels ``y [n]`` to its points. Attributes that point to others
    (``face``, whole numbers called ``*index*``) are none; an attribute of a cloud that merely has n rows is taken for
    one of points.
    """
    n, items = data.pos.shape[0], list(data)
    plain = not any("edge" in key or "adj" in key or key == "num_nodes" for key, _ in items)
    return [
        key
        for key, value in items
        if not _points(key, value)
        and not (n == 1 and key in _OF_CLOUDS)
        and (_is_row(value, n) if plain and "index" not in key else data.is_node_attr(key))
    ]


def _is_row(value: Any, n: int) -> bool:
    """PyG's rule for data that have no edges."""
    if isinstance(value, (list, tuple)):
        return len(value) == n
    return isinstance(value, (Tensor, np.ndarray)) and value.ndim > 0 and value.shape[0] == n


def _points(key: str, value: Any) -> bool:
    """Whether an attribute holds rows of points."""
    whole = not (isinstance(value, Tensor) and value.is_floating_point())
    return key == "face" or (whole and "index" in key)


def take_points(data: Any, index: Tensor) -> Any:
    """The points at rows ``index``, with every attribute of :func:`point_keys`, and the faces that keep all corners."""
    n, index = data.pos.shape[0], index.to(data.pos.device)
    for key in point_keys(data):
        value = data[key]
        if isinstance(value, Tensor):
            data[key] = value.index_select(0, index)
        else:
            data[key] = (
                [value[i] for i in index.tolist()]
                if isinstance(value, (list, tuple))
                else value[index.cpu().numpy()]
            )
    if has(data, "face"):
        row = index.new_full((n,), -1)
        row[index.flip(0)] = torch.arange(
            len(index) - 1, -1, -1, device=index.device
        )  # repeated points: the first
        face = row[data.face]
        data.face = face[:, (face >= 0).all(dim=0)]
    if "num_nodes" in data:
        data.num_nodes = len(index)
    return data


def check_no_neighbors(data: Any, transform: object) -> None:
    """Refuse to change points whose neighbours are already known, or to choose among points that others point to.

    Raises:
        ValueError: ``transform`` changes points and ``data`` has a neighbour table, edges or an index of its own.
    """
    if not isinstance(transform, (MovesPoints, ChangesPoints)):
        return
    if isinstance(transform, ChangesPoints):
        own = [key for key, value in data if key not in (*NEIGHBORS, "face") and _points(key, value)]
        if own:
            raise ValueError(
                f"'data' must not have '{own[0]}', which points to rows: {type(transform).__name__} chooses other "
                "points; delete it, or give it a name without 'index'"
            )
    if any(has(data, key) for key in NEIGHBORS):
        raise ValueError(
            "'data' must not have neighbours yet: "
            f"{type(transform).__name__} changes the points they were computed from"
        )
