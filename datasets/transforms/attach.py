"""What a network reads: features and neighbours, computed from the final positions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch_geometric.transforms import BaseTransform

from ccnn_pc._checks import check_at_least
from ccnn_pc.datasets.transforms.base import TakesFeatures, TakesNeighbors, has

#: |normal|: CAD models orient their faces as they were drawn.
UNORIENTED = "unoriented_normal"
#: 1 for every point: a convolution of it says how points lie, whatever they carry.
ONE = "one"
#: Features whose width is known without opening the data.
FEATURE_CHANNELS = {"pos": 3, "normal": 3, UNORIENTED: 3, ONE: 1}


class FeaturesFrom(BaseTransform, TakesFeatures):
    """Concatenate attributes into ``x``; ``["normal", "pos"]`` (default) gives the published 6 channels.

    Args:
        names: attributes with one row per point, in the order of the channels; ``"unoriented_normal"`` stands
            for the absolute values of the normal's coordinates, which do not depend on the side a face was
            drawn from, ``"one"`` for the constant 1.
        keep: leave the attributes in the data (``pos`` stays always).

    Raises:
        ValueError: an attribute is missing (in ``forward``).
    """

    def __init__(self, names: Sequence[str] = ("normal", "pos"), keep: bool = False) -> None:
        if isinstance(names, str) or not names:
            raise ValueError(f"'names' must be a list of at least one attribute (got {names!r})")
        self.names = list(names)
        self.keep = keep

    def forward(self, data: Any) -> Any:
        """Set ``x``."""
        parts: list[Tensor] = []
        for feature in self.names:
            if feature == ONE:
                parts.append(torch.ones_like(data.pos[:, :1]))
                continue
            name = "normal" if feature == UNORIENTED else feature
            if not has(data, name):
                hint = "; estimate normals first, or train on ['pos'] alone" if name == "normal" else ""
                raise ValueError(
                    f"'data' must have '{name}' for these features (got {sorted(data.keys())}){hint}"
                )
            part = data[name].abs() if feature == UNORIENTED else data[name]
            parts.append(part if part.dim() > 1 else part[:, None])
        data.x = torch.cat([part.to(data.pos.dtype) for part in parts], dim=1)
        if not self.keep:
            for name in self.names:
                name = "normal" if name == UNORIENTED else name
                if name not in ("pos", "x") and has(data, name):
                    del data[name]
        return data

    def __repr__(self) -> str:
        return f"FeaturesFrom({self.names})"


class KNN(BaseTransform, TakesNeighbors):
    """Attach the k nearest points of each: ``neighbor_index`` ``[k, n]`` int32 and ``neighbor_count`` ``[n]``.

    Column i holds the neighbours of point i, nearest first. Name and layout are those of PyG's ``edge_index``, so that
    batches of any ``Data`` shift the rows of each cloud by the number of points before it.

    Args:
        k: number of neighbours, the point itself included. Clouds with fewer points are padded and counted.
    """

    def __init__(self, k: int) -> None:
        self.k = check_at_least("k", k, 1)

    def forward(self, data: Any) -> Any:
        """Set ``neighbor_index`` and ``neighbor_count``."""
        from ccnn_pc.ops.neighbors.k_nearest import knn

        neighbors = knn(data.pos, self.k)
        data.neighbor_index, data.neighbor_count = neighbors.index.t().contiguous(), neighbors.count
        return data

    def __repr__(self) -> str:
        return f"KNN({self.k})"
