"""Sums over the rows of each segment: cloud, series, image, cell."""

from __future__ import annotations

from torch import Tensor


def segment_sum(x: Tensor, segment: Tensor, num_segments: int) -> Tensor:
    r"""Sum of the rows of each segment, :math:`\sum_{i:\, s_i = b} x_i`.

    Rows are added in their order, so that the result is the same to the last bit on every run on a CPU.

    Args:
        x: ``[n, ...]``.
        segment: of each row, int64 ``[n]``, in any order.
        num_segments: B.

    Returns:
        ``[B, ...]``; 0 for segments without rows.

    Example:
        >>> import torch
        >>> segment_sum(torch.tensor([1.0, 2.0, 4.0]), torch.tensor([0, 2, 0]), 3).tolist()
        [5.0, 0.0, 2.0]
    """
    return x.new_zeros(num_segments, *x.shape[1:]).index_add(0, segment, x)


def segment_count(segment: Tensor, num_segments: int) -> Tensor:
    """Rows of each segment, int64 ``[B]``; unlike :func:`torch.bincount` no device is waited for.

    Example:
        >>> import torch
        >>> segment_count(torch.tensor([0, 2, 0]), 3).tolist()
        [2, 0, 1]
    """
    return segment_sum(segment.new_ones(segment.shape), segment, num_segments)


def segment_mean(x: Tensor, segment: Tensor, num_segments: int) -> Tensor:
    """Mean of the rows of each segment; NaN for segments without rows. See :func:`segment_sum`."""
    count = segment_count(segment, num_segments).view(-1, *[1] * (x.dim() - 1))
    return segment_sum(x, segment, num_segments) / count
