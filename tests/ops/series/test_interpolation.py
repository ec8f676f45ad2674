"""Curves between the stamps of series."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from ccnn_pc.domains import Interpolation, IrregularSeries
from ccnn_pc.ops.grids.interpolation import cubic_axis
from ccnn_pc.ops.series.interpolation import PAUSE, interpolate_series
from tests.clouds import DOUBLE


def stamps(count: int, seed: int = 0, span: float = 1.0) -> Tensor:
    """Random ones, both ends among them."""
    inner = torch.rand(count - 2, dtype=DOUBLE, generator=torch.Generator().manual_seed(seed)).sort().values
    return span * torch.cat([inner.new_zeros(1), inner, inner.new_ones(1)])


def read(x: Tensor, times: Tensor, wanted: Tensor, cubic: bool = True) -> Tensor:
    one = torch.zeros(len(wanted), dtype=torch.long)
    return interpolate_series(x, times, torch.tensor([0, len(times)]), wanted, one, cubic=cubic)


@pytest.mark.parametrize("even", [True, False])
def test_third_order_where_lines_have_second(even: bool) -> None:
    """Up to the ends; at random stamps by the mean error, which no single gap decides."""
    wanted = torch.linspace(0, 1, 4001, dtype=DOUBLE)

    def order(cubic: bool) -> float:
        errors = []
        for count in (41, 641):
            seeds = range(1) if even else range(8)
            found = []
            for seed in seeds:
                times = torch.linspace(0, 1, count, dtype=DOUBLE) if even else stamps(count, seed)
                curve = read(times[:, None].mul(7).sin(), times, wanted, cubic)[:, 0]
                error = (curve - wanted.mul(7).sin()).abs()
                found.append(float(error.max() if even else error.mean()))
            errors.append(sum(found) / len(found))
        return math.log2(errors[0] / errors[1]) / 4

    assert order(cubic=True) >= 2.85 and 1.8 <= order(cubic=False) <= 2.2


@pytest.mark.parametrize("count", [1, 2, 3, 40])
def test_polynomials_are_exact_at_any_stamps(count: int) -> None:
    """Of degree two, one, or none, as many stamps as there are and as lie near enough."""
    times = torch.tensor([0.3]) if count == 1 else stamps(count)
    if count == 3:
        times[1] = 0.4
    times = times.to(DOUBLE)
    wanted = torch.linspace(float(times[0]), float(times[-1]), 101, dtype=DOUBLE)
    degree = min(count - 1, 2)
    torch.testing.assert_close(
        read((times[:, None] + 1) ** degree, times, wanted)[:, 0], (wanted + 1) ** degree, atol=1e-12, rtol=0
    )


@pytest.mark.parametrize("count", [1, 2, 3, 12])
def test_even_stamps_have_the_curves_of_grids(count: int) -> None:
    x = torch.randn(count, 3, dtype=DOUBLE)
    place = torch.linspace(0, count - 1, 37, dtype=DOUBLE)
    found = read(x, 0.2 * torch.arange(count, dtype=DOUBLE) + 5, 0.2 * place + 5)
    torch.testing.assert_close(found, cubic_axis(x, 0, place), atol=1e-12, rtol=0)


@pytest.mark.parametrize("seed", [0, 1])
def test_no_stamps_make_noise_larger(seed: int) -> None:
    """Weights sum to 1, and to at most 5/3 without their signs, also where stamps lie close before a long step."""
    times = torch.cat([stamps(40, seed), stamps(40, seed + 7).pow(4)]).sort().values
    weights = read(torch.eye(80, dtype=DOUBLE), times, torch.linspace(-0.1, 1.1, 5001, dtype=DOUBLE))
    torch.testing.assert_close(weights.sum(1), torch.ones(5001, dtype=DOUBLE), atol=1e-12, rtol=0)
    assert 1.1 < float(weights.abs().sum(1).max()) <= 5 / 3 + 1e-9


def test_pauses_are_crossed_on_lines() -> None:
    for pause, straight in ((0.9 * PAUSE, False), (1.1 * PAUSE, True)):
        times = torch.arange(40, dtype=DOUBLE)
        times[20:] += pause - 1
        x = times[:, None].mul(0.5).sin() + times[:, None]
        wanted = torch.linspace(19, 19 + pause, 50, dtype=DOUBLE)
        curve, line = read(x, times, wanted), read(x, times, wanted, cubic=False)
        assert bool(torch.allclose(curve, line, atol=1e-12)) is straight
        assert not torch.allclose(read(x, times, wanted - 5), read(x, times, wanted - 5, cubic=False))


def test_a_series_of_a_batch_and_a_channel_with_a_mask_are_read_as_if_alone() -> None:
    times = [stamps(20, 1, 9.0), stamps(7, 2, 5.0) + 3, torch.tensor([4.0], dtype=DOUBLE)]
    x = [torch.randn(len(part), 2, dtype=DOUBLE) for part in times]
    wanted = torch.linspace(0, 10, 60, dtype=DOUBLE)
    pointer, series = torch.tensor([0, 20, 27, 28]), torch.arange(3).repeat_interleave(60)
    mask = torch.rand(28, 2, generator=torch.Generator().manual_seed(0)) < 0.6
    mask[27, 1] = False
    every = torch.cat(times), pointer, wanted.repeat(3), series
    together = interpolate_series(torch.cat(x), *every, cubic=True).split(60)
    masked = interpolate_series(torch.cat(x), *every, mask, cubic=True).split(60)
    for number, seen in enumerate(mask.split([20, 7, 1])):
        torch.testing.assert_close(
            together[number], read(x[number], times[number], wanted), atol=1e-12, rtol=0
        )
        for channel in range(2):
            rows = seen[:, channel]
            alone = read(x[number][rows, channel, None], times[number][rows], wanted)
            torch.testing.assert_close(masked[number][:, channel, None], alone, atol=1e-12, rtol=0)


def test_samples_of_one_stamp_are_their_mean_and_gradients_are_right() -> None:
    times = torch.tensor([0.0, 1.0, 1.0, 2.5, 3.0, 3.0], dtype=DOUBLE)
    x = torch.randn(6, 2, dtype=DOUBLE, requires_grad=True)
    wanted = torch.linspace(-1, 4, 21, dtype=DOUBLE)
    single = torch.stack([x[0], x[1:3].mean(0), x[3], x[4:].mean(0)])
    once = torch.tensor([0.0, 1.0, 2.5, 3.0], dtype=DOUBLE)
    torch.testing.assert_close(read(x, times, wanted), read(single, once, wanted), atol=1e-12, rtol=0)
    assert torch.autograd.gradcheck(lambda v: read(v, times, wanted), (x,))


def test_a_domain_reads_curves_but_none_that_look_ahead() -> None:
    times = stamps(20, 3, 19.0)
    series = IrregularSeries(times)
    x = times[:, None].square()
    values, regular = series.resampled(x, 0.25, Interpolation.CUBIC)
    exact = (regular.exact_times() - regular.exact_times()[-1] + times[-1]).square()[:, None]
    torch.testing.assert_close(values, exact, atol=1e-9, rtol=0)
    assert not torch.allclose(series.resampled(x, 0.25)[0], exact, atol=1e-2)
    with pytest.raises(ValueError, match="later samples must not be known, for a curve .* bends"):
        series.resampled(x, 0.25, Interpolation.CUBIC, causal=True)
