"""Estimators of series among aeon's own: in its pipelines and ensembles, with what its base classes promise."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import clone

from ccnn_pc._optional import available, require
from ccnn_pc.estimators.series import SeriesClassifier, SeriesRegressor

if not available("aeon"):
    require("aeon", extra="aeon", purpose="for its base classes")

from aeon.classification import BaseClassifier  # noqa: E402
from aeon.regression import BaseRegressor  # noqa: E402

_TAGS = {
    "capability:multivariate": True,
    "capability:unequal_length": True,
    "capability:missing_values": True,
    "X_inner_type": ["np-list", "numpy3D"],
    "algorithm_type": "convolution",
    "python_dependencies": "torch",
}


class _Adapted:
    """What both are made of: a clone of an estimator of series, which is told that channels come first."""

    usual: type[SeriesClassifier] | type[SeriesRegressor]

    def __init__(self, estimator: Any = None) -> None:
        self.estimator = estimator
        super().__init__()

    def _fit(self, X: Any, y: np.ndarray) -> Any:  # noqa: N803
        chosen = self.usual() if self.estimator is None else clone(self.estimator)
        self.estimator_ = chosen.set_params(channels="first").fit(X, y)
        return self

    def _predict(self, X: Any) -> np.ndarray:  # noqa: N803
        return np.asarray(self.estimator_.predict(X))

    @classmethod
    def _get_test_params(cls, parameter_set: str = "default") -> dict[str, Any]:
        return {"estimator": cls.usual(epochs=1, random_state=0)}


class AeonClassifier(_Adapted, BaseClassifier):
    """A :class:`~ccnn_pc.estimators.SeriesClassifier` as a classifier of aeon.

    X is a collection as aeon has it, an array ``[N, C, T]`` or a list of ``[C, T_i]``, with NaN for what is missing.

    Args:
        estimator: what is fitted, a clone of it; None: ``SeriesClassifier()``. Its ``channels`` are set to "first".

    Attributes:
        estimator_: the fitted one.
    """

    _tags = _TAGS
    usual = SeriesClassifier

    def _predict_proba(self, X: Any) -> np.ndarray:  # noqa: N803
        return np.asarray(self.estimator_.predict_proba(X))


class AeonRegressor(_Adapted, BaseRegressor):
    """A :class:`~ccnn_pc.estimators.SeriesRegressor` as a regressor of aeon.

    Args:
        estimator: as for :class:`AeonClassifier`; None: ``SeriesRegressor()``.

    Attributes:
        estimator_: the fitted one.
    """

    _tags = _TAGS
    usual = SeriesRegressor
