"""Direct and Fourier convolution on grids are the sum they claim to be."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from ccnn_pc.ops.grids.convolution import Method, grid_convolution
from ccnn_pc.ops.grids.fft_lengths import fft_lengths

CASES = [
    # shape, taps, origin
    ((7,), (3,), (1,)),
    ((8,), (8,), (7,)),
    ((9,), (17,), (8,)),
    ((16,), (4,), (0,)),
    ((161,), (161,), (160,)),
    ((5, 8), (3, 5), (1, 2)),
    ((6, 7), (4, 2), (3, 0)),
    ((3, 4), (7, 9), (3, 4)),
    ((3, 4, 5), (3, 1, 5), (1, 0, 2)),
    ((4, 3, 2), (2, 3, 2), (1, 2, 0)),
]


def _at(where: Sequence[int]) -> tuple[slice | int, ...]:
    return (slice(None), *where)


def by_hand(x: Tensor, kernel: Tensor, origin: tuple[int, ...], circular: bool) -> Tensor:
    """The definition, one product at a time."""
    shape, dim = x.shape[1:-1], len(origin)
    channels = x.shape[-1] if kernel.dim() == dim + 1 else kernel.shape[-1]
    y = x.new_zeros(len(x), *shape, channels)
    i: tuple[int, ...]
    t: tuple[int, ...]
    for i in itertools.product(*(range(s) for s in shape)):
        for t in itertools.product(*(range(k) for k in kernel.shape[:dim])):
            j = [a + b - c for a, b, c in zip(i, t, origin, strict=True)]
            if circular:
                j = [a % s for a, s in zip(j, shape, strict=True)]
            if all(0 <= a < s for a, s in zip(j, shape, strict=True)):
                sample = x[_at(j)]
                y[_at(i)] += sample * kernel[t] if kernel.dim() == dim + 1 else sample @ kernel[t]
    return y


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("method", [Method.DIRECT, Method.FFT])
@pytest.mark.parametrize(("shape", "taps", "origin"), CASES)
def test_is_the_sum(
    shape: tuple[int, ...], taps: tuple[int, ...], origin: tuple[int, ...], method: Method, full: bool
) -> None:
    x = torch.randn(2, *shape, 3, dtype=torch.float64)
    kernel = torch.randn(*taps, 3, *([2] if full else []), dtype=torch.float64)
    fits = all(k <= s for k, s in zip(taps, shape, strict=True))
    for circular in (False, True) if fits else (False,):
        if shape == (161,) and full:
            continue  # by hand this one takes too long
        found = grid_convolution(x, kernel, origin, circular=circular, method=method)
        assert torch.allclose(found, by_hand(x, kernel, origin, circular), atol=1e-11)


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("method", [Method.DIRECT, Method.FFT])
@pytest.mark.parametrize(("shape", "taps", "origin"), [c for c in CASES if c[0] != (161,)])
def test_gradients(
    shape: tuple[int, ...], taps: tuple[int, ...], origin: tuple[int, ...], method: Method, full: bool
) -> None:
    x = torch.randn(2, *shape, 2, dtype=torch.float64, requires_grad=True)
    kernel = torch.randn(*taps, 2, *([3] if full else []), dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda a, k: grid_convolution(a, k, origin, method=method), (x, kernel), fast_mode=True
    )


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    x, kernel = torch.randn(5, 30, 7, dtype=torch.float64), torch.randn(11, 7, dtype=torch.float64)
    g = torch.randn(5, 30, 7, dtype=torch.float64)
    results = []
    for size in (1, 1000, 3000, 1 << 20):
        monkeypatch.setattr("ccnn_pc.ops.grids.fft_plan.FFT_CHUNK_BYTES", {"cpu": size, "cuda": size})
        a, k = x.clone().requires_grad_(), kernel.clone().requires_grad_()
        y = grid_convolution(a, k, [5], method=Method.FFT)
        y.backward(g)
        results.append((y.detach(), a.grad, k.grad))
    for found in results[1:]:
        for one, other in zip(found, results[0], strict=True):
            assert one is not None and other is not None
            assert torch.allclose(one, other, atol=1e-12)


def test_lengths_are_small_and_quick() -> None:
    for shape, taps, origin in CASES:
        for n, s, k, a in zip(fft_lengths(shape, taps, origin), shape, taps, origin, strict=True):
            assert n >= s + max(a, k - 1 - a)
            for prime in (2, 3, 5):
                while n % prime == 0:
                    n //= prime
            assert n == 1


def test_half_precision_is_close() -> None:
    x, kernel = torch.randn(2, 40, 3), torch.randn(5, 3)
    y = grid_convolution(x.bfloat16(), kernel.bfloat16(), [2])
    assert torch.allclose(y.float(), grid_convolution(x, kernel, [2]), atol=0.2)


@pytest.mark.parametrize(
    ("x", "kernel", "origin", "circular", "word"),
    [
        ((1, 5, 2), (3,), [1], False, "'kernel' must have 2 axes"),
        ((1, 5, 2), (3, 4), [1], False, "'kernel' must have 2 input channels"),
        ((1, 5, 2), (3, 2), [3], False, "'origin' must name one of"),
        ((1, 5, 2), (3, 2), [1, 1], False, "'origin' must name one of"),
        ((1, 5, 2), (7, 2), [3], True, "at most"),
    ],
)
def test_refuses(
    x: tuple[int, ...], kernel: tuple[int, ...], origin: list[int], circular: bool, word: str
) -> None:
    with pytest.raises(ValueError, match=word):
        grid_convolution(torch.zeros(x), torch.zeros(kernel), origin, circular=circular)
