"""Bring clouds to a common size."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Any

import torch
from torch_geometric.transforms import BaseTransform

from ccnn_pc._checks import check_positions
from ccnn_pc._choices import choice
from ccnn_pc.datasets.transforms.base import MovesPoints, check_no_neighbors
from ccnn_pc.datasets.transforms.many import Generators, WorksOnMany, alike, assign, stacked


class Frame(enum.Enum):
    """What is centred and scaled to 1."""

    BOX = "box"
    SPHERE = "sphere"


class Normalize(WorksOnMany, BaseTransform, MovesPoints):
    """Centre and scale a cloud, in float64, so that it fills [-1, 1]^D.

    ``Frame.BOX``: the centre of the bounding box goes to 0 and its longest side to [-1, 1].
    ``Frame.SPHERE``: the mean of the points goes to 0 and the farthest point to distance 1.
    A cloud of one repeated point is only centred.

    Args:
        frame: box (default) or sphere.

    Example:
        >>> import torch
        >>> from ccnn_pc.datasets import PointCloudData
        >>> Normalize(Frame.BOX)(PointCloudData(pos=torch.tensor([[0.0, 0.0], [4.0, 2.0]]))).pos.tolist()
        [[-1.0, -0.5], [1.0, 0.5]]
    """

    def __init__(self, frame: Frame | str = Frame.BOX) -> None:
        self.frame = choice("frame", frame, Frame)

    def many(self, items: Sequence[Any], generators: Generators) -> list[Any]:
        """Replace ``pos``."""
        for item in items:
            check_no_neighbors(item, self)
            check_positions("pos", item.pos)
        for group, _ in alike(items, generators, "pos"):
            pos = stacked(group, "pos")
            dtype, pos = pos.dtype, pos.double()
            if self.frame is Frame.BOX:
                low, high = pos.amin(dim=1), pos.amax(dim=1)  # aminmax wakes all threads for any few numbers
                pos = pos - ((low + high) / 2)[:, None]
                size = (high - low).amax(dim=1) / 2
            else:
                pos = pos - torch.stack([each.mean(dim=0) for each in pos])[:, None]
                size = pos.square().sum(dim=2).amax(dim=1).sqrt()
            assign(group, "pos", (pos / torch.where(size > 0, size, 1.0)[:, None, None]).to(dtype))
        return list(items)

    def __repr__(self) -> str:
        return f"Normalize({self.frame})"
