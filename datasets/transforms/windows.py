"""Sequences that are longer than what a network reads, in windows."""

from __future__ import annotations

from typing import Any

import torch
from torch_geometric.transforms import BaseTransform

from ccnn_pc._checks import check_at_least
from ccnn_pc.datasets.common.grid_data import set_windows
from ccnn_pc.datasets.transforms.resample import check_array
from ccnn_pc.ops.series.windows import window_starts


class InWindows(BaseTransform):
    """Make windows of a sequence that is longer than them, which overlap by half and cover it; others stay.

    A window counts by the share of its samples that are not 0 in every channel, as what lies behind the end is.

    Args:
        size: samples of a window.

    Example:
        >>> from ccnn_pc.datasets import GridData
        >>> item = InWindows(2)(GridData(x=torch.arange(4.0).view(1, 1, 4)))
        >>> item.x[:, 0].tolist(), item.windows.tolist(), item.window_weight.tolist()
        ([[0.0, 1.0], [1.0, 2.0], [2.0, 3.0]], [3], [0.5, 1.0, 1.0])
    """

    def __init__(self, size: int) -> None:
        self.size = check_at_least("size", size, 1)

    def forward(self, data: Any) -> Any:
        """Replace ``x [1, C, L]`` by ``[w, C, size]``; set ``windows`` and ``window_weight``."""
        check_array(data, self)
        length = data.x.shape[2]
        starts = window_starts(length, self.size) if length > self.size else [0]
        data.x = torch.cat([data.x[:, :, start : start + self.size] for start in starts])
        held = (data.x != 0).any(dim=1).float().mean(dim=1)
        weight = held if bool((held > 0).any()) else torch.ones_like(held)
        kept = weight > 0
        data.x = data.x[kept]
        return set_windows(data, weight[kept])

    def __repr__(self) -> str:
        return f"InWindows({self.size})"
