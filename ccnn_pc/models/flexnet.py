"""FlexNet and FlexTCN: networks of kernels that learn their size (Romero et al. 2022, "FlexConv")."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from ccnn_pc._checks import check_at_least
from ccnn_pc.domains.base import AbstractDomain
from ccnn_pc.domains.pooling import Pool
from ccnn_pc.kernels import GaussianWindow, MAGNet, flexconv_omega_0
from ccnn_pc.models.base import Network, reading_for, stem_of
from ccnn_pc.models.ckcnn import CKCNN, sequence_network
from ccnn_pc.models.options import Dropout, Norm, NormKind, Words, pool_choice
from ccnn_pc.models.reading import Reading
from ccnn_pc.models.registry import register_frozen
from ccnn_pc.nn.apply import NormFactory, Pooling, apply_layer
from ccnn_pc.nn.blocks import FlexNetBlock
from ccnn_pc.nn.dropout import DropoutKind


class FlexNet(Network):
    r"""Residual network with a stem and one answer from the mean (FlexConv appendix).

    .. math::
        y = A\, \mathrm{pool}(\mathrm{block}_B(\dots \mathrm{block}_1(z))) + a, \qquad
        z = \mathrm{ReLU}(\mathrm{norm}(\mathrm{conv}(x)))

    With convolutions of two branches it is SMPConv's network for small images. Use
    :func:`ccnn_pc.models.create_model` for the published sizes.

    Args:
        in_channels: channels of the data.
        out_channels: classes (1: one logit).
        widths: channels of every block; the stem has those of the first.
        conv: makes a convolution: called with ``in_channels, out_channels``; its result with ``x, domain``. Its
            ``stem``, if it has one, makes the first.
        norm: makes a norm: called with ``channels``.
        dropout: what is dropped in training; a number: that share of the numbers in blocks.
        pool: how samples become one answer; None: one answer per sample.
        reading: how data become features; None: as the first convolution asks for.

    Shapes:
        * as for :class:`ccnn_pc.models.CCNN`.

    Raises:
        ValueError: sizes below 1, data that do not fit, a share of the data to be dropped.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        widths: Sequence[int],
        conv: Callable[[int, int], nn.Module],
        norm: NormFactory = nn.BatchNorm1d,
        dropout: Dropout | float = 0.0,
        pool: Pooling | None = Pool.MEAN,
        reading: Reading | None = None,
    ) -> None:
        check_at_least("in_channels", in_channels, 1)
        check_at_least("len(widths)", len(widths), 1)
        drop = dropout if isinstance(dropout, Dropout) else Dropout(dropout, dropout_kind=DropoutKind.ELEMENT)
        if drop.dropout_in != 0:
            raise ValueError(f"'dropout_in' must be 0 for this network (got {drop.dropout_in})")
        first = stem_of(conv)(in_channels, widths[0])
        super().__init__(reading or reading_for(first), out_channels, pool)
        self.stem = first
        self.stem_norm = norm(widths[0])
        self.blocks = nn.ModuleList(
            FlexNetBlock(a, b, conv=conv, norm=norm, dropout=drop.dropout, drop=drop.layer)
            for a, b in pairwise([widths[0], *widths])
        )
        self.set_head(widths[-1])

    def features(self, x: Tensor, domain: AbstractDomain) -> Tensor:
        """What the head reads, ``[m, channels]``."""
        y = functional.relu(apply_layer(self.stem_norm, self.stem(x, domain), domain))
        for block in self.blocks:
            y = block(y, domain)
        return y


def flexconv(hidden_channels: int, num_layers: int) -> tuple[Callable[..., MAGNet], Callable[..., Any]]:
    """FlexConv's kernel, a MAGNet, and its Gaussian window, whose mean is learned too."""
    kernel = functools.partial(
        MAGNet, hidden_channels=hidden_channels, num_layers=num_layers, omega_0=flexconv_omega_0()
    )
    return kernel, functools.partial(GaussianWindow, width=0.075, learn_mean=True, isotropic=False)


def build_flexnet(
    words: Words, *, widths: Sequence[int], kernel_hidden: int = 32, kernel_layers: int = 3
) -> FlexNet:
    """A FlexNet of given size (FlexConv Tables 3 and 6).

    Words: those of :class:`~ccnn_pc.models.convolution.TrainingGeometry`, :class:`~ccnn_pc.models.options.Norm`;
    dropout (FlexConv: 0.2) and dropout_kind of :class:`~ccnn_pc.models.options.Dropout`; threshold, endpoint and layer
    of :class:`~ccnn_pc.models.convolution.Convolution`; and

    * omega_0: initial frequency of the kernels, cycles per unit of kernel coordinates at an envelope of inverse width
      1; default FlexConv's.
    * width: initial window width in kernel coordinates; default FlexConv's, 0.075.
    * spread: how far from the query the kernels' filters start; None: 1.667 window widths, at most 1.
    * init: rule of the kernels' initial values: default, flexconv, ccnn.
    * pool: mean (default), max, mean+max, or None for one answer per sample.

    Args:
        words: what :func:`ccnn_pc.models.create_model` was given.
        widths: channels of every block.
        kernel_hidden: width of the kernel networks (MAGNet).
        kernel_layers: their mixing layers.

    Raises:
        ValueError: a number out of range, a string that is no choice.
    """
    geometry = words.geometry()
    kernel, window = flexconv(kernel_hidden, kernel_layers)
    return FlexNet(
        words.in_channels,
        words.out_channels,
        widths=widths,
        conv=words.convolution(geometry, kernel, window, separable=False, full_stem=False, bias=True),
        norm=words.take(Norm).factory,
        dropout=words.take(Dropout, ("dropout", "dropout_kind"), dropout_kind=DropoutKind.ELEMENT),
        pool=pool_choice(words.pop("pool", Pool.MEAN), geometry.dim),
        reading=words.reading(geometry),
    )


def build_flextcn(
    words: Words, *, num_blocks: int, channels: int, kernel_hidden: int = 32, kernel_layers: int = 3
) -> CKCNN:
    """A FlexTCN of given size (FlexConv Tables 4 and 5): CKCNN's network with FlexConv's layers and batch norm.

    Words: those of :func:`build_flexnet`; dropout_in, and "auto" (default) for pool: last for series, else mean.

    Args:
        words: what :func:`ccnn_pc.models.create_model` was given.
        num_blocks: residual blocks.
        channels: width of the network.
        kernel_hidden: width of the kernel networks (MAGNet).
        kernel_layers: their mixing layers.

    Raises:
        ValueError: a number out of range, a string that is no choice.
    """
    kernel, window = flexconv(kernel_hidden, kernel_layers)
    return sequence_network(words, kernel, window, NormKind.BATCH, num_blocks=num_blocks, channels=channels)


_KERNEL: dict[str, Any] = {"kernel_hidden": 32, "kernel_layers": 3}
register_frozen("flexnet_5", build_flexnet, widths=(22, 33, 33, 44, 44), **_KERNEL)
register_frozen("flexnet_7", build_flexnet, widths=(24, 24, 36, 36, 36, 48, 48), **_KERNEL)
register_frozen("flextcn_6", build_flextcn, num_blocks=6, channels=30, **_KERNEL)
