"""Series estimators: forms of X, missing values, files, scikit-learn's tools."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from ccnn_pc.cli.app import main
from ccnn_pc.estimators import SeriesClassifier, SeriesRegressor


def tones(
    channels: int = 1, length: int = 30, items: int = 20, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Slow and fast sines ``[N, T, C]`` of any phase, and which they are."""
    random = np.random.default_rng(seed)
    kind = np.arange(items) % 2
    phase = random.uniform(0, 6, (items, 1, channels))
    wave = np.sin(np.array([0.3, 0.9])[kind][:, None, None] * np.arange(length)[:, None] + phase)
    return wave + 0.1 * random.normal(size=wave.shape), np.array(["slow", "fast"])[kind]


X, Y = tones(channels=2)


@functools.cache
def fitted_once() -> SeriesClassifier:
    return SeriesClassifier(random_state=0, channels="last", epochs=1).fit(X, Y)


def pairs(array: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(np.arange(len(each), dtype=float), each) for each in array]


def long_rows(array: np.ndarray) -> dict[str, list[Any]]:
    """A long table whose rows stand in no order."""
    places = [
        (i, t, c) for i, each in enumerate(array) for t, row in enumerate(each) for c in range(len(row))
    ]
    places = [places[k] for k in np.random.default_rng(0).permutation(len(places))]
    places.sort(key=lambda place: place[0])
    return {
        "id": [place[0] for place in places],
        "time": [float(place[1]) for place in places],
        "variable": [f"channel_{place[2]}" for place in places],
        "value": [float(array[place]) for place in places],
    }


def polars_table(rows: dict[str, list[Any]]) -> Any:
    return pytest.importorskip("polars").DataFrame(rows)


def pandas_table(rows: dict[str, list[Any]]) -> Any:
    return pytest.importorskip("pandas").DataFrame(rows)


def graphs(array: np.ndarray) -> list[Any]:
    import torch
    from torch_geometric.data import Data

    return [Data(times=torch.arange(len(each)), x=torch.from_numpy(each)) for each in array]


def wide_table(array: np.ndarray) -> Any:
    rows = [(i, t, *row) for i, each in enumerate(array) for t, row in enumerate(each)]
    names = ["id", "time", "channel_0", "channel_1"]
    return pandas_table({name: [row[k] for row in rows] for k, name in enumerate(names)})


@pytest.mark.parametrize(
    "form",
    [
        pytest.param(pairs, id="pairs"),
        pytest.param(list, id="list of arrays"),
        pytest.param(graphs, id="PyG"),
        pytest.param(lambda x: pandas_table(long_rows(x)), id="pandas"),
        pytest.param(lambda x: polars_table(long_rows(x)), id="polars"),
        pytest.param(wide_table, id="wide pandas"),
    ],
)
def test_all_forms_of_the_same_series_have_the_same_answer(form: Any) -> None:
    np.testing.assert_array_equal(fitted_once().predict_proba(form(X)), fitted_once().predict_proba(X))


def test_channels_may_come_first() -> None:
    other = SeriesClassifier(random_state=0, channels="first", epochs=1).fit(X.swapaxes(1, 2), Y)
    np.testing.assert_array_equal(other.predict_proba(X.swapaxes(1, 2)), fitted_once().predict_proba(X))


def test_axes_that_could_be_either_are_asked_for() -> None:
    with pytest.raises(ValueError, match="'channels' must be 'first' or 'last' for series of 12 x 20"):
        SeriesClassifier().fit(np.zeros((4, 12, 20)), [0, 1, 0, 1])


def test_padding_with_nan_is_the_shorter_series() -> None:
    padded = X.copy()
    padded[:5, 20:] = np.nan
    short = [each[:20] if row < 5 else each for row, each in enumerate(X)]
    np.testing.assert_array_equal(fitted_once().predict_proba(padded), fitted_once().predict_proba(short))
    assert (fitted_once().predict_proba(padded)[:5] != fitted_once().predict_proba(X)[:5]).any()


def test_order_of_stamps_does_not_matter() -> None:
    order = np.random.default_rng(1).permutation(X.shape[1])
    turned = [(times[order], values[order]) for times, values in pairs(X)]
    np.testing.assert_array_equal(fitted_once().predict_proba(turned), fitted_once().predict_proba(X))


def test_the_same_random_state_gives_the_same_bits_and_leaves_those_of_others_alone() -> None:
    import torch

    torch.manual_seed(3)
    np.random.seed(3)  # noqa: NPY002
    again = clone(fitted_once()).fit(X, Y)
    drawn = float(torch.rand(1)), float(np.random.rand())  # noqa: NPY002
    torch.manual_seed(3)
    np.random.seed(3)  # noqa: NPY002
    assert drawn == (float(torch.rand(1)), float(np.random.rand()))  # noqa: NPY002
    np.testing.assert_array_equal(again.predict_proba(X), fitted_once().predict_proba(X))
    other = clone(fitted_once()).set_params(random_state=1).fit(X, Y)
    assert (other.predict_proba(X) != fitted_once().predict_proba(X)).any()


def test_it_learns_with_half_of_the_samples_missing() -> None:
    x, y = tones(items=40)
    x[np.random.default_rng(0).random(x.shape) < 0.5] = np.nan
    assert SeriesClassifier(random_state=0).fit(x[:20], y[:20]).score(x[20:], y[20:]) >= 0.9


def test_numbers_are_answered_in_their_units() -> None:
    x, y = tones(items=40)
    y = np.column_stack([1000 + 0.1 * (y == "fast"), -3.0 * (y == "slow")])
    fitted = SeriesRegressor(random_state=0).fit(x[:20], y[:20])
    assert fitted.predict(x[20:]).shape == (20, 2)
    assert fitted.score(x[20:], y[20:]) > 0.8
    assert SeriesRegressor(random_state=0, epochs=1).fit(x[:8], y[:8, 0]).predict(x[:3]).shape == (3,)


def test_scikit_learns_tools() -> None:
    x, y = tones(items=16)
    small = SeriesClassifier(random_state=0, epochs=1)
    groups = np.repeat(np.arange(4), 4)
    scores = cross_val_score(small, x, y, groups=groups, cv=GroupKFold(2))
    assert scores.shape == (2,) and scores.min() > 0.5
    search = GridSearchCV(small, {"epochs": [1, 2]}, cv=2).fit(list(x), y)
    assert search.best_params_["epochs"] in (1, 2) and search.best_estimator_.network_ is not None
    half = make_pipeline(FunctionTransformer(lambda each: each[:, ::2]), small).fit(x, y)
    assert half.score(x, y) > 0.9


def test_save_load_and_the_command_line_say_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = fitted_once().save(tmp_path / "model")
    again = SeriesClassifier.load(folder)
    assert again.get_params() == fitted_once().get_params() and again.classes_.tolist() == ["fast", "slow"]
    expected = fitted_once().predict_proba(X)
    np.testing.assert_array_equal(again.predict_proba(X), expected)
    rows = long_rows(X)
    rows["id"] = [f"{number:02d}" for number in rows["id"]]
    pandas_table(rows).to_csv(tmp_path / "table.csv", index=False)
    with pytest.raises(SystemExit) as left:
        main(["predict", str(folder), str(tmp_path / "table.csv"), "--json"])
    assert left.value.code == 0
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    found = [[row["probabilities"][name] for name in ("fast", "slow")] for row in said]
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    with pytest.raises(ValueError, match="must be of a SeriesRegressor"):
        SeriesRegressor.load(folder)


def test_a_network_that_is_trained(capsys: pytest.CaptureFixture[str]) -> None:
    x, y = tones(items=16)
    chosen = {"name": "ccnn_4_16", "dropout": 0.1}
    fitted = SeriesClassifier(chosen, epochs=2, batch_size=8, random_state=0, verbose=1).fit(x, y)
    again = SeriesClassifier(chosen, epochs=2, batch_size=8, random_state=0).fit(x, y)
    assert "epoch   2/2" in capsys.readouterr().err
    assert fitted.network_.config["name"] == "ccnn_4_16" and fitted.n_epochs_ == 2
    np.testing.assert_array_equal(fitted.predict_proba(x), again.predict_proba(x))


def test_training_ends_where_validation_does_not_become_better(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = tones(items=16)
    tiny = SeriesClassifier("ccnn_4_16", epochs=50, lr=1e-12, patience=2, batch_size=8, random_state=0)
    assert tiny.fit(x, y).n_epochs_ < 50
    short = SeriesClassifier("ccnn_4_16", epochs=10_000, time_budget=0.02, patience=None, random_state=0)
    assert 1 <= short.fit(x, y).n_epochs_ < 10_000


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (np.zeros((4, 5)), [0, 1, 0], "'y' must hold one target per item"),
        (np.zeros((4, 5)), [0, 0, 0, 0], "at least two classes"),
        (np.full((4, 5), np.nan), [0, 1, 0, 1], "NaN alone in series 0"),
        ([(np.arange(3.0), np.full(3, np.inf))] * 4, [0, 1, 0, 1], "'X' must be finite"),
        ([(np.arange(3.0), np.zeros(4))] * 4, [0, 1, 0, 1], r"'X\[0\]' must be times \[n\]"),
        ([np.zeros((3, 2)), np.zeros((4, 5))], [0, 1], "same channels in every series"),
    ],
)
def test_what_does_not_fit_is_named(x: Any, y: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SeriesClassifier(epochs=1).fit(x, y)


def test_other_channels_than_those_of_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="'X' must have 2 channels, as in fit"):
        fitted_once().predict(np.zeros((3, 30, 3)))
    with pytest.raises(ValueError, match="'variable' must be one of those of fit"):
        fitted_once().predict(pandas_table({"id": [0], "time": [0.0], "variable": ["heat"], "value": [1.0]}))


def test_targets_by_id() -> None:
    rows = long_rows(X)
    rows["id"] = [f"s{number}" for number in rows["id"]]
    by_id = {f"s{number}": label for number, label in reversed(list(enumerate(Y)))}
    fitted = SeriesClassifier(random_state=0, epochs=1).fit(pandas_table(rows), by_id)
    np.testing.assert_array_equal(fitted.predict_proba(X), fitted_once().predict_proba(X))


@pytest.mark.parametrize("known", ["dates", "numbers"])
def test_dates_and_numbers_are_not_taken_for_each_other(known: str) -> None:
    numbers = [(np.arange(12.0), np.sin(k + np.arange(12.0))) for k in range(8)]
    dates = [(np.datetime64("2024-01-01T00:00:00") + t.astype("timedelta64[s]"), x) for t, x in numbers]
    first, second = (dates, numbers) if known == "dates" else (numbers, dates)
    few = {"name": "random_kernels", "num_features": 504}
    fitted = SeriesClassifier(few, random_state=0).fit(first, [0, 1] * 4)
    assert len(fitted.predict(first)) == 8
    with pytest.raises(
        ValueError, match=f"'X' must have {known} as its times, as in fit.*(to_datetime|timedelta64)"
    ):
        fitted.predict(second)


def test_a_budget_that_one_pass_exceeds_is_said() -> None:
    x, y = tones(items=16)
    few = {"name": "random_kernels", "num_features": 504}
    with pytest.warns(UserWarning, match="'time_budget' must be above what one pass"):
        assert SeriesClassifier(few, epochs=5, time_budget=1e-5, random_state=0).fit(x, y).n_epochs_ == 1
    assert SeriesClassifier(few, epochs=3, random_state=0).fit(x, y).n_epochs_ in (1, 3)
