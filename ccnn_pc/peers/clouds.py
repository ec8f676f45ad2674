"""What peers of points share: features, positions and batch vector of PyG data; perceptrons in half precision."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.nn import MLP

from ccnn_pc._checks import check_batch, check_positions, check_same_length
from ccnn_pc._precision import HALF


def cloud_fields(data: Data, dim: int, in_channels: int) -> tuple[Tensor | None, Tensor, Tensor]:
    """Features (None without channels), positions and batch vector of ``data``, checked."""
    pos = check_positions("pos", data.pos, dim)
    batch = check_batch("batch", data.batch, pos)
    if in_channels == 0:
        return None, pos, batch
    if data.x is None or data.x.dim() != 2 or data.x.shape[1] != in_channels:
        got = None if data.x is None else list(data.x.shape)
        raise ValueError(f"'x' must have shape [n, {in_channels}], the model's input channels (got {got})")
    check_same_length("x", data.x, "pos", pos)
    return data.x, pos, batch


class PointMLP(MLP):
    """PyG's, in ``model.bfloat16()`` and ``model.half()`` also of features beside positions, which stay float32."""

    def forward(self, x: Tensor, *args: Any, **options: Any) -> Tensor:
        dtype = self.lins[0].weight.dtype
        return super().forward(x.to(dtype) if dtype in HALF else x, *args, **options)
