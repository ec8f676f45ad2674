"""SMPConv's networks: self-moving points for sequences, small and large images (Kim and Park 2023, "SMPConv")."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from ccnn_pc._checks import check_at_least, check_flags, check_positive, check_same_length
from ccnn_pc.domains.base import AbstractDomain
from ccnn_pc.domains.grid.grid import Grid
from ccnn_pc.domains.pooling import Pool
from ccnn_pc.kernels import Init, NoWindow, SelfMovingPoints, SelfMovingPointsPerFilter
from ccnn_pc.kernels.registry import factory_options
from ccnn_pc.models.base import Network, reset_parameters
from ccnn_pc.models.ckcnn import CKCNN
from ccnn_pc.models.convolution import Convolution, set_options
from ccnn_pc.models.flexnet import FlexNet
from ccnn_pc.models.options import Dropout, Norm, Words, pool_choice
from ccnn_pc.models.reading import Reading
from ccnn_pc.models.registry import register_frozen
from ccnn_pc.nn.apply import NormFactory, Pooling, apply_layer
from ccnn_pc.nn.branches import BranchedConv
from ccnn_pc.nn.conv import DepthwiseConv
from ccnn_pc.nn.dropout import DropoutKind
from ccnn_pc.nn.large_kernel import FeedForwardBlock, LargeKernelBlock, Stem, Transition
from ccnn_pc.nn.quadrature import Quadrature
from ccnn_pc.nn.tap_conv import TapConv


@dataclass(frozen=True)
class BranchedConvolution:
    """Makes layers of two branches: a large continuous kernel, a small one of taps beside it, norms, the sum.

    Attributes:
        large: makes the large convolution.
        small_taps: taps of the small one, per axis.
        norm: makes the norm of a branch.
        small_bias: whether the small branch has a bias.
        stem_bias: whether that of a network's first layer has.

    Raises:
        ValueError: clouds, where a kernel of taps has no meaning.
    """

    large: Convolution
    small_taps: int
    norm: NormFactory = nn.BatchNorm1d
    small_bias: bool = False
    stem_bias: bool = False

    def __post_init__(self) -> None:
        check_flags(small_bias=self.small_bias, stem_bias=self.stem_bias)
        geometry = self.large.geometry
        if geometry.taps is None:
            raise ValueError(
                f"'shape' must be given for {geometry.dim} axes: these networks work on grids (got None)"
            )

    def __call__(self, in_channels: int, out_channels: int) -> BranchedConv:
        geometry = self.large.geometry
        large = self.large(in_channels, out_channels)
        small = TapConv(
            in_channels,
            out_channels,
            self.small_taps,
            dim=geometry.dim,
            spacing=geometry.spacing,
            causal=geometry.causal,
            bias=self.small_bias,
            std=0.02 if _init(self.large.kernel) is Init.SMPCONV else None,
        )
        return BranchedConv(large, small, self.norm)

    def stem(self, in_channels: int, out_channels: int) -> BranchedConv:
        """The first layer of a network."""
        return dataclasses.replace(self, small_bias=self.stem_bias)(in_channels, out_channels)


def branched(words: Words, *, num_points: int, coord_std: float, small_taps: int) -> BranchedConvolution:
    """SMPConv's layer: a full kernel of points per filter, two taps wide at the start, beside a small one of taps."""
    geometry = words.geometry(("dim", "shape", "spacing", "extent"))
    if geometry.taps is None:
        raise ValueError(
            f"'shape' must be given for {geometry.dim} axes: these networks work on grids (got None)"
        )
    kernel = functools.partial(
        SelfMovingPointsPerFilter,
        num_points=num_points,
        radius=4.0 / max(geometry.taps),
        coord_std=coord_std,
    )
    large = words.convolution(
        geometry,
        kernel,
        NoWindow,
        ("radius", "coord_std", "init"),
        separable=False,
        full_stem=False,
        bias=words.pop("bias", False),
    )
    return BranchedConvolution(large, small_taps, words.take(Norm).factory)


def _init(kernel: Callable[..., nn.Module]) -> Init | None:
    """The rule that a kernel's initial values follow, if it has one."""
    return factory_options(kernel).get("init")


def build_smpnet_tcn(
    words: Words, *, num_blocks: int, channels: int, num_points: int = 30, small_taps: int = 5
) -> CKCNN:
    """SMPConv's network for sequences (its Tables 1 to 3): CKCNN's network with layers of two branches.

    After each step of the optimiser call ``constrain_`` of every kernel.

    Words: shape, spacing and extent of :class:`~ccnn_pc.models.convolution.TrainingGeometry`;
    :class:`~ccnn_pc.models.options.Dropout` (single numbers), :class:`~ccnn_pc.models.options.Norm`, one for each
    branch; threshold, endpoint and layer of :class:`~ccnn_pc.models.convolution.Convolution`, which concern the large
    branch; and

    * radius: initial radius of the points in kernel coordinates; None: two taps (SMPConv: 0.0002 to 0.012).
    * coord_std: spread of the initial points, by default 0.1.
    * init: rule of the initial values: default, smpconv.
    * bias: add one behind the large kernels, where the norm makes it superfluous (published: for some data).
    * pool: mean, max, mean+max, last; None for one answer per sample; "auto" (default): last for series, else mean.

    Args:
        words: what :func:`ccnn_pc.models.create_model` was given.
        num_blocks: residual blocks.
        channels: width of the network.
        num_points: points per filter.
        small_taps: taps of the small branch, per axis.

    Raises:
        ValueError: a number out of range, a string that is no choice, clouds.
    """
    conv = branched(words, num_points=num_points, coord_std=0.1, small_taps=small_taps)
    geometry = conv.large.geometry
    return CKCNN(
        words.in_channels,
        words.out_channels,
        channels=channels,
        num_blocks=num_blocks,
        conv=conv,
        norm=nn.Identity,  # the branches have their own
        dropout=words.take(Dropout, dropout_kind=DropoutKind.ELEMENT),
        pool=pool_choice(words.pop("pool", "auto"), geometry.dim),
        reading=words.reading(geometry),
    )


def build_smpnet_resnet(
    words: Words, *, widths: Sequence[int], num_points: int = 16, small_taps: int = 3
) -> FlexNet:
    """SMPConv's network for small images (its Tables 4 and 9): FlexNet's network with layers of two branches.

    Words: those of :func:`build_smpnet_tcn` but for dropout_in; coord_std is 0.05 by default, pool the mean.

    Args:
        words: what :func:`ccnn_pc.models.create_model` was given.
        widths: channels of every block.
        num_points: points per filter.
        small_taps: taps of the small branch, per axis; that of the stem has a bias.

    Raises:
        ValueError: a number out of range, a string that is no choice, clouds.
    """
    conv = branched(words, num_points=num_points, coord_std=0.05, small_taps=small_taps)
    geometry = conv.large.geometry
    return FlexNet(
        words.in_channels,
        words.out_channels,
        widths=widths,
        conv=dataclasses.replace(conv, stem_bias=True),
        norm=nn.Identity,  # the branches have their own
        dropout=words.take(Dropout, ("dropout", "dropout_kind"), dropout_kind=DropoutKind.ELEMENT),
        pool=pool_choice(words.pop("pool", Pool.MEAN), geometry.dim),
        reading=words.reading(geometry),
    )


@dataclass(frozen=True)
class DepthwiseBranches:
    r"""Makes depthwise layers of two branches: called with ``channels``, and ``taps`` and ``spacing`` of their stage.

    Attributes:
        dim: axes.
        small_taps: taps of the small branch.
        kernel: makes a kernel; where it makes :class:`~ccnn_pc.kernels.SelfMovingPoints` and does not say so,
            :math:`P = \lfloor K^D / 4 \rfloor` points of radius 4 / K, which all channels share and whose count
            nothing is divided by.
        window: makes its window.

    Example:
        >>> DepthwiseBranches(dim=1)(8, taps=13, spacing=4.0).conv.kernel.hidden_channels
        3
    """

    dim: int = 2
    small_taps: int = 5
    kernel: Callable[..., nn.Module] = functools.partial(SelfMovingPoints, coord_std=0.2, min_radius=1e-3)
    window: Callable[..., nn.Module] = NoWindow

    def __call__(self, channels: int, *, taps: int, spacing: float) -> BranchedConv:
        kernel = self.kernel
        if getattr(kernel, "func", kernel) is SelfMovingPoints:
            usual = {"hidden_channels": taps**self.dim // 4, "radius": 4 / taps}
            kernel = functools.partial(
                kernel, **{name: usual[name] for name in usual.keys() - set_options(kernel)}
            )
        large = DepthwiseConv(
            channels,
            dim=self.dim,
            kernel=kernel,
            window=self.window,
            extent=taps // 2 * spacing,
            bias=False,
            quadrature=Quadrature(spacing=spacing),
        )
        small = TapConv(
            channels, channels, self.small_taps, dim=self.dim, spacing=spacing, depthwise=True, bias=False
        )
        return BranchedConv(large, small)


class SMPConvNet(Network):
    r"""SMPConv-T and -B: four stages of large depthwise kernels in the layout of RepLKNet (SMPConv section 4.4).

    Stem (to a quarter of the samples per axis), stages of depth N of :class:`~ccnn_pc.nn.large_kernel.LargeKernelBlock`
    and :class:`~ccnn_pc.nn.large_kernel.FeedForwardBlock`, transitions that halve the resolution, batch norm, mean,
    linear map. A kernel has K taps per axis at the spacing of its stage. Stages work on coarser and coarser grids:
    clouds cannot come in.

    Args:
        in_channels: channels of the data.
        out_channels: classes (1: one logit).
        depths: pairs of blocks N of every stage.
        widths: channels of every stage.
        kernel_taps: K of every stage.
        conv: makes the layers of large kernels.
        spacing: distance of the data's samples in training.
        drop_path: share of images whose branch is dropped in the last block; it grows linearly from 0 in the first.
        pool: how samples become one answer.
        reading: how data become features; None: arrays with the spacing of training.

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
        conv: DepthwiseBranches = DepthwiseBranches(),  # noqa: B008  (frozen)
        spacing: float = 1.0,
        drop_path: float = 0.0,
        pool: Pooling = Pool.MEAN,
        reading: Reading | None = None,
    ) -> None:
        check_at_least("in_channels", in_channels, 1)
        check_same_length("widths", widths, "depths", depths)
        check_same_length("kernel_taps", kernel_taps, "depths", depths)
        dim, step = conv.dim, check_positive("spacing", spacing)
        super().__init__(reading or Reading(dim, in_channels, step), out_channels, pool)
        self.stem = Stem(in_channels, widths[0], dim=dim, spacing=step)
        drops = torch.linspace(0, drop_path, sum(depths)).tolist()
        stages, transitions = [], []
        for number, (depth, width, taps) in enumerate(zip(depths, widths, kernel_taps, strict=True)):
            step = 4 * spacing * 2**number
            layer = functools.partial(conv, taps=taps, spacing=step)
            blocks: list[nn.Module] = []
            for _ in range(depth):
                drop = drops.pop(0)
                blocks.append(LargeKernelBlock(width, conv=layer, drop_path=drop))
                blocks.append(FeedForwardBlock(width, drop_path=drop))
            stages.append(nn.ModuleList(blocks))
            if number + 1 < len(widths):
                transitions.append(Transition(width, widths[number + 1], dim=dim, spacing=step))
        self.stages, self.transitions = nn.ModuleList(stages), nn.ModuleList(transitions)
        self.norm = nn.BatchNorm1d(widths[-1])
        self.set_head(widths[-1])
        self._released = _init(conv.kernel) is Init.SMPCONV
        if self._released:
            self.apply(_truncated_normal_)

    def reset_parameters(self) -> None:
        # blocks of a stage, then what follows it, as they were made
        reset_parameters(self.stem)
        for number, stage in enumerate(self.stages):
            reset_parameters(stage)
            if number < len(self.transitions):
                reset_parameters(self.transitions[number])
        reset_parameters(self.head)
        reset_parameters(self.norm)
        if self._released:
            self.apply(_truncated_normal_)

    def logits(self, x: Tensor, domain: AbstractDomain) -> Tensor:
        """Answers on a grid."""
        return apply_layer(self.head, *self.features(x, domain))

    def features(self, x: Tensor, domain: AbstractDomain) -> tuple[Tensor, Grid]:  # type: ignore[override]
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
        return apply_layer(self.norm, y, grid), grid


def _truncated_normal_(module: nn.Module) -> None:
    """Weights of linear maps and taps as the released code draws them: truncated normal with deviation 0.02."""
    if isinstance(module, (nn.Linear, TapConv)):
        nn.init.trunc_normal_(module.weight, std=0.02)


def build_smpconv(
    words: Words, *, depths: Sequence[int], widths: Sequence[int], kernel_taps: Sequence[int]
) -> SMPConvNet:
    """An SMPConvNet of given size (SMPConv Table 5).

    Words: spacing of :class:`~ccnn_pc.models.convolution.TrainingGeometry` (kernels have the same taps whatever the
    shape); and

    * drop_path: share of images whose branch is dropped in the last block; default 0.1.
    * pool: mean (default), max, mean+max.
    * init: rule of the initial values: default, smpconv.

    Args:
        words: what :func:`ccnn_pc.models.create_model` was given.
        depths: pairs of blocks of every stage.
        widths: channels of every stage.
        kernel_taps: taps per axis of the kernels of every stage.

    Raises:
        ValueError: a number out of range, a string that is no choice, a shape of another number of axes.
    """
    geometry = words.geometry(("dim", "shape", "spacing"))
    window = words.window(NoWindow)
    own = functools.partial(SelfMovingPoints, coord_std=0.2, min_radius=1e-3)
    pool = pool_choice(words.pop("pool", Pool.MEAN), geometry.dim)
    if pool is None:
        raise ValueError("'pool' must reduce samples: this network has no answer per sample (got None)")
    return SMPConvNet(
        words.in_channels,
        words.out_channels,
        depths=depths,
        widths=widths,
        kernel_taps=kernel_taps,
        conv=DepthwiseBranches(
            geometry.dim, kernel=words.kernel(own, geometry, window, ("init",)), window=window
        ),
        spacing=geometry.spacing,
        drop_path=words.pop("drop_path", 0.1),
        pool=pool,
        reading=words.reading(geometry),
    )


register_frozen("smpnet_tcn_6", build_smpnet_tcn, num_blocks=6, channels=30, num_points=30, small_taps=5)
register_frozen(
    "smpnet_resnet_7",
    build_smpnet_resnet,
    widths=(24, 24, 36, 36, 36, 48, 48),
    num_points=16,
    small_taps=3,
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
