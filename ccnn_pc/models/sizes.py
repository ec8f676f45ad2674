"""The sizes of CCNN: numbers frozen under names."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from torch import nn

from ccnn_pc._checks import check_extent
from ccnn_pc.domains.pooling import Pool
from ccnn_pc.kernels import GaussianWindow, Init, MAGNet, nyquist_omega_0
from ccnn_pc.models.ccnn import CCNN
from ccnn_pc.models.options import NormKind, choice, register_frozen, training_geometry
from ccnn_pc.nn.blocks import CCNNBlock, FlexNetBlock, S4Block
from ccnn_pc.nn.conv import ContinuousConv
from ccnn_pc.nn.dropout import DropoutKind

#: Share of the half-width of a window within which its kernel's filters start (FlexConv's 25/15).
SPREAD_PER_WIDTH = 1.667


def build_ccnn(
    *,
    num_blocks: int,
    channels: int,
    kernel_hidden: int,
    kernel_layers: int = 3,
    dim: int,
    in_channels: int,
    out_channels: int,
    shape: Sequence[int] | None = None,
    spacing: float = 1.0,
    extent: float | Sequence[float] | None = None,
    omega_0: float | None = 1.0,
    width: float = 0.3,
    spread: float | None = None,
    dropout: float = 0.0,
    dropout_in: float = 0.0,
    dropout_kind: DropoutKind | str = DropoutKind.CHANNEL,
    norm: NormKind | str = NormKind.BATCH,
    norm_eps: float = 1e-5,
    pool: Pool | str | None = Pool.MEAN,
    num_neighbors: int = 256,
    num_points: int = 512,
    reference_count: float | None = None,
    init: Init | str = Init.DEFAULT,
    threshold: float | None = None,
    endpoint: float = 1.0,
    full_stem: bool = False,
    layer: type[ContinuousConv] = ContinuousConv,
    block: type[nn.Module] = CCNNBlock,
    final_norm: bool = True,
) -> CCNN:
    """A CCNN of given size (CCNN section 4.2; sizes in its Tables 1 to 4 and Fig. 8).

    Args:
        num_blocks: residual blocks.
        channels: width of the network.
        kernel_hidden: width of the kernel networks (MAGNet).
        kernel_layers: their mixing layers.
        dim: axes of the positions.
        in_channels: channels of the data.
        out_channels: classes.
        shape: samples per axis in training; see :func:`create_model`.
        spacing: distance of these samples.
        extent: reach of the kernels in position units, one number or one per axis: half-width, or full lag on series.
            None: all of a series, half of an image (kernels as wide as the image), 1 on clouds.
        omega_0: initial frequency of the kernels, cycles per extent (per unit of kernel coordinates) at an envelope of
            inverse width 1. The papers use 50 to 4200, far above what the data can show. None, grids only: the
            frequency that their samples can show (:func:`ccnn_pc.kernels.nyquist_omega_0`).
        width: initial window width in kernel coordinates (the papers: 0.075).
        spread: how far from the query the kernels' filters start; None: 1.667 window widths, at most 1.
        dropout: share of channels dropped in blocks.
        dropout_in: share of channels dropped from the data.
        dropout_kind: drop whole channels (channel) or single numbers (element).
        norm: batch (published), group, layer or none.
        norm_eps: guard of group and layer norms.
        pool: mean, max, mean+max, last (series), or None for one answer per point.
        num_neighbors: k on point clouds, the point itself included.
        num_points: points per cloud in training, for the initial scale of the kernels.
        reference_count: points per cloud that the quadrature weights refer to; None: each cloud's own count, or for
            grids the number of their samples.
        init: rule of the kernels' initial values; default, ccnn, flexconv.
        threshold: see :class:`ContinuousConv`.
        endpoint: how much of the present sample causal kernels count, likewise (series).
        full_stem: whether the first layer has a kernel for every pair of channels. The papers' separable one has
            a kernel for every channel of the data: for few channels these are few.
        layer: the class of the convolutions; another one only for comparisons.
        block: the class of the residual blocks, likewise.
        final_norm: whether a norm stands before the head; blocks that end with a norm need none.

    Raises:
        ValueError: a number out of range, a string that is no choice.
    """
    geometry = training_geometry(dim, shape, spacing, num_points, num_neighbors).options()
    if reference_count is not None:
        geometry["reference_count"] = reference_count
    if extent is not None:
        geometry["extent"] = tuple(check_extent("extent", extent, dim).tolist())
    if omega_0 is None:
        if geometry["fan"] is not None:
            raise ValueError("'omega_0' must be given for clouds, whose spacing is not known (got None)")
        omega_0 = nyquist_omega_0(
            spacing,
            geometry["extent"],
            dim=dim,
            hidden_channels=kernel_hidden,
            num_layers=kernel_layers,
            causal=geometry["causal"],
        )
    kernel = functools.partial(
        MAGNet,
        hidden_channels=kernel_hidden,
        num_layers=kernel_layers,
        omega_0=omega_0,
        spread=min(1.0, SPREAD_PER_WIDTH * width) if spread is None else spread,
        init=choice("init", init, Init),
    )
    window = functools.partial(GaussianWindow, width=width)
    conv = functools.partial(
        layer, kernel=kernel, window=window, threshold=threshold, endpoint=endpoint, **geometry
    )
    return CCNN(
        in_channels,
        out_channels,
        channels=channels,
        num_blocks=num_blocks,
        conv=conv,
        stem=functools.partial(conv, separable=False) if full_stem else None,
        block=block,
        norm=choice("norm", norm, NormKind).factory(norm_eps),
        dropout=dropout,
        dropout_in=dropout_in,
        drop=choice("dropout_kind", dropout_kind, DropoutKind).layer,
        final_norm=final_norm,
        pool=None if pool is None else choice("pool", pool, Pool),
        num_neighbors=num_neighbors,
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
    register_frozen(f"{_name}_flex", build_ccnn, **_numbers, block=FlexNetBlock, final_norm=False)
#: Ours: as small as ccnn_4_48, with kernels of two filters instead of four.
register_frozen("ccnn_tiny", build_ccnn, num_blocks=4, channels=48, kernel_hidden=8, kernel_layers=1)
#: Ours, for grids: trained on one core; give kernels few taps, which are summed directly.
register_frozen("ccnn_tiny_grid", build_ccnn, num_blocks=4, channels=40, kernel_hidden=16, kernel_layers=2)
