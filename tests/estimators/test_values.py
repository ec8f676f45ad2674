"""Values at other times: what was observed stays, straight lines are the start, forms of X come back as they were."""

from __future__ import annotations

import functools
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from ccnn_pc.cli.app import main
from ccnn_pc.datasets import SeriesData
from ccnn_pc.datasets.common.broken import DataWarning
from ccnn_pc.datasets.series.observation_channels import remoteness
from ccnn_pc.datasets.transforms import HideFuture, HideValues
from ccnn_pc.estimators import SeriesForecaster, SeriesImputer
from ccnn_pc.models import SamplingWarning, create_model

RANDOM = np.random.default_rng(0)
T = np.arange(30.0)
X = np.sin(0.4 * T + RANDOM.uniform(0, 6, (16, 1))) + 5
X[RANDOM.random(X.shape) < 0.3] = np.nan


@functools.cache
def fitted_once() -> SeriesImputer:
    return SeriesImputer(epochs=2, random_state=0).fit(X)


def test_observed_values_stay_whatever_the_network_says() -> None:
    model = create_model("series_values", dim=1, in_channels=4, out_channels=2, shape=[20]).eval()
    torch.nn.init.normal_(model.head.linear.weight)
    known = torch.rand(20, 2, generator=torch.Generator().manual_seed(0)) < 0.6
    known[0] = True
    values = torch.randn(20, 2, generator=torch.Generator().manual_seed(1)) * known
    w = torch.from_numpy(remoteness(known.t().numpy(), np.arange(20.0), 4.0)).t()
    mask = torch.cat([torch.ones_like(known), known], 1)
    answers = model(SeriesData(times=torch.arange(20.0), x=torch.cat([w, values], 1), mask=mask))
    assert torch.allclose(answers[known], values[known], atol=1e-5)
    assert not torch.allclose(answers[~known], values[~known], atol=1e-2)


def test_an_untrained_network_answers_on_straight_lines_at_any_stamps() -> None:
    times = np.sort(RANDOM.uniform(0, 19, 40))
    known = RANDOM.random(40) < 0.5
    known[[0, -1]] = True
    values = RANDOM.normal(size=40) * known
    model = create_model(
        "series_values", dim=1, in_channels=2, out_channels=1, shape=[4000], spacing=0.005
    ).eval()
    x = torch.from_numpy(np.stack([1.0 - known, values], 1)).float()
    mask = torch.from_numpy(np.stack([known | True, known], 1))
    answers = model(SeriesData(times=torch.from_numpy(times), x=x, mask=mask))[:, 0].detach().numpy()
    # lines are read 0.005 apart: off by half of it times the slope where they bend
    slope = np.abs(np.diff(values[known]) / np.diff(times[known])).max()
    assert np.abs(answers - np.interp(times, times[known], values[known])).max() < 0.005 * slope


def test_remoteness_is_nought_where_something_was_observed_and_grows_with_the_gap() -> None:
    times = np.array([0.0, 2.0, 3.0, 10.0, 20.0])
    (found,) = remoteness(np.array([[True, False, True, False, True]]), times, 4.0)
    assert found[[0, 2, 4]].tolist() == [0, 0, 0]
    assert found[1] == pytest.approx(2 / (2 + 16)) and found[3] == pytest.approx(70 / (70 + 16))
    (after,) = remoteness(np.array([[True, False]]), np.array([0.0, 4.0]), 4.0)
    (never,) = remoteness(np.array([[False, False]]), np.array([0.0, 4.0]), 4.0)
    assert after[1] == 0.5 and never.tolist() == [1, 1]


@pytest.mark.parametrize("transform", [HideValues(0.9, gap=2.0), HideFuture(5.0, gap=2.0)])
def test_what_is_hidden_is_asked_for_and_nothing_else(transform: HideValues | HideFuture) -> None:
    generator = torch.Generator().manual_seed(0)
    for _ in range(50):
        times = torch.rand(12, generator=generator).cumsum(0).double()
        x = torch.randn(12, 2, generator=generator) + 9
        known = torch.rand(12, 2, generator=generator) < 0.8
        known[0] = True
        found = transform(SeriesData(times=times, x=x * known, mask=known), generator)
        n = len(found.times)
        hidden, left = found.y.isfinite(), found.mask[:, 2:]
        assert torch.equal(hidden | left, known[:n]) and not bool((hidden & left).any())
        assert bool(left.any(dim=0).all())
        assert torch.equal(found.y[hidden], x[:n][hidden]) and torch.equal(found.x[:, 2:], x[:n] * left)
        assert bool((found.x[:, :2][left] == 0).all()) and bool((found.x[:, :2][hidden] > 0).all())


def test_missing_values_are_filled_and_others_stay_bit_for_bit() -> None:
    seen = np.isfinite(X)
    filled = fitted_once().transform(X)
    assert filled.shape == X.shape and np.isfinite(filled).all()
    assert (filled[seen] == X[seen]).all()
    assert np.allclose(np.stack(fitted_once().predict(X))[..., 0][~seen], filled[~seen])


def test_forms_come_back_as_they_were() -> None:
    both = np.stack([X, -X], axis=1)
    model = SeriesImputer(channels="first", epochs=1, random_state=0).fit(both)
    filled = model.transform(both)
    assert filled.shape == both.shape
    shuffled = RANDOM.permutation(30)
    pairs = [(T[shuffled], each.T[shuffled]) for each in both]
    for one, other in zip(model.transform(pairs), filled, strict=True):
        assert np.allclose(one, other.T[shuffled], atol=1e-6)
    rows = fitted_once().transform([row.tolist() for row in X])
    assert np.allclose(np.stack(rows), fitted_once().transform(X), atol=1e-6)


def test_tables_come_back_as_tables() -> None:
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(
        {"id": np.repeat(np.arange(16), 30), "time": np.tile(T, 16), "channel_0": X.ravel()}
    )
    found = fitted_once().transform(table)
    assert list(found.columns) == ["id", "time", "channel_0"]
    assert np.allclose(found["channel_0"].to_numpy(), fitted_once().transform(X).ravel(), atol=1e-6)
    dated = table.assign(time=pandas.Timestamp("2024-03-01") + pandas.to_timedelta(table["time"], unit="h"))
    model = SeriesImputer(epochs=1, random_state=0).fit(dated)
    assert (model.transform(dated)["time"].to_numpy() == dated["time"].to_numpy()).all()
    with pytest.raises(ValueError, match="'times' must be of the kind of those of X: dates"):
        model.predict(dated, [0.5])


def test_any_time_can_be_asked_for() -> None:
    at_stamps = np.stack(fitted_once().predict(X))
    assert np.allclose(fitted_once().predict(X, T), at_stamps, atol=1e-6)
    between = fitted_once().predict(X, [3.25, 11.5])
    assert between.shape == (16, 2, 1) and np.isfinite(between).all()
    ragged = fitted_once().predict(X, [T[:k] + 0.5 for k in range(1, 17)])
    assert [len(each) for each in ragged] == list(range(1, 17))
    with pytest.raises(ValueError, match="'times' must be a list of one array per series, 16"):
        fitted_once().predict(X, [[1.0], [2.0]])
    with pytest.raises(ValueError, match="'times' must be finite"):
        fitted_once().predict(X, [np.nan])


def test_a_saved_imputer_answers_as_before(tmp_path: Path) -> None:
    again = SeriesImputer.load(fitted_once().save(tmp_path / "model"))
    assert (again.transform(X) == fitted_once().transform(X)).all()
    with pytest.raises(ValueError, match="SeriesForecaster"):
        SeriesForecaster.load(tmp_path / "model")


def test_forecasts_lie_after_the_series_and_within_the_horizon(tmp_path: Path) -> None:
    model = SeriesForecaster(horizon=4, epochs=2, random_state=0).fit(X)
    found = model.predict(X)
    assert found.shape == (16, 4, 1) and model.step_ == 1.0
    ends = [np.flatnonzero(np.isfinite(row))[-1] for row in X]
    assert np.allclose(model.predict(X, [end + np.arange(1, 5) for end in ends]), found, atol=1e-6)
    for wrong in (28.0, 40.0):
        with pytest.raises(ValueError, match="'times' must be after the last sample"):
            model.predict(X, [wrong])
    with pytest.raises(ValueError, match="'horizon' must be at least one step"):
        SeriesForecaster(horizon=0.2).fit(X)
    with pytest.raises(ValueError, match="'horizon' must be within the longest series of the training"):
        SeriesForecaster(horizon=100).fit(X)
    again = SeriesForecaster.load(model.save(tmp_path / "model"))
    assert (again.predict(X) == found).all()


def test_a_trained_forecast_is_better_than_the_last_value() -> None:
    waves = np.sin(0.8 * np.arange(30) + RANDOM.uniform(0, 6, (48, 1)))
    model = SeriesForecaster(horizon=5, epochs=12, random_state=0).fit(waves[:40, :25])
    found, true = model.predict(waves[40:, :25])[..., 0], waves[40:, 25:]
    assert np.square(found - true).mean() < 0.25 * np.square(waves[40:, 24:25] - true).mean()


def test_other_networks_are_refused() -> None:
    with pytest.raises(ValueError, match="'model' must be 'series_values'"):
        SeriesImputer("ccnn_4_16").fit(X)


def test_the_command_line_answers_where_values_are_missing(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    rows = pandas.DataFrame(
        {"id": np.repeat(np.arange(16), 30), "time": np.tile(T, 16), "variable": "channel_0"}
    )
    rows["value"] = X.ravel()
    rows.to_csv(tmp_path / "rows.csv", index=False)
    folder = fitted_once().save(tmp_path / "model")
    with pytest.raises(SystemExit) as ended:
        main(["predict", str(folder), str(tmp_path / "rows.csv"), "--csv", str(tmp_path / "out.csv")])
    assert ended.value.code == 0
    found = pandas.read_csv(tmp_path / "out.csv").sort_values(["id", "time"])["channel_0"].to_numpy()
    assert np.allclose(found, np.stack(fitted_once().predict(X)).ravel(), atol=1e-5)


def test_series_without_gaps_are_nothing_to_warn_of() -> None:
    """How far values are from observed ones is 0 everywhere there, and in training was not."""
    full = np.sin(0.4 * T + RANDOM.uniform(0, 6, (8, 1)))
    fitted = SeriesImputer(epochs=1, random_state=0).fit(full)
    with warnings.catch_warnings():
        warnings.simplefilter("error", SamplingWarning)
        np.testing.assert_array_equal(fitted.transform(full), full)


def test_tables_are_filled_where_they_stand() -> None:
    """Rows in any order, one of them twice, with a zone, an index of their own and another column."""
    pd = pytest.importorskip("pandas")
    start = pd.Timestamp("2024-03-31 00:30:00.123456789", tz="Europe/Berlin")
    table = pd.DataFrame(
        {"id": np.repeat(np.arange(16), 30), "time": np.tile(T, 16), "u": X.ravel(), "label": "a"}
    )
    table["time"] = start + pd.to_timedelta(table["time"], unit="h")
    plain = SeriesImputer(epochs=1, random_state=0).fit(table)
    expected = plain.transform(table)
    pd.testing.assert_frame_equal(expected.drop(columns="u"), table.drop(columns="u"))
    assert (expected["u"] == table["u"])[table["u"].notna()].all() and expected["u"].notna().all()
    mixed = pd.concat([table.sample(frac=1, random_state=0), table.iloc[:1]])
    pd.testing.assert_frame_equal(plain.transform(mixed), expected.loc[mixed.index])
    long = table.rename(columns={"u": "value"}).assign(variable="u")
    found = plain.transform(long)
    pd.testing.assert_frame_equal(found, expected[["id", "time", "u"]])
    polars = pytest.importorskip("polars")
    numbers = {"id": table["id"].to_numpy(), "time": np.tile(T, 16), "u": X.ravel()}
    filled = (
        SeriesImputer(epochs=1, random_state=0)
        .fit(polars.DataFrame(numbers))
        .transform(polars.DataFrame(numbers))
    )
    assert filled.columns == ["id", "time", "u"] and np.isfinite(filled["u"].to_numpy()).all()


def test_arguments_are_named() -> None:
    with pytest.raises(ValueError, match=r"'hidden' must be in \[0, 1\) \(got 2\)"):
        SeriesImputer(hidden=2, epochs=1).fit(X)
    with pytest.raises(ValueError, match=r"'times' must be \[q\], or a list of arrays \(got 5.0\)"):
        fitted_once().predict(X, 5.0)


def test_few_values_that_were_hidden_are_no_mixture_of_units() -> None:
    """Series of the same size: nothing about them is to be said."""
    waves = [np.sin(0.4 * np.arange(30) + phase) for phase in np.arange(16)]
    with warnings.catch_warnings():
        warnings.simplefilter("error", DataWarning)
        SeriesImputer(epochs=1, random_state=0).fit(waves)


WAVES = np.sin(0.3 * np.arange(80) + np.random.default_rng(1).uniform(0, 6, (24, 1)))


@functools.cache
def forecaster() -> SeriesForecaster:
    return SeriesForecaster(horizon=10, epochs=2, random_state=0).fit(WAVES)


def test_a_forecast_is_the_same_whatever_other_times_are_asked_for() -> None:
    """In training the network saw that all of the horizon is asked for."""
    whole = forecaster().predict(WAVES)
    for times in ([85.0], [85.0, 80.0], [80.0, 80.5, 85.0], [84.25, 85.0]):
        found = forecaster().predict(WAVES, times)
        assert found.shape == (24, len(times), 1)
        np.testing.assert_allclose(found[:, times.index(85.0)], whole[:, 5], atol=1e-6)


@pytest.mark.parametrize("gap", [slice(30, 50), slice(0, 20), slice(60, 80)])
def test_a_value_in_a_pause_is_the_same_whatever_other_times_are_asked_for(gap: slice) -> None:
    model = SeriesImputer(epochs=2, random_state=0).fit(WAVES)
    torch.nn.init.normal_(model.network_.head.linear.weight, std=0.1)
    hidden = WAVES.copy()
    hidden[:, gap] = np.nan
    times = np.arange(80.0)
    left = np.isfinite(hidden[0])
    pairs = [(times[left], row[left]) for row in hidden]
    whole = model.transform(hidden)[:, gap, None]
    np.testing.assert_allclose(model.predict(pairs, times[gap]), whole, atol=1e-6)
    place = {0: 0, 30: 7, 60: 19}[gap.start]  # behind an end all lies between it and the farthest
    found = model.predict(pairs, [float(gap.start + place)])
    np.testing.assert_allclose(found[:, 0], whole[:, place], atol=1e-6)


def test_what_is_compared_are_the_values_that_were_given() -> None:
    """Times that are asked for are no samples, and how far they lie from values is none."""
    model = SeriesImputer(epochs=1, random_state=0).fit(
        np.where(RANDOM.random(WAVES.shape) < 0.3, np.nan, WAVES)
    )
    few = WAVES.copy()
    few[:, 40] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("error", SamplingWarning)
        model.transform(few)
        model.predict(WAVES, [3.25, 40.5])
        forecaster().predict(WAVES, [83.0])
    stamps = 1000.0 * np.arange(80)
    with pytest.warns(SamplingWarning, match="milliseconds for seconds"):
        forecaster().predict([(stamps, row) for row in WAVES])
    both = np.stack([WAVES, -WAVES], axis=2)
    two = SeriesImputer(channels="last", epochs=1, random_state=0).fit(both)
    both[:, :, 1] = np.nan
    with pytest.warns(SamplingWarning, match=r"channel 1 \('channel_1'\) of 'data' is nowhere observed"):
        two.transform(both)


def test_values_farther_away_than_any_that_were_hidden_are_named() -> None:
    model = SeriesImputer(epochs=1, hidden=0.5, random_state=0).fit(WAVES)
    with pytest.warns(
        SamplingWarning, match="values 121 away from the nearest observed one.* farther than 39.5"
    ):
        model.predict(WAVES, [200.0])
    short = WAVES.copy()
    short[:, 20:] = np.nan
    with pytest.warns(SamplingWarning, match="values 60 away"):
        model.transform(short)


def test_an_array_without_series_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"'X' must hold at least one series \(got an array of shape \[0, 80, 1\]"
    ):
        forecaster().predict(WAVES[:0, :, None])
