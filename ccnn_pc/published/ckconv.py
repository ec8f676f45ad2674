"""CKConv's released layer, its quirks as options, and the network of its checkpoints."""

from __future__ import annotations

import dataclasses
import enum
import functools
import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ccnn_pc._checks import check_flags
from ccnn_pc._choices import choice
from ccnn_pc.domains.base import AbstractDomain
from ccnn_pc.domains.pooling import Pool
from ccnn_pc.kernels import SIREN, Init, NoWindow
from ccnn_pc.models.ckcnn import CKCNN
from ccnn_pc.models.convolution import Convolution
from ccnn_pc.models.options import Dropout, Norm, NormKind, Words
from ccnn_pc.models.registry import register_frozen
from ccnn_pc.nn.conv import Algorithm, ContinuousConv
from ccnn_pc.nn.dropout import DropoutKind
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
        super().__init__(in_channels, out_channels, **options)
        if self.endpoint != 1.0:
            raise ValueError(f"'endpoint' must be 1.0 for a released layer (got {self.endpoint})")
        self.anchor = choice("anchor", anchor, Anchor)
        check_flags(blur=blur, short_fft=short_fft)
        self.blur, self.short_fft = blur, short_fft

    def _options(self) -> list[str]:
        return [
            *super()._options(),
            *([f"anchor={self.anchor}"] if self.anchor is not Anchor.OLDEST else []),
            *([] if self.blur else ["blur=False"]),
            *([] if self.short_fft else ["short_fft=False"]),
        ]

    def convolve(self, x: Tensor, domain: AbstractDomain, algorithm: Algorithm = Algorithm.AUTO) -> Tensor:
        """See the class; there is one algorithm."""
        return super().convolve(x, domain, algorithm=Algorithm.FAST)

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

    def _fast(self, x: Tensor, domain: AbstractDomain) -> Tensor:
        grid = zero_grid(domain)
        weight = domain.quadrature(self.spacing, None)
        if weight is not None and float(weight) != 1.0:  # a GPU has a weight of 1 where the CPU knows of none
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


@dataclass(frozen=True)
class Quirks:
    """What distinguishes the released layer; see :class:`ReleasedCKConv`.

    Attributes:
        anchor: "oldest" (released) or "ends".
        blur: smooth kernels where data are longer than in training (released).
        short_fft: the released Fourier transform, wrong for odd lengths.
    """

    anchor: Anchor | str = Anchor.OLDEST
    blur: bool = True
    short_fft: bool = True


def build_released_ckcnn(words: Words) -> CKCNN:
    """The network of CKConv's released checkpoints, with the released layer; see :class:`ReleasedCKConv`.

    Words: shape and spacing of :class:`~ccnn_pc.models.convolution.TrainingGeometry`, data of another rate differing in
    their length alone; dropout and dropout_in of :class:`~ccnn_pc.models.options.Dropout`; norm_eps; those of
    :class:`Quirks`; and

    * num_blocks, channels, kernel_hidden: residual blocks (2), width of the network (30; published: 30 and 100) and of
      the kernel networks (32).
    * omega_0: in cycles per unit of kernel coordinates: the papers' angular number over 2π. Kept in float64, so that
      ``model.double()`` computes with it as given.

    Raises:
        ValueError: a number out of range, a string that is no choice, another kernel or window.

    Example:
        >>> from ccnn_pc.models import create_model
        >>> model = create_model("ckcnn_released", dim=1, in_channels=3, out_channels=20, shape=(182,))
        >>> sum(p.numel() for p in model.parameters()), model(torch.rand(2, 3, 91)).shape
        (100696, torch.Size([2, 20]))
    """
    for part, given in (("kernel", words.given_kernel), ("window", words.given_window)):
        if given is not None:
            raise ValueError(f"'{part}' must be None for '{words.name}': there is no other released layer")
    geometry = words.geometry(("dim", "shape", "spacing"))
    quirks = words.take(Quirks)
    omega_0 = words.pop("omega_0", 4.0)
    kernel = functools.partial(
        SIREN,
        hidden_channels=words.pop("kernel_hidden", 32),
        omega_0=omega_0,
        init=Init.CKCONV,
        weight_norm=True,
    )
    conv = Convolution(
        geometry,
        kernel,
        NoWindow,
        separable=False,
        layer=functools.partial(ReleasedCKConv, **dataclasses.asdict(quirks)),
    )
    model = CKCNN(
        words.in_channels,
        words.out_channels,
        channels=words.pop("channels", 30),
        num_blocks=words.pop("num_blocks", 2),
        conv=conv,
        norm=words.take(Norm, ("norm_eps",), norm=NormKind.GROUP, norm_eps=RELEASED_NORM_EPS).factory,
        dropout=words.take(Dropout, ("dropout", "dropout_in"), dropout_kind=DropoutKind.ELEMENT),
        pool=Pool.LAST,
        reading=words.reading(geometry),
    )
    for made in (layer.kernel for layer in model.convolutions()):
        assert isinstance(made, SIREN)
        made.omega = torch.tensor(2.0 * math.pi * omega_0, dtype=torch.float64)
    return model


register_frozen("ckcnn_released", build_released_ckcnn, dim=1)
