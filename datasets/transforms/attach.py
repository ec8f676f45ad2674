"""What a network reads: features and neighbours, computed from the final positions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch_geometric.transforms import BaseTransform

from ccnn_pc._checks import check_at_least, check_metric
from ccnn_pc.datasets.formats.columns import column_name
from ccnn_pc.datasets.transforms.base import TakesFeatures, TakesNeighbors

#: |normal|: CAD models orient their faces as they were drawn.
UNORIENTED = "unoriented_normal"
#: 1 for every point: a convolution of it says how points lie, whatever they carry.
ONE = "one"
#: Features whose width is known without opening the data.
FEATURE_CHANNELS = {"pos": 3, "normal": 3, UNORIENTED: 3, ONE: 1}


def _attribute(data: Any, feature: str) -> str | None:
    """The attribute that a feature is made of: of this name, or of the one the library gives it (``R``: ``red``)."""
    name = "normal" if feature == UNORIENTED else feature
    if name in data:
        return name
    known = column_name(name)
    return known if known in data else None


def _shown(values: Any) -> str:
    return f"shape {list(values.shape)}" if isinstance(values, Tensor) else type(values).__name__


class FeaturesFrom(BaseTransform, TakesFeatures):
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

    def forward(self, data: Any) -> Any:
        """Set ``x``."""
        parts = [self._part(data, feature) for feature in self.names]
        data.x = torch.cat([part.to(data.pos.dtype) for part in parts], dim=1)
        if not self.keep:
            for feature in self.names:
                name = _attribute(data, feature)
                if name is not None and name not in ("pos", "x"):
                    del data[name]
        return data

    def _part(self, data: Any, feature: str) -> Tensor:
        """The columns ``[n, C]`` of one feature."""
        if feature == ONE:
            return torch.ones_like(data.pos[:, :1])
        name = _attribute(data, feature)
        if name is None:
            hint = "; estimate normals first, or train on ['pos'] alone" if feature.endswith("normal") else ""
            wanted = "normal" if feature == UNORIENTED else feature
            raise ValueError(
                f"'data' must have '{wanted}' for these features (got {sorted(data.keys())}){hint}"
            )
        values = data[name]
        if not isinstance(values, Tensor) or values.dim() not in (1, 2) or len(values) != len(data.pos):
            raise ValueError(
                f"'{name}' must be numbers, one row per point, to be a feature (got {_shown(values)})"
            )
        if name not in FEATURE_CHANNELS and not bool(torch.isfinite(values).all()):
            missing = int((~torch.isfinite(values)).sum())
            raise ValueError(
                f"'{name}' must be finite to be a feature ({missing} of {values.numel()} numbers are not)"
            )
        values = values.abs() if feature == UNORIENTED else values
        return values if values.dim() > 1 else values[:, None]

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


class KNN(BaseTransform, TakesNeighbors):
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

    def forward(self, data: Any) -> Any:
        """Set ``neighbor_index`` and ``neighbor_count``."""
        from ccnn_pc.ops.neighbors.k_nearest import knn, nearest_first

        n = len(data.pos)
        k = self.k if self.per is None else min(self.k, neighbors_of(n, self.k, self.per, self.fewest))
        if self.metric is None:
            neighbors = knn(data.pos, k)
        else:
            neighbors = nearest_first(knn(data.pos * data.pos.new_tensor(self.metric), k), data.pos, data.pos)
        index = neighbors.index.t()
        if k < self.k:  # tables of one batch have as many rows
            index = torch.cat([index, index[-1:].expand(self.k - k, n)])
        data.neighbor_index, data.neighbor_count = index.contiguous(), neighbors.count
        return data

    def __repr__(self) -> str:
        of = "" if self.per is None else f" of {self.per}"
        return f"KNN({self.k}{of}{'' if self.metric is None else f', metric={self.metric}'})"
