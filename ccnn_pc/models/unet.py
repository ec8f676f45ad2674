"""CCNN as a U-Net: continuous convolutions on a cloud, on coarser clouds of it, and back (Ronneberger et al. 2015)."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ccnn_pc._checks import check_at_least
from ccnn_pc.domains.base import AbstractDomain
from ccnn_pc.domains.points.point_set import PointSet
from ccnn_pc.domains.points.pyramid import Levels, PointPyramid
from ccnn_pc.kernels import GaussianWindow, MAGNet
from ccnn_pc.models.base import Network, reading_for, stem_of
from ccnn_pc.models.options import Dropout, Norm, NormKind, Words
from ccnn_pc.models.reading import Reading
from ccnn_pc.models.registry import register_frozen
from ccnn_pc.nn.apply import NormFactory, apply_layer
from ccnn_pc.nn.blocks import CCNNBlock, ConvFactory
from ccnn_pc.nn.mixing import HeLinear

#: Reach of the kernels in distances of points, unless one of the two is given: 16 neighbours lie within half of it.
REACH = 5.0


class CCNNUNet(Network):
    r"""Residual blocks of CCNN on ever coarser clouds, and back to every point.

    .. math::
        z = \mathrm{GELU}(\mathrm{norm}(\mathrm{stem}\, x + W x))

        e_0 = \mathrm{blocks}(z), \quad e_{l+1} = \mathrm{blocks}(\mathrm{GELU}(\mathrm{norm}(\mathrm{down}_l\, e_l)))

        d_L = e_L, \quad d_l = \mathrm{blocks}(A_l\,[\mathrm{GELU}(\mathrm{norm}(\mathrm{up}_l\, d_{l+1})),\ e_l])

    The stem is a convolution, *down* and *up* are ones whose queries lie on the coarser and on the finer cloud; nothing
    is pooled. W x is what a point says by itself: a smooth kernel has no Dirac at 0. A cloud that brings no coarser
    ones gets them here.

    Args:
        in_channels: channels of the data.
        out_channels: classes, or numbers per point.
        channels: width on each cloud, from fine to coarse, one more than there are coarser clouds.
        num_blocks: residual blocks on each cloud, on the way down and on the way up.
        levels: how clouds are coarsened.
        conv: what makes the convolutions of each cloud, called with ``in_channels, out_channels``; *down* and *up* have
            that of the coarser cloud.
        block: makes a residual block: called with ``in_channels, out_channels, conv=, norm=, dropout=, drop=``.
        norm: makes a norm: called with ``channels``.
        dropout: what is dropped in training.
        reading: how data become features; None: as the first convolution asks for.

    Shapes:
        * ``model(data)`` with a PyG ``Data`` or ``Batch`` of n points: ``[n, out_channels]``.
        * ``model(x, domain)`` with samples ``[n, in_channels]`` on a :class:`~ccnn_pc.domains.PointSet` or a
          :class:`~ccnn_pc.domains.PointPyramid`.

    Raises:
        ValueError: sizes below 1, widths or convolutions that are not one for each cloud.
        TypeError: samples that lie on no points.
    """

    first_layers = ("stem", "point")

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        channels: Sequence[int],
        num_blocks: int,
        levels: Levels,
        conv: Sequence[ConvFactory],
        block: Callable[..., nn.Module] = CCNNBlock,
        norm: NormFactory = nn.LayerNorm,
        dropout: Dropout | float = 0.0,
        reading: Reading | None = None,
    ) -> None:
        check_at_least("num_blocks", num_blocks, 0)
        check_at_least("in_channels", in_channels, 1)
        for name, given in (("channels", channels), ("conv", conv)):
            if len(given) != len(levels.cells) + 1:
                raise ValueError(
                    f"'{name}' must have one entry for each of {len(levels.cells) + 1} clouds (got {len(given)})"
                )
        widths = [check_at_least("channels", width, 1) for width in channels]
        drop = dropout if isinstance(dropout, Dropout) else Dropout(dropout)
        first = stem_of(conv[0])(in_channels, widths[0])
        super().__init__(reading or reading_for(first), out_channels, None)
        self.levels = levels
        self.dropout_in = drop.layer(drop.dropout_in)
        self.stem, self.stem_norm = first, norm(widths[0])
        self.point = HeLinear(in_channels, widths[0], bias=False)

        def blocks(level: int) -> nn.ModuleList:
            options = {"conv": conv[level], "norm": norm, "dropout": drop.dropout, "drop": drop.layer}
            return nn.ModuleList(block(widths[level], widths[level], **options) for _ in range(num_blocks))

        steps = list(zip(widths, widths[1:], conv[1:], strict=False))
        self.encoder = nn.ModuleList(blocks(level) for level in range(len(widths)))
        self.down = nn.ModuleList(make(fine, coarse) for fine, coarse, make in steps)
        self.down_norm = nn.ModuleList(norm(coarse) for _, coarse, _ in steps)
        self.up = nn.ModuleList(make(coarse, fine) for fine, coarse, make in steps)
        self.up_norm = nn.ModuleList(norm(fine) for fine, _, _ in steps)
        self.fuse = nn.ModuleList(HeLinear(2 * fine, fine) for fine, _, _ in steps)
        self.decoder = nn.ModuleList(blocks(level) for level in range(len(steps)))
        self.norm = norm(widths[0])
        self.set_head(widths[0])

    def features(self, x: Tensor, domain: AbstractDomain) -> Tensor:
        """What the head reads, ``[n, channels]``."""
        pyramid = self._pyramid(domain)
        finest = pyramid.clouds[0]  # the object that the blocks get, whose edges are then measured once
        x = apply_layer(self.dropout_in, x, finest)
        y = functional.gelu(apply_layer(self.stem_norm, self.stem(x, finest) + self.point(x), finest))
        skips: list[Tensor] = []
        for level, blocks in enumerate(self.encoder):
            if level > 0:
                skips.append(y)
                y = self._step(self.down[level - 1], self.down_norm[level - 1], y, pyramid.down[level - 1])
            y = _through(blocks, y, pyramid.clouds[level])
        for level in reversed(range(len(skips))):
            y = self._step(self.up[level], self.up_norm[level], y, pyramid.up[level])
            y = self.fuse[level](torch.cat([y, skips[level]], dim=1))
            y = _through(self.decoder[level], y, pyramid.clouds[level])
        return apply_layer(self.norm, y, pyramid)

    def _step(self, conv: nn.Module, norm: nn.Module, y: Tensor, between: PointSet) -> Tensor:
        return functional.gelu(apply_layer(norm, conv(y, between), between))

    def _pyramid(self, domain: AbstractDomain) -> PointPyramid:
        """The cloud with its coarser ones.

        Raises:
            TypeError: no points.
            ValueError: a pyramid of another number of clouds.
        """
        if not isinstance(domain, PointPyramid):
            if not isinstance(domain, PointSet):
                raise TypeError(f"'domain' must be points for this model (got {type(domain).__name__})")
            return self.levels.of(domain)
        if len(domain.clouds) != len(self.encoder):
            raise ValueError(
                f"'domain' must have {len(self.encoder)} clouds like the model (got {len(domain.clouds)})"
            )
        return domain


def _through(blocks: nn.Module, y: Tensor, cloud: PointSet) -> Tensor:
    for block in blocks.children():
        y = block(y, cloud)
    return y


def build_ccnn_unet(
    words: Words, *, num_blocks: int, channels: Sequence[int], kernel_hidden: int, kernel_layers: int = 1
) -> CCNNUNet:
    """A U-Net of given size.

    Words: those of :func:`ccnn_pc.models.ccnn.build_ccnn` but ``block``, with other defaults (``norm``: layer; ``pool``
    is None, as tasks with an answer per point say it); and

    * cells: sizes of the cells of the coarser clouds, position units, one less than the name has widths; default 2, 4,
      8 times ``point_spacing``, each twice the one before.
    * keep: see :class:`ccnn_pc.domains.Levels`, which also has ``metric``.
    * point_spacing: distance of the points of the finest cloud; default: a fifth of the extent, which by default is
      five times it, or 1. On coarser clouds kernels reach as many times farther as their cells are larger than it.

    Args:
        words: what :func:`ccnn_pc.models.create_model` was given.
        num_blocks: residual blocks on each cloud, on the way down and on the way up.
        channels: widths, from fine to coarse.
        kernel_hidden: width of the kernel networks (MAGNet).
        kernel_layers: their mixing layers.

    Raises:
        ValueError: a number out of range, a string that is no choice, data without points.
    """
    if (pool := words.pop("pool", None)) is not None:
        raise ValueError(f"'pool' must be None for a model with an answer per point (got {pool!r})")
    geometry = words.geometry()
    if geometry.grid is not None:
        raise ValueError(f"'dim' must be that of clouds, 3 without 'shape' (got dim={geometry.dim})")
    if geometry.extent is None and geometry.point_spacing is not None:
        geometry = dataclasses.replace(geometry, extent=REACH * geometry.point_spacing)
    spacing = geometry.point_spacing or min(geometry.reach) / REACH
    geometry = dataclasses.replace(geometry, point_spacing=spacing)
    usual = [spacing * 2.0**level for level in range(1, len(channels))]
    levels = Levels(
        words.pop("cells", None) or usual,
        words.pop("keep", "nearest"),
        geometry.num_neighbors,
        geometry.metric,
    )
    conv = words.convolution(
        geometry,
        functools.partial(MAGNet, hidden_channels=kernel_hidden, num_layers=kernel_layers, omega_0=1.0),
        functools.partial(GaussianWindow, width=0.5),
        separable=True,
        bias=True,
    )
    growth = [1.0, *(cell / spacing for cell in levels.cells)]
    return CCNNUNet(
        words.in_channels,
        words.out_channels,
        channels=channels,
        num_blocks=num_blocks,
        levels=levels,
        conv=[dataclasses.replace(conv, geometry=geometry.grown(factor)) for factor in growth],
        norm=words.take(Norm, norm=NormKind.LAYER).factory,
        dropout=words.take(Dropout),
        reading=words.reading(geometry),
    )


_SIZES: dict[str, dict[str, Any]] = {
    "ccnn_unet_tiny": {"channels": (32, 32, 48, 48), "num_blocks": 1, "kernel_hidden": 8},
    "ccnn_unet_small": {"channels": (48, 96, 176, 208), "num_blocks": 1, "kernel_hidden": 16},
    "ccnn_unet_base": {"channels": (96, 224, 416, 640), "num_blocks": 2, "kernel_hidden": 32},
}
for _name, _numbers in _SIZES.items():
    register_frozen(_name, build_ccnn_unet, dim=3, **_numbers)
