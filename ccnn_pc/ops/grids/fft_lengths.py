"""How long Fourier transforms are: lengths that do not wrap and are quick, and pieces of long sequences."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import scipy.fft

#: Measured on CPU: a transform of length n takes n^EXPONENT, and POWER_OF_TWO of that where n is a power of 2. From
#: SHORT on downwards a sample costs no less.
EXPONENT, POWER_OF_TWO, SHORT = 1.25, 0.87, 1024


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
    return [_quick_length(s + max(a, k - 1 - a)) for s, k, a in zip(shape, taps, origin, strict=True)]


def _quick_length(n: int) -> int:
    twos = 32 if n >= 2048 else 16 if n >= 512 else 4 if n >= 16 else 2
    return twos * int(scipy.fft.next_fast_len(-(-n // twos), real=True))


@dataclass(frozen=True)
class Pieces:
    """One axis, cut into overlapping pieces that are transformed apart (overlap-save).

    Attributes:
        length: of each transform, N.
        step: results that each piece gives, L; N for the whole axis, N - K + 1 for several pieces.
        count: of pieces, T.
    """

    length: int
    step: int
    count: int

    @property
    def span(self) -> int:
        """Samples from the first piece's begin to the last one's end."""
        return self.step * (self.count - 1) + self.length


def pieces(samples: int, taps: int, origin: int, repeats: int = 1) -> Pieces:
    """Return the quickest way to transform one axis, whole or in pieces, by the measured cost of transforms.

    Args:
        samples: on the axis, S.
        taps: of the kernel on it, K.
        origin: index of the tap with offset 0.
        repeats: how many rows of samples share a kernel. One of them needs five transforms of every piece, forward and
            backward, the kernel three of one piece.

    Example:
        >>> pieces(16_000, 1289, 1288)
        Pieces(length=4096, step=2808, count=6)
        >>> pieces(16_000, 16_000, 15_999)
        Pieces(length=32000, step=32000, count=1)
    """
    (whole,) = fft_lengths([samples], [taps], [origin])
    choices = [Pieces(whole, whole, 1)]
    length = 2 << (taps - 1).bit_length()
    while length < whole:
        step = length - taps + 1
        choices.append(Pieces(length, step, -(-samples // step)))
        length *= 2
    return min(choices, key=lambda p: (5 * repeats * p.count + 3) * _cost(p.length))


def _cost(n: int) -> float:
    return n * math.pow(max(n, SHORT), EXPONENT - 1) * (POWER_OF_TWO if n & (n - 1) == 0 else 1.0)
