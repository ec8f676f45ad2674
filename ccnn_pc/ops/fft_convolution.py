"""Correlation on grids through the fast Fourier transform: smallest lengths, one cache-sized chunk at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import scipy.fft
import torch
from torch import Tensor

#: Bytes of one padded real chunk: what happens to a chunk stays in cache on CPU, and fills the device on CUDA.
FFT_CHUNK_BYTES = {"cpu": 1 << 20, "cuda": 1 << 28}


def fft_lengths(shape: Sequence[int], taps: Sequence[int], origin: Sequence[int]) -> list[int]:
    r"""Return the smallest quick transform lengths that do not wrap: products of primes up to 11.

    .. math:: n_d \ge S_d + \max(a_d, K_d - 1 - a_d)

    with origin a: what wraps round falls on outputs that nobody reads. Half of the padding of a full linear
    convolution, S + K - 1, where the kernel is centred.

    Example:
        >>> fft_lengths([32, 784], [33, 784], [16, 783])
        [48, 1568]
    """
    reach = [max(a, k - 1 - a) for k, a in zip(taps, origin, strict=True)]
    return [int(scipy.fft.next_fast_len(s + r, real=False)) for s, r in zip(shape, reach, strict=True)]


class FFTPlan:
    """Transforms of samples and kernels of given shapes.

    Args:
        shape: samples per axis S.
        taps: kernel taps per axis K.
        origin: index of the tap with offset 0, per axis.
        device_type: decides the size of chunks.
    """

    def __init__(
        self, shape: Sequence[int], taps: Sequence[int], origin: Sequence[int], device_type: str
    ) -> None:
        self.shape, self.taps, self.origin = list(shape), list(taps), list(origin)
        self.lengths = fft_lengths(shape, taps, origin)
        self.axes = list(range(-len(self.shape), 0))
        self.budget = FFT_CHUNK_BYTES.get(device_type, FFT_CHUNK_BYTES["cuda"])

    def chunks(self, batch: int, channels: int, itemsize: int) -> Iterator[tuple[slice, list[slice]]]:
        """Channel slices, each with the batch slices to work off for it."""
        rows = max(1, self.budget // (math.prod(self.lengths) * itemsize))
        c = min(channels, rows)
        b = min(batch, max(1, rows // c))
        for start in range(0, channels, c):
            yield slice(start, start + c), [slice(i, i + b) for i in range(0, batch, b)]

    def samples(self, x: Tensor) -> Tensor:
        """Spectrum ``[..., *F]`` of samples ``[..., *S]``."""
        return torch.fft.rfftn(x, s=self.lengths, dim=self.axes)

    def kernel(self, kernel: Tensor) -> Tensor:
        """Conjugate spectrum ``[..., *F]`` of taps ``[..., *K]``, offset 0 first, negative offsets at the end."""
        padding = [
            p for n, k in zip(reversed(self.lengths), reversed(self.taps), strict=True) for p in (0, n - k)
        ]
        rolled = torch.nn.functional.pad(kernel, padding).roll([-a for a in self.origin], self.axes)
        return torch.fft.rfftn(rolled, dim=self.axes).conj_physical_()

    def to_samples(self, spectrum: Tensor) -> Tensor:
        """The first S entries per axis of the inverse transform; the length is always given."""
        full = torch.fft.irfftn(spectrum, s=self.lengths, dim=self.axes)
        return full[(..., *(slice(0, s) for s in self.shape))]

    def to_taps(self, spectrum: Tensor) -> Tensor:
        """Entries at the offsets of the taps, ``[..., *K]``."""
        full = torch.fft.irfftn(spectrum, s=self.lengths, dim=self.axes).roll(self.origin, self.axes)
        return full[(..., *(slice(0, k) for k in self.taps))]


def fft_correlate(x: Tensor, kernel: Tensor, origin: Sequence[int]) -> Tensor:
    """``y[b, i] = Σ_t kernel[t] x[b, i + t - origin]``, zero outside; layouts as in ``grid_convolution``."""
    plan, depthwise = _plan(x, kernel.shape, origin), kernel.dim() == x.dim() - 1
    if not depthwise:
        taps = plan.kernel(kernel.movedim((-2, -1), (0, 1)))  # [I, O, *F]
        return _from_last(plan.to_samples(_mix(plan.samples(_to_first(x)), taps)))
    y = torch.empty_like(x, memory_format=torch.contiguous_format)
    for c, parts in plan.chunks(len(x), x.shape[-1], x.element_size()):
        taps = plan.kernel(kernel[..., c].movedim(-1, 0).contiguous())
        for b in parts:
            y[b, ..., c] = _from_last(plan.to_samples(plan.samples(_to_first(x[b, ..., c])).mul_(taps)))
    return y


def fft_correlate_samples(x: Tensor, g: Tensor, taps: Sequence[int], origin: Sequence[int]) -> Tensor:
    """``Σ_{b,i} g[b, i] x[b, i + t - origin]`` for every tap t: the gradient to the kernel.

    Args:
        x: samples ``[B, *S, C_in]``.
        g: gradient of the result ``[B, *S, C_out]``.
        taps: kernel shape: ``[*K, C]`` depthwise, or ``[*K, C_in, C_out]``.
        origin: as in :func:`fft_correlate`.
    """
    plan, depthwise = _plan(x, taps, origin), len(taps) == x.dim() - 1
    if not depthwise:
        spectrum = _mix(
            plan.samples(_to_first(x)).transpose(0, 1), plan.samples(_to_first(g)).conj_physical_()
        )
        return plan.to_taps(spectrum).movedim((0, 1), (-2, -1))
    grad = x.new_empty(list(taps))
    for c, parts in plan.chunks(len(x), x.shape[-1], x.element_size()):
        total: Tensor | None = None
        for b in parts:
            part = plan.samples(_to_first(x[b, ..., c]))
            part = part.mul_(plan.samples(_to_first(g[b, ..., c])).conj_physical_()).sum(0)
            total = part if total is None else total.add_(part)
        if total is not None:
            grad[..., c] = plan.to_taps(total).movedim(0, -1)
    return grad


def _plan(x: Tensor, kernel_shape: Sequence[int], origin: Sequence[int]) -> FFTPlan:
    dim = x.dim() - 2
    return FFTPlan(x.shape[1:-1], kernel_shape[:dim], origin, x.device.type)


def _to_first(x: Tensor) -> Tensor:
    """``[B, *S, C] -> [B, C, *S]``, contiguous."""
    return x.movedim(-1, 1).contiguous()


def _from_last(y: Tensor) -> Tensor:
    """``[B, C, *S] -> [B, *S, C]``."""
    return y.movedim(1, -1)


def _mix(a: Tensor, b: Tensor) -> Tensor:
    """``Σ_j a[i, j, *F] b[j, o, *F]``: one small matrix product per frequency."""
    product = a.flatten(2).permute(2, 0, 1) @ b.flatten(2).permute(2, 0, 1)
    return product.permute(1, 2, 0).unflatten(2, a.shape[2:])
