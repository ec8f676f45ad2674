"""SMPConv's networks for sequences and small images (Kim and Park 2023, "SMPConv")."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

from ccnn_pc.domains.pooling import Pool
from ccnn_pc.kernels import Init, NoWindow, SelfMovingPointsPerFilter
from ccnn_pc.models.ckcnn import CKCNN
from ccnn_pc.models.flexnet import FlexNet
from ccnn_pc.models.options import (
    Geometry,
    NormKind,
    choice,
    pool_choice,
    register_frozen,
    training_geometry,
)
from ccnn_pc.nn.blocks import NormFactory
from ccnn_pc.nn.branches import BranchedConv
from ccnn_pc.nn.conv import ContinuousConv
from ccnn_pc.nn.norms import NoNorm
from ccnn_pc.nn.tap_conv import TapConv


def smpconv(
    geometry: Geometry,
    *,
    num_points: int,
    small_taps: int,
    radius: float | None,
    coord_std: float,
    bias: bool,
    small_bias: bool,
    norm: NormFactory,
    init: Init | str,
    endpoint: float,
    layer: type[ContinuousConv] = ContinuousConv,
) -> Callable[[int, int], BranchedConv]:
    """What makes SMPConv's layer: a full kernel of points per filter, a small ordinary one beside it, norms, the sum.

    Raises:
        ValueError: clouds, where a kernel of taps has no meaning.
    """
    if geometry.taps is None:
        raise ValueError(
            f"'shape' must be given for {geometry.dim} axes: these networks work on grids (got None)"
        )
    rule = choice("init", init, Init)
    start = 4.0 / max(geometry.taps) if radius is None else radius

    def make(in_channels: int, out_channels: int) -> BranchedConv:
        kernel = functools.partial(
            SelfMovingPointsPerFilter,
            in_channels=in_channels,
            num_points=num_points,
            radius=start,
            coord_std=coord_std,
            init=rule,
        )
        large = layer(
            in_channels,
            out_channels,
            kernel=kernel,
            window=NoWindow,
            separable=False,
            bias=bias,
            endpoint=endpoint,
            **geometry.options(),
        )
        small = TapConv(
            in_channels,
            out_channels,
            small_taps,
            dim=geometry.dim,
            spacing=geometry.spacing,
            causal=geometry.causal,
            bias=small_bias,
            std=0.02 if rule is Init.SMPCONV else None,
        )
        return BranchedConv(large, small, norm)

    return make


def build_smpnet_tcn(
    *,
    num_blocks: int,
    channels: int,
    num_points: int = 30,
    small_taps: int = 5,
    dim: int,
    in_channels: int,
    out_channels: int,
    shape: Sequence[int] | None = None,
    spacing: float = 1.0,
    radius: float | None = None,
    coord_std: float = 0.1,
    bias: bool = False,
    dropout: float = 0.0,
    dropout_in: float = 0.0,
    norm: NormKind | str = NormKind.BATCH,
    norm_eps: float = 1e-5,
    pool: Pool | str | None = "auto",
    init: Init | str = Init.DEFAULT,
    endpoint: float = 1.0,
    layer: type[ContinuousConv] = ContinuousConv,
) -> CKCNN:
    """SMPConv's network for sequences (its Tables 1 to 3): CKCNN's network with layers of two branches.

    After each step of the optimiser call ``constrain_`` of every kernel.

    Args:
        num_blocks: residual blocks.
        channels: width of the network.
        num_points: points per filter.
        small_taps: taps of the small branch, per axis.
        dim: axes of the positions; series (one axis) are causal.
        in_channels: channels of the data.
        out_channels: classes.
        shape: samples per axis in training; see :func:`ccnn_pc.models.create_model`.
        spacing: distance of these samples.
        radius: initial radius of the points in kernel coordinates; None: two taps (SMPConv: 0.0002 to 0.012).
        coord_std: spread of the initial points.
        bias: add one behind the large kernels, where the norm makes it superfluous (published: for some data).
        dropout: share of numbers dropped in blocks.
        dropout_in: share of numbers dropped from the data.
        norm: batch (published), group, layer or none; one for each branch.
        norm_eps: guard of group and layer norms.
        pool: mean, max, mean+max, last; None for one answer per sample; "auto": last for series, else mean.
        init: rule of the initial values: default, smpconv.
        endpoint: how much of the present sample the large causal kernels count (series); see :class:`ContinuousConv`.
        layer: the class of the large convolutions; another one only for comparisons.

    Raises:
        ValueError: a number out of range, a string that is no choice, clouds.
    """
    conv = smpconv(
        training_geometry(dim, shape, spacing),
        num_points=num_points,
        small_taps=small_taps,
        radius=radius,
        coord_std=coord_std,
        bias=bias,
        small_bias=False,
        norm=choice("norm", norm, NormKind).factory(norm_eps),
        init=init,
        endpoint=endpoint,
        layer=layer,
    )
    return CKCNN(
        in_channels,
        out_channels,
        channels=channels,
        num_blocks=num_blocks,
        conv=conv,
        norm=NoNorm,  # the branches have their own
        dropout=dropout,
        dropout_in=dropout_in,
        pool=pool_choice(pool, dim),
    )


def build_smpnet_resnet(
    *,
    widths: Sequence[int],
    num_points: int = 16,
    small_taps: int = 3,
    dim: int,
    in_channels: int,
    out_channels: int,
    shape: Sequence[int] | None = None,
    spacing: float = 1.0,
    radius: float | None = None,
    coord_std: float = 0.05,
    bias: bool = False,
    dropout: float = 0.0,
    norm: NormKind | str = NormKind.BATCH,
    norm_eps: float = 1e-5,
    pool: Pool | str | None = Pool.MEAN,
    init: Init | str = Init.DEFAULT,
    endpoint: float = 1.0,
    layer: type[ContinuousConv] = ContinuousConv,
) -> FlexNet:
    """SMPConv's network for small images (its Tables 4 and 9): FlexNet's network with layers of two branches.

    Args:
        widths: channels of every block.
        num_points: as in :func:`build_smpnet_tcn`, like all that follow.
        small_taps: taps of the small branch, per axis; that of the stem has a bias.
        dim: axes of the positions.
        in_channels: channels of the data.
        out_channels: classes.
        shape: samples per axis in training.
        spacing: distance of these samples.
        radius: initial radius of the points (SMPConv: 0.12).
        coord_std: spread of the initial points.
        bias: add one behind the large kernels.
        dropout: share of numbers dropped in blocks.
        norm: batch (published), group, layer or none.
        norm_eps: guard of group and layer norms.
        pool: mean, max, mean+max, or None for one answer per sample.
        init: rule of the initial values: default, smpconv.
        endpoint: how much of the present sample the large causal kernels count (series); see :class:`ContinuousConv`.
        layer: the class of the large convolutions.

    Raises:
        ValueError: a number out of range, a string that is no choice, clouds.
    """
    make = functools.partial(
        smpconv,
        training_geometry(dim, shape, spacing),
        num_points=num_points,
        small_taps=small_taps,
        radius=radius,
        coord_std=coord_std,
        bias=bias,
        norm=choice("norm", norm, NormKind).factory(norm_eps),
        init=init,
        endpoint=endpoint,
        layer=layer,
    )
    return FlexNet(
        in_channels,
        out_channels,
        widths=widths,
        conv=make(small_bias=False),
        stem=make(small_bias=True),
        norm=NoNorm,  # the branches have their own
        dropout=dropout,
        pool=pool_choice(pool, dim),
    )


register_frozen("smpnet_tcn_6", build_smpnet_tcn, num_blocks=6, channels=30, num_points=30, small_taps=5)
register_frozen(
    "smpnet_resnet_7",
    build_smpnet_resnet,
    widths=(24, 24, 36, 36, 36, 48, 48),
    num_points=16,
    small_taps=3,
)
