"""Ragged batches: positions relative to the centre of their segment, a cloud or a series."""

from __future__ import annotations

import torch
from torch import Tensor

from ccnn_pc.ops.segments import segment_count, segment_sum


def centers(pos: Tensor, batch: Tensor, num_segments: int) -> Tensor:
    """Mean of each segment, float64 ``[B, D]``."""
    total = segment_sum(pos.detach().double(), batch, num_segments)
    return total / segment_count(batch, num_segments)[:, None]


def centered(pos: Tensor, center: Tensor, batch: Tensor) -> Tensor:
    """Positions relative to the centre of their segment, subtracted in float64, in the type they came in."""
    return (pos.double() - center[batch]).to(pos.dtype)


def at_reference(own: Tensor, reference: float | Tensor) -> Tensor:
    """Samples per segment that weights refer to, like ``own``, the number of its samples; those where a tensor is 0.

    Example:
        >>> own = torch.tensor([3.0, 4.0])
        >>> at_reference(own, 2.0).tolist(), at_reference(own, torch.tensor(0.0)).tolist()
        ([2.0, 2.0], [3.0, 4.0])
    """
    if isinstance(reference, Tensor):
        return torch.where(reference > 0, reference.to(own), own)
    return torch.full_like(own, reference)
