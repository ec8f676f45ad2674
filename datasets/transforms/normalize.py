"""Bring clouds to a common size."""

from __future__ import annotations

import enum
from typing import Any

from torch_geometric.transforms import BaseTransform

from ccnn_pc._checks import check_positions
from ccnn_pc._choices import choice
from ccnn_pc.datasets.transforms.base import MovesPoints, check_no_neighbors


class Frame(enum.Enum):
    """What is centred and scaled to 1."""

    BOX = "box"
    SPHERE = "sphere"


class Normalize(BaseTransform, MovesPoints):
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

    def forward(self, data: Any) -> Any:
        """Replace ``pos``."""
        check_no_neighbors(data, self)
        dtype = data.pos.dtype
        pos = check_positions("pos", data.pos).double()
        if self.frame is Frame.BOX:
            low, high = pos.amin(dim=0), pos.amax(dim=0)  # aminmax wakes all threads for any few numbers
            pos = pos - (low + high) / 2
            size = float((high - low).max()) / 2
        else:
            pos = pos - pos.mean(dim=0)
            size = float(pos.square().sum(dim=1).max().sqrt())
        data.pos = (pos / size if size > 0 else pos).to(dtype)
        return data

    def __repr__(self) -> str:
        return f"Normalize({self.frame})"
