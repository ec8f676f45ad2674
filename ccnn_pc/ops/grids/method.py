"""Direct sums or the Fourier transform: a rule from measured times."""

from __future__ import annotations

import enum
import math
from collections.abc import Sequence

from torch import Tensor

from ccnn_pc._choices import choice
from ccnn_pc.native.grids import runs_depthwise
from ccnn_pc.ops.grids.fft_lengths import fft_lengths


class Method(enum.Enum):
    """How to convolve: AUTO (a measured rule), DIRECT (tap by tap), FFT."""

    AUTO = "auto"
    DIRECT = "direct"
    FFT = "fft"


#: On CPU, depthwise direct sums win up to so many taps (over all axes), by number of axes: for results, and for kernel
#: gradients where no native operator has them.
DIRECT_TAPS = {1: 128, 2: 121, 3: 343}
DIRECT_GRADIENT_TAPS = {1: 9, 2: 16, 3: 27}
#: Full kernels: so many products take as long as one padded sample of a transform; likewise.
PRODUCTS_PER_SAMPLE, GRADIENT_PRODUCTS_PER_SAMPLE = 400, 160


def is_direct(
    method: Method, x: Tensor, kernel: Tensor, origin: Sequence[int], *, gradient: bool = False
) -> bool:
    """Whether to sum tap by tap.

    Depthwise, both ways cost in proportion to samples times channels, and the number of taps decides. A full kernel is
    transformed for every pair of channels, however few samples there are: products are compared with transforms.

    Args:
        method: AUTO asks the rule.
        x: samples ``[B, *S, C_in]``.
        kernel: ``[*K, C]`` depthwise, or ``[*K, C_in, C_out]``.
        origin: index of the tap with offset 0, per axis.
        gradient: of the kernel, instead of the result or the gradient of the samples.
    """
    method = choice("method", method, Method)
    if method is not Method.AUTO:
        return method is Method.DIRECT
    dim = len(origin)
    taps = kernel.shape[:dim]
    if kernel.dim() == dim + 1:
        slow = gradient and not runs_depthwise(x)  # tap by tap in torch; in C++ it costs what results cost
        return math.prod(taps) <= (DIRECT_GRADIENT_TAPS if slow else DIRECT_TAPS).get(dim, 0)
    batch, shape, pairs = len(x), x.shape[1:-1], math.prod(kernel.shape[dim:])
    padded = math.prod(fft_lengths(shape, taps, origin)) * (pairs + batch * sum(kernel.shape[dim:]))
    products = batch * math.prod(shape) * math.prod(taps) * pairs
    return products <= padded * (GRADIENT_PRODUCTS_PER_SAMPLE if gradient else PRODUCTS_PER_SAMPLE)
