"""Axes of clouds in another order, or turned round."""

from __future__ import annotations

import itertools
from typing import Any

import torch
from torch import Tensor
from torch_geometric.transforms import BaseTransform

from ccnn_pc.datasets.transforms.base import MovesPoints, has

_NAMES = "xyz"


class PermutedAxes(BaseTransform, MovesPoints):
    """Positions and normals with the axes that a model was trained with.

    Args:
        axes: of the data, in the order in which the model has them, with a minus where one points the other way:
            ``"x,-z,y"`` of data whose y points up and whose z towards the viewer, for a model whose z points up.

    Raises:
        ValueError: not each of x, y, z once.

    Example:
        >>> from ccnn_pc.datasets import PointCloudData
        >>> PermutedAxes("x,-z,y")(PointCloudData(pos=torch.tensor([[1.0, 2.0, 3.0]]))).pos.tolist()
        [[1.0, -3.0, 2.0]]
    """

    def __init__(self, axes: str) -> None:
        words = [word.strip() for word in axes.split(",")]
        names = [word.removeprefix("-") for word in words]
        if sorted(names) != list(_NAMES):
            raise ValueError(f"'axes' must name x, y and z once each, as x,-z,y (got '{axes}')")
        self.axes = ",".join(words)
        self.order = [_NAMES.index(name) for name in names]
        self.signs = [-1.0 if word.startswith("-") else 1.0 for word in words]

    def forward(self, data: Any) -> Any:
        """Replace ``pos`` and ``normal``."""
        for key in ("pos", "normal"):
            if has(data, key):
                data[key] = self._turned(key, data[key])
        return data

    def _turned(self, key: str, values: Tensor) -> Tensor:
        if values.dim() != 2 or values.shape[1] != len(_NAMES):
            raise ValueError(
                f"'data.{key}' must have shape [n, 3] for PermutedAxes (got {list(values.shape)})"
            )
        columns = zip(self.order, self.signs, strict=True)
        return torch.stack([sign * values[:, axis] for axis, sign in columns], dim=1)

    def __repr__(self) -> str:
        return f"PermutedAxes('{self.axes}')"


def other_axes() -> list[str]:
    """All other orders of three axes, each as it is and with all axes turned round.

    Example:
        >>> len(other_axes()), other_axes()[:2]
        (11, ['-x,-y,-z', 'x,z,y'])
    """
    orders = itertools.product(itertools.permutations(_NAMES), ("", "-"))
    return [",".join(sign + name for name in order) for order, sign in orders][1:]
