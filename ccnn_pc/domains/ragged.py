"""Ragged batches: which segment (cloud or series) queries belong to, and positions relative to a segment's centre."""

from __future__ import annotations

import torch
from torch import Tensor

from ccnn_pc._checks import check_batch
from ccnn_pc.ops.segments import segment_sum


def centers(pos: Tensor, batch: Tensor, num_segments: int) -> Tensor:
    """Mean of each segment, float64 ``[B, D]``."""
    total = segment_sum(pos.detach().double(), batch, num_segments)
    return total / torch.bincount(batch, minlength=num_segments)[:, None]


def centered(pos: Tensor, center: Tensor, batch: Tensor) -> Tensor:
    """Positions relative to the centre of their segment, subtracted in float64, in the type they came in."""
    return (pos.double() - center[batch]).to(pos.dtype)


def check_query_batch(query_batch: Tensor | None, query_pos: Tensor, num_segments: int) -> Tensor:
    """Segment of each query: like ``batch``, with the same segments.

    Raises:
        TypeError: not an integer tensor.
        ValueError: wrong length, unsorted, or other segments than the samples'.
    """
    if query_batch is None and num_segments > 1:
        raise ValueError(
            f"'query_batch' must say which of the {num_segments} clouds each query belongs to (got None)"
        )
    segments = check_batch("query_batch", query_batch, query_pos)
    if int(segments[-1]) + 1 != num_segments:
        raise ValueError(
            f"'query_batch' must have queries in each of the {num_segments} clouds (got {int(segments[-1]) + 1})"
        )
    return segments
