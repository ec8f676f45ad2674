"""From features to answers: one per cloud, or one per sample."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from ccnn_pc.domains.base import AbstractDomain
from ccnn_pc.domains.pooling import Pool
from ccnn_pc.nn.apply import Composite, Pooling, apply_pool, check_pooling, pooled_channels
from ccnn_pc.nn.mixing import HeLinear


class PooledHead(Composite):
    """One answer per cloud: reduce over samples, then a linear map.

    Args:
        in_channels: channels of the features.
        out_channels: classes, or one logit; 0: none, the reduced features are the answer.
        pool: how samples are reduced: a choice, or one of PyG's aggregations or functions.

    Shapes:
        * ``[m, C]`` on a domain of B clouds to ``[B, out_channels]``.
    """

    def __init__(self, in_channels: int, out_channels: int, pool: Pooling | str = Pool.MEAN) -> None:
        super().__init__()
        self.pool = check_pooling("pool", pool)
        self.linear = _linear(pooled_channels(self.pool, in_channels), out_channels)

    def forward(self, x: Tensor, domain: AbstractDomain) -> Tensor:
        return self.linear(apply_pool(self.pool, x, domain))


class SampleHead(Composite):
    """One answer per sample: a linear map.

    Args:
        in_channels: channels of the features.
        out_channels: classes, or numbers to regress; 0: none, the features are the answer.

    Shapes:
        * ``[m, C]`` to ``[m, out_channels]``.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.linear = _linear(in_channels, out_channels)

    def forward(self, x: Tensor, domain: AbstractDomain) -> Tensor:
        return self.linear(x)


def _linear(in_channels: int, out_channels: int) -> Any:
    return HeLinear(in_channels, out_channels) if out_channels else nn.Identity()


def head_for(in_channels: int, out_channels: int, pool: Pooling | str | None) -> PooledHead | SampleHead:
    """One answer per cloud where samples are pooled, else one per sample."""
    if pool is None:
        return SampleHead(in_channels, out_channels)
    return PooledHead(in_channels, out_channels, pool)
