"""Numbers at samples of a series, where they are known."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ccnn_pc.models.task import PointError, Task, TaskKind
from ccnn_pc.training.objectives.regression import Regression
from ccnn_pc.training.scores import ErrorScores, Scores


class SampleRegression(Regression):
    r"""Mean squared error of the numbers that are known.

    .. math:: L = \frac{\sum_S v_{ik} (a_{ik} - y_{ik})^2}{\sum_S v_{ik}},
        \qquad S = \{(i, k) : y_{ik} \ne \mathrm{NaN}\}

    with the ``weight`` v of a batch, 1 without. A batch in which no number is known counts 0.

    Args:
        num_classes: numbers per sample; at least 1.
        class_counts: not used; tasks give it to every objective.

    Shapes:
        * answers ``[n, num_classes]``; targets the same, or with the weights behind them ``[n, 2 num_classes]``.

    Raises:
        ValueError: answers of another shape than the targets.

    Example:
        >>> target = torch.tensor([[1.0, torch.nan], [torch.nan, 2.0]])
        >>> answers, weight = torch.tensor([[3.0, 0.0], [0.0, 2.0]]), torch.tensor([[3.0, 1.0], [1.0, 1.0]])
        >>> objective = SampleRegression(2)
        >>> objective.loss(answers, target).item(), objective.loss(answers, torch.cat([target, weight], 1)).item()
        (2.0, 3.0)
    """

    @property
    def task(self) -> Task:
        """Numbers per sample."""
        return Task(TaskKind.REGRESSION, error=PointError.SQUARED)

    def target(self, batch: Any) -> Tensor:
        """Targets of a batch, with its weights if it has some."""
        y: Tensor = batch.y
        weight = batch.get("weight")
        return y if weight is None else torch.cat([y, weight.to(y.dtype)], dim=1)

    def loss(self, answers: Tensor, target: Tensor) -> Tensor:
        """Weighted mean of the squared errors of what is known."""
        errors, weights = _known_errors(answers, target)
        return (errors * weights).sum() / weights.sum() if len(errors) else answers.sum() * 0.0

    def scores(self, *, training: bool) -> Scores:
        """Loss and mean squared error of what is known, both weighted."""
        return _KnownScores()


def _known_errors(answers: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Squared errors of numbers that are known, and their weights."""
    numbers = answers.shape[-1]
    if target.dim() != answers.dim() or target.shape[1:] not in ((numbers,), (2 * numbers,)):
        raise ValueError(
            f"'model' must answer at every sample, in the shape of the targets, {list(target.shape)} "
            f"(got {list(answers.shape)}): give it pool=None"
        )
    y, weight = target[:, :numbers].to(answers.dtype), target[:, numbers:].to(answers.dtype)
    known = y.isfinite()
    weights = weight[known] if weight.shape[1] else torch.ones_like(y)[known]
    return (answers[known] - y[known]).square(), weights


class _KnownScores(ErrorScores):
    """Of numbers that are known."""

    def add(self, loss: Tensor, answers: Tensor, target: Tensor) -> None:
        """Take in one batch."""
        errors, weights = _known_errors(answers.detach().double(), target)
        total = weights.sum()
        self.states["loss"].update(loss.detach().double() * total)
        self.states["squares"].update((errors * weights).sum())
        self.states["numbers"].update(total)
        self.states["seen"].update(total)
