"""A class per sample: labels that are missing, samples in any order, networks that do not know what comes later."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pytest

from ccnn_pc.estimators import SeriesStepClassifier

RANDOM = np.random.default_rng(0)
HIGH = RANDOM.random((16, 40)) < 0.5
X = HIGH + 0.1 * RANDOM.normal(size=HIGH.shape)
Y = np.where(HIGH, "high", "low").astype(object)
Y[RANDOM.random(Y.shape) < 0.2] = None


@functools.cache
def fitted_once() -> SeriesStepClassifier:
    return SeriesStepClassifier(epochs=30, random_state=0).fit(X[:12], Y[:12])


def test_every_sample_gets_a_class_and_only_known_labels_count() -> None:
    assert fitted_once().classes_.tolist() == ["high", "low"]
    assert fitted_once().predict(X).shape == X.shape and fitted_once().score(X[12:], Y[12:]) > 0.9
    wrong = Y[12:].copy()
    wrong[wrong == None] = "high"  # noqa: E711
    assert fitted_once().score(X[12:], wrong) < fitted_once().score(X[12:], Y[12:])
    assert np.allclose(fitted_once().predict_proba(X).sum(axis=-1), 1)


def test_samples_keep_their_place_whatever_the_order_of_the_stamps() -> None:
    shuffled = RANDOM.permutation(40)
    pairs = [(np.arange(40.0)[shuffled], row[shuffled]) for row in X]
    for one, other in zip(fitted_once().predict(pairs), fitted_once().predict(X), strict=True):
        assert (one == other[shuffled]).all()
    again = SeriesStepClassifier(epochs=1, random_state=0).fit(pairs[:12], [row[shuffled] for row in Y[:12]])
    same = SeriesStepClassifier(epochs=1, random_state=0).fit(X[:12], Y[:12])
    assert np.allclose(
        np.stack(again.predict_proba(pairs))[:, np.argsort(shuffled)], same.predict_proba(X), atol=1e-6
    )


@pytest.mark.parametrize("centred", [False, True])
def test_causal_networks_know_nothing_of_later_samples(centred: bool) -> None:
    words = {"name": "ccnn_tiny_grid", "centred": centred}
    model = SeriesStepClassifier(words, epochs=1, random_state=0).fit(X[:12], Y[:12])
    changed = X.copy()
    changed[:, 20:] += 1
    before, after = model.predict_proba(X)[:, :20], model.predict_proba(changed)[:, :20]
    assert (np.abs(before - after).max() < 1e-6) is not centred


def test_files_and_faults(tmp_path: Path) -> None:
    again = SeriesStepClassifier.load(fitted_once().save(tmp_path / "model"))
    assert (again.predict(X) == fitted_once().predict(X)).all()
    with pytest.raises(ValueError, match=r"'y' must hold a label for every sample \(got \[39\]"):
        SeriesStepClassifier().fit(X, Y[:, 1:])
    with pytest.raises(ValueError, match="'y' must hold a row of labels per series"):
        SeriesStepClassifier().fit(X, Y[1:])
    with pytest.raises(ValueError, match="at least two classes"):
        SeriesStepClassifier().fit(X, np.full(X.shape, "one"))


def test_series_without_any_label_are_trained_on_and_count_nothing() -> None:
    """A batch of theirs alone has no loss, which was NaN."""
    few = Y[:12].copy()
    few[6:] = None
    model = SeriesStepClassifier(epochs=2, batch_size=1, random_state=0).fit(X[:12], few)
    assert model.n_epochs_ == 2 and np.isfinite(model.predict_proba(X)).all()


def test_labels_that_are_none() -> None:
    with pytest.raises(ValueError, match="'y' must have a label for some sample"):
        fitted_once().score(X, np.full(X.shape, np.nan))
    with pytest.raises(ValueError, match="continuous"):
        SeriesStepClassifier(epochs=1).fit(X[:12], X[:12])
    with pytest.warns(UserWarning, match="'y' has '(HIGH|LOW)' and others, which fit had not"):
        assert fitted_once().score(X, np.where(HIGH, "HIGH", "LOW")) == 0
    marked = np.where(RANDOM.random(HIGH.shape) < 0.2, 255, HIGH)
    with pytest.warns(UserWarning, match="'y' has the class 255 beside 0 to 1"):
        SeriesStepClassifier(epochs=1, random_state=0).fit(X[:12], marked[:12])
