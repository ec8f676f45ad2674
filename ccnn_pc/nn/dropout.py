"""Dropout: of whole channels, of single numbers, of whole residual branches."""

from __future__ import annotations

import enum
from typing import ClassVar

import torch
from torch import Tensor, nn

from ccnn_pc._checks import check_fraction
from ccnn_pc.domains.base import AbstractDomain


class _CloudDropout(nn.Module):
    """Drop the same for all samples of a cloud: every channel by itself, or all of them together."""

    together: ClassVar[bool]

    def __init__(self, p: float = 0.0) -> None:
        super().__init__()
        self.p = check_fraction("p", p)

    def forward(self, x: Tensor, domain: AbstractDomain) -> Tensor:
        if not self.training or self.p == 0:
            return x
        batch, clouds = domain.segments()
        keep = torch.rand(clouds, 1 if self.together else x.shape[1], device=x.device) >= self.p
        return x * (keep.to(x) / (1 - self.p))[batch]

    def extra_repr(self) -> str:
        return f"p={self.p}"


class ChannelDropout(_CloudDropout):
    """Drop whole channels of a cloud: all of its samples lose the same ones (CCNN, appendix; ``Dropout2d`` on grids).

    Args:
        p: share of channels dropped in training; the others are scaled by 1 / (1 - p).

    Raises:
        ValueError: p outside of [0, 1).

    Example:
        >>> from ccnn_pc.domains import PointSet
        >>> x = torch.ones(4, 100)
        >>> y = ChannelDropout(0.5)(x, PointSet(torch.rand(4, 3)))
        >>> bool((y == y[:1]).all()), sorted(y.unique().tolist())
        (True, [0.0, 2.0])
    """

    together = False


class DropoutKind(enum.Enum):
    """Kinds of dropout by name: of whole channels (CHANNEL) or of single numbers (ELEMENT)."""

    CHANNEL = "channel"
    ELEMENT = "element"

    @property
    def layer(self) -> type[nn.Module]:
        """What makes such a layer: called with the share that is dropped."""
        return ChannelDropout if self is DropoutKind.CHANNEL else nn.Dropout


class DropPath(_CloudDropout):
    """Drop the whole residual branch of a cloud, image or series (stochastic depth, Huang et al. 2016; SMPConv).

    Args:
        p: share of clouds whose branch is dropped in training; the others are scaled by 1 / (1 - p).

    Raises:
        ValueError: p outside of [0, 1).

    Example:
        >>> from ccnn_pc.domains import PointSet
        >>> y = DropPath(0.5)(torch.ones(6, 2), PointSet(torch.rand(6, 3), torch.tensor([0, 0, 1, 1, 2, 2])))
        >>> bool((y[::2] == y[1::2]).all())
        True
    """

    together = True
