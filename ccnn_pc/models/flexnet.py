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
from ccnn_pc.kernels import GaussianWindow, Init, MAGNet, flexconv_omega_0
from ccnn_pc.models.ckcnn import CKCNN
from ccnn_pc.models.network import Network
from ccnn_pc.models.options import (
    Geometry,
    NormKind,
    choice,
    pool_choice,
    register_frozen,
    training_geometry,
)
from ccnn_pc.models.sizes import SPREAD_PER_WIDTH
from ccnn_pc.nn.blocks import DropoutFactory, FlexNetBlock, NormFactory
from ccnn_pc.nn.conv import ContinuousConv
from ccnn_pc.nn.dropout import ElementDropout
from ccnn_pc.nn.heads import head_for
from ccnn_pc.nn.norms import BatchNorm


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
        conv: makes a convolution: called with ``in_channels, out_channels``; its result with ``x, domain``.
        stem: makes the stem's convolution; None: ``conv``.
        norm: makes a norm: called with ``channels``.
        dropout: share of what ``drop`` drops in blocks.
        drop: kind of dropout.
        pool: how samples become one answer; None: one answer per sample.
        num_neighbors: k used for point clouds that bring no neighbours of their own.

    Shapes:
        * as for :class:`ccnn_pc.models.CCNN`.

    Raises:
        ValueError: sizes below 1, data that do not fit.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        widths: Sequence[int],
        conv: Callable[[int, int], nn.Module],
        stem: Callable[[int, int], nn.Module] | None = None,
        norm: NormFactory = BatchNorm,
        dropout: float = 0.0,
        drop: DropoutFactory = ElementDropout,
        pool: Pool | None = Pool.MEAN,
        num_neighbors: int = 256,
    ) -> None:
        check_at_least("in_channels", in_channels, 1)
        check_at_least("len(widths)", len(widths), 1)
        first = (stem or conv)(in_channels, widths[0])
        inner = next(m for m in first.modules() if isinstance(m, ContinuousConv))
        super().__init__(inner, out_channels, per_sample=pool is None, num_neighbors=num_neighbors)
        self.stem = first
        self.stem_norm = norm(widths[0])
        self.blocks = nn.ModuleList(
            FlexNetBlock(a, b, conv=conv, norm=norm, dropout=dropout, drop=drop)
            for a, b in pairwise([widths[0], *widths])
        )
        self.head = head_for(widths[-1], out_channels, pool)

    def features(self, x: Tensor, domain: AbstractDomain) -> Tensor:
        """What the head reads, ``[m, channels]``."""
        y = functional.relu(self.stem_norm(self.stem(x, domain), domain))
        for block in self.blocks:
            y = block(y, domain)
        return y


def flexconv(
    geometry: Geometry,
    *,
    kernel_hidden: int,
    kernel_layers: int,
    omega_0: float,
    width: float,
    init: Init | str,
    threshold: float | None,
    endpoint: float,
    layer: type[ContinuousConv] = ContinuousConv,
) -> Callable[[int, int], ContinuousConv]:
    """What makes FlexConv's layer: a full kernel from a MAGNet, under a Gaussian window whose mean is learned too."""
    kernel = functools.partial(
        MAGNet,
        hidden_channels=kernel_hidden,
        num_layers=kernel_layers,
        omega_0=omega_0,
        spread=min(1.0, SPREAD_PER_WIDTH * width),
        init=choice("init", init, Init),
    )
    window = functools.partial(GaussianWindow, width=width, learn_mean=True, isotropic=False)
    return functools.partial(
        layer,
        kernel=kernel,
        window=window,
        separable=False,
        threshold=threshold,
        endpoint=endpoint,
        **geometry.options(),
    )


def build_flexnet(
    *,
    widths: Sequence[int],
    kernel_hidden: int = 32,
    kernel_layers: int = 3,
    dim: int,
    in_channels: int,
    out_channels: int,
    shape: Sequence[int] | None = None,
    spacing: float = 1.0,
    omega_0: float = flexconv_omega_0(),
    width: float = 0.075,
    dropout: float = 0.0,
    norm: NormKind | str = NormKind.BATCH,
    norm_eps: float = 1e-5,
    pool: Pool | str | None = Pool.MEAN,
    num_neighbors: int = 256,
    num_points: int = 512,
    init: Init | str = Init.DEFAULT,
    threshold: float | None = None,
    endpoint: float = 1.0,
    layer: type[ContinuousConv] = ContinuousConv,
) -> FlexNet:
    """A FlexNet of given size (FlexConv Tables 3 and 6).

    Args:
        widths: channels of every block.
        kernel_hidden: width of the kernel networks (MAGNet).
        kernel_layers: their mixing layers.
        dim: axes of the positions.
        in_channels: channels of the data.
        out_channels: classes.
        shape: samples per axis in training; see :func:`ccnn_pc.models.create_model`.
        spacing: distance of these samples.
        omega_0: initial frequency of the kernels, cycles per unit of kernel coordinates at an envelope of inverse width
            1; default FlexConv's.
        width: initial window width in kernel coordinates; default FlexConv's.
        dropout: share of numbers dropped in blocks (FlexConv: 0.2).
        norm: batch (published), group, layer or none.
        norm_eps: guard of group and layer norms.
        pool: mean, max, mean+max, or None for one answer per sample.
        num_neighbors: k on point clouds, the point itself included.
        num_points: points per cloud in training, for the initial scale of the kernels.
        init: rule of the kernels' initial values: default, flexconv, ccnn.
        threshold: see :class:`ContinuousConv`.
        endpoint: how much of the present sample causal kernels count, likewise (series).
        layer: the class of the convolutions; another one only for comparisons.

    Raises:
        ValueError: a number out of range, a string that is no choice.
    """
    geometry = training_geometry(dim, shape, spacing, num_points, num_neighbors)
    conv = flexconv(
        geometry,
        kernel_hidden=kernel_hidden,
        kernel_layers=kernel_layers,
        omega_0=omega_0,
        width=width,
        init=init,
        threshold=threshold,
        endpoint=endpoint,
        layer=layer,
    )
    return FlexNet(
        in_channels,
        out_channels,
        widths=widths,
        conv=conv,
        norm=choice("norm", norm, NormKind).factory(norm_eps),
        dropout=dropout,
        pool=pool_choice(pool, dim),
        num_neighbors=num_neighbors,
    )


def build_flextcn(
    *,
    num_blocks: int,
    channels: int,
    kernel_hidden: int = 32,
    kernel_layers: int = 3,
    dim: int,
    in_channels: int,
    out_channels: int,
    shape: Sequence[int] | None = None,
    spacing: float = 1.0,
    omega_0: float = flexconv_omega_0(),
    width: float = 0.075,
    dropout: float = 0.0,
    dropout_in: float = 0.0,
    norm: NormKind | str = NormKind.BATCH,
    norm_eps: float = 1e-5,
    pool: Pool | str | None = "auto",
    num_neighbors: int = 256,
    num_points: int = 512,
    init: Init | str = Init.DEFAULT,
    threshold: float | None = None,
    endpoint: float = 1.0,
    layer: type[ContinuousConv] = ContinuousConv,
) -> CKCNN:
    """A FlexTCN of given size (FlexConv Tables 4 and 5): CKCNN's network with FlexConv's layers and batch norm.

    Args:
        num_blocks: residual blocks.
        channels: width of the network.
        kernel_hidden: width of the kernel networks (MAGNet).
        kernel_layers: their mixing layers.
        dim: axes of the positions; series (one axis) are causal.
        in_channels: channels of the data.
        out_channels: classes.
        shape: samples per axis in training.
        spacing: distance of these samples.
        omega_0: initial frequency of the kernels, as in :func:`build_flexnet`.
        width: initial window width.
        dropout: share of numbers dropped in blocks.
        norm: batch (published), group, layer or none.
        norm_eps: guard of group and layer norms.
        num_neighbors: k on point clouds.
        num_points: points per cloud in training.
        init: rule of the kernels' initial values.
        threshold: see :class:`ContinuousConv`.
        endpoint: how much of the present sample causal kernels count, likewise (series).
        layer: the class of the convolutions.
        dropout_in: share of numbers dropped from the data.
        pool: mean, max, mean+max, last; None for one answer per sample; "auto": last for series, else mean.

    Raises:
        ValueError: a number out of range, a string that is no choice.
    """
    geometry = training_geometry(dim, shape, spacing, num_points, num_neighbors)
    conv = flexconv(
        geometry,
        kernel_hidden=kernel_hidden,
        kernel_layers=kernel_layers,
        omega_0=omega_0,
        width=width,
        init=init,
        threshold=threshold,
        endpoint=endpoint,
        layer=layer,
    )
    return CKCNN(
        in_channels,
        out_channels,
        channels=channels,
        num_blocks=num_blocks,
        conv=conv,
        norm=choice("norm", norm, NormKind).factory(norm_eps),
        dropout=dropout,
        dropout_in=dropout_in,
        pool=pool_choice(pool, dim),
        num_neighbors=num_neighbors,
    )


_KERNEL: dict[str, Any] = {"kernel_hidden": 32, "kernel_layers": 3}
register_frozen("flexnet_5", build_flexnet, widths=(22, 33, 33, 44, 44), **_KERNEL)
register_frozen("flexnet_7", build_flexnet, widths=(24, 24, 36, 36, 36, 48, 48), **_KERNEL)
register_frozen("flextcn_6", build_flextcn, num_blocks=6, channels=30, **_KERNEL)
