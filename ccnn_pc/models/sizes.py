"""The sizes of CCNN: numbers frozen under names."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any, TypeVar

from ccnn_pc._checks import check_at_least, check_positive
from ccnn_pc.domains.pooling import Pool
from ccnn_pc.kernels import GaussianWindow, Init, MAGNet
from ccnn_pc.models.base import Model
from ccnn_pc.models.ccnn import CCNN
from ccnn_pc.models.registry import register_model
from ccnn_pc.nn.conv import ContinuousConv
from ccnn_pc.nn.fan import Reference, cloud_reference

#: Shapes that models are built for when nobody says: a sequence of MNIST pixels, a CIFAR image, clouds.
DEFAULT_SHAPES: dict[int, tuple[int, ...] | None] = {1: (784,), 2: (32, 32), 3: None}
#: Share of the half-width of a window within which its kernel's filters start (FlexConv's 25/15).
SPREAD_PER_WIDTH = 1.667

E = TypeVar("E", Pool, Init)


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
    omega_0: float = 1.0,
    width: float = 0.3,
    spread: float | None = None,
    dropout: float = 0.0,
    dropout_in: float = 0.0,
    pool: Pool | str | None = Pool.MEAN,
    num_neighbors: int = 256,
    num_points: int = 512,
    reference_count: float | None = None,
    init: Init | str = Init.DEFAULT,
    threshold: float | None = None,
    layer: type[ContinuousConv] = ContinuousConv,
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
        omega_0: initial frequency of the kernels, cycles per extent (per unit of kernel coordinates) at an envelope of
            inverse width 1. The papers use 50 to 4200, far above what the data can show.
        width: initial window width in kernel coordinates (the papers: 0.075).
        spread: how far from the query the kernels' filters start; None: 1.667 window widths, at most 1.
        dropout: share of channels dropped in blocks.
        dropout_in: share of channels dropped from the data.
        pool: mean, max, mean+max, or None for one answer per point.
        num_neighbors: k on point clouds, the point itself included.
        num_points: points per cloud in training, for the initial scale of the kernels.
        reference_count: points per cloud that the quadrature weights refer to; None: each cloud's own count, or for
            grids the number of their samples.
        init: rule of the kernels' initial values; default, ccnn, flexconv.
        threshold: see :class:`ContinuousConv`.
        layer: the class of the convolutions; another one only for comparisons.

    Raises:
        ValueError: a number out of range, a string that is no choice.
    """
    check_at_least("dim", dim, 1)
    check_positive("spacing", spacing)
    check_at_least("num_points", num_points, 1)
    check_at_least("num_neighbors", num_neighbors, 1)
    grid = shape if shape is not None else DEFAULT_SHAPES.get(dim)
    causal = dim == 1 and grid is not None
    window = functools.partial(GaussianWindow, width=width)
    if grid is None:
        extent: tuple[float, ...] = (1.0,) * dim
        fan: Reference | None = cloud_reference(dim, num_points, num_neighbors)
    else:
        if len(grid) != dim:
            raise ValueError(f"'shape' must have {dim} entries (got {list(grid)})")
        extent = tuple((s - 1) * spacing if causal else max(s // 2, 1) * spacing for s in grid)
        fan = None
        reference_count = math.prod(grid) if reference_count is None else reference_count
    kernel = functools.partial(
        MAGNet,
        hidden_channels=kernel_hidden,
        num_layers=kernel_layers,
        omega_0=omega_0,
        spread=min(1.0, SPREAD_PER_WIDTH * width) if spread is None else spread,
        init=_choice("init", init, Init),
    )
    conv = functools.partial(
        layer,
        dim=dim,
        kernel=kernel,
        window=window,
        extent=extent,
        spacing=spacing,
        reference_count=reference_count,
        fan=fan,
        causal=causal,
        threshold=threshold,
    )
    return CCNN(
        in_channels,
        out_channels,
        channels=channels,
        num_blocks=num_blocks,
        conv=conv,
        dropout=dropout,
        dropout_in=dropout_in,
        pool=None if pool is None else _choice("pool", pool, Pool),
        num_neighbors=num_neighbors,
    )


def _choice(name: str, value: E | str, choices: type[E]) -> E:
    """An enum member from itself or its string.

    Raises:
        ValueError: no such choice; the message lists them.
    """
    try:
        return choices(value)
    except ValueError:
        known = ", ".join(repr(c.value) for c in choices)
        raise ValueError(f"'{name}' must be one of {known} (got {value!r})") from None


def register_size(name: str, **numbers: Any) -> None:
    """Enter a CCNN of fixed size under a name; its numbers cannot be options."""

    def build(**arguments: Any) -> Model:
        clash = sorted(set(numbers) & set(arguments))
        if clash:
            raise TypeError(
                f"{', '.join(clash)} cannot be options of '{name}': the name freezes them (got {arguments})"
            )
        return build_ccnn(**numbers, **arguments)

    register_model(name)(build)


register_size("ccnn_4_16", num_blocks=4, channels=16, kernel_hidden=8)
register_size("ccnn_4_32", num_blocks=4, channels=32, kernel_hidden=8)
register_size("ccnn_4_48", num_blocks=4, channels=48, kernel_hidden=8)
register_size("ccnn_4_140", num_blocks=4, channels=140, kernel_hidden=32)
register_size("ccnn_6_380", num_blocks=6, channels=380, kernel_hidden=64)
#: Ours: as small as ccnn_4_48, with kernels of two filters instead of four.
register_size("ccnn_tiny", num_blocks=4, channels=48, kernel_hidden=8, kernel_layers=1)
