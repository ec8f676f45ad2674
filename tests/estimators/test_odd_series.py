"""Series that an estimator can read, and that would not mean what they did in fit: refused, or one warning."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ccnn_pc.estimators import SeriesClassifier, SeriesForecaster, SeriesRegressor, SeriesStepClassifier
from ccnn_pc.estimators.read_series import read_series

FEW = {"name": "random_kernels", "num_features": 1008}
COUNT, LENGTH = 40, 30


def waves(seed: int = 0) -> tuple[np.ndarray, list[str]]:
    """Two channels ``[N, T, 2]``, slow and fast, around 0 and 20."""
    random = np.random.default_rng(seed)
    speed = np.where(np.arange(COUNT) % 2, 0.6, 0.3)[:, None]
    wave = [np.sin(speed * np.arange(LENGTH) + random.uniform(0, 6, (COUNT, 1))) for _ in range(2)]
    found = np.stack([wave[0], 20 + 5 * wave[1]], axis=2) + 0.05 * random.normal(size=(COUNT, LENGTH, 2))
    return found, ["fast" if row % 2 else "slow" for row in range(COUNT)]


X, Y = waves()


def told(call: Any) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    return [str(each.message) for each in caught]


def table(ids: list[Any], *, shuffled: bool = False) -> pd.DataFrame:
    parts = [
        pd.DataFrame({"id": ids[row], "time": np.arange(LENGTH) * 0.5, "a": X[row, :, 0], "b": X[row, :, 1]})
        for row in range(COUNT)
    ]
    found = pd.concat(parts, ignore_index=True)
    return found.sample(frac=1, random_state=0) if shuffled else found


@pytest.fixture(scope="module")
def counted() -> Any:
    return SeriesClassifier(FEW, random_state=0).fit(X, Y)


@pytest.fixture(scope="module")
def named() -> Any:
    return SeriesClassifier(FEW, random_state=0).fit(table(list(range(COUNT))), Y)


def test_every_call_is_compared_anew(counted: Any) -> None:
    """A second array in another unit is named as the first was, and asking changes nothing."""
    for factor in (100.0, 1000.0):
        assert any("times larger" in text for text in told(lambda f=factor: counted.predict(X * [1, f])))  # type: ignore[misc]
    assert counted.network_.warned == set()


def test_other_numbers_of_samples_without_times(counted: Any, tmp_path: Path) -> None:
    (said,) = told(lambda: counted.predict(X[:, ::2]))
    assert "lasts 14, and fit had series of 29" in said and "with times from 0 to 29" in said
    (said,) = told(lambda: counted.predict(np.concatenate([X, X], axis=1)))
    assert "lasts 59" in said
    places = np.arange(0, LENGTH, 2)
    (said,) = told(lambda: counted.predict([(1.7 * places, each[::2]) for each in X]))
    assert "has times that last 47.6, and fit counted samples" in said and "another unit" in said
    assert not told(lambda: counted.predict([(np.append(places, 29.0), each[[*places, 29]]) for each in X]))
    assert not told(lambda: counted.predict(X[:, :28]))
    counted.save(tmp_path)
    assert "lasts 14" in told(lambda: SeriesClassifier.load(tmp_path).predict(X[:, ::2]))[0]


def test_answers_per_sample_may_be_of_any_number(counted: Any) -> None:
    model = SeriesStepClassifier(epochs=1, random_state=0).fit(X, X[:, :, 0] > 0)
    assert not told(lambda: model.predict(X[:, :20]))
    assert (
        "no whole numbers" in told(lambda: model.predict([(0.9 * np.arange(LENGTH), each) for each in X]))[0]
    )


def test_no_times_where_fit_had_some() -> None:
    timed = SeriesClassifier(FEW, random_state=0).fit([(0.5 * np.arange(LENGTH), each) for each in X], Y)
    assert any("'X' has no times, and fit had" in text for text in told(lambda: timed.predict(X)))
    whole = SeriesClassifier(FEW, random_state=0).fit([(np.arange(LENGTH), each) for each in X], Y)
    assert not told(lambda: whole.predict(X))


def test_channels_without_names(named: Any, counted: Any) -> None:
    pairs = [(np.arange(LENGTH) * 0.5, each) for each in X]
    (said,) = told(lambda: named.predict(pairs))
    assert "'X' has none, and fit had: a, b" in said
    frames = [pd.DataFrame(each, columns=["a", "b"]) for each in X]
    assert "fit had none, and 'X' has: a, b" in told(lambda: counted.predict(frames))[0]
    assert not told(lambda: named.predict(table(list(range(COUNT)))[["b", "id", "a", "time"]]))


def test_columns_that_numbers_name() -> None:
    """Samples of a frame whose columns are 0, 1, 2 …; scikit-learn looks at names that are text."""
    frame = pd.DataFrame(X[:, :, 0])
    model = SeriesClassifier(FEW, random_state=0).fit(frame, Y)
    assert (model.predict(frame) == model.predict(X[:, :, 0])).all()
    assert (model.predict(frame.set_axis(np.arange(5, 5 + LENGTH), axis=1)) == model.predict(frame)).all()
    with pytest.raises(ValueError, match="'X' must have its columns in the order of fit, 0, 1, 2, 3 "):
        model.predict(frame[frame.columns[::-1]])


def test_targets_whose_index_counts_rows() -> None:
    """Whole numbers may be ids or places; where both are meant by the same numbers, nobody can tell."""
    ids = list(range(COUNT))
    assert SeriesClassifier(FEW, random_state=0).fit(table(ids), pd.Series(Y)).score(table(ids), Y) > 0.9
    back = ids[::-1]
    with pytest.warns(UserWarning, match="the index of 'y' is taken for ids of X, which come as 39, 38, 37"):
        SeriesClassifier(FEW, random_state=0).fit(table(back), pd.Series(Y))
    known = pd.Series(Y[::-1]).rename_axis("id")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = SeriesClassifier(FEW, random_state=0).fit(table(back), known)
    assert model.score(table(back), Y) > 0.9 and model.score(table(back), known) > 0.9


def test_classes_that_are_written_differently() -> None:
    other = [name.upper() if row == 3 else name for row, name in enumerate(Y)]
    with pytest.warns(UserWarning, match="'fast' and 'FAST'|'FAST' and 'fast'"):
        SeriesClassifier(FEW, random_state=0).fit(X, other)


def test_two_series_under_one_id(named: Any) -> None:
    plain = table(list(range(COUNT)))
    shifted = plain.assign(time=plain.time + 0.2)
    said = told(lambda: named.predict(pd.concat([plain, shifted])))
    assert any(
        "time of id 0 in 'X' goes back from row to row, from 14.5 to 0.2 (39 more" in text for text in said
    )
    assert not told(lambda: named.predict(plain.sample(frac=1, random_state=0)))
    assert any(
        "60 rows of 'X' repeat" in text
        for text in told(lambda: named.predict(pd.concat([plain, plain[:30]])))
    )
    twice = [(np.append(np.arange(30), np.arange(30) + 0.5), np.concatenate([each, each])) for each in X]
    model = SeriesRegressor(FEW, random_state=0)
    assert any(
        "series 0 of 'X' goes back" in text for text in told(lambda: model.fit(twice, np.arange(COUNT)))
    )


def test_times_that_were_rounded() -> None:
    """Seconds since 1970 in float32 are 128 apart; hours are not so large, nor are steps of a day."""
    seconds = np.arange(LENGTH)
    with pytest.raises(
        ValueError, match=r"'X\[0\]\[0\]' must be float64 .got float32, in which 1.7e.09 is rounded to 128"
    ):
        SeriesClassifier(FEW).fit([((1.7e9 + seconds).astype(np.float32), each) for each in X], Y)
    for times in (
        (4.7e5 + seconds).astype(np.float32),
        (1.7e9 + 86400 * seconds).astype(np.float32),
        np.zeros(30, dtype=np.float32),
    ):
        assert len(read_series([(times, each) for each in X])) == COUNT


def test_ids_that_are_written_differently() -> None:
    ids = [f"p{row}" for row in range(COUNT)]
    assert any(
        "the ids 'p3' and 'p3 '" in text
        for text in told(lambda: SeriesClassifier(FEW).fit(table([*ids[:7], "p3 ", *ids[8:]]), Y))
    )
    assert not told(lambda: SeriesClassifier(FEW).fit(table(ids), Y))


def test_a_channel_that_is_the_answer() -> None:
    number = np.arange(COUNT) % 2
    cheated = np.concatenate([X, np.broadcast_to(number[:, None, None], (COUNT, LENGTH, 1))], axis=2)
    assert any("'channel_2' is one" in text for text in told(lambda: SeriesClassifier(FEW).fit(cheated, Y)))
    assert any(
        "'channel_2' is one" in text for text in told(lambda: SeriesRegressor(FEW).fit(cheated, 2.0 * number))
    )
    assert not told(lambda: SeriesClassifier(FEW).fit(X, Y))


def test_numbers_that_stand_for_nothing(counted: Any) -> None:
    missing = np.where(np.arange(X.size).reshape(X.shape) % 50 == 0, -999.0, X)
    assert any("is -999 in" in text for text in told(lambda: counted.predict(missing)))


def test_times_of_a_forecast_have_a_zone_where_those_of_series_have_one() -> None:
    hours = pd.date_range("2024-03-01", periods=LENGTH, freq="h")
    frames = [pd.DataFrame(each, columns=["a", "b"], index=hours) for each in X]
    zoned = [frame.tz_localize("Europe/Berlin") for frame in frames]
    model = SeriesForecaster(horizon=7200, epochs=1, random_state=0).fit(frames)
    bare, berlin = [hours[-1] + pd.Timedelta("1h")], [zoned[0].index[-1] + pd.Timedelta("1h")]
    assert np.allclose(model.predict(frames, times=bare), model.predict(zoned, times=berlin), atol=1e-4)
    for series, times in ((zoned, bare), (frames, berlin)):
        with pytest.raises(ValueError, match="'times' must have a time zone where those of X have one"):
            model.predict(series, times=times)
