"""CCNN: one architecture for every domain (Romero, Knigge, Gu et al. 2022, "Towards a general purpose CNN")."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn import functional

from ccnn_pc._checks import check_at_least
from ccnn_pc.domains.base import AbstractDomain
from ccnn_pc.domains.pooling import Pool
from ccnn_pc.models.network import Network
from ccnn_pc.nn.blocks import CCNNBlock, ConvFactory, DropoutFactory, NormFactory
from ccnn_pc.nn.dropout import ChannelDropout
from ccnn_pc.nn.heads import head_for
from ccnn_pc.nn.norms import BatchNorm, NoNorm


class CCNN(Network):
    r"""Continuous convolutional network (CCNN section 4.2, Fig. 3): stem, residual blocks, norm, head.

    .. math::
        y = \mathrm{head}(\mathrm{norm}(\mathrm{block}_B(\dots \mathrm{block}_1(z)))), \qquad
        z = \mathrm{GELU}(\mathrm{norm}(\mathrm{conv}(x)))

    Use :func:`ccnn_pc.models.create_model` for the published sizes.

    Args:
        in_channels: channels of the data.
        out_channels: classes (1: one logit).
        channels: width of the network.
        num_blocks: residual blocks.
        conv: makes a convolution: called with ``in_channels, out_channels``.
        stem: makes the first convolution, likewise; None: ``conv``.
        block: makes a residual block: called with ``in_channels, out_channels, conv=, norm=, dropout=, drop=``.
        norm: makes a norm: called with ``channels``.
        dropout: share of what ``drop`` drops in blocks.
        dropout_in: share of what ``drop`` drops from the data.
        drop: kind of dropout.
        final_norm: whether a norm stands before the head; blocks that end with a norm need none.
        pool: how samples become one answer per cloud; None: one answer per sample.
        num_neighbors: k used for point clouds that bring no neighbours of their own.

    Shapes:
        * ``model(data)`` with a PyG ``Data`` or ``Batch`` of B clouds: ``[B, out_channels]``.
        * ``model(x)`` with an array ``[B, in_channels, *S]``: a grid at the model's own spacing;
          ``model(x, spacing=s)`` is another resolution.
        * ``model(x, domain)`` with samples ``[n, in_channels]`` on any domain, or an array on a grid.
        * without pooling: ``[n, out_channels]``, or ``[B, out_channels, *S]`` for an array.

    Raises:
        ValueError: sizes below 1, data that do not fit.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        channels: int,
        num_blocks: int,
        conv: ConvFactory,
        stem: ConvFactory | None = None,
        block: Callable[..., nn.Module] = CCNNBlock,
        norm: NormFactory = BatchNorm,
        dropout: float = 0.0,
        dropout_in: float = 0.0,
        drop: DropoutFactory = ChannelDropout,
        final_norm: bool = True,
        pool: Pool | None = Pool.MEAN,
        num_neighbors: int = 256,
    ) -> None:
        check_at_least("num_blocks", num_blocks, 0)
        check_at_least("in_channels", in_channels, 1)
        first = (stem or conv)(in_channels, channels)
        super().__init__(first, out_channels, per_sample=pool is None, num_neighbors=num_neighbors)
        self.dropout_in = drop(dropout_in)
        self.stem = first
        self.stem_norm = norm(channels)
        self.blocks = nn.ModuleList(
            block(channels, channels, conv=conv, norm=norm, dropout=dropout, drop=drop)
            for _ in range(num_blocks)
        )
        self.norm = norm(channels) if final_norm else NoNorm(channels)
        self.head = head_for(channels, out_channels, pool)

    def features(self, x: Tensor, domain: AbstractDomain) -> Tensor:
        """What the head reads, ``[m, channels]``."""
        y = self.stem(self.dropout_in(x, domain), domain)
        y = functional.gelu(self.stem_norm(y, domain))
        for block in self.blocks:
            y = block(y, domain)
        return self.norm(y, domain)
