"""Series read on the straight lines between their stamps."""

from __future__ import annotations

import copy
import itertools
import math
import pickle
from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor

from ccnn_pc.domains import Grid, IrregularSeries
from ccnn_pc.kernels import GaussianWindow
from ccnn_pc.nn import ContinuousConv, Quadrature
from ccnn_pc.ops.series.interpolation import interpolate_series
from tests.clouds import DOUBLE


def ragged(seed: int = 0, lengths: tuple[int, ...] = (7, 1, 12)) -> tuple[Tensor, Tensor]:
    """Sorted random stamps of several series, far from 0."""
    generator = torch.Generator().manual_seed(seed)
    times = [1e6 + 10 * torch.rand(n, dtype=DOUBLE, generator=generator).sort().values for n in lengths]
    batch = torch.arange(len(lengths)).repeat_interleave(torch.tensor(lengths))
    return torch.cat(times), batch


@pytest.mark.parametrize("masked", [False, True])
def test_values_are_those_of_numpy(masked: bool) -> None:
    times, batch = ragged()
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(len(times), 3, dtype=DOUBLE, generator=generator)
    mask = (
        torch.rand(len(times), 3, generator=generator) < 0.6
        if masked
        else torch.ones_like(x, dtype=torch.bool)
    )
    mask[:7, 2] &= not masked  # a channel that one series never shows
    series = IrregularSeries(times, batch, mask=mask if masked else None)
    found, regular = series.resampled(torch.where(mask, x, torch.nan), 0.3)
    where = (series.center + regular.center)[:, 0][regular.batch] + regular.times
    for number in range(3):
        rows, here = batch == number, regular.batch == number
        assert math.isclose(float(where[here][-1]), float(times[rows][-1]), rel_tol=1e-15)
        torch.testing.assert_close(where[here].diff(), torch.full((int(here.sum()) - 1,), 0.3, dtype=DOUBLE),
                                   atol=1e-8, rtol=0)  # fmt: skip
        assert float(where[here][0] - times[rows][0]) < 0.3
        for channel in range(3):
            seen = rows & mask[:, channel]
            expected = torch.zeros(int(here.sum()), dtype=DOUBLE)
            if bool(seen.any()):
                expected = torch.from_numpy(np.interp(where[here], times[seen], x[seen, channel]))
            torch.testing.assert_close(found[here, channel], expected, atol=1e-8, rtol=0)


def test_equal_stamps_count_as_their_mean() -> None:
    times = torch.tensor([0.0, 1.0, 1.0, 1.0, 3.0, 3.0], dtype=DOUBLE)
    x = torch.tensor([0.0, 1.0, 2.0, 6.0, 4.0, 6.0], dtype=DOUBLE)[:, None]
    values, regular = IrregularSeries(times).resampled(x, 0.5)
    assert values.flatten().tolist() == [0.0, 1.5, 3.0, 3.5, 4.0, 4.5, 5.0]
    assert regular.at_source(values)[0].flatten().tolist() == [0.0, 3.0, 3.0, 3.0, 5.0, 5.0]
    mask = torch.tensor([1, 1, 0, 1, 0, 1]).bool()[:, None]
    values, _ = IrregularSeries(times, mask=mask).resampled(x, 1.0)
    assert values.flatten().tolist() == [0.0, 3.5, 4.75, 6.0]


@pytest.mark.parametrize("lattice", [None, 0.1])
@pytest.mark.parametrize("causal", [False, True])
def test_stamps_as_in_training_are_left_as_they_are(lattice: float | None, causal: bool) -> None:
    """The same samples, weights of 1, and what a layer makes of a grid."""
    times = torch.cat([torch.arange(9), torch.arange(5)]) * 0.1 + 3.0
    batch = torch.tensor([0] * 9 + [1] * 5)
    x = torch.randn(14, 3, dtype=DOUBLE, generator=torch.Generator().manual_seed(0))
    values, regular = IrregularSeries(times, batch, lattice=lattice).resampled(x, 0.1)
    torch.testing.assert_close(values, x, atol=1e-5, rtol=0)  # stamps are float32
    weights = regular.quadrature(torch.tensor([0.1]))
    assert weights is not None and torch.equal(weights, torch.ones_like(weights))
    torch.manual_seed(0)
    rule = Quadrature(spacing=0.1)
    conv = ContinuousConv(3, 4, dim=1, extent=0.8, causal=causal, quadrature=rule).double()
    torch.testing.assert_close(conv(x, regular)[:9], conv(x[:9], Grid((9,), 0.1)), atol=1e-9, rtol=0)


@pytest.mark.parametrize("kind", ["lattice", "random"])
def test_error_falls_with_the_square_of_the_distance_of_stamps(kind: str) -> None:
    """At most spacing^2 / 8 max|x''| sum|k| however fine the kernel is."""
    torch.manual_seed(0)
    window = partial(GaussianWindow, width=0.3)
    conv = ContinuousConv(1, 1, dim=1, extent=16.0, window=window, bias=False).double()
    full = torch.arange(513, dtype=DOUBLE)

    def signal(t: Tensor) -> Tensor:
        return torch.sin(0.09 * t)[:, None]

    exact = conv(signal(full), Grid((513,))).detach()
    kernel = conv(torch.nn.functional.one_hot(torch.tensor([256]), 513).double().t(), Grid((513,))).detach()
    errors = []
    for gap in (2, 4, 8):
        stamps = full[::gap]
        if kind == "random":
            moved = 0.3 * gap * (torch.rand(len(stamps), dtype=DOUBLE) - 0.5)
            stamps = (stamps + moved).sort().values
            stamps[0], stamps[-1] = 0.0, 512.0
        values, regular = IrregularSeries(stamps).resampled(signal(stamps), 1.0)
        error = float((conv(values, regular).detach() - exact)[20:-20].abs().max())
        widest = float(stamps.diff().max())
        bound = widest**2 / 8 * 0.09**2 * float(kernel.abs().sum())
        assert error <= bound
        errors.append(error)
    weighted = conv(signal(stamps), IrregularSeries(stamps, query_times=full)).detach()
    assert bound < float((weighted - exact)[20:-20].abs().max())
    orders = [math.log2(b / a) for a, b in itertools.pairwise(errors)]
    assert min(orders) > 1.5


def test_regular_times_know_their_samples() -> None:
    times, batch = torch.tensor([0.0, 0.2, 0.8, 5.0, 5.6]), torch.tensor([0, 0, 0, 1, 1])
    series, x = IrregularSeries(times, batch), torch.arange(5.0)[:, None]
    regular = series.resampled(x, 0.2)[1]
    assert regular.batch.tolist() == [0] * 5 + [1] * 4
    y = torch.arange(9)[:, None]
    for domain in (regular, regular.to("cpu"), copy.deepcopy(regular), pickle.loads(pickle.dumps(regular))):
        rows, source = domain.at_source(y)
        assert rows.flatten().tolist() == [0, 1, 4, 5, 8]
        assert isinstance(source, IrregularSeries) and torch.equal(source.times, series.times)
    assert regular.as_given().at_source(y)[0] is y


def test_answers_between_regular_times_are_interpolated() -> None:
    """What is linear in time is read exactly where it lies; before the first regular time its answer is kept."""
    times, batch = (
        torch.tensor([0.0, 0.35, 0.5, 1.0, 7.0, 7.15, 8.0], dtype=DOUBLE),
        torch.tensor([0] * 4 + [1] * 3),
    )
    values, regular = IrregularSeries(times, batch).resampled(times[:, None], 0.2)
    found = regular.at_source(values)[0].flatten()
    torch.testing.assert_close(found, times, atol=1e-12, rtol=0)
    late = IrregularSeries(
        times - 0.05 * (torch.arange(7) % 4 == 0), batch
    )  # first stamps before the first time
    values, regular = late.resampled(times[:, None] ** 0, 0.2)
    assert regular.at_source(values)[0].flatten().tolist() == [1.0] * 7
    values, regular = IrregularSeries(times, batch).resampled(batch[:, None].double(), 0.3)
    assert torch.equal(regular.at_source(values)[0].flatten(), batch.double())


def test_answers_at_stamps_do_not_know_the_future() -> None:
    """Between stamps lines know the next sample; a causal layer at a stamp reads none of these times."""
    torch.manual_seed(0)
    times = torch.tensor([0.0, 3.0, 4.0, 9.0, 12.0], dtype=DOUBLE)
    conv = ContinuousConv(1, 2, dim=1, extent=6.0, causal=True).double()
    x = torch.randn(5, 1, dtype=DOUBLE)
    values, regular = IrregularSeries(times).resampled(x, 1.0)
    before = regular.at_source(conv(values, regular))[0]
    x[3:] += 1.0
    values, regular = IrregularSeries(times).resampled(x, 1.0)
    change = (regular.at_source(conv(values, regular))[0] - before).abs().amax(1)
    assert bool((change[:3] <= 1e-12).all() and (change[3:] > 1e-3).all())


def test_gradients() -> None:
    times, batch = ragged()
    x = torch.randn(20, 2, dtype=DOUBLE, requires_grad=True)
    mask = torch.rand(20, 2, generator=torch.Generator().manual_seed(0)) < 0.6
    pointer, wanted = torch.tensor([0, 7, 8, 20]), torch.linspace(1e6, 1e6 + 9, 9, dtype=DOUBLE)
    series = torch.tensor([0, 0, 0, 1, 1, 2, 2, 2, 2])
    for seen in (None, mask):
        assert torch.autograd.gradcheck(
            lambda v, m=seen: interpolate_series(v, times, pointer, wanted, series, m), (x,)
        )


@pytest.mark.parametrize(
    ("times", "query", "rows", "spacing", "message"),
    [
        ([0.0, 1.0], None, 2, 0.0, "'spacing' must be positive"),
        ([0.0, 1.0], None, 3, 1.0, "'x' must have 2 samples like the series .got 3"),
        (
            [0.0, 1e7],
            None,
            2,
            1.0,
            "'spacing' must give at most 1024 times per sample .got 1: 10000001 times",
        ),
        ([0.0, 1.0], torch.zeros(1), 2, 1.0, "'query_times' must be the samples'"),
    ],
)
def test_refuses(times: list[float], query: Tensor | None, rows: int, spacing: float, message: str) -> None:
    series = IrregularSeries(torch.tensor(times), query_times=query)
    with pytest.raises(ValueError, match=message):
        series.resampled(torch.zeros(rows, 1), spacing)


def test_refuses_stamps_that_need_a_gradient() -> None:
    series = IrregularSeries(torch.tensor([0.0, 1.0], requires_grad=True))
    with pytest.raises(ValueError, match="'times' must not need a gradient"):
        series.resampled(torch.zeros(2, 1), 1.0)


def test_refuses_a_mask_of_other_channels() -> None:
    series = IrregularSeries(torch.tensor([0.0, 1.0]), mask=torch.ones(2, 1, dtype=torch.bool))
    with pytest.raises(ValueError, match=r"'x' must have the shape of 'mask', .2, 1. .got .2, 3.."):
        series.resampled(torch.zeros(2, 3), 1.0)
