"""Targets that are no classes and no numbers are refused by name; classes of any kind come back as they were."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ccnn_pc.datasets.common.broken import DataWarning
from ccnn_pc.estimators import GridClassifier, SeriesClassifier, SeriesStepClassifier
from ccnn_pc.estimators.targets import Classes, Numbers

FEW = {"name": "random_kernels", "num_features": 504}
X = np.sin(np.array([0.3, 0.9] * 4)[:, None] * np.arange(30))


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.array(["a", None, "b"], dtype=object), "class for every item .got None for item 1"),
        (np.array(["a", "b", float("nan")], dtype=object), "got nan for item 2"),
        (np.array(["a", 1, "b"], dtype=object), "classes of one type"),
        (["a", float("nan"), "b"], "got nan for item 1"),
        (["a", 1, "b"], r"classes of one type \(got numbers and text"),
        ([True, 2, False], r"classes of one type \(got numbers and truth values"),
        (np.array([2, 2, 2]), r"at least two classes \(got 1 class, 2\)"),
    ],
)
def test_classes_that_are_none_are_named(y: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Classes(y, 3)


def test_missing_values_of_pandas_are_no_class() -> None:
    pd = pytest.importorskip("pandas")
    with pytest.raises(ValueError, match="got <NA> for item 1"):
        Classes(pd.Series(["a", None, "b"], dtype="string"), 3)


def test_a_class_called_as_missing_labels_are_is_noticed() -> None:
    with pytest.warns(UserWarning, match="'y' has a class called 'nan'"):
        Classes(np.array(["a", "nan", "b"]), 3)


def test_samples_without_a_label_beside_text_have_none() -> None:
    y = [["a", float("nan"), None, *"b" * 27] for _ in X]
    fitted = SeriesStepClassifier(epochs=1, random_state=0).fit(X, y)
    assert fitted.classes_.tolist() == ["a", "b"]
    with pytest.raises(ValueError, match="classes of one type"):
        SeriesStepClassifier(epochs=1).fit(X, [["a", 1] * 15 for _ in X])


def test_numbers_that_networks_would_round_are_refused() -> None:
    when = 1.7e9 + np.arange(4.0)
    with pytest.raises(ValueError, match="'y' must vary by more than .*take an offset away"):
        Numbers(when, 4)
    assert Numbers(when - when[0], 4).mean == 1.5 and Numbers(np.full(4, 1.7e9), 4).deviation == 1.0
    with pytest.raises(ValueError, match=r"'y' must be numbers \(got datetime64\[D\]\)"):
        Numbers(np.datetime64("2024-01-01") + np.arange(4), 4)


@pytest.mark.parametrize(
    "classes",
    [
        np.array([10, 2]),
        np.array([True, False]),
        np.array(["2024-01-01", "2023-01-01"], dtype="datetime64[D]"),
    ],
    ids=str,
)
def test_classes_come_back_from_files_as_they_were(classes: np.ndarray, tmp_path: Path) -> None:
    y = np.tile(classes, 4)
    fitted = SeriesClassifier(FEW, random_state=0).fit(X, y)
    again = SeriesClassifier.load(fitted.save(tmp_path / "model"))
    assert again.classes_.dtype == y.dtype and (again.predict(X) == y).all()


def test_a_model_that_is_none_is_refused() -> None:
    with pytest.raises(TypeError, match=r"'model' must be a name, a mapping .* \(got 5\)"):
        GridClassifier(5).fit(X, np.arange(8) % 2)  # type: ignore[arg-type]


def test_labels_of_steps_are_rows() -> None:
    pd = pytest.importorskip("pandas")
    y = X > 0
    fitted = SeriesStepClassifier(epochs=1, random_state=0).fit(X, pd.DataFrame(y))
    np.testing.assert_array_equal(
        fitted.predict(X), SeriesStepClassifier(epochs=1, random_state=0).fit(X, y).predict(X)
    )
    for wrong, message in (
        (np.arange(8) % 2, "got one label for the 30 samples"),
        (3, r"a row of labels per series \(got int\)"),
    ):
        with pytest.raises(ValueError, match=message):
            SeriesStepClassifier(epochs=1).fit(X, wrong)
    with pytest.raises(ValueError, match=r"got 7 rows, of \[30, 30, 30\] ... labels, for 8 series"):
        fitted.score(X, y[:7])


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({3: -999.0, 7: -999.0}, "'y' is -999 in 2 of 40 targets, and lies between 0 and 39 in all others"),
        ({5: 1e9}, "'y' is 1000000000 in 1 of 40 targets, .*: one so far off outweighs all others; mend it"),
        ({5: -3e7, 6: -5e7}, "'y' is -30000000 in 2 of 40 targets"),
    ],
)
def test_numbers_that_are_marks_or_outweigh_all_others_are_named(wrong: dict[int, float], said: str) -> None:
    y = np.arange(40.0)
    for row, value in wrong.items():
        y[row] = value
    with pytest.warns(DataWarning, match=said):
        Numbers(y, 40)
    with pytest.warns(DataWarning, match=said.replace("'y'", "column 1 of 'y'")):
        Numbers(np.column_stack([np.arange(40.0), y]), 40)


def test_ordinary_numbers_are_no_marks() -> None:
    drawn = np.random.default_rng(0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for size in (5, 20, 500):
            for _ in range(50):
                for y in (
                    drawn.normal(size=size),
                    drawn.lognormal(sigma=1.5, size=size),
                    drawn.poisson(1, size),
                ):
                    Numbers(y, size)
        Numbers(np.repeat([0.0, 1.0], 20), 40)
        Numbers(np.append(np.zeros(39), 5.0), 40)
