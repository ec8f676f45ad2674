"""Residual blocks of the papers: CCNN's, its ablation (S4), FlexNet's and CKCNN's."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn import functional

from ccnn_pc.domains.base import AbstractDomain
from ccnn_pc.nn.apply import Composite, NormFactory, apply_layer
from ccnn_pc.nn.conv import ContinuousConv
from ccnn_pc.nn.dropout import ChannelDropout
from ccnn_pc.nn.mixing import HeLinear

ConvFactory = Callable[[int, int], ContinuousConv]
DropoutFactory = Callable[[float], nn.Module]


def _shortcut(in_channels: int, out_channels: int) -> nn.Module:
    return nn.Identity() if in_channels == out_channels else HeLinear(in_channels, out_channels)


class S4Block(Composite):
    r"""The block that CCNN starts from (its Table 8, "S4 block"): CCNN's block without the last nonlinearity.

    .. math:: y = s(x) + A\,\mathrm{drop}(\mathrm{GELU}(\mathrm{conv}(\mathrm{norm}(x))))

    Args:
        in_channels: channels of x.
        out_channels: channels of y; where they differ the shortcut s is a linear map.
        conv: makes the convolution: called with ``in_channels, out_channels``.
        norm: makes the norm, of torch, of PyG or of ours: called with ``channels``.
        dropout: share of what ``drop`` drops.
        drop: kind of dropout, called with ``dropout``: of whole channels, or of single numbers.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        conv: ConvFactory,
        norm: NormFactory = nn.BatchNorm1d,
        dropout: float = 0.0,
        drop: DropoutFactory = ChannelDropout,
    ) -> None:
        super().__init__()
        self.norm = norm(in_channels)
        self.conv = conv(in_channels, out_channels)
        self.dropout = drop(dropout)
        self.linear = HeLinear(out_channels, out_channels)
        self.shortcut = _shortcut(in_channels, out_channels)

    def branch(self, x: Tensor, domain: AbstractDomain) -> Tensor:
        """What is added to the shortcut."""
        y = functional.gelu(self.conv(apply_layer(self.norm, x, domain), domain))
        return self.linear(apply_layer(self.dropout, y, domain))

    def forward(self, x: Tensor, domain: AbstractDomain) -> Tensor:
        return self.shortcut(x) + self.branch(x, domain)


class CCNNBlock(S4Block):
    r"""CCNN's residual block (its Fig. 3).

    .. math:: y = s(x) + \mathrm{GELU}(A\,\mathrm{drop}(\mathrm{GELU}(\mathrm{conv}(\mathrm{norm}(x)))))

    Arguments as in :class:`S4Block`.
    """

    def branch(self, x: Tensor, domain: AbstractDomain) -> Tensor:
        """What is added to the shortcut."""
        return functional.gelu(super().branch(x, domain))


class FlexNetBlock(Composite):
    r"""FlexNet's residual block: two convolutions, norm after each.

    .. math::
        y = \mathrm{ReLU}(s(x) + \mathrm{norm}_2(\mathrm{conv}_2(z))), \qquad
        z = \mathrm{drop}(\mathrm{ReLU}(\mathrm{norm}_1(\mathrm{conv}_1(x))))

    Args:
        in_channels: channels of x.
        out_channels: channels of y; where they differ the shortcut s is a linear map.
        conv: makes a convolution: called with ``in_channels, out_channels``; its result with ``x, domain``.
        norm: makes a norm, of torch, of PyG or of ours: called with ``channels``.
        dropout: share of what ``drop`` drops.
        drop: kind of dropout, called with ``dropout``: of whole channels, or (the papers) of single numbers.
    """

    #: Networks of blocks that end with a norm need none before their head.
    ends_with_norm = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        conv: Callable[[int, int], nn.Module],
        norm: NormFactory = nn.BatchNorm1d,
        dropout: float = 0.0,
        drop: DropoutFactory = ChannelDropout,
    ) -> None:
        super().__init__()
        self.conv1 = conv(in_channels, out_channels)
        self.norm1 = norm(out_channels)
        self.dropout = drop(dropout)
        self.conv2 = conv(out_channels, out_channels)
        self.norm2 = norm(out_channels)
        self.shortcut = _shortcut(in_channels, out_channels)

    def branch(self, x: Tensor, domain: AbstractDomain) -> Tensor:
        """What is added to the shortcut."""
        y = functional.relu(apply_layer(self.norm1, self.conv1(x, domain), domain))
        y = self.conv2(apply_layer(self.dropout, y, domain), domain)
        return apply_layer(self.norm2, y, domain)

    def forward(self, x: Tensor, domain: AbstractDomain) -> Tensor:
        return functional.relu(self.shortcut(x) + self.branch(x, domain))


class CKCNNBlock(FlexNetBlock):
    r"""CKCNN's residual block (CKConv Fig. 7, after Bai et al. 2018): FlexNet's with one ReLU and dropout more.

    .. math::
        y = \mathrm{ReLU}(s(x) + \mathrm{drop}(\mathrm{ReLU}(\mathrm{norm}_2(\mathrm{conv}_2(z))))), \qquad
        z = \mathrm{drop}(\mathrm{ReLU}(\mathrm{norm}_1(\mathrm{conv}_1(x))))

    Also the block of FlexTCN and of SMPConv's networks for sequences. Arguments as in :class:`FlexNetBlock`.
    """

    def branch(self, x: Tensor, domain: AbstractDomain) -> Tensor:
        """What is added to the shortcut."""
        return apply_layer(self.dropout, functional.relu(super().branch(x, domain)), domain)
