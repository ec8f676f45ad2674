"""aeon's own checks over what this library has for it, its pipelines and its ensembles."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("aeon", reason="aeon wants another numpy than constraints.txt: see docs/estimators.md")

from aeon.classification.compose import ClassifierEnsemble, ClassifierPipeline  # noqa: E402
from aeon.testing.estimator_checking import parametrize_with_checks  # noqa: E402
from aeon.transformations.collection import Normalizer  # noqa: E402

from ccnn_pc.estimators import SeriesClassifier  # noqa: E402
from ccnn_pc.estimators.aeon import AeonClassifier, AeonRegressor  # noqa: E402

RANDOM = np.random.default_rng(0)
KIND = np.arange(16) % 2


def collection(lengths: Any) -> list[np.ndarray]:
    """Series of two channels, ``[2, T]``, some values missing; the frequency of the first is the class."""
    found = []
    for kind, length in zip(KIND, lengths, strict=True):
        x = np.stack([np.sin((0.3, 0.9)[kind] * np.arange(length)), RANDOM.normal(size=length)])
        x[:, 3::7] = np.nan
        found.append(x)
    return found


@parametrize_with_checks([AeonClassifier, AeonRegressor])
def test_aeon(check: Any) -> None:
    check()


def test_what_is_inside_counts_channels_first() -> None:
    """Five samples of twelve channels: nothing in the shape says which axis is time."""
    x = RANDOM.normal(size=(16, 12, 5))
    x[:, 0] += 4 * KIND[:, None]
    fitted = AeonClassifier(SeriesClassifier(random_state=0)).fit(x, KIND)
    assert len(fitted.estimator_.variables_) == 12 and (fitted.predict(x) == KIND).all()


def test_compositions_of_aeon_take_them() -> None:
    """Those refuse several channels, unequal lengths and gaps of whatever is not aeon's."""
    inner = AeonClassifier(SeriesClassifier(random_state=0))
    even, ragged = collection([40] * 16), collection(30 + np.arange(16))
    for composed in (
        ClassifierEnsemble([("a", inner), ("b", inner.clone())]),
        ClassifierPipeline([], inner),
    ):
        for x in (np.stack(even), ragged):
            assert composed.clone().fit(x, KIND).score(x, KIND) == 1.0
    whole = np.nan_to_num(np.stack(even))
    assert ClassifierPipeline(Normalizer(), inner).fit(whole, KIND).score(whole, KIND) == 1.0


def test_parameters_of_what_is_inside_are_its_own() -> None:
    outer = AeonClassifier(SeriesClassifier(random_state=0)).set_params(estimator__epochs=3)
    assert outer.clone().get_params()["estimator__epochs"] == 3
