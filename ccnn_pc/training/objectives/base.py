"""The base of objectives."""

from __future__ import annotations

import abc
from typing import Any

from torch import Tensor, nn

from ccnn_pc._checks import check_at_least
from ccnn_pc.models.task import Task
from ccnn_pc.training.scores import Scores


def check_several(num_classes: int) -> int:
    """There must be classes to tell apart.

    Raises:
        ValueError: fewer than two; targets that are numbers have another task.
    """
    if num_classes == 1:
        raise ValueError(
            "'num_classes' must be at least 2 (got 1): targets that are numbers have task=regression"
        )
    return check_at_least("num_classes", num_classes, 2)


class Objective(nn.Module, abc.ABC):
    """Loss and scores of one kind of target.

    A task calls its factory with the number of classes (of numbers, where targets are numbers) and ``class_counts=``.
    """

    @property
    def task(self) -> Task | None:
        """What a model of this objective answers, for those who use it later; None: what its outputs say."""
        return None

    def target(self, batch: Any) -> Tensor:
        """Targets of a batch."""
        found: Tensor = batch.y
        return found

    @abc.abstractmethod
    def loss(self, answers: Tensor, target: Tensor) -> Tensor:
        """Mean loss of a batch, as validation and test measure it."""

    def training_loss(self, answers: Tensor, target: Tensor) -> Tensor:
        """Mean loss of a batch, as it is minimised."""
        return self.loss(answers, target)

    @abc.abstractmethod
    def scores(self, *, training: bool) -> Scores:
        """New scores: of training epochs, or of validation and test."""
