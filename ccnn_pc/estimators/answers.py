"""Answers of estimators: classes with their probabilities, and numbers."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from ccnn_pc.estimators.targets import Classes, Numbers, Targets, warn_of_unknown
from ccnn_pc.models.shift.expected import Expected
from ccnn_pc.models.shift.outside import SamplingWarning
from ccnn_pc.models.shift.outside_answers import of_targets
from ccnn_pc.models.task import TaskKind


class ClassifierAnswers(ClassifierMixin):
    """Classes and probabilities.

    Attributes:
        classes_: the classes, sorted, as they stood in y.
    """

    classes_: np.ndarray

    def _targets(self, y: Any, items: Sequence[Any]) -> Targets:
        found = Classes(y, len(items))
        self.classes_ = found.values
        return found

    def _said(self, outputs: Tensor) -> np.ndarray:
        return self.classes_[self._compared(outputs).argmax(dim=1).numpy()]

    def _compared(self, outputs: Tensor) -> Tensor:
        """The same outputs; where they are less certain than those to the validation data, a warning says so."""
        expected = Expected(self.network_)  # type: ignore[attr-defined]
        expected(None, outputs)
        expected.warn()
        return outputs

    def predict_proba(self, X: Any) -> np.ndarray:  # noqa: N803
        """Probabilities ``[n, K]`` of the classes, in the order of ``classes_``."""
        found: np.ndarray = self._compared(self._outputs(X)).softmax(dim=1).numpy()  # type: ignore[attr-defined]
        return found

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:  # noqa: N803
        """Share of the items that get the right class; y as for ``fit``."""
        y = _asked(self, X, y)
        warn_of_unknown(np.ravel(np.asarray(y)), self.classes_)
        return float(super().score(X, y, sample_weight))

    def _state(self) -> dict[str, Any]:
        kind = self.classes_.dtype
        plain = self.classes_.astype(str) if kind.kind in "Mm" else self.classes_
        return {**super()._state(), "classes": plain.tolist(), "classes_dtype": kind.str}  # type: ignore[misc]

    def _restore(self, stored: Mapping[str, Any]) -> None:
        super()._restore(stored)  # type: ignore[misc]
        found = np.asarray(stored.get("classes", self.network_.classes))  # type: ignore[attr-defined]
        kind = np.dtype(stored.get("classes_dtype", found.dtype))
        self.classes_ = found.astype(kind)

    def _check_network(self, folder: Path) -> None:
        super()._check_network(folder)  # type: ignore[misc]
        network = self.network_  # type: ignore[attr-defined]
        if network.answers.kind is not TaskKind.CLASSIFICATION or network.out_channels < 2:
            raise ValueError(
                f"'{folder}' must hold a model with one output per class (its task is {network.answers.kind.value})"
            )


class RegressorAnswers(RegressorMixin):
    """Numbers, ``[n]`` or ``[n, K]`` as y was."""

    flat_: bool

    def _targets(self, y: Any, items: Sequence[Any]) -> Targets:
        found = Numbers(y, len(items))
        self.flat_ = found.flat
        return found

    def _said(self, outputs: Tensor) -> np.ndarray:
        found: np.ndarray = outputs.numpy()
        return found[:, 0] if self.flat_ else found

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:  # noqa: N803
        """R² of the answers; y as for ``fit``. Targets in another unit than there are named."""
        y = _asked(self, X, y)
        found = float(super().score(X, y, sample_weight))
        if found < 0:
            self._warn_of_targets(X, np.asarray(y, dtype=np.float64))
        return found

    def _warn_of_targets(self, X: Any, y: np.ndarray) -> None:  # noqa: N803
        network = self.network_  # type: ignore[attr-defined]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            said = np.reshape(self.predict(X), (len(y), -1))  # type: ignore[attr-defined]
        true = torch.from_numpy(y.reshape(len(y), -1))
        text = of_targets(torch.from_numpy(said), true, network.targets)
        if text is not None:
            warnings.warn(text.replace("of 'data'", "in 'y'"), SamplingWarning, stacklevel=3)

    def _state(self) -> dict[str, Any]:
        return {**super()._state(), "flat": self.flat_}  # type: ignore[misc]

    def _restore(self, stored: Mapping[str, Any]) -> None:
        super()._restore(stored)  # type: ignore[misc]
        self.flat_ = bool(stored.get("flat", self.network_.out_channels == 1))  # type: ignore[attr-defined]

    def _check_network(self, folder: Path) -> None:
        super()._check_network(folder)  # type: ignore[misc]
        kind = self.network_.answers.kind  # type: ignore[attr-defined]
        if kind is not TaskKind.REGRESSION:
            raise ValueError(f"'{folder}' must hold a model that answers numbers (its task is {kind.value})")

    def __sklearn_tags__(self) -> Any:
        """Several numbers are answered as one."""
        tags = super().__sklearn_tags__()  # type: ignore[misc]
        tags.target_tags.multi_output = True
        return tags


def _asked(estimator: Any, X: Any, y: Any) -> Any:  # noqa: N803
    check_is_fitted(estimator)
    return estimator._asked(X, y)
