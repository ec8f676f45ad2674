"""aeon's own checks of classifiers and regressors, over its base classes with one of these estimators inside."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("aeon", reason="aeon wants another numpy than constraints.txt: see docs/estimators.md")

from aeon.classification import BaseClassifier  # noqa: E402
from aeon.regression import BaseRegressor  # noqa: E402
from aeon.testing.estimator_checking import parametrize_with_checks  # noqa: E402

from ccnn_pc.estimators import SeriesClassifier, SeriesRegressor  # noqa: E402

TAGS = {
    "capability:multivariate": True,
    "capability:unequal_length": True,
    "capability:missing_values": True,
    "X_inner_type": ["np-list", "numpy3D"],
}


class AeonClassifier(BaseClassifier):
    """Collections ``[N, C, T]`` are what a :class:`SeriesClassifier` reads."""

    _tags = TAGS

    def __init__(self, epochs: int | None = 1, random_state: Any = 0) -> None:
        self.epochs, self.random_state = epochs, random_state
        super().__init__()

    def _fit(self, X: Any, y: np.ndarray) -> AeonClassifier:  # noqa: N803
        self.inner_ = SeriesClassifier(channels="first", epochs=self.epochs, random_state=self.random_state)
        self.inner_.fit(X, y)
        return self

    def _predict(self, X: Any) -> np.ndarray:  # noqa: N803
        return np.asarray(self.inner_.predict(X))

    def _predict_proba(self, X: Any) -> np.ndarray:  # noqa: N803
        return self.inner_.predict_proba(X)


class AeonRegressor(BaseRegressor):
    """Collections ``[N, C, T]`` are what a :class:`SeriesRegressor` reads."""

    _tags = TAGS

    def __init__(self, epochs: int | None = 1, random_state: Any = 0) -> None:
        self.epochs, self.random_state = epochs, random_state
        super().__init__()

    def _fit(self, X: Any, y: np.ndarray) -> AeonRegressor:  # noqa: N803
        self.inner_ = SeriesRegressor(channels="first", epochs=self.epochs, random_state=self.random_state)
        self.inner_.fit(X, y)
        return self

    def _predict(self, X: Any) -> np.ndarray:  # noqa: N803
        return np.asarray(self.inner_.predict(X))


@parametrize_with_checks([AeonClassifier, AeonRegressor])
def test_aeon(check: Any) -> None:
    check()
