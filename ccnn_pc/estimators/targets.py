"""What estimators are told to answer: from ``y`` to the targets of items, and from outputs back to answers."""

from __future__ import annotations

import abc
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d
from torch import Tensor, nn

from ccnn_pc.datasets.common.broken import DataWarning
from ccnn_pc.datasets.common.class_names import spelt_twice
from ccnn_pc.datasets.common.placeholders import odd_targets
from ccnn_pc.models.shift.trained_on import Spread
from ccnn_pc.training.objectives import Classification, Objective, Regression

#: Numbers of float32 are rounded by so much of their size, times 50: that many steps for a deviation are enough.
_ROUNDING = 50 * float(np.finfo(np.float32).eps)


class Targets(abc.ABC):
    """Targets of a training.

    Attributes:
        names: of the classes, or of the numbers; a model has as many outputs.
        objective: makes what is minimised.
        monitor: the score that decides about the best epoch.
        classes: how many; None: numbers.
    """

    names: list[str]
    objective: type[Objective]
    monitor: str
    classes: int | None = None

    @abc.abstractmethod
    def attach(self, dataset: Any) -> Any:
        """The data set with these targets."""

    def finish(self, model: Any) -> None:  # noqa: B027
        """What is done to a trained model, so that it answers in the units of ``y``; nothing by default."""


class Classes(Targets):
    """One class per item.

    Args:
        y: ``[n]`` of numbers, strings or booleans.
        items: how many there are.

    Attributes:
        values: the classes, sorted, as they stood in y.
        labels: index of the class of each item.

    Raises:
        ValueError: another number of them, numbers that are no classes, fewer than two classes.
    """

    objective = Classification
    monitor = "val/accuracy"

    def __init__(self, y: Any, items: int) -> None:
        y = column_or_1d(as_labels(y), warn=True)
        check_known(y)
        check_classification_targets(y)
        self.values, self.labels = np.unique(y, return_inverse=True)
        check_count(y, items)
        if len(self.values) < 2:
            raise ValueError(
                f"'y' must hold at least two classes (got 1 class, {self.values[:1].tolist()[0]!r})"
            )
        self.names = [str(value) for value in self.values]
        self.classes = len(self.values)
        warn_of_missing(self.names)
        warn_of_marks(self.values)
        if len(set(self.names)) < self.classes:
            raise ValueError(f"'y' must hold classes that are written differently (got {self.names})")

    def attach(self, dataset: Any) -> Any:
        """Data sets are made with their labels."""
        return dataset


class Numbers(Targets):
    """Numbers per item, of mean 0 and deviation 1 in the training.

    Args:
        y: ``[n]`` or ``[n, K]``.
        items: how many there are.

    Attributes:
        flat: whether answers are ``[n]``.

    Raises:
        ValueError: another number of them, numbers that are not finite, or whose mean is too large for float32.
    """

    objective = Regression
    monitor = "val/mse"

    def __init__(self, y: Any, items: int) -> None:
        numbers = _finite_numbers(y)
        check_count(numbers, items)
        self.flat = numbers.ndim == 1
        self.numbers = numbers.reshape(len(numbers), -1)
        self.names = ["value"] if self.flat else [f"value_{i}" for i in range(self.numbers.shape[1])]
        called = ["'y'"] if self.flat else [f"column {i} of 'y'" for i in range(len(self.names))]
        if (odd := odd_targets(self.numbers, called)) is not None:
            warnings.warn(odd, DataWarning, stacklevel=5)
        self.mean = self.numbers.mean(axis=0)
        deviation = self.numbers.std(axis=0)
        varies = deviation > 1e-12 * np.maximum(np.abs(self.mean), 1e-300)
        if (varies & (_ROUNDING * np.abs(self.mean) > deviation)).any():
            raise ValueError(
                f"'y' must vary by more than {_ROUNDING:.0e} of its mean, for networks answer in float32 (got mean "
                f"{self.mean.tolist()}, deviation {deviation.tolist()}): take an offset away, and add it to the answers"
            )
        self.deviation = np.where(varies, deviation, 1.0)

    def attach(self, dataset: Any) -> Any:
        """The data set with numbers as targets."""
        return dataset.with_targets((self.numbers - self.mean) / self.deviation, self.names)

    def finish(self, model: Any) -> None:
        """Let the last layer answer in the units of y."""
        scale_answers_(model, torch.from_numpy(self.deviation), torch.from_numpy(self.mean))


def _finite_numbers(y: Any) -> np.ndarray:
    found = np.asarray(as_labels(y))
    if found.dtype.kind in "Mm":
        raise ValueError(
            f"'y' must be numbers (got {found.dtype}): count dates and durations in a unit, as "
            "(y - y[0]) / numpy.timedelta64(1, 'D') does in days"
        )
    if found.dtype.kind not in "fiub":
        try:
            found = found.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise ValueError(f"'y' must be numbers (got {found.dtype})") from error
    if found.ndim not in (1, 2) or found.size == 0:
        raise ValueError(f"'y' must be numbers [n] or [n, K] (got shape {list(found.shape)})")
    found = found.astype(np.float64)
    if not np.isfinite(found).all():
        raise ValueError("Input y contains NaN or infinity: 'y' must be finite numbers")
    return found


def check_known(y: np.ndarray) -> None:
    """Every item has a class, and all are of one type.

    Raises:
        ValueError: None or NaN among objects, or text beside numbers.
    """
    if y.dtype != object:
        return
    for row, each in enumerate(y.tolist()):
        if is_unknown(each):
            raise ValueError(
                f"'y' must have a class for every item (got {each} for item {row}): leave that out"
            )
    kinds = sorted({_kind(each) for each in y.tolist()})
    if len(kinds) > 1:
        raise ValueError(
            f"'y' must hold classes of one type (got {' and '.join(kinds)}, {y[:3].tolist()} ...)"
        )


def as_labels(y: Any) -> Any:
    """Labels in a list as objects where they are of several types: numpy would make text of numbers, and of NaN.

    Raises:
        ValueError: a mapping.

    Example:
        >>> as_labels(["a", float("nan")]).dtype, as_labels(["a", "b"])
        (dtype('O'), ['a', 'b'])
    """
    if isinstance(y, Mapping):
        raise ValueError(
            "'y' must have one target per item (got a mapping, which goes with a table that has the columns id and "
            "time): list(y.values()) makes a list of it"
        )
    if not isinstance(y, (list, tuple)) or len({_kind(each) for each in y}) < 2:
        return y
    found = np.empty(len(y), dtype=object)
    found[:] = y
    return found


def _kind(label: Any) -> str:
    if isinstance(label, str):
        return "text"
    return "truth values" if isinstance(label, (bool, np.bool_)) else "numbers"


def warn_of_missing(names: Sequence[str]) -> None:
    """Say so where a class is called as missing labels are once they are text, or as another one."""
    found = sorted({"nan", "NaN", "None", "<NA>", "NaT"} & set(names))
    if found:
        warnings.warn(
            f"'y' has a class called {found[0]!r}: if that was a label that is missing, leave its items out",
            stacklevel=6,
        )
    twice = spelt_twice(names)
    if twice:
        warnings.warn(
            f"'y' has the classes {twice[0][0]!r} and {twice[0][1]!r}, which differ in their spelling alone and are "
            "learned apart: where one is meant, call it alike",
            stacklevel=6,
        )


def warn_of_marks(values: np.ndarray) -> None:
    """Say so where a number among the classes marks, elsewhere, what has no label: 255, -100, or -1 beside many.

    Example:
        >>> with warnings.catch_warnings(record=True) as said:
        ...     warn_of_marks(np.array([-1, 0, 1, 2]))
        ...     warn_of_marks(np.array([-1, 0, 1]))
        >>> [str(each.message) for each in said]
        ["'y' has the class -1 beside 0 to 2: where that marks what has no label, give NaN or None, or leave it out"]
    """
    if values.dtype.kind not in "iuf":
        return
    for mark, fewest in ((-1, 3), (255, 2), (-100, 2), (-999, 2), (-9999, 2)):
        rest = values[values != mark]
        if fewest <= len(rest) < len(values) and rest.min() >= 0 and rest.max() < 2 * len(rest):
            warnings.warn(
                f"'y' has the class {mark} beside {rest.min():g} to {rest.max():g}: where that marks what has no "
                "label, give NaN or None, or leave it out",
                stacklevel=6,
            )


def warn_of_unknown(labels: np.ndarray, classes: np.ndarray) -> None:
    """Say so where labels that answers are judged by are none that a model can answer with."""
    unknown = [each for each in dict.fromkeys(labels.tolist()) if each not in set(classes.tolist())]
    if unknown:
        warnings.warn(
            f"'y' has {unknown[0]!r}{' and others' if len(unknown) > 1 else ''}, which fit had not (its classes: "
            f"{', '.join(map(repr, classes[:5].tolist()))}{' ...' if len(classes) > 5 else ''}): all answers there "
            "count as wrong",
            stacklevel=4,
        )


def is_unknown(label: Any) -> bool:
    """Whether a label is None, NaN, or what pandas has for these."""
    return label is None or type(label).__name__ == "NAType" or bool(label != label)  # noqa: PLR0124


def check_count(y: Any, items: int) -> None:
    """There must be a target for each item.

    Raises:
        ValueError: there is not.
    """
    if len(y) != items:
        raise ValueError(f"'y' must hold one target per item (got {len(y)} for {items})")


@torch.no_grad()
def scale_answers_(model: nn.Module, scale: Tensor, shift: Tensor) -> None:
    r"""Change the last layer such that a model answers :math:`s \odot f(x) + t` in place of f(x).

    Raises:
        TypeError: a model whose head is no linear layer with a bias.
    """
    head = getattr(model, "head", None)
    linear = getattr(head, "linear", head)
    if not isinstance(linear, nn.Linear) or linear.bias is None:
        raise TypeError(
            f"'model' must end in a linear layer with a bias, called 'head', for numbers (got {type(head).__name__})"
        )
    scale, shift = scale.to(linear.weight), shift.to(linear.weight)
    linear.weight.mul_(scale[:, None])
    linear.bias.mul_(scale).add_(shift)
    scale_targets_(model, scale, shift)


def scale_targets_(model: Any, scale: Tensor, shift: Tensor) -> None:
    """Let a model know the targets of its training in the units of its answers, s t + m."""
    ways = zip(getattr(model, "targets", ()), scale.tolist(), shift.tolist(), strict=False)
    model.targets = tuple(Spread(*(s * each + m for each in spread)) for spread, s, m in ways)
