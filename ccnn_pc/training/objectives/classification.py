"""One class per item."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ccnn_pc._checks import check_fraction, check_not_negative
from ccnn_pc.models.task import Task, TaskKind
from ccnn_pc.training.objectives.base import Objective, check_several
from ccnn_pc.training.objectives.class_weights import weights_of_classes
from ccnn_pc.training.scores import BinaryScores, RunningScores


def classification_loss(
    logits: Tensor, target: Tensor, label_smoothing: float = 0.0, weights: Tensor | None = None
) -> Tensor:
    """Return the cross entropy of ``logits`` ``[B, K]``; ``[B, 1]`` is the logit of class 1 of two.

    With ``weights [K]`` each item counts as its class does in the mean. With smoothing s the target
    distribution is ``(1 - s) * onehot + s / K`` (K = 2 for the single logit).

    Example:
        >>> one = torch.tensor([[0.7], [-1.2]])
        >>> two = torch.cat([torch.zeros_like(one), one], dim=1)
        >>> target = torch.tensor([1, 1])
        >>> torch.allclose(classification_loss(one, target, 0.1), classification_loss(two, target, 0.1))
        True
    """
    if logits.shape[1] == 1:
        smooth = target.to(logits.dtype) * (1.0 - label_smoothing) + 0.5 * label_smoothing
        each = functional.binary_cross_entropy_with_logits(logits[:, 0], smooth, reduction="none")
    elif weights is None:
        return functional.cross_entropy(logits, target, label_smoothing=label_smoothing)
    else:
        each = functional.cross_entropy(logits, target, label_smoothing=label_smoothing, reduction="none")
    if weights is None:
        return each.mean()
    count = weights.to(each.dtype)[target]
    return (count * each).sum() / count.sum().clamp_min(torch.finfo(each.dtype).tiny)


def log_prior(class_counts: Sequence[int] | None, num_classes: int) -> Tensor:
    """Return the logarithm of the share of each class, ``[K]``.

    Example:
        >>> log_prior([1, 3], 2).exp().tolist()
        [0.25, 0.75]

    Raises:
        ValueError: if there is not one positive count per class.
    """
    if class_counts is None or len(class_counts) != num_classes or min(class_counts) < 1:
        raise ValueError(
            f"'class_counts' must hold a positive number for each of {num_classes} classes (got {class_counts})"
        )
    counts = torch.tensor([float(count) for count in class_counts])
    return (counts / counts.sum()).log()


class Classification(Objective):
    """Cross entropy of one label per item; accuracies, and for two classes the area under the ROC curve.

    Where classes are unequally frequent and each should count the same, ``logit_adjustment`` τ trains
    ``logits + τ log prior`` and scores ``logits``: with τ = 1 the best scores then minimise the mean error over
    classes (Menon et al., arXiv 2007.07314, eq. 10).

    Args:
        num_classes: K, at least 2; a model may answer ``[B, 1]`` for two.
        class_counts: training samples per class ``[K]``; needed if τ is above 0.
        label_smoothing: in [0, 1) (default 0); used in training only.
        logit_adjustment: τ, at least 0 (default 0: classes count as often as they occur).
        class_weights: how much an item of each class counts in training: a rule of
            :class:`~ccnn_pc.training.objectives.class_weights.ClassWeights` ("inverse", "inverse_sqrt"), or a number
            for each class; None (default): all the same.

    Raises:
        ValueError: a number out of range, or ``class_counts`` are missing; answers of another shape.

    Example:
        >>> binary = Classification(2)
        >>> scores = binary.scores(training=False)
        >>> logits, target = torch.tensor([[-3.0], [0.5], [0.2]]), torch.tensor([0, 1, 0])
        >>> scores.add(binary.loss(logits, target), logits, target)
        >>> round(scores.results()["accuracy"], 3), scores.results()["auc"]
        (0.667, 1.0)
    """

    def __init__(
        self,
        num_classes: int,
        *,
        class_counts: Sequence[int] | None = None,
        label_smoothing: float = 0.0,
        logit_adjustment: float = 0.0,
        class_weights: str | Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        self.num_classes = check_several(num_classes)
        self.label_smoothing = check_fraction("label_smoothing", label_smoothing)
        self.prior_shift: Tensor | None
        self.register_buffer("prior_shift", None, persistent=False)
        if check_not_negative("logit_adjustment", logit_adjustment) > 0:
            self.prior_shift = logit_adjustment * log_prior(class_counts, num_classes)
        self.class_weights: Tensor | None
        self.register_buffer("class_weights", None, persistent=False)
        if class_weights is not None:
            self.class_weights = weights_of_classes(class_weights, self.num_classes, class_counts)

    @property
    def task(self) -> Task:
        """A class per item."""
        return Task(TaskKind.CLASSIFICATION)

    def target(self, batch: Any) -> Tensor:
        """Classes ``[B]``."""
        found: Tensor = batch.y.view(-1)
        return found

    def loss(self, answers: Tensor, target: Tensor) -> Tensor:
        """Cross entropy of logits ``[B, K]`` or ``[B, 1]``."""
        return classification_loss(self._checked(answers, target), target)

    def training_loss(self, answers: Tensor, target: Tensor) -> Tensor:
        """The same with smoothed labels and shifted logits."""
        logits = self._with_prior(self._checked(answers, target))
        return classification_loss(logits, target, self.label_smoothing, self.class_weights)

    def scores(self, *, training: bool) -> RunningScores:
        """Accuracies; of two classes, outside of training, also the area under the ROC curve."""
        if self.num_classes == 2 and not training:
            return BinaryScores()
        return RunningScores(self.num_classes)

    def _checked(self, answers: Tensor, target: Tensor) -> Tensor:
        if answers.dim() != 2 or len(answers) != len(target):
            raise ValueError(
                f"'model' must answer once per item, with logits [{len(target)}, {self.num_classes}] "
                f"(got {list(answers.shape)}): give it a pool, or take task=points or steps"
            )
        if answers.shape[1] != self.num_classes and (answers.shape[1], self.num_classes) != (1, 2):
            raise ValueError(
                f"'model' must have a logit for each of the {self.num_classes} classes, or one for two of them "
                f"(got {answers.shape[1]})"
            )
        return answers

    def _with_prior(self, logits: Tensor) -> Tensor:
        if self.prior_shift is None:
            return logits
        if logits.shape[1] == 1:  # the logit of class 1 against class 0
            return logits + (self.prior_shift[1] - self.prior_shift[0])
        return logits + self.prior_shift
