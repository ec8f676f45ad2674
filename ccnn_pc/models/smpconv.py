"""SMPConv-T and -B: self-moving points in the layout of RepLKNet (Kim and Park 2023, section 4.4)."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from ccnn_pc._checks import check_at_least, check_positive, check_same_length
from ccnn_pc.domains.base import AbstractDomain
from ccnn_pc.domains.grid.grid import Grid
from ccnn_pc.domains.pooling import Pool
from ccnn_pc.kernels import Init, NoWindow, SelfMovingPoints
from ccnn_pc.models.base import Model
from ccnn_pc.models.options import choice, register_frozen
from ccnn_pc.models.reading import Door, DoorInput, Spacing
from ccnn_pc.nn.branches import BranchedConv, DepthwiseConv
from ccnn_pc.nn.heads import PooledHead
from ccnn_pc.nn.large_kernel import FeedForwardBlock, LargeKernelBlock, Stem, Transition
from ccnn_pc.nn.norms import BatchNorm
from ccnn_pc.nn.tap_conv import TapConv


class SMPConvNet(Model):
    r"""Four stages of large depthwise kernels, each on a grid of half the resolution (SMPConv section 4.4).

    Stem (to a quarter of the samples per axis), stages of depth N of :class:`~ccnn_pc.nn.large_kernel.LargeKernelBlock`
    and :class:`~ccnn_pc.nn.large_kernel.FeedForwardBlock`, transitions that halve the resolution, batch norm, mean,
    linear map. A kernel has K taps per axis at the spacing of its stage, and :math:`P = \lfloor K^D / 4 \rfloor` points
    that its channels share. Stages work on coarser and coarser grids: clouds cannot come in.

    Args:
        in_channels: channels of the data.
        out_channels: classes (1: one logit).
        depths: pairs of blocks N of every stage.
        widths: channels of every stage.
        kernel_taps: K of every stage.
        small_taps: taps of the small branch.
        dim: axes.
        spacing: distance of the data's samples in training.
        drop_path: share of images whose branch is dropped in the last block; it grows linearly from 0 in the first.
        pool: how samples become one answer.
        init: rule of the initial values: default, smpconv.

    Shapes:
        * ``model(x)`` with an array ``[B, in_channels, *S]``, to ``[B, out_channels]``.

    Raises:
        ValueError: sizes below 1, lists of different lengths, an option out of range.
        TypeError: at the call, a domain that is no grid.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        depths: Sequence[int],
        widths: Sequence[int],
        kernel_taps: Sequence[int],
        small_taps: int = 5,
        dim: int = 2,
        spacing: float = 1.0,
        drop_path: float = 0.0,
        pool: Pool = Pool.MEAN,
        init: Init = Init.DEFAULT,
    ) -> None:
        check_at_least("in_channels", in_channels, 1)
        check_same_length("widths", widths, "depths", depths)
        check_same_length("kernel_taps", kernel_taps, "depths", depths)
        super().__init__(in_channels, out_channels, dim)
        self.stem = Stem(in_channels, widths[0], dim=dim, spacing=check_positive("spacing", spacing))
        drops = torch.linspace(0, drop_path, sum(depths)).tolist()
        stages, transitions = [], []
        for number, (depth, width, taps) in enumerate(zip(depths, widths, kernel_taps, strict=True)):
            step = 4 * spacing * 2**number
            conv = functools.partial(
                _branches, taps=taps, small_taps=small_taps, dim=dim, spacing=step, init=init
            )
            blocks: list[nn.Module] = []
            for _ in range(depth):
                drop = drops.pop(0)
                blocks.append(LargeKernelBlock(width, conv=conv, drop_path=drop))
                blocks.append(FeedForwardBlock(width, drop_path=drop))
            stages.append(nn.ModuleList(blocks))
            if number + 1 < len(widths):
                transitions.append(Transition(width, widths[number + 1], dim=dim, spacing=step))
        self.stages, self.transitions = nn.ModuleList(stages), nn.ModuleList(transitions)
        self.norm = BatchNorm(widths[-1])
        self.head = PooledHead(widths[-1], out_channels, pool)
        if init is Init.SMPCONV:
            self.apply(_truncated_normal_)
        # the stem has what a door asks of a convolution: axes, channels, spacing
        self.door = Door(self.stem.first.taps)

    def features(self, x: Tensor, domain: AbstractDomain) -> tuple[Tensor, Grid]:
        """What the head reads, ``[m, channels]``, and the coarse grid it lies on.

        Raises:
            TypeError: a domain that is no grid.
        """
        if not isinstance(domain, Grid):
            raise TypeError(f"'domain' must be a Grid for this network (got {type(domain).__name__})")
        y, grid = self.stem(x, domain)
        for number, stage in enumerate(self.stages):
            if number > 0:
                y, grid = self.transitions[number - 1](y, grid)
            for block in cast(nn.ModuleList, stage):
                y = block(y, grid)
        return self.norm(y, grid), grid

    def forward(
        self, data: DoorInput, domain: AbstractDomain | None = None, *, spacing: Spacing | None = None
    ) -> Tensor:
        """Answers for an array, for PyG data with an array, or for samples on a grid; see the class."""
        x, where = self.door.open(data, domain, spacing)
        return self.head(*self.features(x, where))


def _branches(
    channels: int, *, taps: int, small_taps: int, dim: int, spacing: float, init: Init
) -> BranchedConv:
    """A depthwise layer: points that all channels share, no division by their count, and a small kernel of taps."""
    kernel = functools.partial(
        SelfMovingPoints,
        hidden_channels=taps**dim // 4,
        radius=4 / taps,
        coord_std=0.2,
        min_radius=1e-3,
        init=init,
    )
    large = DepthwiseConv(
        channels,
        dim=dim,
        kernel=kernel,
        window=NoWindow,
        extent=taps // 2 * spacing,
        spacing=spacing,
        bias=False,
    )
    small = TapConv(channels, channels, small_taps, dim=dim, spacing=spacing, depthwise=True, bias=False)
    return BranchedConv(large, small)


def _truncated_normal_(module: nn.Module) -> None:
    """Weights of linear maps and taps as the released code draws them: truncated normal with deviation 0.02."""
    if isinstance(module, (nn.Linear, TapConv)):
        nn.init.trunc_normal_(module.weight, std=0.02)


def build_smpconv(
    *,
    depths: Sequence[int],
    widths: Sequence[int],
    kernel_taps: Sequence[int],
    dim: int,
    in_channels: int,
    out_channels: int,
    shape: Sequence[int] | None = None,
    spacing: float = 1.0,
    drop_path: float = 0.1,
    pool: Pool | str = Pool.MEAN,
    init: Init | str = Init.DEFAULT,
) -> SMPConvNet:
    """An SMPConvNet of given size (SMPConv Table 5).

    Args:
        depths: pairs of blocks of every stage.
        widths: channels of every stage.
        kernel_taps: taps per axis of the kernels of every stage.
        dim: axes of the positions.
        in_channels: channels of the data.
        out_channels: classes.
        shape: not needed: kernels have the same taps whatever the image.
        spacing: distance of samples in training.
        drop_path: share of images whose branch is dropped in the last block.
        pool: mean, max, mean+max.
        init: rule of the initial values: default, smpconv.

    Raises:
        ValueError: a number out of range, a string that is no choice, a shape of another number of axes.
    """
    if shape is not None and len(shape) != dim:
        raise ValueError(f"'shape' must have {dim} entries (got {list(shape)})")
    return SMPConvNet(
        in_channels,
        out_channels,
        depths=depths,
        widths=widths,
        kernel_taps=kernel_taps,
        dim=dim,
        spacing=spacing,
        drop_path=drop_path,
        pool=choice("pool", pool, Pool),
        init=choice("init", init, Init),
    )


register_frozen(
    "smpconv_t",
    build_smpconv,
    {"drop_path": 0.1},
    depths=(2, 2, 8, 2),
    widths=(96, 192, 384, 768),
    kernel_taps=(31, 29, 27, 13),
)
register_frozen(
    "smpconv_b",
    build_smpconv,
    {"drop_path": 0.5},
    depths=(2, 2, 20, 2),
    widths=(128, 256, 512, 1024),
    kernel_taps=(31, 29, 27, 13),
)
