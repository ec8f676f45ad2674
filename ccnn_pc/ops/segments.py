"""Sums, means and ranges over the rows of each segment: cloud, series, image, cell."""

from __future__ import annotations

import torch
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
    if torch.compiler.is_compiling():  # one node: inductor's own sums into few rows fail to compile on CPUs
        found: Tensor = _node(x, segment, num_segments)
        return found
    return x.new_zeros(num_segments, *x.shape[1:]).index_add(0, segment, x)


@torch.library.custom_op("ccnn_pc::segment_sum", mutates_args=())
def _node(x: Tensor, segment: Tensor, num_segments: int) -> Tensor:
    return x.new_zeros(num_segments, *x.shape[1:]).index_add(0, segment, x)


@_node.register_fake
def _(x, segment, num_segments):  # type: ignore[no-untyped-def]
    return x.new_empty(num_segments, *x.shape[1:])


def _keep(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
    ctx.save_for_backward(inputs[1])


def _differentiate(ctx, grad):  # type: ignore[no-untyped-def]
    return grad[ctx.saved_tensors[0]], None, None


_node.register_autograd(_differentiate, setup_context=_keep)


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


def segment_range(x: Tensor, segment: Tensor, num_segments: int) -> tuple[Tensor, Tensor]:
    """Least and largest of the rows of each segment, along each column ``[B, C]``; 0 for segments without rows.

    Example:
        >>> import torch
        >>> low, high = segment_range(torch.tensor([[1.0], [3.0], [2.0]]), torch.tensor([0, 0, 1]), 2)
        >>> low.flatten().tolist(), high.flatten().tolist()
        ([1.0, 2.0], [3.0, 2.0])
    """
    where, none = segment[:, None].expand_as(x), x.new_zeros(num_segments, x.shape[1])
    low, high = (none.scatter_reduce(0, where, x, how, include_self=False) for how in ("amin", "amax"))
    return low, high
