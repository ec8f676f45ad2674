"""Networks that read the straight lines between the stamps of series."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch_geometric.data import Batch, Data

from ccnn_pc.domains import Grid, Interpolation, IrregularSeries
from ccnn_pc.models import create_model, from_pretrained, save_pretrained
from tests.clouds import DOUBLE


def make(name: str = "ccnn_4_16", **options: Any) -> Any:
    torch.manual_seed(0)
    return create_model(name, dim=1, in_channels=2, out_channels=4, shape=[32], **options).double().eval()


@pytest.fixture
def items() -> list[Data]:
    """Two series, on whole multiples of the training spacing, with values missing; what stands there is NaN."""
    generator = torch.Generator().manual_seed(0)
    items = []
    for count in (9, 14):
        times = torch.randperm(40, generator=generator)[:count].sort().values.double() + 0.5
        mask = torch.rand(count, 2, generator=generator) < 0.7
        x = torch.randn(count, 2, dtype=DOUBLE, generator=generator)
        items.append(Data(times=times, x=torch.where(mask, x, torch.nan), mask=mask))
    return items


def test_a_network_reads_the_lines(items: list[Data], tmp_path: Path) -> None:
    batch = Batch.from_data_list(items)
    model, plain = make(series_interpolation="linear"), make(series_interpolation="none")
    found = model(batch)
    assert torch.equal(make()(batch), found)  # by default
    series = IrregularSeries(batch.times, batch.batch, mask=batch.mask)
    torch.testing.assert_close(found, plain(*series.resampled(batch.x, 1.0)), atol=1e-12, rtol=0)
    torch.testing.assert_close(found, model(batch.x, series), atol=1e-12, rtol=0)
    assert not torch.allclose(found, plain(batch), atol=1e-3)
    torch.testing.assert_close(found, torch.cat([model(item) for item in items]), atol=1e-9, rtol=0)
    save_pretrained(model, tmp_path / "model", classes=list("abcd"))
    assert torch.equal(from_pretrained(tmp_path / "model").double()(batch), found)


def test_stamps_as_in_training_are_read_as_they_are() -> None:
    x = torch.randn(1, 2, 30, dtype=DOUBLE)
    item = Data(times=torch.arange(30.0), x=x[0].t())
    model = make(series_interpolation=Interpolation.LINEAR)
    torch.testing.assert_close(model(item), make()(x), atol=1e-9, rtol=0)
    torch.testing.assert_close(model(item), make(series_interpolation="none")(item), atol=1e-9, rtol=0)


def test_denser_series_are_read_as_in_training_whatever_else_is_in_the_batch() -> None:
    """At the spacing of training: the samples that lie there; a series alone as beside a sparser one."""
    times = torch.arange(0, 29.5, 0.5, dtype=DOUBLE)
    dense = Data(times=times, x=torch.randn(59, 2, dtype=DOUBLE))
    sparse = Data(times=3 * torch.arange(8, dtype=DOUBLE), x=torch.randn(8, 2, dtype=DOUBLE))
    model = make()
    kept = Data(times=times[::2], x=dense.x[::2])
    torch.testing.assert_close(model(dense), model(kept), atol=1e-9, rtol=0)
    together = model(Batch.from_data_list([dense, sparse]))
    alone = torch.cat([model(dense), model(sparse)])
    torch.testing.assert_close(together, alone, atol=1e-9, rtol=0)


@pytest.mark.parametrize("weights", ["past", "density", "trapezoid", "constant"])
def test_weights_of_other_kinds_mean_sums(weights: str) -> None:
    item = Data(times=torch.tensor([0.0, 1.5, 2.0, 9.0], dtype=DOUBLE), x=torch.randn(4, 2, dtype=DOUBLE))
    model = make(series_weights=weights)
    assert torch.equal(model(item), make(series_weights=weights, series_interpolation="none")(item))
    model.reading = replace(model.reading, series_weights="cell")
    assert torch.equal(model(item), make(series_interpolation="linear")(item))
    moved = item.times.clone().requires_grad_()
    model(Data(times=moved, x=item.x)).sum().backward()  # sums as well
    assert bool((moved.grad != 0).any())


def test_half_of_the_samples_of_a_smooth_series_do() -> None:
    """Zero-shot: the same answer up to the error of lines, by sums over samples another one."""
    times = torch.arange(33, dtype=DOUBLE)
    x = torch.stack([torch.sin(0.2 * times), torch.cos(0.15 * times)], dim=1)
    whole, half = Data(times=times, x=x), Data(times=times[::2], x=x[::2])
    lines, sums = make(), make(series_interpolation="none")
    expected: Tensor = sums(whole)
    error, of_sums = ((model(half) - expected).abs().max().item() for model in (lines, sums))
    assert error < 0.1 * of_sums


def test_answers_per_sample_are_at_the_samples(items: list[Data]) -> None:
    model, plain = make(pool=None, series_interpolation="linear"), make(pool=None)
    batch = Batch.from_data_list(items)
    series = IrregularSeries(batch.times, batch.batch, mask=batch.mask)
    values, regular = series.resampled(batch.x, 1.0, causal=True)
    found = model(batch)
    assert found.shape == (23, 4)
    torch.testing.assert_close(found, regular.at_source(plain(values, regular))[0], atol=1e-12, rtol=0)


@pytest.mark.parametrize("where", ["lattice", "random", "rounded"])
def test_the_future_changes_no_answer_per_sample(items: list[Data], where: str) -> None:
    """Whatever comes later: other values, masks and times, or nothing at all."""
    item = items[1]
    noise = torch.rand(14, dtype=DOUBLE, generator=torch.Generator().manual_seed(1))
    times = item.times + noise * {"lattice": 0, "random": 0.9, "rounded": 1e-3}[where]
    model = make(pool=None, norm="layer", series_interpolation="linear")
    whole = model(Data(times=times, x=item.x, mask=item.mask)).detach()
    for known in (1, 6, 12):
        seen, later = item.mask.clone(), times.clone()
        seen[known:] = ~seen[known:]
        x = torch.cat([item.x[:known], torch.randn(14 - known, 2, dtype=DOUBLE)])
        later[known:] = times[known - 1] + 3.3 * (times[known:] - times[known - 1])
        for rows in (slice(0, 14), slice(0, known)):
            found = model(Data(times=later[rows], x=x[rows], mask=seen[rows]))
            torch.testing.assert_close(found[:known], whole[:known], atol=1e-9, rtol=0)
    change = item.x.clone()
    change[7] += 1.0
    moved = (model(Data(times=times, x=change, mask=item.mask)).detach() - whole).abs().amax(1)
    assert bool((moved[:7] <= 1e-9).all()) and float(moved[8:].max()) > 1e-3


def test_curves_are_nearer_to_a_smooth_series_and_are_saved(items: list[Data], tmp_path: Path) -> None:
    """Zero-shot, at every third sample: a tenth of the error of lines."""
    times = torch.arange(34, dtype=DOUBLE)
    x = torch.stack([torch.sin(0.2 * times), torch.cos(0.15 * times)], dim=1)
    third = Data(times=times[::3], x=x[::3])
    expected: Tensor = make()(Data(times=times, x=x))
    curves = make(series_interpolation="cubic")
    error, of_lines = ((model(third) - expected).abs().max().item() for model in (curves, make()))
    assert error < 0.1 * of_lines
    batch = Batch.from_data_list(items)
    save_pretrained(curves, tmp_path / "model", classes=list("abcd"))
    assert torch.equal(from_pretrained(tmp_path / "model").double()(batch), curves(batch))
    series = IrregularSeries(batch.times, batch.batch, mask=batch.mask)
    values, regular = series.resampled(batch.x, 1.0, Interpolation.CUBIC)
    torch.testing.assert_close(
        curves(batch), make(series_interpolation="none")(values, regular), atol=1e-12, rtol=0
    )


@pytest.mark.parametrize("word", ["interpolation", "series_interpolation"])
def test_answers_per_sample_have_no_curves(word: str) -> None:
    """They bend towards a later sample: an array with an answer per sample read so knew the future."""
    with pytest.raises(ValueError, match=f"'{word}' must be 'none' or 'linear' where answers per sample"):
        make(pool=None, **{word: "cubic"})
    model = make(pool=None)
    with pytest.raises(ValueError, match=f"'{word}' must be 'none' or 'linear'"):
        replace(model.reading, **{word: "cubic"})


def test_arrays_are_not_meant() -> None:
    x = torch.randn(2, 2, 16, dtype=DOUBLE)
    assert torch.equal(make(series_interpolation="linear")(x, Grid((16,), batch_size=2)), make()(x))


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("ccnn_4_16", {"dim": 3}, "'series_interpolation' must be 'none' for 3 axes .got 'linear'"),
        (
            "gru_d",
            {"dim": 1},
            "'series_interpolation' must be 'none' for 'gru_d', which has no continuous kernels",
        ),
        (
            "ccnn_4_16",
            {"dim": 1, "series_weights": "past"},
            "'series_weights' must be 'cell' where straight lines",
        ),
    ],
)
def test_refuses(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        create_model(name, in_channels=2, out_channels=4, series_interpolation="linear", **options)
