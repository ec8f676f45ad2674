"""What the released layers for sequences and images compute, quirks included: for comparison, never the default."""

from __future__ import annotations

import enum
import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ccnn_pc._checks import check_at_least, check_positive
from ccnn_pc._choices import choice
from ccnn_pc._precision import at_least_single
from ccnn_pc.domains.base import AbstractDomain
from ccnn_pc.domains.grid.grid import Boundary, Grid
from ccnn_pc.domains.grid.rendered import Taps, render
from ccnn_pc.kernels import GaussianWindow
from ccnn_pc.nn.conv import Algorithm, ContinuousConv
from ccnn_pc.ops.grids.convolution import grid_convolution

#: The released code leaves out taps where a window is below this.
CROP_THRESHOLD = 0.1


class Crop(enum.Enum):
    """Which taps the released code keeps: all (NONE), or those of one of two index rules at a window of 0.1.

    With ρ = |σ| √(-2 ln 0.1) and taps numbered from the oldest, at -1, to the newest, at 1: CCNN keeps causal taps from
    number ⌊(μ - ρ + 1) / step⌋ on, FLEXCONV those above μ - ρ, one tap less. Centred, both keep a symmetric box within
    max |μ ± ρ|, also where μ is not 0.
    """

    NONE = "none"
    CCNN = "ccnn"
    FLEXCONV = "flexconv"


@torch.no_grad()
def cropped_taps(
    window: GaussianWindow, taps: Sequence[int], causal: bool, crop: Crop, threshold: float = CROP_THRESHOLD
) -> Taps:
    """Taps that the released code keeps of a kernel with so many per axis.

    Args:
        window: the envelope; its guard ``min_width`` plays no part.
        taps: taps per axis K before the crop, odd if centred.
        causal: whether the newest tap is the sample itself.
        crop: the rule.
        threshold: window value at which is cropped.

    Example:
        >>> cropped_taps(GaussianWindow(1, width=0.075, causal=True), [784], True, Crop.CCNN).shape
        [65]
        >>> cropped_taps(GaussianWindow(2, width=0.075), [33, 33], False, Crop.CCNN).shape
        [5, 5]
    """
    crop = choice("crop", crop, Crop)
    deviations = math.sqrt(-2.0 * math.log(check_positive("threshold", threshold)))
    reach = (window.width.double().abs() * deviations).expand(window.dim)
    mean, first, last = window.mean.double(), [], []
    for centre, rho, size in zip(mean.tolist(), reach.tolist(), taps, strict=True):
        step, back = 2.0 / max(size - 1, 1), size - 1 if causal else size // 2
        if causal:
            position = (centre - rho + 1.0) / step
            start = math.floor(position) + (0 if crop is Crop.CCNN else 1)
            kept = back if crop is Crop.NONE else back - min(max(start, 0), size - 1)
            first.append(-kept)
            last.append(0)
            continue
        root = max(abs(centre - rho), abs(centre + rho))
        inner = math.ceil(root / step + 1e-8) - 1
        kept = back if crop is Crop.NONE or root >= 1.0 else min(max(inner, 0), back)
        first.append(-kept)
        last.append(kept)
    return Taps(tuple(first), tuple(last))


def correlate_as_released(x: Tensor, kernel: Tensor) -> Tensor:
    """Causal correlation by the released Fourier transform: wrong for odd lengths.

    Its inverse transform is not told the length. Where the padded length is odd, the result is one sample short and
    wrong everywhere (published CKConv, FlexConv, SMPConv and CCNN); for even lengths it is right.

    Args:
        x: samples ``[B, L, C_in]``.
        kernel: taps, the newest last, ``[K, C]`` depthwise or ``[K, C_in, C_out]`` full.

    Returns:
        ``[B, L, C]``.
    """
    length = x.shape[1]
    if kernel.shape[0] % 2 == 0:  # made odd by a zero tap on the older side
        kernel = torch.cat([torch.zeros_like(kernel[:1]), kernel])
    padded = torch.nn.functional.pad(x.to(at_least_single(x.dtype)), (0, 0, len(kernel) - 1, 0))
    spectrum = torch.fft.rfft(padded, dim=1)
    taps = torch.fft.rfft(kernel.to(padded.dtype), n=padded.shape[1], dim=0).conj()
    product = spectrum * taps if kernel.dim() == 2 else torch.einsum("bfi,fio->bfo", spectrum, taps)
    return torch.fft.irfft(product, dim=1)[:, :length].to(x.dtype)


class ReleasedGridConv(ContinuousConv):
    """FlexConv's, CCNN's and SMPConv's released layers on grids: cropped by index, with their Fourier transform.

    Same parameters as the convolution it stands in for.

    Args:
        in_channels: C_in.
        out_channels: C_out.
        crop: which taps are kept; needs a Gaussian window.
        fft_above: causal kernels of more taps than this go through the released Fourier transform, which is wrong for
            odd lengths (FlexConv, CCNN: 50; SMPConv: 0); None: never.
        options: as in :class:`ContinuousConv`.

    Raises:
        TypeError: a crop without a Gaussian window; at the call, a domain that is no grid.

    Example:
        >>> conv = ReleasedGridConv(3, 4, dim=1, extent=160.0, causal=True, crop=Crop.CCNN, fft_above=50)
        >>> conv(torch.rand(161, 3), Grid((161,))).shape
        torch.Size([161, 4])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        crop: Crop = Crop.NONE,
        fft_above: int | None = None,
        **options: Any,
    ) -> None:
        super().__init__(in_channels, out_channels, **options)
        self.crop = choice("crop", crop, Crop)
        self.fft_above = fft_above if fft_above is None else check_at_least("fft_above", fft_above, 0)
        if self.crop is not Crop.NONE and not isinstance(self.window, GaussianWindow):
            raise TypeError(
                f"'window' must be Gaussian to be cropped at a value (got {type(self.window).__name__})"
            )

    def _options(self) -> list[str]:
        return [
            *super()._options(),
            *([f"crop={self.crop}"] if self.crop is not Crop.NONE else []),
            *([f"fft_above={self.fft_above}"] if self.fft_above is not None else []),
        ]

    def convolve(self, x: Tensor, domain: AbstractDomain, algorithm: Algorithm = Algorithm.AUTO) -> Tensor:
        """See the class; there is one algorithm."""
        return super().convolve(x, domain, algorithm=Algorithm.FAST)

    def _fast(self, x: Tensor, domain: AbstractDomain) -> Tensor:
        grid = zero_grid(domain)
        sizes = [
            round(reach / step) * (1 if self.causal else 2) + 1
            for reach, step in zip(self.extent.tolist(), grid.spacing, strict=True)
        ]
        if isinstance(self.window, GaussianWindow):
            taps = cropped_taps(self.window, sizes, self.causal, self.crop)
        else:
            back = [size - 1 if self.causal else size // 2 for size in sizes]
            taps = Taps(tuple(-b for b in back), tuple(0 if self.causal else b for b in back))
        kernel = render(self.terms(), grid.spacing, taps)
        dense = grid.unflatten(x).movedim(1, -1)
        if self.causal and self.fft_above is not None and len(kernel) > self.fft_above:
            y = correlate_as_released(dense, kernel)
        else:
            y = grid_convolution(dense, kernel, taps.origin, method=grid.method)
        return grid.flatten(y.movedim(-1, 1))


def zero_grid(domain: AbstractDomain) -> Grid:
    """The domain, if it is a grid with zeros outside.

    Raises:
        TypeError: another domain.
    """
    if not isinstance(domain, Grid) or domain.boundary is not Boundary.ZERO:
        raise TypeError(f"'domain' must be a Grid with zeros outside for a released layer (got {domain})")
    return domain
