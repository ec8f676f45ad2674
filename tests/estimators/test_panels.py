"""Tables as sktime has them, items and times in the index or a series in each cell: read as what they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pd = pytest.importorskip("pandas")

from ccnn_pc.estimators import SeriesClassifier, SeriesImputer  # noqa: E402

FEW = {"name": "random_kernels", "num_features": 504}
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(12, 20, 2))
X[:, :, 0] = np.sin(np.array([0.3, 0.9] * 6)[:, None] * np.arange(20))
Y = np.array(["slow", "fast"] * 6)
COLUMNS = ["dim_0", "dim_1"]
INDEX = pd.MultiIndex.from_product([range(12), range(20)], names=["instances", "timepoints"])
INDEXED = pd.DataFrame(X.reshape(-1, 2), index=INDEX, columns=COLUMNS)
NESTED = pd.DataFrame({name: [pd.Series(each[:, at]) for each in X] for at, name in enumerate(COLUMNS)})


@pytest.mark.parametrize(
    "form",
    [
        INDEXED,
        INDEXED.rename_axis([None, None]),
        INDEXED.rename_axis(["id", "time"]).swaplevel(),
        NESTED,
    ],
    ids=["index", "without names", "time first, by name", "cells"],
)
def test_panels_are_the_arrays_they_hold(form: Any) -> None:
    fitted = SeriesClassifier(FEW, random_state=0).fit(form, Y)
    assert fitted.variables_ == COLUMNS
    np.testing.assert_array_equal(fitted.predict_proba(form), fitted.predict_proba(X))
    assert fitted.score(form, Y) == 1.0


def test_a_series_with_an_index_of_items_is_one_channel() -> None:
    fitted = SeriesClassifier(FEW, random_state=0).fit(INDEXED["dim_0"], dict(enumerate(Y)))
    assert fitted.variables_ == ["dim_0"]
    np.testing.assert_array_equal(
        fitted.predict_proba(INDEXED["dim_0"]), fitted.predict_proba(X[:, :, 0][:, :, None])
    )


@pytest.mark.parametrize("form", [INDEXED, INDEXED.rename_axis(["id", "time"]).swaplevel()])
def test_what_is_filled_keeps_its_index(form: Any) -> None:
    gaps = form.mask(RANDOM.random(form.shape) < 0.2)
    filled = SeriesImputer(epochs=1, random_state=0).fit(gaps).transform(gaps)
    assert filled.index.equals(form.index) and filled.index.names == form.index.names
    assert filled.notna().all(axis=None) and (filled[gaps.notna()] == gaps[gaps.notna()]).sum().sum() > 300


@pytest.mark.parametrize(
    ("form", "message"),
    [
        (INDEXED.assign(time=0.0), "got time in its columns, and an index of two levels"),
        (INDEXED.assign(more=0).set_index("more", append=True), "index of two levels.*got 3"),
    ],
)
def test_an_index_that_says_too_much_is_refused(form: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SeriesClassifier(FEW).fit(form, Y)
