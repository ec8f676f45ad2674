"""What a network reads: features and neighbours, computed from the final positions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch_geometric.transforms import BaseTransform

from ccnn_pc._checks import check_at_least, check_metric, check_positions
from ccnn_pc.datasets.formats.columns import column_name
from ccnn_pc.datasets.transforms.base import TakesFeatures, TakesNeighbors
from ccnn_pc.datasets.transforms.many import Generators, WorksOnMany, alike, assign, stacked

#: |normal|: CAD models orient their faces as they were drawn.
UNORIENTED = "unoriented_normal"
#: 1 for every point: a convolution of it says how points lie, whatever they carry.
ONE = "one"
#: Features whose width is known without opening the data.
FEATURE_CHANNELS = {"pos": 3, "normal": 3, UNORIENTED: 3, ONE: 1}


def _named(feature: str) -> str:
    """The attribute that a feature names."""
    return "normal" if feature == UNORIENTED else feature


def _attribute(data: Any, feature: str) -> str | None:
    """The attribute that a feature is made of: of this name, or of the one the library gives it (``R``: ``red``)."""
    name = _named(feature)
    if name in data:
        return name
    known = column_name(name)
    return known if known in data else None


def _shown(values: Any) -> str:
    return f"shape {list(values.shape)}" if isinstance(values, Tensor) else type(values).__name__


class FeaturesFrom(WorksOnMany, BaseTransform, TakesFeatures):
    """Concatenate attributes into ``x``; ``["normal", "pos"]`` (default) gives the published 6 channels.

    Args:
        names: attributes with one row per point, in the order of the channels, those of files (``intensity``, ``red``,
            …) among them; ``"unoriented_normal"`` stands for the absolute values of the normal's coordinates, which do
            not depend on the side a face was drawn from, ``"one"`` for the constant 1.
        keep: leave the attributes in the data (``pos`` stays always).

    Raises:
        ValueError: (in ``forward``) an attribute is missing, is not finite, or holds words.
    """

    def __init__(self, names: Sequence[str] = ("normal", "pos"), keep: bool = False) -> None:
        if isinstance(names, str) or not names:
            raise ValueError(f"'names' must be a list of at least one attribute (got {names!r})")
        self.names = list(names)
        self.keep = keep

    def many(self, items: Sequence[Any], generators: Generators) -> list[Any]:
        """Set ``x``."""
        named = {_named(feature) for feature in self.names}
        for group, _ in alike(items, generators, "pos", *named, *map(column_name, named)):
            dtype = group[0].pos.dtype
            parts = [self._part(group, feature).to(dtype) for feature in self.names]
            read = [_attribute(group[0], feature) for feature in self.names]
            assign(group, "x", torch.cat(parts, dim=2))
            for name in () if self.keep else {each for each in read if each not in (None, "pos", "x")}:
                for item in group:
                    del item[name]
        return list(items)

    def _part(self, group: Sequence[Any], feature: str) -> Tensor:
        """The columns ``[B, n, C]`` of one feature of items that are alike."""
        first = group[0]
        if feature == ONE:
            return torch.ones_like(stacked(group, "pos")[:, :, :1])
        name = _attribute(first, feature)
        if name is None:
            hint = "; estimate normals first, or train on ['pos'] alone" if feature.endswith("normal") else ""
            raise ValueError(
                f"'data' must have '{_named(feature)}' for these features (got {sorted(first.keys())}){hint}"
            )
        values = first[name]
        if not isinstance(values, Tensor) or values.dim() not in (1, 2) or len(values) != len(first.pos):
            raise ValueError(
                f"'{name}' must be numbers, one row per point, to be a feature (got {_shown(values)})"
            )
        values = stacked(group, name)
        if name not in FEATURE_CHANNELS and not bool(torch.isfinite(values).all()):
            missing = next(wrong for wrong in (~torch.isfinite(values)).flatten(1).sum(1).tolist() if wrong)
            raise ValueError(
                f"'{name}' must be finite to be a feature ({missing} of {values[0].numel()} numbers are not)"
            )
        values = values.abs() if feature == UNORIENTED else values
        return values if values.dim() > 2 else values[:, :, None]

    def __repr__(self) -> str:
        return f"FeaturesFrom({self.names})"


def neighbors_of(num_points: int, k: int, per: int, fewest: int = 1) -> int:
    """Neighbours that see, in a cloud of ``num_points``, the share of it that k see in one of ``per`` points.

    Args:
        num_points: of the cloud.
        k: neighbours in a cloud of ``per`` points.
        per: that number of points.
        fewest: neighbours that are kept at least, but no more than k.

    Example:
        >>> neighbors_of(512, 96, 1024), neighbors_of(2048, 96, 1024), neighbors_of(32, 96, 1024, fewest=8)
        (48, 192, 8)
    """
    return max(round(k * num_points / per), min(k, fewest))


class KNN(WorksOnMany, BaseTransform, TakesNeighbors):
    """Attach the k nearest points of each: ``neighbor_index`` ``[k, n]`` int32 and ``neighbor_count`` ``[n]``.

    Column i holds the neighbours of point i, nearest first. Name and layout are those of PyG's ``edge_index``, so that
    batches of any ``Data`` shift the rows of each cloud by the number of points before it.

    Args:
        k: number of neighbours, the point itself included. Clouds with fewer points are padded and counted.
        per: points of a cloud that k is meant for; smaller clouds have fewer neighbours, the same share of their
            points (see :func:`neighbors_of`), padded and counted too. None: k, whatever the number of points.
        fewest: neighbours that these keep at least.
        metric: factors of the axes in the search, see :meth:`ccnn_pc.domains.PointSet.knn`; None: all alike.

    Example:
        >>> from ccnn_pc.datasets import PointCloudData
        >>> cloud = KNN(96, per=1024)(PointCloudData(pos=torch.rand(256, 3)))
        >>> cloud.neighbor_index.shape, int(cloud.neighbor_count[0])
        (torch.Size([96, 256]), 24)
    """

    def __init__(
        self, k: int, per: int | None = None, fewest: int = 1, metric: Sequence[float] | None = None
    ) -> None:
        self.metric = None if metric is None else check_metric(metric, len(metric))
        self.k, self.fewest = check_at_least("k", k, 1), check_at_least("fewest", fewest, 1)
        self.per = None if per is None else check_at_least("per", per, 1)

    def many(self, items: Sequence[Any], generators: Generators) -> list[Any]:
        """Set ``neighbor_index`` and ``neighbor_count``."""
        from ccnn_pc.ops.neighbors.k_nearest import knn, nearest_first

        for group, _ in alike(items, generators, "pos"):
            for item in group:
                check_positions("pos", item.pos)  # an error names its row in its own cloud
            clouds, n = len(group), len(group[0].pos)
            k = self.k if self.per is None else min(self.k, neighbors_of(n, self.k, self.per, self.fewest))
            pos = torch.cat([item.pos for item in group])
            own = torch.arange(clouds, device=pos.device)
            batch = own.repeat_interleave(n)
            if self.metric is None:
                neighbors = knn(pos, k, batch)
            else:
                neighbors = nearest_first(knn(pos * pos.new_tensor(self.metric), k, batch), pos, pos)
            index = neighbors.index.view(clouds, n, k) - (n * own[:, None, None]).int()
            index = index.transpose(1, 2)
            if k < self.k:  # tables of one batch have as many rows
                index = torch.cat([index, index[:, -1:].expand(clouds, self.k - k, n)], dim=1)
            assign(group, "neighbor_index", index.contiguous())
            assign(group, "neighbor_count", neighbors.count.view(clouds, n))
        return list(items)

    def __repr__(self) -> str:
        of = "" if self.per is None else f" of {self.per}"
        return f"KNN({self.k}{of}{'' if self.metric is None else f', metric={self.metric}'})"
