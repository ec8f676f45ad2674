"""CKConv's released layer, its quirks as options, and the network of its checkpoints."""

from __future__ import annotations

import enum
import functools
import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ccnn_pc.domains.base import AbstractDomain
from ccnn_pc.domains.pooling import Pool
from ccnn_pc.kernels import SIREN, Init
from ccnn_pc.models.ckcnn import CKCNN, build_ckcnn
from ccnn_pc.models.options import NormKind, choice
from ccnn_pc.models.registry import register_model
from ccnn_pc.nn.conv import Algorithm, ContinuousConv
from ccnn_pc.ops.grids.convolution import grid_convolution
from ccnn_pc.published.grids import correlate_as_released, zero_grid
from ccnn_pc.published.kernels import RELEASED_NORM_EPS


class Anchor(enum.Enum):
    """Where the taps of a kernel lie for data of another length than in training.

    OLDEST: in steps of r taps of training from -1, the oldest, so that the newest may fall short of 1 (the released
    code). ENDS: evenly from -1 to 1, whatever the length (probably what the rate 1/8 row of the paper was measured
    with).
    """

    OLDEST = "oldest"
    ENDS = "ends"


class ReleasedCKConv(ContinuousConv):
    r"""CKConv's released causal layer: its rule for other lengths, its blur, its Fourier transform.

    With training length T and data of length N the rate ratio is r = round(T / N), or 1 / round(N / T) for longer data:
    the released code knows lengths only, and takes a longer series for one sampled more finely. N taps lie evenly from
    -1, the oldest, to :math:`1 - 2 ((T-1) \bmod r) / (T-1)`, so that the newest is off by a part of a step; the kernel
    is multiplied by r, and for r < 1 smoothed by an unnormalised Gaussian of half a tap. Lengths of at least T go
    through the Fourier transform that is wrong for odd lengths.

    Args:
        in_channels: C_in.
        out_channels: C_out.
        anchor: where the taps lie for other lengths; default as released.
        blur: smooth kernels for r < 1; default as released.
        short_fft: lengths of at least T go through the released transform (default); else all are summed rightly.
        options: as in :class:`ContinuousConv`; one axis, causal and full kernels only.

    Raises:
        ValueError: other options; at the call, a grid of another spacing than that of training.
        TypeError: at the call, a domain that is no grid.

    Example:
        >>> from ccnn_pc.domains import Grid
        >>> conv = ReleasedCKConv(3, 4, dim=1, extent=160.0, causal=True, separable=False)
        >>> conv(torch.rand(81, 3), Grid((81,))).shape
        torch.Size([81, 4])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        anchor: Anchor = Anchor.OLDEST,
        blur: bool = True,
        short_fft: bool = True,
        **options: Any,
    ) -> None:
        if not options.get("causal", False) or options.get("separable", True):
            raise ValueError("'causal' must be True and 'separable' False: there is no other released layer")
        if options.get("endpoint", 1.0) != 1.0:
            raise ValueError(f"'endpoint' must be 1.0 for a released layer (got {options['endpoint']})")
        super().__init__(in_channels, out_channels, **options)
        self.anchor = choice("anchor", anchor, Anchor)
        self.blur, self.short_fft = blur, short_fft

    def forward(self, x: Tensor, domain: AbstractDomain, algorithm: Algorithm = Algorithm.AUTO) -> Tensor:
        """See the class; there is one path."""
        return super().forward(x, domain, Algorithm.FAST)

    @property
    def trained_length(self) -> int:
        """T, from extent and spacing."""
        return round(float(self.extent[0] / self.spacing[0])) + 1

    def taps(self, length: int) -> tuple[Tensor, float]:
        """The kernel for data of a length, ``[N, C_in, C_out]``, and the rate ratio r."""
        trained = self.trained_length
        step = 2.0 / (trained - 1)
        if trained > length:
            ratio = float(round(trained / length))
            newest = 1.0 - ((trained - 1) % ratio) * step
        else:
            finer = round(length / trained)
            ratio = 1.0 / finer
            newest = 1.0 + ((length - 1) % finer) * step * ratio if finer > 1 else 1.0
        if self.anchor is Anchor.ENDS:
            newest = 1.0
        u = torch.linspace(-1.0, newest, length, dtype=torch.float64, device=self.extent.device)[:, None]
        kernel = self.kernel(u.to(self.extent))
        if ratio < 1.0 and self.blur:
            kernel = _blurred(kernel, round(1.0 / ratio))
        return ratio * kernel.unflatten(-1, (-1, self.in_channels)).transpose(-2, -1), ratio

    def _fused(self, x: Tensor, domain: AbstractDomain) -> Tensor:
        grid = zero_grid(domain)
        if domain.quadrature(self.spacing, None) is not None:
            raise ValueError(
                f"'domain' must have the spacing of training, {self.spacing.tolist()}: the released layer "
                f"knows lengths only (got {list(grid.spacing)})"
            )
        length = grid.shape[0]
        kernel, _ = self.taps(length)
        dense = grid.unflatten(x).movedim(1, -1)
        if self.short_fft and length >= self.trained_length:
            y = correlate_as_released(dense, kernel)
        else:
            y = grid_convolution(dense, kernel, [length - 1], method=grid.method)
        return grid.flatten(y.movedim(-1, 1))


def _blurred(kernel: Tensor, half: int) -> Tensor:
    """Smooth ``[N, C]`` along the taps by a Gaussian of deviation 1/2; ``half`` taps at both ends stay as they are."""
    j = torch.arange(-half, half + 1, dtype=kernel.dtype, device=kernel.device)
    weights = torch.exp(-2.0 * j.square()) / (0.5 * math.sqrt(2.0 * math.pi))
    inner = (kernel.unfold(0, 2 * half + 1, 1) * weights).sum(-1)
    return torch.cat([kernel[:half], inner, kernel[len(kernel) - half :]])


def build_released_ckcnn(
    *,
    dim: int,
    in_channels: int,
    out_channels: int,
    shape: Sequence[int] | None = None,
    spacing: float = 1.0,
    num_blocks: int = 2,
    channels: int = 30,
    kernel_hidden: int = 32,
    omega_0: float = 4.0,
    dropout: float = 0.0,
    dropout_in: float = 0.0,
    norm_eps: float = RELEASED_NORM_EPS,
    anchor: Anchor | str = Anchor.OLDEST,
    blur: bool = True,
    short_fft: bool = True,
) -> CKCNN:
    """The network of CKConv's released checkpoints, with the released layer; see :class:`ReleasedCKConv`.

    Args:
        dim: 1.
        in_channels: channels of the data.
        out_channels: classes.
        shape: samples in training T; see :func:`ccnn_pc.models.create_model`.
        spacing: their distance; data of another rate differ in their length alone.
        num_blocks: residual blocks.
        channels: width of the network (published: 30 and 100).
        kernel_hidden: width of the kernel networks.
        omega_0: in cycles per unit of kernel coordinates: the papers' angular number over 2π. Kept in float64, so that
            ``model.double()`` computes with it as given.
        dropout: share of numbers dropped in blocks.
        dropout_in: share of numbers dropped from the data.
        norm_eps: guard of the norms.
        anchor: "oldest" (released) or "ends".
        blur: smooth kernels where data are longer than in training (released).
        short_fft: the released Fourier transform, wrong for odd lengths.

    Raises:
        ValueError: a number out of range, a string that is no choice.

    Example:
        >>> from ccnn_pc.models import create_model
        >>> model = create_model("ckcnn_released", dim=1, in_channels=3, out_channels=20, shape=(182,))
        >>> sum(p.numel() for p in model.parameters()), model(torch.rand(2, 3, 91)).shape
        (100696, torch.Size([2, 20]))
    """
    layer = functools.partial(
        ReleasedCKConv,
        anchor=choice("anchor", anchor, Anchor),
        blur=blur,
        short_fft=short_fft,
    )
    model = build_ckcnn(
        num_blocks=num_blocks,
        channels=channels,
        kernel_hidden=kernel_hidden,
        dim=dim,
        in_channels=in_channels,
        out_channels=out_channels,
        shape=shape,
        spacing=spacing,
        omega_0=omega_0,
        dropout=dropout,
        dropout_in=dropout_in,
        norm=NormKind.GROUP,
        norm_eps=norm_eps,
        pool=Pool.LAST,
        init=Init.CKCONV,
        layer=layer,
    )
    for kernel in (conv.kernel for conv in model.convolutions()):
        assert isinstance(kernel, SIREN)
        kernel.omega = torch.tensor(2.0 * math.pi * omega_0, dtype=torch.float64)
    return model


@register_model("ckcnn_released", dim=1)
def _released(**arguments: Any) -> CKCNN:
    return build_released_ckcnn(**arguments)
