"""CCNN: one architecture for every domain (Romero, Knigge, Gu et al. 2022, "Towards a general purpose CNN")."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from ccnn_pc._checks import check_at_least
from ccnn_pc.domains.base import AbstractDomain
from ccnn_pc.domains.pooling import Pool
from ccnn_pc.kernels import GaussianWindow, MAGNet
from ccnn_pc.models.base import Network, reading_for, stem_of
from ccnn_pc.models.options import Dropout, Norm, Words, pool_choice
from ccnn_pc.models.reading import Reading
from ccnn_pc.models.registry import register_frozen
from ccnn_pc.nn.apply import NormFactory, Pooling, apply_layer
from ccnn_pc.nn.blocks import CCNNBlock, ConvFactory, FlexNetBlock, S4Block


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
        conv: makes a convolution: called with ``in_channels, out_channels``; its ``stem``, if it has one, makes the
            first.
        block: makes a residual block: called with ``in_channels, out_channels, conv=, norm=, dropout=, drop=``. No norm
            stands before the head where it ``ends_with_norm``.
        norm: makes a norm: called with ``channels``.
        dropout: what is dropped in training; a number: that share of channels, in blocks.
        pool: how samples become one answer per cloud; None: one answer per sample.
        reading: how data become features; None: as the first convolution asks for.

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
        block: Callable[..., nn.Module] = CCNNBlock,
        norm: NormFactory = nn.BatchNorm1d,
        dropout: Dropout | float = 0.0,
        pool: Pooling | None = Pool.MEAN,
        reading: Reading | None = None,
    ) -> None:
        check_at_least("num_blocks", num_blocks, 0)
        check_at_least("in_channels", in_channels, 1)
        drop = dropout if isinstance(dropout, Dropout) else Dropout(dropout)
        first = stem_of(conv)(in_channels, channels)
        super().__init__(reading or reading_for(first), out_channels, pool)
        self.dropout_in = drop.layer(drop.dropout_in)
        self.stem = first
        self.stem_norm = norm(channels)
        self.blocks = nn.ModuleList(
            block(channels, channels, conv=conv, norm=norm, dropout=drop.dropout, drop=drop.layer)
            for _ in range(num_blocks)
        )
        self.norm = nn.Identity() if getattr(block, "ends_with_norm", False) else norm(channels)
        self.set_head(channels)

    def features(self, x: Tensor, domain: AbstractDomain) -> Tensor:
        """What the head reads, ``[m, channels]``."""
        y = self.stem(apply_layer(self.dropout_in, x, domain), domain)
        y = functional.gelu(apply_layer(self.stem_norm, y, domain))
        for block in self.blocks:
            y = block(y, domain)
        return apply_layer(self.norm, y, domain)


def build_ccnn(
    words: Words,
    *,
    num_blocks: int,
    channels: int,
    kernel_hidden: int,
    kernel_layers: int = 3,
    block: Callable[..., nn.Module] | None = None,
    network: type[CCNN] = CCNN,
) -> CCNN:
    """A CCNN of given size (CCNN section 4.2; sizes in its Tables 1 to 4 and Fig. 8).

    Words: those of :class:`~ccnn_pc.models.convolution.TrainingGeometry`, :class:`~ccnn_pc.models.options.Dropout`,
    :class:`~ccnn_pc.models.options.Norm`; threshold, endpoint, full_stem and layer of
    :class:`~ccnn_pc.models.convolution.Convolution`; and

    * omega_0: initial frequency of the kernels, cycles per extent (per unit of kernel coordinates) at an envelope of
      inverse width 1; default 1. The papers use 50 to 4200, far above what the data can show. None, grids only: the
      frequency that their samples can show (:func:`ccnn_pc.kernels.nyquist_omega_0`).
    * width: initial window width in kernel coordinates; default 0.3 (the papers: 0.075).
    * spread: how far from the query the kernels' filters start; None: 1.667 window widths, at most 1.
    * init: rule of the kernels' initial values; default, ccnn, flexconv.
    * pool: mean (default), max, mean+max, last (series), PyG's functions and aggregations, or None for one answer per
      point.
    * block: the class of the residual blocks, for names that do not freeze it.

    Args:
        words: what :func:`ccnn_pc.models.create_model` was given.
        num_blocks: residual blocks.
        channels: width of the network.
        kernel_hidden: width of the kernel networks (MAGNet).
        kernel_layers: their mixing layers.
        block: the class of the residual blocks; None: a word, by default :class:`~ccnn_pc.nn.CCNNBlock`.
        network: CCNN, or a class of its arguments.

    Raises:
        ValueError: a number out of range, a string that is no choice.
    """
    geometry = words.geometry()
    conv = words.convolution(
        geometry,
        functools.partial(MAGNet, hidden_channels=kernel_hidden, num_layers=kernel_layers, omega_0=1.0),
        functools.partial(GaussianWindow, width=0.3),
        separable=True,
        bias=True,
    )
    return network(
        words.in_channels,
        words.out_channels,
        channels=channels,
        num_blocks=num_blocks,
        conv=conv,
        block=words.pop("block", CCNNBlock) if block is None else block,
        norm=words.take(Norm).factory,
        dropout=words.take(Dropout),
        pool=pool_choice(words.pop("pool", Pool.MEAN), geometry.dim),
        reading=words.reading(geometry),
    )


register_frozen("ccnn_4_16", build_ccnn, num_blocks=4, channels=16, kernel_hidden=8)
register_frozen("ccnn_4_32", build_ccnn, num_blocks=4, channels=32, kernel_hidden=8)
register_frozen("ccnn_4_48", build_ccnn, num_blocks=4, channels=48, kernel_hidden=8)
_SIZES: dict[str, dict[str, Any]] = {
    "ccnn_4_140": {"num_blocks": 4, "channels": 140, "kernel_hidden": 32},
    "ccnn_6_380": {"num_blocks": 6, "channels": 380, "kernel_hidden": 64},
}
for _name, _numbers in _SIZES.items():
    register_frozen(_name, build_ccnn, **_numbers)
    # CCNN's Table 8: the same networks of other residual blocks
    register_frozen(f"{_name}_s4", build_ccnn, **_numbers, block=S4Block)
    register_frozen(f"{_name}_flex", build_ccnn, **_numbers, block=FlexNetBlock)
#: Ours: as small as ccnn_4_48, with kernels of two filters instead of four.
register_frozen("ccnn_tiny", build_ccnn, num_blocks=4, channels=48, kernel_hidden=8, kernel_layers=1)
#: Ours, wider: what clouds of any sampling are trained with in half an hour of one core.
register_frozen("ccnn_small", build_ccnn, num_blocks=4, channels=64, kernel_hidden=8, kernel_layers=1)
#: Ours, for grids: trained on one core; give kernels few taps, which are summed directly.
register_frozen("ccnn_tiny_grid", build_ccnn, num_blocks=4, channels=40, kernel_hidden=16, kernel_layers=2)
