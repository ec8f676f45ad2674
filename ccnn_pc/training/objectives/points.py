"""One class per point of a cloud."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ccnn_pc._checks import check_fraction, check_not_negative
from ccnn_pc.models.task import Task, TaskKind
from ccnn_pc.training.objectives.base import Objective, check_several
from ccnn_pc.training.objectives.class_weights import ClassWeights, weights_of_classes
from ccnn_pc.training.segmentation_scores import PointScores


def lovasz_softmax(probabilities: Tensor, target: Tensor) -> Tensor:
    r"""Lovász-softmax of points that all have a class (Berman, Triki and Blaschko, CVPR 2018, eq. 9 and 11).

    .. math:: L = \frac{1}{|C|} \sum_{c \in C} \overline{\Delta_{J_c}}(m(c)), \qquad
        m_i(c) = |[y_i = c] - p_i(c)|, \qquad \Delta_{J_c}(M) = \frac{|M|}{|\{y = c\} \cup M|}

    with C the classes that occur in ``target`` and the bar for the Lovász extension of the Jaccard loss of a set M of
    wrong points: :math:`\sum_i m_{\pi_i} [\Delta(\{\pi_1 .. \pi_i\}) - \Delta(\{\pi_1 .. \pi_{i-1}\})]` with the errors
    m in falling order π.

    Args:
        probabilities: ``[n, K]``.
        target: classes, int64 ``[n]``.

    Returns:
        a scalar in [0, 1]; 0 of no points.

    Example:
        >>> sure = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
        >>> round(lovasz_softmax(sure, torch.tensor([0, 1, 1])).item(), 6)  # IoU 1/2 and 1/2
        0.5
    """
    if len(target) == 0:
        return probabilities.sum() * 0.0
    truth = functional.one_hot(target, probabilities.shape[1]).to(probabilities.dtype)
    errors, order = (truth - probabilities).abs().sort(dim=0, descending=True)
    truth = truth.gather(0, order)
    total = truth.sum(dim=0)
    jaccard = 1.0 - (total - truth.cumsum(0)) / (total + (1.0 - truth).cumsum(0)).clamp(min=1.0)
    steps = torch.cat([jaccard[:1], jaccard[1:] - jaccard[:-1]])
    occurs = total > 0
    return ((errors * steps).sum(dim=0) * occurs).sum() / occurs.sum()


class PointClassification(Objective):
    r"""Cross entropy of a class per point, with class weights; mean intersection over union.

    .. math:: L = \frac{\sum_{i \in S} w_{y_i} \mathrm{CE}(a_i, y_i)}{\sum_{i \in S} w_{y_i}}
        + \lambda L_{\text{Lovász}}, \qquad S = \{i : y_i \ne \mathrm{ignored}\}

    is trained, the plain mean of the cross entropy over S is what validation and test call ``loss``. A batch in which
    no point has a class counts 0.

    Args:
        num_classes: K, at least 2.
        class_counts: training points of each class ``[K]``, for rules of ``class_weights``.
        class_weights: w: a rule of :class:`ClassWeights` ("inverse", "inverse_sqrt"), or a number for each class;
            None (default): all 1. See :func:`weights_of_classes`.
        label_smoothing: in [0, 1) (default 0); in training only.
        lovasz: λ, weight of :func:`lovasz_softmax` in training (default 0).
        ignored: class number of a point without a class (default -100).
        positive: of two classes the one that errors are of, see
            :func:`~ccnn_pc.training.segmentation_scores.two_class_errors` (default 1).

    Shapes:
        * answers ``[n, K]``, targets int64 ``[n]`` of all points of a batch.

    Raises:
        ValueError: numbers out of range; answers or targets that are not one per point; a class that there is not.

    Example:
        >>> objective = PointClassification(2, class_counts=[30, 10], class_weights="inverse_sqrt")
        >>> scores = objective.scores(training=False)
        >>> answers, target = torch.tensor([[2.0, 0.0], [0.0, 2.0], [0.0, 2.0]]), torch.tensor([0, 0, -100])
        >>> scores.add(objective.loss(answers, target), answers, target)
        >>> scores.results()["mean_iou"], scores.results()["type_2_error"]
        (0.25, 0.5)
    """

    def __init__(
        self,
        num_classes: int,
        *,
        class_counts: Sequence[int] | None = None,
        class_weights: ClassWeights | str | Sequence[float] | None = None,
        label_smoothing: float = 0.0,
        lovasz: float = 0.0,
        ignored: int = -100,
        positive: int = 1,
    ) -> None:
        super().__init__()
        self.num_classes = check_several(num_classes)
        self.label_smoothing = check_fraction("label_smoothing", label_smoothing)
        self.lovasz = check_not_negative("lovasz", lovasz)
        if 0 <= ignored < num_classes:
            raise ValueError(f"'ignored' must be no class, of which there are {num_classes} (got {ignored})")
        self._task = Task(TaskKind.POINTS, ignored=ignored, positive=positive)
        self.ignored = ignored
        self.weights: Tensor | None
        self.register_buffer("weights", None, persistent=False)
        if class_weights is not None:
            self.weights = weights_of_classes(class_weights, num_classes, class_counts)

    @property
    def task(self) -> Task:
        """A class per point."""
        return self._task

    def target(self, batch: Any) -> Tensor:
        """Classes ``[n]``."""
        found: Tensor = batch.y
        return found.view(-1) if found.dim() == 2 and found.shape[1] == 1 else found

    def loss(self, answers: Tensor, target: Tensor) -> Tensor:
        """Mean cross entropy of the points that have a class."""
        self._check(answers, target)
        known = (target != self.ignored).sum()
        total = functional.cross_entropy(answers, target, ignore_index=self.ignored, reduction="sum")
        return total / known.clamp(min=1)

    def training_loss(self, answers: Tensor, target: Tensor) -> Tensor:
        """The same with weights, smoothed labels, and the Lovász term."""
        self._check(answers, target)
        known = target != self.ignored
        total = functional.cross_entropy(
            answers,
            target,
            weight=self.weights,
            ignore_index=self.ignored,
            reduction="sum",
            label_smoothing=self.label_smoothing,
        )
        if self.weights is None:
            loss = total / known.sum().clamp(min=1)
        else:
            weight = (self.weights[target.clamp(min=0)] * known).sum()
            loss = total / torch.where(weight > 0, weight, 1.0)
        if self.lovasz > 0:
            loss = loss + self.lovasz * lovasz_softmax(answers[known].softmax(dim=1), target[known])
        return loss

    def scores(self, *, training: bool) -> PointScores:
        """Accuracies and intersections over unions; shape by shape outside of training only."""
        task = self._task
        return PointScores(
            self.num_classes, ignored=task.ignored, positive=task.positive, by_shape=not training
        )

    def _check(self, answers: Tensor, target: Tensor) -> None:
        if answers.dim() != 2 or answers.shape[1] != self.num_classes:
            raise ValueError(
                f"'model' must answer at every point, with logits [{target.numel()}, {self.num_classes}] "
                f"(got {list(answers.shape)}): give it pool=None"
            )
        if target.is_floating_point() or target.dim() != 1:
            raise ValueError(
                f"'y' must be a class per point, int64 [n] (got {list(target.shape)} of {target.dtype})"
            )
        if len(answers) != len(target):
            reason = (
                "data with one class per item have task=classification"
                if len(answers) > len(target)
                else "give the model pool=None"
            )
            raise ValueError(
                f"targets must be a class for each of the {len(answers)} answers (got {len(target)}): {reason}"
            )
