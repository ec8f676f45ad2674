"""A class for every sample of a series."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from ccnn_pc._choices import choice
from ccnn_pc.estimators.answers import ClassifierAnswers
from ccnn_pc.estimators.panels import plain_table
from ccnn_pc.estimators.read_table import is_table
from ccnn_pc.estimators.series import SeriesEstimator
from ccnn_pc.estimators.series_items import SeriesRead
from ccnn_pc.estimators.targets import (
    Targets,
    as_labels,
    check_known,
    is_unknown,
    warn_of_marks,
    warn_of_missing,
    warn_of_unknown,
)
from ccnn_pc.models.task import TaskKind
from ccnn_pc.training.objectives import StepClassification

#: The label of a sample without one.
UNKNOWN = -100


class StepClasses(Targets):
    """One class per sample, or none.

    Args:
        y: a row ``[n_i]`` for each series, NaN or None where there is no label.
        items: the series, whose samples may be others than were given, in another order.

    Raises:
        ValueError: no row for each series, another number of labels than samples, fewer than two classes.
    """

    objective = StepClassification
    monitor = "val/accuracy"

    def __init__(self, y: Any, items: SeriesRead) -> None:
        rows = _rows(y)
        if len(rows) != len(items):
            raise ValueError(f"'y' must hold a row of labels per series (got {len(rows)} for {len(items)})")
        for row, (labels, kept) in enumerate(zip(rows, items.rows, strict=True)):
            if labels.shape != (len(kept),):
                got = "one label" if labels.ndim == 0 else list(labels.shape)
                raise ValueError(
                    f"'y' must hold a label for every sample (got {got} for the {len(kept)} samples of "
                    f"series {row}); NaN or None where there is none"
                )
        known = [_is_known(labels) for labels in rows]
        labels = np.concatenate([row[each] for row, each in zip(rows, known, strict=True)])
        check_known(labels)
        check_classification_targets(labels)
        self.values = np.unique(labels)
        self.names = [str(value) for value in self.values]
        self.classes = len(self.values)
        warn_of_missing(self.names)
        warn_of_marks(self.values)
        if self.classes < 2:
            raise ValueError(f"'y' must hold at least two classes (got {self.names})")
        self.rows = []
        for labels, each, kept in zip(rows, known, items.rows, strict=True):
            found = np.full(len(labels), UNKNOWN, dtype=np.int64)
            found[each] = np.searchsorted(self.values, labels[each])
            self.rows.append(found[kept])

    def attach(self, dataset: Any) -> Any:
        """The data set with a class per sample."""
        return dataset.with_sample_targets(self.rows, self.names)


class SeriesStepClassifier(ClassifierAnswers, SeriesEstimator):
    """A class for every sample of a series.

    X is one of the forms of :class:`SeriesEstimator` but a table; y has a row of labels ``[n_i]`` for each series, NaN
    or None where there is none, or is an array ``[N, T]``.

    Args:
        model: see :class:`~ccnn_pc.estimators.base.Estimator`; None: ``ccnn_tiny_grid`` with an answer per sample. A
            mapping with ``centred: False`` gives answers that know nothing of later samples.
        channels, epochs, batch_size, lr, validation, patience, time_budget, random_state, verbose: see
            :class:`SeriesEstimator`.

    Attributes:
        classes_: the classes, sorted.

    Example:
        >>> random = np.random.default_rng(0)
        >>> high = random.random((16, 40)) < 0.5
        >>> X = high + 0.1 * random.normal(size=high.shape)
        >>> model = SeriesStepClassifier(epochs=30, random_state=0).fit(X[:12], high[:12])
        >>> model.predict(X[12:]).shape, bool(model.score(X[12:], high[12:]) > 0.9)
        ((4, 40), True)
    """

    every_stamp = True

    def _read(self, X: Any, *, fitting: bool) -> Any:  # noqa: N803
        if is_table(plain_table(X)):
            raise TypeError(
                "'X' must be arrays, pairs (times, values) or PyG data where every sample has a class"
            )
        return super()._read(X, fitting=fitting)

    def _targets(self, y: Any, items: Sequence[Any]) -> Targets:
        found = StepClasses(y, items)  # type: ignore[arg-type]
        self.classes_ = found.values
        return found

    def _words(self, dataset: Any) -> dict[str, Any]:
        words: Mapping[str, Any] = self._given_words() or {"name": "ccnn_tiny_grid"}
        return {"omega_0": None, "width": 0.1, "centred": True, **words, "pool": None}

    def _check_network(self, folder: Any) -> None:
        SeriesEstimator._check_network(self, folder)
        kind = choice("task", self.network_.answers.kind, TaskKind)
        if kind is not TaskKind.STEPS:
            raise ValueError(
                f"'{folder}' must hold a model with a class per sample (its task is {kind.value})"
            )

    def predict(self, X: Any) -> Any:  # noqa: N803
        """Classes ``[N, T]`` of an array, or a list of ``[n_i]``."""
        chances = self.predict_proba(X)
        if isinstance(chances, list):
            return [self.classes_[each.argmax(axis=-1)] for each in chances]
        return self.classes_[chances.argmax(axis=-1)]

    def predict_proba(self, X: Any) -> Any:  # noqa: N803
        """Probabilities ``[N, T, K]`` of an array, or a list of ``[n_i, K]``, in the order of ``classes_``."""
        check_is_fitted(self)
        items = self._read(X, fitting=False)
        found = self._answers(items).softmax(dim=1).numpy()
        ends = np.cumsum([len(each.times) for each in items.items])[:-1]
        placed = []
        for rows, each in zip(items.rows, np.split(found, ends), strict=True):
            back = np.empty_like(each)
            back[rows] = each
            placed.append(back)
        return placed if isinstance(X, (list, tuple)) else np.stack(placed)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:  # noqa: N803
        """Share of the samples with a label that get the right one.

        Raises:
            ValueError: weights, or labels that do not fit.
        """
        if sample_weight is not None:
            raise ValueError("'sample_weight' must be None: every sample counts once")
        answers, rows = self.predict(X), _rows(y)
        if [len(each) for each in answers] != [np.size(each) for each in rows]:
            raise ValueError(
                f"'y' must hold a row of labels per series, one per sample (got {len(rows)} rows, of "
                f"{[np.size(each) for each in rows[:3]]} ... labels, for {len(answers)} series of "
                f"{[len(each) for each in answers[:3]]} ... samples)"
            )
        known = [_is_known(labels) for labels in rows]
        given = np.concatenate([labels[each] for labels, each in zip(rows, known, strict=True)])
        if not len(given):
            raise ValueError("'y' must have a label for some sample (got none that is no NaN or None)")
        warn_of_unknown(given, self.classes_)
        told = np.concatenate([said[each] for said, each in zip(answers, known, strict=True)])
        return float(
            np.mean([said == label for said, label in zip(told.tolist(), given.tolist(), strict=True)])
        )


def _rows(y: Any) -> list[np.ndarray]:
    """Labels of each series."""
    if hasattr(y, "columns"):
        y = y.to_numpy()
    if not (hasattr(y, "__iter__") and hasattr(y, "__len__")) or isinstance(y, (str, bytes, Mapping)):
        raise ValueError(f"'y' must hold a row of labels per series (got {type(y).__name__})")
    return [np.asarray(as_labels(each)) for each in y]


def _is_known(labels: np.ndarray) -> np.ndarray:
    """Which labels are neither NaN nor None."""
    if labels.dtype == object:
        return np.array([not is_unknown(each) for each in labels], dtype=bool)
    return ~np.isnan(labels) if labels.dtype.kind == "f" else np.ones(len(labels), dtype=bool)
