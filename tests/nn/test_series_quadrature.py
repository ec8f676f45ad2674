"""Law 4 on series: with cell weights a sum over irregular samples is an integral."""

from __future__ import annotations

import functools
import math

import pytest
import torch
from torch import Tensor

from ccnn_pc.domains import IrregularSeries, Weights
from tests.clouds import DOUBLE, layer

SPACING = 0.01
QUERIES = torch.linspace(-0.3, 0.3, 7, dtype=DOUBLE)


def stamps(n: int, seed: int) -> Tensor:
    """Randomly jittered stamps in [-1, 1], nearly twice as dense at the ends as in the middle."""
    jitter = torch.rand(n, dtype=DOUBLE, generator=torch.Generator().manual_seed(seed))
    even = (torch.arange(n, dtype=DOUBLE) + 0.1 + 0.8 * jitter) / n * 2 - 1
    return even + 0.3 / math.pi * torch.sin(math.pi * even)


def signal(times: Tensor) -> Tensor:
    return torch.stack([torch.sin(5 * times) + 1.5, (2 * times).exp(), torch.cos(9 * times)], 1)


@functools.lru_cache
@torch.no_grad()
def errors(weights: Weights, causal: bool) -> dict[int, float]:
    """Largest error over the queries, relative, mean of four samplings; the reference has 40 times as many stamps."""
    conv = layer(dim=1, extent=0.6, causal=causal, width=0.17, spacing=SPACING)
    conv.mix = conv.bias = None
    fine = torch.linspace(-1, 1, 40001, dtype=DOUBLE)
    exact = conv(signal(fine), IrregularSeries(fine, query_times=QUERIES))
    found = {}
    for n in (100, 400, 1600):
        parts = []
        for seed in range(4):
            times = stamps(n, seed)
            y = conv(signal(times), IrregularSeries(times, query_times=QUERIES, weights=weights))
            if weights is Weights.CONSTANT:  # to be fair: the mean distance of stamps, for all alike
                y = y * (2 / n / SPACING)
            parts.append(float((y - exact).abs().max() / exact.abs().max()))
        found[n] = sum(parts) / len(parts)
    return found


def order(weights: Weights, causal: bool) -> float:
    """Order of convergence between 100 and 1600 stamps."""
    found = errors(weights, causal)
    return math.log(found[100] / found[1600]) / math.log(16)


@pytest.mark.parametrize("weights", [Weights.CELL, Weights.TRAPEZOID])
def test_centred_kernels_converge_with_second_order(weights: Weights) -> None:
    assert order(weights, False) >= 1.8
    assert errors(weights, False)[1600] < 1e-5


@pytest.mark.parametrize("weights", [Weights.CELL, Weights.PAST])
def test_causal_kernels_converge_with_first_order(weights: Weights) -> None:
    """The present stands for half of its cell only, and is counted whole."""
    assert 0.8 <= order(weights, True) <= 1.4


def test_estimated_densities_converge_slowly() -> None:
    assert order(Weights.DENSITY, False) >= 0.3
    assert errors(Weights.DENSITY, False)[1600] < 0.5 * errors(Weights.CONSTANT, False)[1600]


@pytest.mark.parametrize("causal", [False, True])
def test_without_weights_sums_do_not_converge(causal: bool) -> None:
    assert order(Weights.CONSTANT, causal) < 0.25
    assert errors(Weights.CONSTANT, causal)[1600] > 0.1


@torch.no_grad()
def test_trapezoids_are_second_order_up_to_the_ends() -> None:
    """The integral over the series, seen from its last stamp: half cells at the ends count."""
    conv = layer(dim=1, extent=4.0, causal=True, width=2.0, spacing=SPACING)
    conv.mix = conv.bias = None
    found: dict[Weights, list[float]] = {Weights.CELL: [], Weights.TRAPEZOID: []}
    for weights, parts in found.items():
        values = []
        for n in (50, 200, 25600):
            times = torch.linspace(-1, 1, n + 1, dtype=DOUBLE)
            times = times + 0.3 / math.pi * torch.sin(math.pi * times)
            series = IrregularSeries(times, query_times=times[-1:], weights=weights)
            values.append(conv(signal(times), series)[0])
        parts.append(float(((values[0] - values[2]).norm() / (values[1] - values[2]).norm()).log()))
    assert found[Weights.TRAPEZOID][0] / math.log(4) >= 1.8
    assert found[Weights.CELL][0] / math.log(4) <= 1.2


def test_uniform_sampling_has_weight_one() -> None:
    """Exactly, ends included, wherever the series begins; twice the rate has half the weight."""
    for spacing in (1.0, 0.1, 1 / 3, 1 / 39):
        times = torch.arange(30, dtype=DOUBLE) * spacing + 17.0
        for weights in (Weights.CELL, Weights.PAST):
            series = IrregularSeries(times, weights=weights)
            for factor in (1, 2):
                found = series.quadrature(torch.tensor([spacing * factor], dtype=DOUBLE))
                wanted = torch.full_like(times, 1 / factor)
                if weights is Weights.PAST:
                    wanted[0] = 1.0  # nothing is known of the time before the first stamp
                torch.testing.assert_close(found, wanted, atol=1e-12, rtol=0)
