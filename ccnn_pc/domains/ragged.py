"""Ragged batches: positions relative to the centre of their segment, a cloud or a series."""

from __future__ import annotations

import torch
from torch import Tensor

from ccnn_pc.ops.segments import segment_sum


def centers(pos: Tensor, batch: Tensor, num_segments: int) -> Tensor:
    """Mean of each segment, float64 ``[B, D]``."""
    total = segment_sum(pos.detach().double(), batch, num_segments)
    return total / torch.bincount(batch, minlength=num_segments)[:, None]


def centered(pos: Tensor, center: Tensor, batch: Tensor) -> Tensor:
    """Positions relative to the centre of their segment, subtracted in float64, in the type they came in."""
    return (pos.double() - center[batch]).to(pos.dtype)
