"""Reduction of all samples of a cloud to one row."""

from __future__ import annotations

import enum

import torch
from torch import Tensor

from ccnn_pc._choices import choice
from ccnn_pc._precision import at_least_single
from ccnn_pc.ops.segments import segment_count, segment_sum


class Pool(enum.Enum):
    """How samples are reduced: quadrature-weighted mean, maximum, both side by side; or the last one of a series."""

    MEAN = "mean"
    MAX = "max"
    MEAN_MAX = "mean+max"
    LAST = "last"

    @property
    def width(self) -> int:
        """Output channels per input channel."""
        return 2 if self is Pool.MEAN_MAX else 1


def pool_segments(
    x: Tensor, batch: Tensor, num_segments: int, reduce: Pool, volume: Tensor | None = None
) -> Tensor:
    r"""Reduce rows that share a segment number.

    .. math:: \mathrm{mean}_b = \sum_{i \in b} V_i x_i / \sum_{i \in b} V_i

    Args:
        x: ``[m, C]``.
        batch: segment of each row, int64 ``[m]``; sorted for ``LAST``.
        num_segments: B.
        reduce: see :class:`Pool`.
        volume: V, ``[m]``; None counts every row alike. The maximum ignores it.

    Returns:
        ``[B, C]``, or ``[B, 2C]`` (mean, then maximum).

    Example:
        >>> x = torch.tensor([[1.0], [3.0], [5.0]])
        >>> pool_segments(x, torch.tensor([0, 0, 1]), 2, Pool.MEAN).flatten().tolist()
        [2.0, 5.0]
        >>> volume = torch.tensor([3.0, 1.0, 1.0])
        >>> pool_segments(x, torch.tensor([0, 0, 1]), 2, Pool.MEAN, volume).flatten().tolist()
        [1.5, 5.0]
    """
    reduce = choice("reduce", reduce, Pool)
    if reduce is Pool.MEAN_MAX:
        both = (pool_segments(x, batch, num_segments, r, volume) for r in (Pool.MEAN, Pool.MAX))
        return torch.cat(list(both), dim=1)
    if reduce is Pool.LAST:
        return x[segment_count(batch, num_segments).cumsum(0) - 1]
    if reduce is Pool.MAX:
        empty = x.new_full((num_segments, x.shape[1]), -torch.inf)
        return empty.scatter_reduce(0, batch[:, None].expand_as(x), x, reduce="amax")
    wide = x.to(at_least_single(x.dtype))
    v = wide.new_ones(len(x)) if volume is None else volume.to(wide)
    total = segment_sum(wide * v[:, None], batch, num_segments)
    return (total / segment_sum(v, batch, num_segments)[:, None]).to(x.dtype)
