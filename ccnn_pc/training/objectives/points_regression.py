"""Numbers for every point of a cloud: heights, curvatures, directions of normals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor
from torch.nn import functional

from ccnn_pc._checks import check_positive
from ccnn_pc._choices import choice
from ccnn_pc.models.task import PointError, Task, TaskKind
from ccnn_pc.training.directions import known_targets, squared_cosine
from ccnn_pc.training.objectives.regression import Regression
from ccnn_pc.training.point_error_scores import DirectionScores, PointErrorScores
from ccnn_pc.training.scores import Scores


class PointRegression(Regression):
    r"""Error of numbers per point; of directions whose sign means nothing, :math:`1 - \cos^2`.

    .. math:: L = \frac{1}{|S|} \sum_{i \in S} e(a_i, y_i), \qquad S = \{i : y_i \text{ is known}\}

    with e the mean over the numbers of a point of :math:`(a - y)^2`, :math:`|a - y|` or Huber's error (half the square
    up to δ, then :math:`\delta (|a - y| - \delta / 2)`); or :math:`1 - (a \cdot y)^2 / (|a|^2 |y|^2)`. A target of a
    point is unknown where one of its numbers is NaN; of a normal also where its length is 0. A batch in which no
    target is known counts 0.

    Args:
        num_classes: numbers per point; at least 1.
        class_counts: not used; tasks give it to every objective.
        error: SQUARED (default), ABSOLUTE, HUBER or NORMALS.
        delta: of HUBER, in units of the targets (default 1).

    Shapes:
        * answers ``[n, num_classes]``, targets the same, or ``[n]`` of one number.

    Raises:
        ValueError: an unknown error, ``delta`` not above 0, normals of one number; answers of another shape than the
            targets.

    Example:
        >>> import torch
        >>> normals = PointRegression(3, error="normals")
        >>> answers, target = torch.tensor([[0.0, 0.0, 2.0], [1.0, 0.0, 1.0]]), torch.tensor([[0.0, 0.0, -1.0]] * 2)
        >>> round(normals.loss(answers, target).item(), 6)  # 0 and 45 degrees
        0.25
        >>> scores = normals.scores(training=False)
        >>> scores.add(normals.loss(answers, target), answers, target)
        >>> scores.results()
        {'loss': 0.25, 'angle': 22.5, 'within_10': 0.5, 'within_30': 0.5}
    """

    def __init__(
        self,
        num_classes: int,
        *,
        class_counts: Sequence[int] | None = None,
        error: PointError | str = PointError.SQUARED,
        delta: float = 1.0,
    ) -> None:
        super().__init__(num_classes)
        self.error = choice("error", error, PointError)
        self.delta = check_positive("delta", delta)
        if self.error is PointError.NORMALS and num_classes < 2:
            raise ValueError(f"'num_classes' must be at least 2 for normals (got {num_classes})")

    @property
    def task(self) -> Task:
        """Numbers per point."""
        return Task(TaskKind.REGRESSION, error=self.error)

    def target(self, batch: Any) -> Tensor:
        """Numbers ``[n, num_classes]``."""
        found: Tensor = batch.y
        return found[:, None] if found.dim() == 1 else found

    def loss(self, answers: Tensor, target: Tensor) -> Tensor:
        """Mean error of the points whose target is known."""
        if answers.dim() != 2 or answers.shape != target.shape or answers.shape[1] != self.numbers:
            raise ValueError(
                f"'model' must answer at every point with [n, {self.numbers}], in the shape of the targets, "
                f"{list(target.shape)} (got {list(answers.shape)}): give it pool=None"
            )
        if not target.is_floating_point():
            raise ValueError(f"'y' must be numbers, float [n, {self.numbers}] (got {target.dtype})")
        known = known_targets(target, directions=self.error is PointError.NORMALS)
        answers, target = answers[known], target[known].to(answers.dtype)
        if len(target) == 0:
            return answers.sum() * 0.0
        if self.error is PointError.NORMALS:
            return (1.0 - squared_cosine(answers, target)).mean()
        if self.error is PointError.HUBER:
            return functional.huber_loss(answers, target, delta=self.delta)
        measure = functional.l1_loss if self.error is PointError.ABSOLUTE else functional.mse_loss
        return measure(answers, target)

    def scores(self, *, training: bool) -> Scores:
        """Mean squared and absolute error; of normals the mean angle, and shares below 10 and 30 degrees."""
        return DirectionScores() if self.error is PointError.NORMALS else PointErrorScores()
