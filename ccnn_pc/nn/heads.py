"""From features to answers: one per cloud, or one per sample."""

from __future__ import annotations

from torch import Tensor, nn

from ccnn_pc._choices import choice
from ccnn_pc.domains.base import AbstractDomain
from ccnn_pc.domains.pooling import Pool


class PooledHead(nn.Module):
    """One answer per cloud: reduce over samples, then a linear map.

    Args:
        in_channels: channels of the features.
        out_channels: classes, or one logit.
        pool: how samples are reduced.

    Shapes:
        * ``[m, C]`` on a domain of B clouds to ``[B, out_channels]``.
    """

    def __init__(self, in_channels: int, out_channels: int, pool: Pool = Pool.MEAN) -> None:
        super().__init__()
        self.pool = choice("pool", pool, Pool)
        self.linear = nn.Linear(in_channels * self.pool.width, out_channels)
        nn.init.kaiming_normal_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, x: Tensor, domain: AbstractDomain) -> Tensor:
        return self.linear(domain.pool(x, self.pool))


class SampleHead(nn.Module):
    """One answer per sample: a linear map.

    Args:
        in_channels: channels of the features.
        out_channels: classes, or numbers to regress.

    Shapes:
        * ``[m, C]`` to ``[m, out_channels]``.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.linear = nn.Linear(in_channels, out_channels)
        nn.init.kaiming_normal_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, x: Tensor, domain: AbstractDomain) -> Tensor:
        return self.linear(x)


def head_for(in_channels: int, out_channels: int, pool: Pool | None) -> PooledHead | SampleHead:
    """One answer per cloud where samples are pooled, else one per sample."""
    if pool is None:
        return SampleHead(in_channels, out_channels)
    return PooledHead(in_channels, out_channels, pool)
