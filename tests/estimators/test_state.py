"""Answering changes nothing of an estimator, nor its arguments."""

from __future__ import annotations

import copy
import pickle
import runpy
import sys

import numpy as np
import pytest
import torch

joblib = pytest.importorskip("joblib")

from sklearn.base import clone  # noqa: E402

from ccnn_pc.estimators import SeriesClassifier  # noqa: E402


def test_predict_changes_no_state() -> None:
    """What joblib keeps of it is the same before and after: so caches of scikit-learn and checks of aeon compare."""
    series = [row[None] for row in np.random.default_rng(0).normal(size=(12, 20))]
    before = copy.deepcopy(series)
    fitted = SeriesClassifier(channels="first", epochs=1, random_state=0).fit(series, np.arange(12) % 2)
    state = {name: joblib.hash(value) for name, value in vars(fitted).items()}
    fitted.predict(series)
    fitted.predict_proba(series)
    assert state == {name: joblib.hash(value) for name, value in vars(fitted).items()}
    assert all(np.array_equal(*pair) for pair in zip(series, before, strict=True))


def test_networks_that_are_trained_can_be_hashed() -> None:
    """Layers hold what PyG has read of their signatures, types of None among them, which joblib does not know."""
    series = np.random.default_rng(0).normal(size=(8, 20))
    fitted = SeriesClassifier("ccnn_4_16", epochs=1, random_state=0).fit(series, np.arange(8) % 2)
    state = joblib.hash(fitted)
    expected = fitted.predict_proba(series)
    assert joblib.hash(fitted) == state
    again = pickle.loads(pickle.dumps(copy.deepcopy(fitted)))
    np.testing.assert_array_equal(again.predict_proba(series), expected)
    again.network_.train()
    again.network_(torch.randn(2, 1, 20)).sum().backward()


@pytest.mark.parametrize("package", ["sklearn", "lightning"])
def test_a_missing_package_names_its_extra(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(
        ImportError, match=rf"'{package}' is needed for estimators: pip install 'ccnn-pc\[estimators\]'"
    ):
        runpy.run_module("ccnn_pc.estimators.__init__")


def test_threads_train_as_one_alone_does() -> None:
    """All threads share PyTorch's random numbers, also those of the caller."""
    series = np.random.default_rng(0).normal(size=(12, 20))
    labels = np.arange(12) % 2
    one = SeriesClassifier({"name": "random_kernels", "num_features": 504}, random_state=0)
    expected = one.fit(series, labels).predict_proba(series)
    state = torch.get_rng_state()
    with joblib.parallel_config("threading", n_jobs=3):
        fitted = joblib.Parallel()(joblib.delayed(clone(one).fit)(series, labels) for _ in range(6))
    assert all((each.predict_proba(series) == expected).all() for each in fitted)
    assert torch.equal(state, torch.get_rng_state())
    assert not torch.are_deterministic_algorithms_enabled()
