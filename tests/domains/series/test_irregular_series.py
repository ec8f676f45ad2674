"""Law 1 on series: one kernel, one set of samples, one result: messages, runs, lattices, grids."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from ccnn_pc.domains import Grid, IrregularSeries, PointSet, Pool, Weights
from ccnn_pc.nn import Algorithm, ContinuousConv, kernel_penalty
from ccnn_pc.ops.grids.convolution import Method
from tests.clouds import DOUBLE, layer
from tests.grids import SPACINGS, counting_conv


def noise(n: int, channels: int = 3, seed: int = 1) -> Tensor:
    return torch.randn(n, channels, dtype=DOUBLE, generator=torch.Generator().manual_seed(seed))


def stamps(*sizes: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Ragged series at random times in [0, 10], some stamps repeated."""
    generator = torch.Generator().manual_seed(seed)
    parts = [torch.rand(n, dtype=DOUBLE, generator=generator) * 10 for n in sizes]
    for part in parts:
        part[1::5] = part[0::5][: len(part[1::5])]
    batch = torch.arange(len(sizes)).repeat_interleave(torch.tensor(sizes))
    times = torch.cat(parts)
    order = IrregularSeries.order(times, batch)
    return times[order], batch[order]


def conv_for(extent: float, **options: Any) -> ContinuousConv:
    options.setdefault("threshold", 0.0)
    conv = layer(dim=1, extent=extent, **options)
    conv.extent, conv.spacing = (
        torch.tensor([v], dtype=DOUBLE) for v in (extent, options.get("spacing", 1.0))
    )
    return conv


def results(conv: ContinuousConv, series: Any, algorithm: Algorithm, channels: int = 3) -> list[Tensor]:
    """Output, penalty and all gradients."""
    x = noise(series.num_samples, channels).requires_grad_()
    with kernel_penalty() as penalty:
        y = conv(x, series, algorithm=algorithm)
    loss = y.square().sum() + 3 * penalty.total()
    return [y.detach(), penalty.total().detach(), *torch.autograd.grad(loss, [x, *conv.parameters()])]


def assert_same(found: list[Tensor], expected: list[Tensor]) -> None:
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize("separable", [True, False])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("spacing", SPACINGS)
def test_a_regular_series_is_a_grid(spacing: float, causal: bool, separable: bool) -> None:
    """The lattice as a grid, directly, by messages: outputs, penalty and gradients are those of the grid, w = 1."""
    grid = Grid((17,), spacing, batch_size=2)
    times, batch = grid.positions()[:, 0], grid.segments()[0]
    conv = conv_for(4 * spacing, spacing=spacing, causal=causal, separable=separable)
    expected = results(conv, grid, Algorithm.MESSAGES)
    found = IrregularSeries.lattice_spacing(times, batch)
    assert found == pytest.approx(spacing, rel=1e-12)
    for method in (Method.DIRECT, Method.FFT):
        series = IrregularSeries(times, batch, lattice=found, method=method)
        assert series.renders
        assert_same(results(conv, series, Algorithm.FAST), expected)
    assert_same(results(conv, series, Algorithm.MESSAGES), expected)
    clear = conv_for(
        4.5 * spacing, spacing=spacing, causal=causal, separable=separable
    )  # no tap at its very end
    for algorithm in (Algorithm.MESSAGES, Algorithm.FAST):
        assert_same(
            results(clear, IrregularSeries(times, batch), algorithm), results(clear, grid, Algorithm.MESSAGES)
        )


def test_another_rate_is_another_grid() -> None:
    """Weights are spacing / spacing in training on both (CKConv eq. 5)."""
    conv = conv_for(1.0, spacing=0.1)
    grid = Grid((30,), 0.25)
    times = grid.positions()[:, 0]
    for series in (IrregularSeries(times, lattice=0.25), IrregularSeries(times)):
        torch.testing.assert_close(conv(noise(30), series), conv(noise(30), grid), atol=1e-9, rtol=0)


@pytest.mark.parametrize("weights", list(Weights))
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("separable", [True, False])
def test_runs_equal_messages(separable: bool, causal: bool, weights: Weights) -> None:
    """Ragged batches, repeated stamps, weights that differ."""
    series = IrregularSeries(*stamps(23, 1, 40), weights=weights)
    conv = conv_for(2.5, causal=causal, separable=separable, spacing=0.3)
    assert not series.renders
    assert_same(results(conv, series, Algorithm.FAST), results(conv, series, Algorithm.MESSAGES))


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("fill", [1, 500])
def test_lattices_with_gaps_repeats_and_queries(fill: int, causal: bool) -> None:
    """A dense lattice goes to a grid, a sparse one does not; both equal messages; samples in one cell add up."""
    times, batch = stamps(23, 1, 40)
    cell, query = (times * fill).round(), (stamps(9, 2, 30, seed=5)[0] * fill).round() - 3
    queries = torch.tensor([0] * 9 + [1] * 2 + [2] * 30)
    series = IrregularSeries(cell * 0.1, batch, query_times=query * 0.1, query_batch=queries, lattice=0.1)
    assert series.renders == (fill == 1)
    conv = conv_for(0.3 * fill, causal=causal, spacing=0.2)
    expected = results(conv, series, Algorithm.MESSAGES)
    assert_same(results(conv, series, Algorithm.FAST), expected)
    clear = conv_for(0.3 * fill + 0.05, causal=causal, spacing=0.2)
    if not causal:  # a causal layer compares stamps as they are where it knows of no lattice
        plain = IrregularSeries(cell * 0.1, batch, query_times=query * 0.1, query_batch=queries)
        assert_same(results(clear, plain, Algorithm.FAST), results(clear, series, Algorithm.MESSAGES))


@pytest.mark.parametrize("m", [20, 40, 3])
@pytest.mark.parametrize("causal", [False, True])
def test_outputs_at_other_times(causal: bool, m: int) -> None:
    """Also where all queries read as many samples each, but not theirs in order."""
    times = torch.arange(20, dtype=DOUBLE)
    query = torch.linspace(4.3, 16.7, m, dtype=DOUBLE)
    series = IrregularSeries(times, query_times=query)
    for extent in (0.6, 1.0, 5.0, 100.0):
        conv = conv_for(extent, causal=causal)
        expected = results(conv, series, Algorithm.MESSAGES)
        assert expected[0].shape == (m, 4)
        assert_same(results(conv, series, Algorithm.FAST), expected)


def test_a_series_is_a_cloud_of_one_axis() -> None:
    times, batch = stamps(20, 30)
    conv, x = conv_for(3.0), noise(50)
    cloud = PointSet(times[:, None], batch).radius(20.0)
    series = IrregularSeries(times, batch, weights=Weights.CONSTANT)
    torch.testing.assert_close(conv(x, series), conv(x, cloud), atol=1e-9, rtol=0)


def test_series_do_not_see_each_other_and_do_not_notice_a_shift() -> None:
    times, batch = stamps(20, 30)
    conv, x = conv_for(3.0, causal=True), noise(50)
    both = conv(x, IrregularSeries(times + torch.tensor([1e5, -3e4], dtype=DOUBLE)[batch], batch))
    alone = [conv(x[batch == b], IrregularSeries(times[batch == b])) for b in (0, 1)]
    torch.testing.assert_close(both, torch.cat(alone), atol=1e-9, rtol=1e-9)


def test_masks_weigh_each_channel_by_its_own_stamps() -> None:
    """A layer of channels is a layer per channel on the stamps at which it was observed; on lattices as well."""
    times, batch = stamps(20, 15)
    mask = torch.rand(35, 3, generator=torch.Generator().manual_seed(2)) < 0.6
    x = torch.where(mask, noise(35), 0.0)
    conv = conv_for(3.0, spacing=0.4)
    assert conv.mix is not None
    conv.mix = None  # the channels themselves
    for where in (times, (times * 10).round() / 10):
        masked = IrregularSeries(where, batch, mask=mask, lattice=None if where is times else 0.1)
        found = conv(x, masked)
        assert_same([conv(x, masked, algorithm=Algorithm.MESSAGES)], [found])
        for c in range(3):
            seen = mask[:, c]
            alone = IrregularSeries(
                where[seen],
                batch[seen],
                query_times=where,
                query_batch=batch,
                lattice=None if where is times else 0.1,
            )
            torch.testing.assert_close(conv(x[seen], alone)[:, c], found[:, c], atol=1e-9, rtol=0)
        plain_x, plain = masked.apply_mask(torch.where(mask, x, torch.nan), 0.4)
        torch.testing.assert_close(conv(plain_x, plain), found, atol=1e-9, rtol=0)


def test_pruning_keeps_its_bound() -> None:
    times = stamps(300)[0] * 10
    series, x = IrregularSeries(times), noise(300)
    for causal in (False, True):
        exact, pruned = (conv_for(50.0, width=0.05, causal=causal, threshold=t) for t in (0.0, 1e-3))
        exact.mix = pruned.mix = None
        edge_index = series.edges()
        u = series.rel(edge_index) / 50.0
        u = 1 + 2 * u if causal else u
        inside = (u <= 1) & (u >= -1)
        weight = series.quadrature(torch.ones(1))
        assert weight is not None
        parts = exact.kernel(u.clamp(-1, 1)).abs() * inside * (weight[:, None] * x)[edge_index[0]].abs()
        bound = 1e-3 * torch.zeros_like(x).index_add(0, edge_index[1], parts)
        error = (pruned(x, series) - exact(x, series)).abs()
        assert bool((error <= bound + 1e-12).all()) and error.max() > 0


def test_no_boundary_tap_is_lost_to_rounding() -> None:
    for spacing in SPACINGS:
        conv = counting_conv(spacing)
        series = IrregularSeries(torch.arange(40) * spacing, lattice=spacing)
        for algorithm in (Algorithm.AUTO, Algorithm.MESSAGES):
            assert round(conv(torch.ones(40, 1), series, algorithm=algorithm)[20].item()) == 15, (
                spacing,
                algorithm,
            )


def test_the_future_never_rounds_into_the_present() -> None:
    """Stamps that are less than a rounding of kernel coordinates apart are still before and after."""
    for dtype, step in ((torch.float32, 1e-6), (DOUBLE, 1e-14)):
        times = torch.tensor([0.0, 0.5, 0.5 + step], dtype=dtype)
        assert times[2] > times[1]
        conv = conv_for(100.0, causal=True).to(dtype)
        x = noise(3).to(dtype)
        changed = x + torch.tensor([[0.0], [0.0], [5.0]], dtype=dtype)
        for series in (IrregularSeries(times), PointSet(times[:, None]).knn(3)):
            for algorithm in (Algorithm.MESSAGES, Algorithm.FAST):
                moved = (
                    (conv(changed, series, algorithm=algorithm) - conv(x, series, algorithm=algorithm))
                    .abs()
                    .amax(1)
                )
                assert moved[1] == 0 < moved[2]


def test_gradients_with_respect_to_times(monkeypatch: pytest.MonkeyPatch) -> None:
    times = torch.tensor([0.0, 0.4, 1.1, 1.5, 2.6], dtype=DOUBLE, requires_grad=True)
    conv, x = conv_for(1.7), noise(5)
    assert IrregularSeries(times).requires_grad and not IrregularSeries(times.detach()).requires_grad
    assert torch.autograd.gradcheck(lambda t: conv(x, IrregularSeries(t)), (times,))
    monkeypatch.setenv("CCNN_PC_NATIVE", "0")
    with pytest.raises(ValueError, match="'algorithm' must be MESSAGES or AUTO"):
        conv(x, IrregularSeries(times), algorithm=Algorithm.FAST)
    with pytest.raises(ValueError, match="'lattice' must be None where times need a gradient"):
        IrregularSeries(times, lattice=0.1)


def test_pooling() -> None:
    times, batch = torch.tensor([0.0, 1.0, 3.0, 5.0, 6.0]), torch.tensor([0, 0, 0, 1, 1])
    x = torch.tensor([[1.0], [2.0], [4.0], [7.0], [5.0]])
    series = IrregularSeries(times, batch)
    assert series.pool(x, Pool.LAST).tolist() == [[4.0], [5.0]]
    assert series.pool(x, Pool.MAX).tolist() == [[4.0], [7.0]]
    mean = (1 * 1 + 2 * 1.5 + 4 * 2) / 4.5  # cells of 1, 1.5 and 2
    torch.testing.assert_close(series.pool(x), torch.tensor([[mean], [6.0]]))
    torch.testing.assert_close(series.pool(x, Pool.MEAN_MAX), torch.tensor([[mean, 4.0], [6.0, 7.0]]))
    alike = IrregularSeries(times, batch, weights=Weights.CONSTANT)
    torch.testing.assert_close(alike.pool(x), torch.tensor([[7 / 3], [6.0]]))
    queries = IrregularSeries(times[:3], query_times=times[:3] * 2)
    torch.testing.assert_close(queries.pool(x[:3]), torch.tensor([[mean]]))
    assert series.segments()[1] == 2 and torch.equal(series.segments()[0], batch)
