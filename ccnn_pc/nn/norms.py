"""Normalisation of features ``[n, C]``; every norm is called with the domain its samples lie on."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ccnn_pc._checks import check_at_least
from ccnn_pc._precision import at_least_single
from ccnn_pc.domains.base import AbstractDomain
from ccnn_pc.ops.segments import segment_sum


class NoNorm(nn.Module):
    """The identity, with the call of a norm."""

    def __init__(self, channels: int) -> None:
        super().__init__()

    def forward(self, x: Tensor, domain: AbstractDomain) -> Tensor:
        return x


class BatchNorm(nn.BatchNorm1d):
    """Batch norm with statistics per sample point: over all samples of all clouds of the batch.

    Raises:
        ValueError: a training batch of one row, which has no variance.

    Example:
        >>> from ccnn_pc.domains import PointSet
        >>> BatchNorm(4)(torch.rand(9, 4), PointSet(torch.rand(9, 3))).shape
        torch.Size([9, 4])
    """

    def __init__(self, channels: int) -> None:
        super().__init__(check_at_least("channels", channels, 1))

    def forward(self, x: Tensor, domain: AbstractDomain) -> Tensor:  # type: ignore[override]
        if self.training and len(x) == 1:
            raise ValueError(
                "'x' must have more than one row to train a batch norm (got 1); call .eval() to predict"
            )
        return super().forward(x)


class LayerNorm(nn.LayerNorm):
    r"""Layer norm of each sample over its channels: causal, since no sample sees another.

    .. math:: y_i = \gamma (x_i - \mu_i) / \sqrt{\sigma^2_i + \epsilon} + \beta

    (Ba et al. 2016.) Takes the place of :class:`GroupNorm`, whose statistics run over time, where outputs must not know
    the future.

    Args:
        channels: C.
        eps: guard of the variance.

    Shapes:
        * ``[n, C]`` to ``[n, C]``.

    Raises:
        ValueError: channels below 1.

    Example:
        >>> from ccnn_pc.domains import PointSet
        >>> y = LayerNorm(4)(torch.rand(9, 4), PointSet(torch.rand(9, 3)))
        >>> bool((y.mean(1).abs() < 1e-6).all())
        True
    """

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__(check_at_least("channels", channels, 1), eps=eps)

    def forward(self, x: Tensor, domain: AbstractDomain) -> Tensor:  # type: ignore[override]
        return super().forward(x)


class GroupNorm(nn.Module):
    r"""Group norm with statistics per cloud: over its samples and the channels of a group.

    .. math:: y = \gamma (x - \mu_{b,g}) / \sqrt{\sigma^2_{b,g} + \epsilon} + \beta

    One group is the norm of CKConv's networks. Clouds of a batch do not see each other.

    Args:
        channels: C.
        groups: number of groups; must divide C.
        eps: guard of the variance.

    Raises:
        ValueError: groups does not divide channels.

    Example:
        >>> from ccnn_pc.domains import PointSet
        >>> y = GroupNorm(4)(torch.rand(9, 4), PointSet(torch.rand(9, 3)))
        >>> abs(float(y.mean())) < 1e-6
        True
    """

    def __init__(self, channels: int, groups: int = 1, eps: float = 1e-5) -> None:
        super().__init__()
        check_at_least("channels", channels, 1)
        check_at_least("groups", groups, 1)
        if channels % groups:
            raise ValueError(f"'groups' must divide the {channels} channels (got {groups})")
        self.groups, self.eps = groups, eps
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor, domain: AbstractDomain) -> Tensor:
        batch, clouds = domain.segments()
        grouped = x.to(at_least_single(x.dtype)).unflatten(1, (self.groups, -1))
        count = torch.bincount(batch, minlength=clouds).clamp(min=1).to(grouped)[:, None]
        mean = segment_sum(grouped.mean(2), batch, clouds) / count
        centred = grouped - mean[batch][:, :, None]
        variance = segment_sum(centred.square().mean(2), batch, clouds) / count
        scaled = centred * torch.rsqrt(variance + self.eps)[batch][:, :, None]
        return (scaled.flatten(1) * self.weight + self.bias).to(x.dtype)

    def extra_repr(self) -> str:
        return f"{len(self.weight)}, groups={self.groups}, eps={self.eps}"
