"""The base of objectives."""

from __future__ import annotations

import abc
from typing import Any

from torch import Tensor, nn

from ccnn_pc.models.task import Task
from ccnn_pc.training.scores import Scores


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
