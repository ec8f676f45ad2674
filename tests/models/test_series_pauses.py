"""Series with pauses longer than kernels see: nothing grows with a pause, and nothing is read across it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch_geometric.data import Batch, Data

from ccnn_pc.domains import IrregularSeries, Weights
from ccnn_pc.models import create_model
from ccnn_pc.ops.series.stamps import shortened_pauses
from tests.clouds import DOUBLE

LENGTH = 50


def make(**options: Any) -> Any:
    torch.manual_seed(0)
    return (
        create_model("ccnn_4_16", dim=1, in_channels=2, out_channels=3, shape=[LENGTH], **options)
        .double()
        .eval()
    )


def with_pause(pause: float, seed: int = 0, lattice: float | None = None) -> Data:
    """Forty samples one step apart, with a pause after half of them."""
    times = torch.arange(40, dtype=DOUBLE)
    times[20:] += pause - 1
    x = torch.randn(40, 2, dtype=DOUBLE, generator=torch.Generator().manual_seed(seed))
    item = Data(times=times, x=x)
    if lattice is not None:
        item.lattice = torch.full((1, 1), lattice, dtype=DOUBLE)
    return item


@pytest.mark.parametrize("lattice", [None, 1.0])
@pytest.mark.parametrize("interpolation", ["linear", "none"])
def test_answers_do_not_grow_with_a_pause(interpolation: str, lattice: float | None) -> None:
    """Kernels reach 49 steps: from there on every pause is the same pause."""
    model = make(series_interpolation=interpolation)
    answers = [model(with_pause(pause, lattice=lattice)) for pause in (50.0, 80.0, 1e3, 1e7)]
    for answer in answers[1:]:
        torch.testing.assert_close(answer, answers[0], atol=1e-6, rtol=0)
    assert not torch.allclose(model(with_pause(25.0, lattice=lattice)), answers[0], atol=1e-3)
    other = with_pause(2.0, seed=1)
    batch = Batch.from_data_list([with_pause(1e7), other])
    torch.testing.assert_close(model(batch), torch.cat([answers[0], model(other)]), atol=1e-6, rtol=0)
    single = with_pause(1e7)
    single.times = single.times.float()  # which holds these whole numbers
    torch.testing.assert_close(model(single), answers[0], atol=1e-6, rtol=0)


@pytest.mark.parametrize("weights", [Weights.CELL, Weights.TRAPEZOID, Weights.PAST])
def test_no_sample_weighs_more_than_kernels_see(weights: Weights) -> None:
    item = with_pause(1e7)
    mask = torch.ones(40, 2, dtype=torch.bool)
    mask[3:18, 1] = False  # one channel rests on its own
    for seen in (None, mask):
        series = IrregularSeries(item.times, mask=seen, weights=weights)
        weight = series.with_pauses_of(7.0, 1.0).quadrature([1.0])
        assert weight is not None and float(weight.max()) <= 7.0
        free = series.quadrature([1.0])
        assert free is not None and float(free.max()) >= 1e6
        short = (free <= 7.0) & (weight > 0)
        torch.testing.assert_close(weight[short], free[short], atol=1e-8, rtol=0)


def test_lines_across_pauses_cost_no_more_than_what_kernels_see() -> None:
    times = torch.cat([1e5 * torch.arange(30, dtype=DOUBLE), torch.tensor([1e12], dtype=DOUBLE)])
    series = IrregularSeries(times)
    short = series.with_pauses_of(49.0, 1.0)
    values, regular = short.resampled(times[:, None], 1.0)
    assert len(values) == regular.num_samples == 30 * 50 + 1
    with pytest.raises(ValueError, match=r"most of them in series 0, counted from 0, which lasts 1e\+12"):
        series.resampled(times[:, None], 1.0)


def test_stamps_keep_their_lattice_and_shorter_pauses() -> None:
    generator = torch.Generator().manual_seed(0)
    times = torch.cat(
        [torch.randint(1, 40, (30,), generator=generator).cumsum(0) * 0.25 for _ in range(3)]
    ).double()
    batch = torch.arange(3).repeat_interleave(30)
    found = shortened_pauses(times, batch, 4.0, 0.5)
    inside = batch[1:] == batch[:-1]
    gap, now = times.diff()[inside], found.diff()[inside]
    torch.testing.assert_close(now[gap <= 4.0], gap[gap <= 4.0], atol=1e-12, rtol=0)
    assert bool(((now[gap > 4.0] > 4.0) & (now[gap > 4.0] <= 4.5)).all())
    assert torch.equal(((gap - now) / 0.5).round() * 0.5, gap - now)
    assert torch.equal(found[::30], times[::30])


@pytest.mark.parametrize("interpolation", ["linear", None])
def test_answers_per_sample_are_at_samples_behind_a_pause(interpolation: str | None) -> None:
    model = make(pool=None, norm="layer", series_interpolation=interpolation)
    item = with_pause(1e4)
    found = model(item)
    alone = model(Data(times=item.times[:20], x=item.x[:20]))
    assert found.shape == (40, 3)
    torch.testing.assert_close(
        found[:19], alone[:19], atol=1e-9, rtol=0
    )  # cells know when the next sample comes


def times_of_day(dtype: torch.dtype, step: float) -> Tensor:
    return (1.7e9 + step * torch.arange(40, dtype=DOUBLE)).to(dtype)


@pytest.mark.parametrize("step", [1.0, 60.0, 1000.0])
@pytest.mark.parametrize("interpolation", ["linear", "none"])
def test_epoch_seconds_in_float32_are_refused(step: float, interpolation: str) -> None:
    model, x = make(spacing=step, series_interpolation=interpolation), torch.randn(40, 2, dtype=DOUBLE)
    with pytest.raises(
        ValueError,
        match=r"'times' must be float64.*float32 as large as 1.7[0-9]*e\+09 .series 0, counted from 0. are 203 apart",
    ):
        model(Data(times=times_of_day(torch.float32, step), x=x))
    found = model(Data(times=times_of_day(DOUBLE, step), x=x))
    fresh = model(Data(times=step * torch.arange(40, dtype=torch.float32), x=x))
    torch.testing.assert_close(found, fresh, atol=1e-5, rtol=0)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_an_empty_series_is_refused_wherever_it_is(place: int) -> None:
    items = [with_pause(2.0), with_pause(3.0)]
    items.insert(place, Data(times=torch.zeros(0, dtype=DOUBLE), x=torch.zeros(0, 2, dtype=DOUBLE)))
    with pytest.raises(ValueError, match=f"got none in item {place}, counted from 0"):
        make()(Batch.from_data_list(items))
