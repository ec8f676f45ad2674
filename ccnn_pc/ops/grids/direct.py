"""Correlation on grids tap by tap: channels-last, for kernels of few taps."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from ccnn_pc.native.grids import native_depthwise_kernel, runs_depthwise


def direct_correlate(x: Tensor, kernel: Tensor, origin: Sequence[int]) -> Tensor:
    """``y[b, i] = Σ_t kernel[t] x[b, i + t - origin]``, zero outside; layouts as in ``grid_convolution``."""
    dim, depthwise = x.dim() - 2, kernel.dim() == x.dim() - 1
    x = x.movedim(-1, 1)  # channels-last memory under channels-first names
    weight = kernel.movedim(-1, 0)[:, None] if depthwise else kernel.movedim((-1, -2), (0, 1))
    groups = x.shape[1] if depthwise else 1
    origin = list(origin)
    if dim == 1:  # there is no channels-last convolution with one axis
        x, weight, origin = x[:, :, None], weight[:, :, None], [0, *origin]
    taps = weight.shape[2:]
    after = [k - 1 - a for k, a in zip(taps, origin, strict=True)]
    if after == origin:
        padding = tuple(origin)
    else:
        sides = [p for a, b in zip(reversed(origin), reversed(after), strict=True) for p in (a, b)]
        x, padding = functional.pad(x, sides), (0,) * len(taps)
    layout = torch.channels_last if len(taps) == 2 else torch.channels_last_3d
    convolve = functional.conv2d if len(taps) == 2 else functional.conv3d
    y = convolve(x, weight.contiguous(memory_format=layout), padding=padding, groups=groups)
    if dim == 1:
        y = y[:, :, 0]
    return y.movedim(1, -1)


def direct_correlate_samples(x: Tensor, g: Tensor, taps: Sequence[int], origin: Sequence[int]) -> Tensor:
    """``Σ_{b,i} g[b, i] x[b, i + t - origin]`` for every tap t: the gradient to the kernel.

    Args:
        x: samples ``[B, *S, C_in]``.
        g: gradient of the result ``[B, *S, C_out]``.
        taps: kernel shape: ``[*K, C]`` depthwise, or ``[*K, C_in, C_out]``.
        origin: index of the tap with offset 0, per axis.
    """
    dim, depthwise = x.dim() - 2, len(taps) == x.dim() - 1
    if depthwise and runs_depthwise(x):
        return native_depthwise_kernel(x, g, taps[:dim], origin)
    grad = x.new_zeros(list(taps))
    for tap in itertools.product(*(range(k) for k in taps[:dim])):
        here, there = _overlap(x.shape[1:-1], [t - a for t, a in zip(tap, origin, strict=True)])
        a, b = x[(slice(None), *there)], g[(slice(None), *here)]
        if depthwise:
            grad[tap] = (a * b).flatten(0, -2).sum(0)
        else:
            grad[tap] = a.flatten(0, -2).t() @ b.flatten(0, -2)
    return grad


def _overlap(shape: Sequence[int], offset: Sequence[int]) -> tuple[list[slice], list[slice]]:
    """Outputs i, and samples i + offset, that both lie on the grid."""
    here = [slice(max(0, -o), max(0, min(s, s - o))) for s, o in zip(shape, offset, strict=True)]
    there = [slice(max(0, o), max(0, min(s, s + o))) for s, o in zip(shape, offset, strict=True)]
    return here, there
