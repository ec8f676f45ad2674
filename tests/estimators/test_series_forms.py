"""Forms of series that are easily taken for others: tables, frames, dates, pairs; each is read right or refused."""

from __future__ import annotations

import datetime
import functools
from typing import Any

import numpy as np
import pytest
import torch

pd = pytest.importorskip("pandas")

from ccnn_pc.estimators import SeriesClassifier, SeriesRegressor  # noqa: E402
from ccnn_pc.estimators.read_series import read_series  # noqa: E402
from ccnn_pc.estimators.stamps import as_times  # noqa: E402

FEW = {"name": "random_kernels", "num_features": 504}
RANDOM = np.random.default_rng(0)
KIND = np.arange(16) % 2
Y = np.array(["slow", "fast"])[KIND]
TIMES = [np.sort(RANDOM.uniform(0, 40, 25)) for _ in KIND]
PAIRS = [(t, np.sin((0.3, 0.9)[kind] * t)) for t, kind in zip(TIMES, KIND, strict=True)]
TABLE = pd.concat(
    pd.DataFrame({"id": i, "time": t, "variable": "level", "value": x}) for i, (t, x) in enumerate(PAIRS)
).reset_index(drop=True)
MIXED = TABLE.sample(frac=1, random_state=0)


@functools.cache
def fitted_once() -> SeriesClassifier:
    return SeriesClassifier(FEW, random_state=0).fit(TABLE, Y)


def dates(hours: Any) -> Any:
    return pd.Timestamp("2024-03-30") + pd.to_timedelta(hours, unit="h")


# --- targets of tables ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("y", [dict(enumerate(Y)), pd.Series(Y)], ids=["dict", "Series"])
def test_a_mapping_goes_by_ids_in_fit_and_in_score(y: Any) -> None:
    again = SeriesClassifier(FEW, random_state=0).fit(MIXED, y)
    assert again.score(TABLE, Y) == again.score(MIXED, y) == fitted_once().score(MIXED, y) == 1.0


def test_several_numbers_go_by_ids() -> None:
    y = pd.DataFrame({"a": KIND, "b": 2.0 * KIND}).iloc[::-1]
    fitted = SeriesRegressor(FEW, random_state=0).fit(MIXED, y)
    np.testing.assert_allclose(fitted.predict(TABLE), np.column_stack([KIND, 2 * KIND]), atol=0.2)


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (MIXED, Y, "'y' must be a mapping from ids"),
        (TABLE, Y[TABLE.id.to_numpy()], r"one target per id of X, 16 \(got 400, as many as X has rows"),
        (TABLE, pd.Series(Y[TABLE.id.to_numpy()]), "one target per id of X, 16"),
        (TABLE, pd.Series([*Y, "slow"], index=[*range(16), 3]), "got several for 3"),
        (TABLE, {0: "slow"}, "got none for 1.*list"),
    ],
)
def test_targets_whose_order_is_not_plain_are_refused(x: Any, y: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SeriesClassifier(FEW).fit(x, y)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (TABLE.rename(columns={"id": "patient"}), "must have the columns id and time.*got patient"),
        (TABLE.set_index("id"), "reset_index"),
        (TABLE.assign(id=TABLE.id.where(TABLE.id != 3)), r"'id' must be known in every row of X \(row 75"),
        (TABLE.assign(variable=TABLE.variable.where(TABLE.index != 3)), "'variable' must be known"),
    ],
)
def test_tables_that_lack_something_say_what(table: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fitted_once().predict(table)


# --- dates ------------------------------------------------------------------------------------------------------


def test_dates_of_every_kind_are_the_same_seconds() -> None:
    plain = np.array(["2024-03-30T12:00", "2024-04-01T00:30"], dtype="datetime64[m]")
    expected = plain.astype("datetime64[s]").astype(float)
    utc = datetime.timezone.utc
    east = datetime.timezone(datetime.timedelta(hours=2))
    aware = pd.DatetimeIndex(plain).tz_localize("UTC").tz_convert("Europe/Berlin")
    native = [datetime.datetime(2024, 3, 30, 12), datetime.datetime(2024, 4, 1, 0, 30)]
    for form in (
        plain, plain.astype("datetime64[ns]"), aware, list(aware), native, [pd.Timestamp(each) for each in native],
        [each.replace(tzinfo=utc) for each in native], [each.replace(tzinfo=utc).astimezone(east) for each in native],
    ):  # fmt: skip
        found, unit = as_times(form, "times")
        assert unit == "seconds"
        np.testing.assert_array_equal(found, expected)
    days, _ = as_times([datetime.date(2024, 3, 30), None], "times")
    assert days[0] == expected[0] - 12 * 3600 and np.isnan(days[1])


def test_durations_are_seconds_whatever_their_unit() -> None:
    for form in (
        np.array([60, 3600], dtype="timedelta64[s]"),
        np.array([60, 3600], dtype="timedelta64[s]").astype("timedelta64[ns]"),
        [datetime.timedelta(minutes=1), datetime.timedelta(hours=1)],
        pd.to_timedelta(["1min", "1h"]),
    ):
        assert as_times(form, "times")[0].tolist() == [60.0, 3600.0]


def test_text_and_mixed_zones_are_no_dates() -> None:
    with pytest.raises(TypeError, match=r"'times' must hold numbers or dates.*'2024-01-01'.*to_datetime"):
        as_times(["2024-01-01"], "times")
    noon = datetime.datetime(2024, 1, 1, 12)
    with pytest.raises(ValueError, match="all have a zone, or none"):
        as_times([noon, noon.replace(tzinfo=datetime.timezone.utc)], "times")


def test_a_zone_changes_no_answer() -> None:
    when = pd.Series(dates(TABLE.time))
    fitted = SeriesClassifier(FEW, random_state=0).fit(TABLE.assign(time=when), Y)
    aware = when.dt.tz_localize("UTC").dt.tz_convert("America/New_York")
    expected = fitted.predict_proba(TABLE.assign(time=when))
    np.testing.assert_array_equal(fitted.predict_proba(TABLE.assign(time=aware)), expected)
    polars = pytest.importorskip("polars")
    columns = {name: TABLE[name].tolist() for name in ("id", "variable", "value")}
    other = polars.DataFrame({**columns, "time": when.to_numpy()})
    for each in (other, other.with_columns(polars.col("time").dt.replace_time_zone("UTC"))):
        np.testing.assert_array_equal(fitted.predict_proba(each), expected)


# --- lists ------------------------------------------------------------------------------------------------------


def test_columns_of_frames_go_by_name() -> None:
    frames = [pd.DataFrame({"a": x, "b": -x}) for _, x in PAIRS]
    fitted = SeriesClassifier(FEW, random_state=0).fit(frames, Y)
    assert fitted.variables_ == ["a", "b"]
    turned = [each[["b", "a"]] for each in frames]
    np.testing.assert_array_equal(fitted.predict_proba(turned), fitted.predict_proba(frames))
    with pytest.raises(ValueError, match=r"'X' must have the columns of fit, a, b \(got a, c"):
        fitted.predict([each.rename(columns={"b": "c"}) for each in frames])
    with pytest.raises(ValueError, match=r"same columns in every item \(got a, b and, in X\[1\], a"):
        read_series([frames[0], frames[1][["a"]]])


@pytest.mark.parametrize(
    "form",
    [
        pytest.param(lambda t, x: pd.Series(x, index=t), id="index"),
        pytest.param(lambda t, x: pd.DataFrame({"level": x}, index=t), id="index of a frame"),
        pytest.param(lambda t, x: pd.DataFrame({"level": x, "time": t}), id="column"),
    ],
)
def test_times_stand_in_the_index_or_in_a_column(form: Any) -> None:
    found = [form(t, x) for t, x in PAIRS]
    np.testing.assert_array_equal(fitted_once().predict_proba(found), fitted_once().predict_proba(PAIRS))


def test_an_index_of_integers_counts_rows_or_is_refused() -> None:
    rows = pd.Series(PAIRS[0][1], index=np.arange(100, 125))
    assert read_series([rows]).items[0].times.tolist() == list(range(25))
    with pytest.raises(ValueError, match=r"'X\[0\].index' must count rows"):
        read_series([rows[::2]])
    with pytest.raises(ValueError, match="dates as the times of all series, or of none"):
        read_series([rows, pd.Series(PAIRS[0][1], index=dates(PAIRS[0][0]))])


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        ([[t, x] for t, x in PAIRS], ValueError, "'X' must hold tuples .times, values."),
        ([(t, x, x) for t, x in PAIRS], ValueError, r"'X\[0\]' must be a pair .*got 3 parts"),
        ([np.zeros((10, 2)), np.zeros((10, 3))], ValueError, "same channels in every series, or 'channels' be said"),
        (["a.csv", "b.csv"], TypeError, "'X' must hold series .got text, 'a.csv'"),
        ("a.csv", TypeError, "read the files first"),
        ({"x": PAIRS}, TypeError, "array or a list of series .got dict"),
        (None, TypeError, "got NoneType"),
        ([], ValueError, "at least one series"),
        (np.array([["1", "a"]] * 16, dtype=object), TypeError, "'X' must hold numbers"),
        (np.zeros((2, 3, 4, 5)), ValueError, r"'X' must be \[N, T\]"),
    ],
)  # fmt: skip
def test_what_could_be_something_else_is_refused(x: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        SeriesClassifier(FEW).fit(x, Y)


@pytest.mark.parametrize(("first", "last"), [(5, 12), (12, 5), (62, 144), (144, 963), (10, 11)])
def test_axes_that_could_be_either_are_asked_for(first: int, last: int) -> None:
    """Windows of a few steps of many variables are as common as few channels; 144 x 62 is in UEA's archive."""
    x = np.zeros((2, first, last))
    for form in (x, list(x)):
        with pytest.raises(ValueError, match=f"'first' takes {first} channels, 'last' takes {last}"):
            SeriesClassifier(FEW).fit(form, [0, 1])


def test_one_series_alone_names_the_way() -> None:
    fitted = SeriesClassifier(FEW, random_state=0).fit(RANDOM.normal(size=(8, 3, 30)), Y[:8])
    with pytest.raises(
        ValueError, match=r"must have 3 channels, as in fit \(got 1\): one series alone is \[X\]"
    ):
        fitted.predict(RANDOM.normal(size=(3, 30)))


def test_a_channel_without_any_value_is_named() -> None:
    with pytest.warns(UserWarning, match="'X' has no value of noise in any series"):
        read_series(TABLE.drop(columns="variable").rename(columns={"value": "level"}).assign(noise=np.nan))


def test_words_and_tables_that_are_not_there_yet_name_the_way() -> None:
    wide = TABLE.drop(columns="variable").assign(site="north")
    with pytest.raises(TypeError, match="'site' must hold numbers.*a column of 0 and 1 for each word"):
        SeriesClassifier(FEW).fit(wide, dict(enumerate(Y)))
    with pytest.raises(
        ValueError, match="a mapping, which goes with a table that has the columns id and time"
    ):
        SeriesClassifier(FEW).fit([x for _, x in PAIRS], dict(enumerate(Y)))
    polars = pytest.importorskip("polars")
    with pytest.raises(TypeError, match=r"must be a table in memory \(got LazyFrame\): X.collect\(\)"):
        SeriesClassifier(FEW).fit(polars.LazyFrame({"id": [1]}), Y)


def test_lists_of_few_samples_are_read_where_channels_are_said() -> None:
    series = [RANDOM.normal(size=(10, length)) for length in (2, 3, 4, 5)]
    fitted = SeriesClassifier(FEW, channels="first", random_state=0).fit(series, [0, 1, 0, 1])
    assert len(fitted.variables_) == 10 and fitted.predict(series[:2]).shape == (2,)


def test_packed_series_are_the_same() -> None:
    ragged = np.empty(16, dtype=object)
    ragged[:] = [x for _, x in PAIRS]
    even = np.stack([x for _, x in PAIRS])
    expected = fitted_once().predict_proba(even)
    for form in (ragged, list(even), torch.from_numpy(even).requires_grad_(), even[:, :, None]):
        np.testing.assert_array_equal(fitted_once().predict_proba(form), expected)


def test_rows_of_another_length_name_the_way() -> None:
    fitted = SeriesClassifier(FEW, random_state=0).fit(np.stack([x for _, x in PAIRS]), Y)
    longer = np.zeros((2, 30))
    with pytest.raises(ValueError, match=r"X has 30 features.*list\(X\)"):
        fitted.predict(longer + np.arange(30))
    assert fitted.predict(list(longer + np.arange(30))).shape == (2,)
