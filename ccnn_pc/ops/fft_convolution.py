"""Correlation on grids through the fast Fourier transform: smallest lengths, one cache-sized chunk at a time."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from types import EllipsisType
from typing import TypeAlias

import scipy.fft
import torch
from torch import Tensor

Index: TypeAlias = "tuple[EllipsisType | slice, ...]"

#: Bytes of one padded real chunk: what happens to a chunk stays in cache on CPU, and fills the device on CUDA.
FFT_CHUNK_BYTES = {"cpu": 4 << 20, "cuda": 1 << 28}
#: Transforms of a chunk at least, with several axes and with one: libraries work on several at a time.
MIN_ROWS = (8, 64)


def fft_lengths(shape: Sequence[int], taps: Sequence[int], origin: Sequence[int]) -> list[int]:
    r"""Return the smallest quick transform lengths that do not wrap.

    .. math:: n_d \ge S_d + \max(a_d, K_d - 1 - a_d)

    with origin a: what wraps round falls on outputs that nobody reads. Half of the padding of a full linear
    convolution, S + K - 1, where the kernel is centred. Quick are products of 2, 3 and 5 with some factors of 2: a
    transform of prime length takes up to ten times as long, an odd one three times.

    Example:
        >>> fft_lengths([32, 784], [33, 784], [16, 783])
        [48, 1600]
    """
    reach = [max(a, k - 1 - a) for k, a in zip(taps, origin, strict=True)]
    return [_quick_length(s + r) for s, r in zip(shape, reach, strict=True)]


def _last_axes(parts: Iterable[slice]) -> Index:
    """An index of the last axes."""
    return (..., *parts)


def _quick_length(n: int) -> int:
    twos = 32 if n >= 2048 else 16 if n >= 512 else 4 if n >= 16 else 2
    return twos * int(scipy.fft.next_fast_len(-(-n // twos), real=True))


class FFTPlan:
    """Transforms of samples and kernels of given shapes, through padded memory that every chunk uses again.

    Args:
        like: samples ``[B, *S, C]``.
        kernel_shape: taps per axis, then channels.
        origin: index of the tap with offset 0, per axis.
    """

    def __init__(self, like: Tensor, kernel_shape: Sequence[int], origin: Sequence[int]) -> None:
        dim = like.dim() - 2
        self.shape, self.taps, self.origin = list(like.shape[1:-1]), list(kernel_shape[:dim]), list(origin)
        self.lengths = fft_lengths(self.shape, self.taps, origin)
        self.axes = list(range(-dim, 0))
        self.like = like
        self._padded: dict[tuple[str, int], Tensor] = {}

    def chunks(self) -> Iterator[tuple[slice, list[slice]]]:
        """Channel slices, each with the batch slices to work off for it."""
        batch, channels = len(self.like), self.like.shape[-1]
        budget = FFT_CHUNK_BYTES.get(self.like.device.type, FFT_CHUNK_BYTES["cuda"])
        size = math.prod(self.lengths) * self.like.element_size()
        rows = max(MIN_ROWS[len(self.lengths) == 1], budget // size)
        c = min(channels, rows)
        b = min(batch, max(1, rows // c))
        for start in range(0, channels, c):
            yield slice(start, start + c), [slice(i, i + b) for i in range(0, batch, b)]

    def samples(self, x: Tensor) -> Tensor:
        """Spectrum ``[B, C, *F]`` of samples ``[B, *S, C]``."""
        padded = self._zeros("samples", len(x) * x.shape[-1]).view(len(x), x.shape[-1], *self.lengths)
        padded[_last_axes(slice(0, s) for s in self.shape)] = x.movedim(-1, 1)
        return torch.fft.rfftn(padded, dim=self.axes)

    def kernel(self, kernel: Tensor) -> Tensor:
        """Conjugate spectrum ``[C, *F]`` of taps ``[*K, C]``, offset 0 first, negative offsets at the end."""
        taps = kernel.movedim(-1, 0)
        padded = self._zeros("kernel", len(taps)).view(len(taps), *self.lengths)
        for there, here in self._corners():
            padded[there] = taps[here]
        return torch.fft.rfftn(padded, dim=self.axes).conj_physical_()

    def to_samples(self, spectrum: Tensor) -> Tensor:
        """The first S entries per axis of the inverse transform, ``[B, *S, C]``; the length is always given."""
        full = torch.fft.irfftn(spectrum, s=self.lengths, dim=self.axes)
        return full[_last_axes(slice(0, s) for s in self.shape)].movedim(1, -1)

    def to_taps(self, spectrum: Tensor) -> Tensor:
        """Entries at the offsets of the taps, ``[*K, ...]`` of ``[..., *F]``."""
        full = torch.fft.irfftn(spectrum, s=self.lengths, dim=self.axes)
        taps = full.new_empty(*full.shape[: -len(self.taps)], *self.taps)
        for there, here in self._corners():
            taps[here] = full[there]
        return taps.movedim(self.axes, list(range(len(self.taps))))

    def _corners(self) -> Iterator[tuple[Index, Index]]:
        """Where taps of offset >= 0 and < 0 stand, per axis: in the transform, and in the kernel."""
        parts = []
        for n, k, a in zip(self.lengths, self.taps, self.origin, strict=True):
            ahead, back = (slice(0, k - a), slice(a, k)), (slice(n - a, n), slice(0, a))
            parts.append([ahead, back] if a else [ahead])
        for corner in itertools.product(*parts):
            yield _last_axes(there for there, _ in corner), _last_axes(here for _, here in corner)

    def _zeros(self, name: str, rows: int) -> Tensor:
        """Memory that is zero outside of what is written to it; what is written has the same place every time."""
        key = (name, rows)
        if key not in self._padded:
            self._padded[key] = self.like.new_zeros(rows, *self.lengths)
        return self._padded[key]


def fft_correlate(x: Tensor, kernel: Tensor, origin: Sequence[int]) -> Tensor:
    """``y[b, i] = Σ_t kernel[t] x[b, i + t - origin]``, zero outside; layouts as in ``grid_convolution``."""
    plan, depthwise = FFTPlan(x, kernel.shape, origin), kernel.dim() == x.dim() - 1
    if not depthwise:
        taps = plan.kernel(kernel.flatten(-2)).unflatten(0, kernel.shape[-2:])  # [I, O, *F]
        return plan.to_samples(_mix(plan.samples(x), taps))
    y = torch.empty_like(x, memory_format=torch.contiguous_format)
    for c, parts in plan.chunks():
        taps = plan.kernel(kernel[..., c])
        for b in parts:
            y[b, ..., c] = plan.to_samples(plan.samples(x[b, ..., c]).mul_(taps))
    return y


def fft_correlate_samples(x: Tensor, g: Tensor, taps: Sequence[int], origin: Sequence[int]) -> Tensor:
    """``Σ_{b,i} g[b, i] x[b, i + t - origin]`` for every tap t: the gradient to the kernel.

    Args:
        x: samples ``[B, *S, C_in]``.
        g: gradient of the result ``[B, *S, C_out]``.
        taps: kernel shape: ``[*K, C]`` depthwise, or ``[*K, C_in, C_out]``.
        origin: as in :func:`fft_correlate`.
    """
    plan, depthwise = FFTPlan(x, taps, origin), len(taps) == x.dim() - 1
    if not depthwise:
        return plan.to_taps(_mix(plan.samples(x).transpose(0, 1), plan.samples(g).conj_physical_()))
    grad = x.new_empty(list(taps))
    for c, parts in plan.chunks():
        total: Tensor | None = None
        for b in parts:
            part = plan.samples(x[b, ..., c])
            part = part.mul_(plan.samples(g[b, ..., c]).conj_physical_()).sum(0)
            total = part if total is None else total.add_(part)
        if total is not None:
            grad[..., c] = plan.to_taps(total)
    return grad


def _mix(a: Tensor, b: Tensor) -> Tensor:
    """``Σ_j a[i, j, *F] b[j, o, *F]``: one small matrix product per frequency."""
    product = a.flatten(2).permute(2, 0, 1) @ b.flatten(2).permute(2, 0, 1)
    return product.permute(1, 2, 0).unflatten(2, a.shape[2:])
