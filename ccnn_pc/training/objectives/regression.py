"""Numbers as targets."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional

from ccnn_pc._checks import check_at_least
from ccnn_pc.models.task import Task, TaskKind
from ccnn_pc.training.objectives.base import Objective
from ccnn_pc.training.scores import ErrorScores, Scores


class Regression(Objective):
    r"""Mean squared error of numbers per item, or per sample.

    .. math:: L = \frac1n \sum_i (a_i - y_i)^2

    Args:
        num_classes: how many numbers; at least 1.
        class_counts: not used; tasks give it to every objective.

    Raises:
        ValueError: no number; answers of another shape than the targets.

    Example:
        >>> import torch
        >>> Regression(1).loss(torch.tensor([[1.0], [1.0]]), torch.tensor([[1.0], [3.0]])).item()
        2.0
    """

    def __init__(self, num_classes: int, *, class_counts: Sequence[int] | None = None) -> None:
        super().__init__()
        self.numbers = check_at_least("num_classes", num_classes, 1)

    @property
    def task(self) -> Task:
        """Numbers."""
        return Task(TaskKind.REGRESSION)

    def loss(self, answers: Tensor, target: Tensor) -> Tensor:
        """Mean squared error of answers and targets of one shape."""
        if answers.shape != target.shape:
            raise ValueError(
                f"'model' must answer in the shape of the targets, {list(target.shape)} (got {list(answers.shape)})"
            )
        return functional.mse_loss(answers, target.to(answers.dtype))

    def scores(self, *, training: bool) -> Scores:
        """Loss and mean squared error."""
        return ErrorScores()
