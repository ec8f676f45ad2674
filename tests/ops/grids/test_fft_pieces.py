"""Transforms of long sequences in overlapping pieces: the same sums, no mixing of rows, no work on zeros."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from ccnn_pc.ops.grids import fft_plan
from ccnn_pc.ops.grids.convolution import Method, grid_convolution
from ccnn_pc.ops.grids.fft_lengths import Pieces, pieces
from ccnn_pc.ops.grids.method import is_direct

#: Samples, taps, origin, length of a piece: many pieces, a last one that is full, one sample in the last, one piece,
#: one tap, channels far apart in memory.
CUTS = [
    *[(40, 5, 4, 16), (36, 5, 2, 16), (37, 5, 0, 16), (50, 9, 3, 16), (11, 5, 4, 16), (64, 1, 0, 8)],
    *[(300, 5, 4, 256), (512, 1, 0, 256)],
]


def cut_into(monkeypatch: pytest.MonkeyPatch, samples: int, taps: int, length: int) -> None:
    step = length - taps + 1
    monkeypatch.setattr(fft_plan, "pieces", lambda *_: Pieces(length, step, -(-samples // step)))


def passes(x: Tensor, kernel: Tensor, g: Tensor, origin: int, method: Method) -> tuple[Tensor, ...]:
    x, kernel = x.clone().requires_grad_(), kernel.clone().requires_grad_()
    y = grid_convolution(x, kernel, [origin], method=method)
    return y.detach(), *torch.autograd.grad(y, (x, kernel), g)


@pytest.mark.parametrize(("samples", "taps", "origin", "length"), CUTS)
def test_pieces_give_the_sum_and_its_gradients(
    monkeypatch: pytest.MonkeyPatch, samples: int, taps: int, origin: int, length: int
) -> None:
    cut_into(monkeypatch, samples, taps, length)
    x, g = torch.randn(2, 3, samples, 20, dtype=torch.float64).unbind()
    kernel = torch.randn(taps, 20, dtype=torch.float64)
    found = passes(x, kernel, g, origin, Method.FFT)
    for one, other in zip(found, passes(x, kernel, g, origin, Method.DIRECT), strict=True):
        assert torch.allclose(one, other, atol=1e-12)


@pytest.mark.parametrize(("samples", "taps", "origin", "length"), CUTS)
def test_rows_never_mix(
    monkeypatch: pytest.MonkeyPatch, samples: int, taps: int, origin: int, length: int
) -> None:
    """A channel of one sequence changes nothing elsewhere, to the last bit: transforms lie beside each other."""
    cut_into(monkeypatch, samples, taps, length)
    x, g = torch.randn(2, 3, samples, 4).unbind()
    kernel = torch.randn(taps, 4)
    before = passes(x, kernel, g, origin, Method.FFT)
    x[1, :, 2], g[1, :, 2] = torch.nan, 1e30
    after = passes(x, kernel, g, origin, Method.FFT)
    elsewhere = torch.ones(3, samples, 4, dtype=torch.bool)
    elsewhere[1, :, 2] = False
    for one, other in zip(before[:2], after[:2], strict=True):
        assert torch.equal(one[elsewhere], other[elsewhere])
    assert torch.equal(before[2][:, [0, 1, 3]], after[2][:, [0, 1, 3]])


def test_pieces_cover_all_samples() -> None:
    for samples in (1, 7, 500, 3000, 16_000, 100_001):
        for taps in {1, 2, 9, 129, 1289, samples}:
            for origin in {0, taps // 2, taps - 1}:
                cut = pieces(samples, taps, origin, 3)
                assert cut.step * cut.count >= samples > cut.step * (cut.count - 1)
                assert cut.span >= samples + origin
                assert cut.count == 1 or cut.step == cut.length - taps + 1
    assert pieces(16_000, 1289, 1288).count > 1 == pieces(16_000, 16_000, 15_999).count


@pytest.mark.parametrize(("samples", "taps"), [(16_000, 1289), (4096, 4096)])
def test_rounding_stays_that_of_a_transform(samples: int, taps: int) -> None:
    x, g = torch.randn(2, 1, samples, 20).unbind()
    kernel = torch.randn(taps, 20) / 10
    exact = passes(x.double(), kernel.double(), g.double(), taps - 1, Method.FFT)
    for one, other in zip(passes(x, kernel, g, taps - 1, Method.FFT), exact, strict=True):
        assert (one - other).abs().max() < 1e-6 * other.abs().max()


def test_zeros_are_not_transformed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows per transform, forward: each axis is padded just before its own, and cut just after."""
    rows: dict[str, list[int]] = {}

    def counted(name: str) -> Callable[..., Tensor]:
        transform = getattr(torch.fft, name)

        def run(a: Tensor, **options: int) -> Tensor:
            rows.setdefault(name, []).append(a[..., 0].numel())
            found: Tensor = transform(a, **options)
            return found

        return run

    for name in ("rfft", "irfft", "fft", "ifft"):
        monkeypatch.setattr(torch.fft, name, counted(name))
    grid_convolution(torch.randn(1, 10, 10, 10, 1), torch.randn(11, 11, 11, 1), [5, 5, 5], method=Method.FFT)
    n, half = 16, 9  # 10 samples and a reach of 5, rounded up to a quick length; frequencies of the last axis
    assert rows["rfft"] == [11 * 11, 10 * 10]  # kernel, samples
    assert rows["fft"] == [11 * half, half * n, 10 * half, half * n]
    assert rows["ifft"] == [half * n, 10 * half]
    assert rows["irfft"] == [10 * 10]


def test_both_gradients_share_a_spectrum(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Tensor] = []
    transform = torch.fft.rfft

    def counted(a: Tensor) -> Tensor:
        calls.append(a)
        return transform(a)

    x, kernel = torch.randn(2, 50, 3, requires_grad=True), torch.randn(20, 3, requires_grad=True)
    y = grid_convolution(x, kernel, [19], method=Method.FFT)
    monkeypatch.setattr(torch.fft, "rfft", counted)
    y.sum().backward()
    assert len(calls) == 3  # samples, kernel, gradient of the result


def test_rule_counts_taps_depthwise_and_products_with_full_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CCNN_PC_NATIVE", "0")
    x, auto = torch.empty(2, 4096, 64), Method.AUTO
    assert is_direct(auto, x, torch.empty(128, 64), [127])
    assert not is_direct(auto, x, torch.empty(129, 64), [128])
    assert not is_direct(auto, x, torch.empty(10, 64), [9], gradient=True)
    assert is_direct(auto, x, torch.empty(65, 64, 64), [64], gradient=True)
    assert not is_direct(auto, torch.empty(8, 784, 30), torch.empty(129, 30, 30), [128])
    assert is_direct(Method.DIRECT, x, torch.empty(4096, 64), [4095])
    assert not is_direct(Method.FFT, x, torch.empty(1, 64), [0])


def test_channels_lie_at_distances_that_caches_tell_apart() -> None:
    x = torch.arange(2.0 * 16 * 512).view(2, 16, 512)  # 2 KiB a channel
    apart = fft_plan._apart(x)
    assert apart.stride(1) * 4 % 2048 != 0
    assert torch.equal(apart, x)
    for unchanged in (x[:, :8], x[..., :500].contiguous()):  # few channels, or lengths that do no harm
        assert fft_plan._apart(unchanged) is unchanged
