"""A trained model on data with targets: its scores, its confusion matrix, its answers one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol, cast

import torch
from torch import Tensor, nn

from ccnn_pc.models.task import Task, TaskKind
from ccnn_pc.models.windows import answer
from ccnn_pc.training.loader import ResumableLoader
from ccnn_pc.training.objectives import (
    Classification,
    Objective,
    PointClassification,
    PointRegression,
    Regression,
    StepClassification,
)
from ccnn_pc.training.scores import RunningScores, Scores


class Listener(Protocol):
    """Is told every batch with what the model answered and should have answered."""

    def __call__(self, batch: Any, answers: Tensor, target: Tensor) -> None: ...


def _unheard(batch: Any, answers: Tensor, target: Tensor) -> None:
    pass


def objective_of(task: Task, outputs: int) -> Objective:
    """The objective whose scores judge a task.

    Args:
        task: what a model answers.
        outputs: classes, or numbers.

    Example:
        >>> objective_of(Task("regression"), 2)
        Regression()
    """
    if task.kind is TaskKind.REGRESSION:
        return Regression(outputs) if task.error is None else PointRegression(outputs, error=task.error)
    if task.kind is TaskKind.POINTS:
        return PointClassification(outputs, ignored=task.ignored, positive=task.positive)
    if task.kind is TaskKind.STEPS:
        return StepClassification(outputs, last=task.last, ignored=task.ignored, bits=task.bits)
    return Classification(outputs)


def scores_on(
    model: nn.Module,
    dataset: Any,
    objective: Objective,
    *,
    to_model: Tensor | None = None,
    batch_size: int = 16,
    shown: Callable[[Any], Iterable[Any]] = lambda loader: loader,
    heard: Listener = _unheard,
) -> Scores:
    """The scores that a training reports of its test part.

    Args:
        model: ``model(batch) -> answers``, in eval mode.
        dataset: items with targets ``y``.
        objective: how answers are judged.
        to_model: the model's class of each class of the data; None: the same.
        batch_size: items per batch.
        shown: wraps the loader, e.g. in a progress bar.
        heard: is told every batch.

    Raises:
        ValueError: answers, or targets, that do not fit the objective.
    """
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    scores = objective.scores(training=False).to(device)
    with torch.inference_mode():
        for batch in shown(ResumableLoader(dataset, batch_size, shuffle=False)):
            batch = batch.to(device)
            answers = answer(model, batch, numbers=isinstance(objective, Regression))
            target = objective.target(batch)
            _check_target(objective, answers, target, batch)
            if to_model is not None:
                known = target >= 0  # steps without a target have a number that no class has
                target = torch.where(known, to_model.to(device)[target.clamp(min=0)], target)
                _map_parts(batch, to_model.to(device), answers.shape[1])
            scores.add_batch(batch, objective.loss(answers.float(), target), answers, target)
            heard(batch, answers, target)
    return scores


def _map_parts(batch: Any, to_model: Tensor, outputs: int) -> None:
    """What the parts of categories are among the classes of the model."""
    parts = batch.get("category_parts") if hasattr(batch, "get") else None
    if parts is not None:
        batch.category_parts = parts.new_zeros(len(parts), outputs).index_copy(1, to_model, parts)


def _check_target(objective: Objective, answers: Tensor, target: Tensor, batch: Any) -> None:
    """Classes must be whole numbers, numbers must not be classes.

    Raises:
        ValueError: a target of the other kind; the message says what the model was trained for.
    """
    numbers = isinstance(objective, Regression)
    one_each = not isinstance(objective, Classification) or (
        answers.dim() == 2 and len(answers) == target.numel()
    )
    if target.is_floating_point() != numbers or not one_each:
        wanted = (
            "numbers"
            if numbers
            else "one class per item"
            if isinstance(objective, Classification)
            else "classes"
        )
        raise ValueError(
            f"'model' and 'data' must have {wanted} (got answers {list(answers.shape)}, targets "
            f"{list(batch.y.shape)} of {batch.y.dtype})"
        )


def classification_scores(
    model: nn.Module, dataset: Any, to_model: Tensor, num_classes: int, **options: Any
) -> RunningScores:
    """Those of one class per item: of two classes also the area under the ROC curve.

    Args:
        model: ``model(batch) -> logits``, in eval mode.
        dataset: items with label ``y``.
        to_model: the model's class of each class of the data.
        num_classes: K.
        options: batch_size, shown, heard: see :func:`scores_on`.

    Raises:
        ValueError: the model or the data have not one class per item.
    """
    objective = Classification(num_classes)
    return cast(RunningScores, scores_on(model, dataset, objective, to_model=to_model, **options))


def confusion_matrix(
    model: nn.Module, dataset: Any, to_model: Tensor, num_classes: int, **options: Any
) -> Tensor:
    """Counts ``[K, K]`` (row: true class, column: predicted); arguments as for :func:`classification_scores`."""
    return classification_scores(model, dataset, to_model, num_classes, **options).confusion().cpu()
