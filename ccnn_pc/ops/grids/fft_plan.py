"""Fourier transforms of samples and kernels on grids, axis by axis, through memory that every chunk uses again."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from ccnn_pc.ops.grids.fft_lengths import Pieces, fft_lengths, pieces

#: Bytes of one padded real chunk: what happens to a chunk stays in cache on CPU, and fills the device on CUDA.
FFT_CHUNK_BYTES = {"cpu": 4 << 20, "cuda": 1 << 28}


class FFTPlan:
    """Transforms of ``[B, *S, C]`` and ``[*K, C]``, so that correlations are products: ``y = conj(k) · x``.

    Samples stand behind a leading zeros per axis, a being the tap of offset 0, taps and results at the beginning:
    ``y[i] = Σ_t k[t] x[i + t]`` then has no negative offsets. Each axis is padded just before it is transformed, and
    cut just after: rows of zeros are never transformed. The last axis may consist of several overlapping pieces.

    Args:
        like: samples ``[B, *S, C]``.
        taps: per axis.
        origin: index a of the tap with offset 0, per axis.
        whole: the last axis stays in one piece.
    """

    def __init__(
        self, like: Tensor, taps: Sequence[int], origin: Sequence[int], *, whole: bool = False
    ) -> None:
        self.shape, self.taps, self.origin = list(like.shape[1:-1]), list(taps), list(origin)
        *self.lengths, n = fft_lengths(self.shape, self.taps, self.origin)
        self.pieces = Pieces(n, n, 1)
        if not (self.lengths or whole) and like.device.type == "cpu":
            self.pieces = pieces(self.shape[0], self.taps[0], self.origin[0], len(like))
        self.like = like
        self._memory: dict[tuple[str, int], Tensor] = {}

    def chunks(self) -> Iterator[tuple[slice, list[slice]]]:
        """Channel slices, each with the batch slices to work off for it."""
        batch, channels = len(self.like), self.like.shape[-1]
        budget = FFT_CHUNK_BYTES.get(self.like.device.type, FFT_CHUNK_BYTES["cuda"])
        size = math.prod(self.lengths) * self.pieces.length * self.pieces.count * self.like.element_size()
        c = min(channels, max(1, budget // size))
        b = min(batch, max(1, budget // (size * c)))
        for start in range(0, channels, c):
            yield slice(start, start + c), [slice(i, i + b) for i in range(0, batch, b)]

    def samples(self, x: Tensor) -> Tensor:
        """Spectrum ``[B, C, T, *F]`` of samples ``[B, *S, C]``, each piece with what its results read."""
        values, first, cut = x.movedim(-1, 1), self.origin[-1], self.pieces
        padded = self._zeros("samples", -1, (*values.shape[:-1], cut.span), self.like.dtype)
        padded[..., first : first + values.shape[-1]] = values
        overlapping = padded.unfold(-1, cut.length, cut.step)
        return self._other_axes("samples", torch.fft.rfft(overlapping), self.origin)

    def cores(self, x: Tensor) -> Tensor:
        """Spectrum ``[B, C, T, *F]`` of samples ``[B, *S, C]``, each piece with the samples of its results alone."""
        values = x.movedim(-1, 1)
        padded = self._zeros(
            "cores", -1, (*values.shape[:-1], self.pieces.count, self.pieces.length), self.like.dtype
        )
        for there, here in self._pieces_of(padded, values):
            there.copy_(here)
        return self._other_axes("cores", torch.fft.rfft(padded), [0] * len(self.taps))

    def kernel(self, kernel: Tensor) -> Tensor:
        """Conjugate spectrum ``[1, C, 1, *F]`` of taps ``[*K, C]``."""
        values = kernel.movedim(-1, 0)[None]
        padded = self._zeros("kernel", -1, (*values.shape[:-1], 1, self.pieces.length), self.like.dtype)
        padded[..., 0, : values.shape[-1]] = values
        return self._other_axes("kernel", torch.fft.rfft(padded), [0] * len(self.taps)).conj_physical_()

    def write_samples(self, y: Tensor, spectrum: Tensor) -> None:
        """Results ``[B, C, T, *F]`` into ``y [B, *S, C]``."""
        values = self._to_real(spectrum, self.shape)
        values = _apart(values[..., : min(self.pieces.step, self.shape[-1])])
        for here, there in self._pieces_of(values, y.movedim(-1, 1)):
            there.copy_(here)

    def to_taps(self, spectrum: Tensor) -> Tensor:
        """Taps ``[B, C, *K]`` of ``[B, C, 1, *F]``."""
        return self._to_real(spectrum, self.taps)[..., 0, : self.taps[-1]]

    def _pieces_of(self, cut: Tensor, whole: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Where rows ``[..., T, N]`` and ``[..., S]`` hold the same: in the full pieces, and in the last one."""
        step, size = self.pieces.step, whole.shape[-1]
        full, rest = divmod(size, step)
        if full:
            yield cut[..., :full, :step], whole[..., : full * step].unflatten(-1, (full, step))
        if rest:
            yield cut[..., full, :rest], whole[..., full * step :]

    def _other_axes(self, name: str, spectrum: Tensor, first: Sequence[int]) -> Tensor:
        """The other axes of ``[B, C, *S, T, F]``, the last of them first: ``[B, C, T, F, *n]``."""
        for axis in reversed(range(len(self.lengths))):
            values = spectrum.movedim(2 + axis, -1)
            padded = self._zeros(name, axis, (*values.shape[:-1], self.lengths[axis]), spectrum.dtype)
            padded[..., first[axis] : first[axis] + values.shape[-1]] = values
            spectrum = torch.fft.fft(padded)
        return spectrum

    def _to_real(self, spectrum: Tensor, counts: Sequence[int]) -> Tensor:
        """The first entries ``[..., *counts, T, N]`` of the inverse transform; its length is always given."""
        for axis, count in enumerate(counts[:-1]):
            spectrum = torch.fft.ifft(spectrum)[..., :count].movedim(-1, 2 + axis).contiguous()
        return torch.fft.irfft(spectrum, n=self.pieces.length)

    def _zeros(self, name: str, axis: int, shape: Sequence[int], dtype: torch.dtype) -> Tensor:
        """Memory that is zero outside of what is written to it; what is written has the same place every time.

        The first chunk is the largest; others use the beginning of its memory.
        """
        size = math.prod(shape)
        key = (name, axis)
        if key not in self._memory:
            self._memory[key] = self.like.new_zeros(size, dtype=dtype)
        return self._memory[key][:size].view(*shape)


def _apart(values: Tensor) -> Tensor:
    """The same ``[B, C, ...]``, channels at a distance that is no multiple of 2 KiB.

    Caches hold few addresses of like remainder, and samples are written channel by channel.
    """
    item, size = values.element_size(), math.prod(values.shape[2:])
    if values.device.type != "cpu" or values.shape[1] <= 8 or values.stride(1) * item % 2048:
        return values
    row = size + (64 // item if size * item % 2048 == 0 else 0)
    memory = values.new_empty(*values.shape[:2], row)[..., :size].unflatten(-1, values.shape[2:])
    return memory.copy_(values)
