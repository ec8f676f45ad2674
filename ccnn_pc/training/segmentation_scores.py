"""Scores of a class per point: from the confusion matrix of all points, and shape by shape of objects with parts."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torchmetrics import CatMetric
from torchmetrics.classification import MulticlassConfusionMatrix

from ccnn_pc.training.scene_predictions import ScenePredictions
from ccnn_pc.training.scores import Scores, mean_class_accuracy, overall_accuracy, running_sum


def class_iou(confusion: Tensor) -> Tensor:
    r"""Intersection over union of each class, float64 ``[K]``, of ``confusion`` ``[K, K]`` (row: true class).

    .. math:: \mathrm{IoU}_c = \frac{|T_c \cap P_c|}{|T_c \cup P_c|}

    with T_c the points of class c and P_c those that are taken for it; NaN of a class that is in neither.

    Example:
        >>> class_iou(torch.tensor([[3, 1, 0], [0, 4, 0], [0, 0, 0]])).tolist()
        [0.75, 0.8, nan]
    """
    confusion = confusion.double()
    hits = confusion.diagonal()
    return hits / (confusion.sum(dim=0) + confusion.sum(dim=1) - hits)


def mean_iou(confusion: Tensor) -> Tensor:
    """Mean of :func:`class_iou` over the classes that occur, in truth or in prediction; 0 where none does.

    Example:
        >>> mean_iou(torch.tensor([[3, 1, 0], [0, 3, 0], [0, 0, 0]])).item()
        0.75
    """
    found = class_iou(confusion)
    found = found[~found.isnan()]
    return found.mean() if len(found) else confusion.new_zeros((), dtype=torch.double)


def two_class_errors(confusion: Tensor, positive: int = 1) -> dict[str, float]:
    r"""Errors of two classes as the filtering of airborne lidar counts them (Sithole and Vosselman 2004, section 4).

    With the positive class (there: ground) in question,

    * ``type_1_error``, omission: positive points that are rejected, over all positive points;
    * ``type_2_error``, commission: other points that are accepted, over all other points;
    * ``total_error``: wrong points over all points;
    * ``kappa``: Cohen's :math:`(p_o - p_e) / (1 - p_e)`, with :math:`p_o` the share on the diagonal and :math:`p_e`
      that of a chance with the same margins.

    What would be divided by no points is left out.

    Args:
        confusion: counts ``[2, 2]``, true classes in rows.
        positive: which of the two is in question.

    Example:
        >>> two_class_errors(torch.tensor([[6, 2], [1, 7]]))
        {'type_1_error': 0.125, 'type_2_error': 0.25, 'total_error': 0.1875, 'kappa': 0.625}
    """
    confusion = confusion.double()
    points = confusion.sum()
    truth, said = confusion.sum(dim=1), confusion.sum(dim=0)
    missed = (truth - confusion.diagonal()) / truth
    chance = (truth * said).sum() / points.square()
    right = confusion.diagonal().sum() / points
    found = {
        "type_1_error": missed[positive],
        "type_2_error": missed[1 - positive],
        "total_error": 1 - right,
        "kappa": (right - chance) / (1 - chance),
    }
    return {name: float(value) for name, value in found.items() if bool(value.isfinite())}


def confusion_scores(confusion: Tensor, positive: int = 1) -> dict[str, float]:
    """Accuracy, mean class accuracy, mean intersection over union; of two classes also :func:`two_class_errors`.

    Args:
        confusion: counts ``[K, K]``, true classes in rows.
        positive: of two classes the one in question.

    Example:
        >>> confusion_scores(torch.tensor([[4, 0, 0], [0, 3, 1], [0, 0, 0]]))
        {'accuracy': 0.875, 'mean_class_accuracy': 0.875, 'mean_iou': 0.5833333333333334}
    """
    found = {
        "accuracy": float(overall_accuracy(confusion)),
        "mean_class_accuracy": float(mean_class_accuracy(confusion)),
        "mean_iou": float(mean_iou(confusion)),
    }
    return found | (two_class_errors(confusion, positive) if len(confusion) == 2 else {})


def shape_iou(predicted: Tensor, target: Tensor, shape: Tensor, parts: Tensor) -> Tensor:
    r"""Of each shape the mean over the parts of its category of their intersections over unions, float64 ``[B]``.

    A part that is absent in truth and prediction counts 1 (the protocol of ShapeNetPart, Yi et al. 2016).

    Args:
        predicted: class of each point, int64 ``[n]``.
        target: true class of each point, int64 ``[n]``.
        shape: shape of each point, int64 ``[n]``.
        parts: which classes are parts of the category of each shape, bool ``[B, K]``.

    Example:
        >>> parts = torch.tensor([[True, True, False]])
        >>> ones = torch.ones(4, dtype=torch.long)
        >>> shape_iou(ones, ones, torch.zeros_like(ones), parts).item()
        1.0
    """
    shapes, classes = parts.shape

    def counted(rows: Tensor, label: Tensor) -> Tensor:
        return torch.bincount(rows * classes + label, minlength=shapes * classes).view(shapes, classes)

    hit = predicted == target
    both = counted(shape[hit], target[hit]).double()
    either = counted(shape, target) + counted(shape, predicted) - both
    each = torch.where(either > 0, both / either.clamp(min=1), 1.0)
    return (each * parts).sum(dim=1) / parts.sum(dim=1).clamp(min=1)


class PointScores(Scores):
    """Of all points that have a class: mean loss, accuracies, mean intersection over union.

    Of two classes also the errors of :func:`two_class_errors`. Of objects whose items say of which ``category`` they
    are, int64 ``[1]``, and which classes are the parts of it, ``category_parts`` bool ``[1, K]``, also
    ``instance_iou``, the mean of :func:`shape_iou` over shapes, and ``category_iou``, the mean over categories of such
    means; for these two the likeliest of the parts of its category counts as the answer of a point.

    Of tiles that cover scenes (they have ``counts``) the mean probabilities of each kept point are judged, on all
    original points that it is the nearest of; see :class:`~ccnn_pc.training.scene_predictions.ScenePredictions`. The
    loss is that of the points of all tiles.

    Args:
        num_classes: K.
        ignored: class number of a point without a target.
        positive: of two classes the one that errors are of.
        by_shape: whether to judge shape by shape where items have categories. Shapes seen are not stored in
            checkpoints, since a validation is never resumed in its middle.
    """

    def __init__(
        self, num_classes: int, *, ignored: int = -100, positive: int = 1, by_shape: bool = True
    ) -> None:
        super().__init__(
            loss=running_sum(), points=running_sum(), confusion=MulticlassConfusionMatrix(num_classes)
        )
        self.num_classes, self.ignored, self.positive = num_classes, ignored, positive
        errors = ("type_1_error", "type_2_error", "total_error", "kappa") if num_classes == 2 else ()
        shapes = ("instance_iou", "category_iou") if by_shape else ()
        self.names = ("loss", "accuracy", "mean_class_accuracy", "mean_iou", *errors, *shapes)
        self.by_shape = by_shape
        self.shapes, self.categories = CatMetric(), CatMetric()
        self.scenes = ScenePredictions(num_classes)

    def add(self, loss: Tensor, answers: Tensor, target: Tensor) -> None:
        """Take in one batch: mean loss, logits ``[n, K]``, classes ``[n]``."""
        known = self._add_loss(loss, target)
        self.states["confusion"].update(answers.detach().argmax(dim=1)[known], target[known])

    def _add_loss(self, loss: Tensor, target: Tensor) -> Tensor:
        """Take in a mean loss; which points it is the mean of."""
        known = target != self.ignored
        count = known.sum()
        self.states["loss"].update(torch.where(count > 0, loss.detach().double() * count, 0.0))
        self.states["points"].update(count)
        return known

    def add_batch(self, batch: Any, loss: Tensor, answers: Tensor, target: Tensor) -> None:
        """The same, shape by shape too; of tiles of scenes, which have ``counts``, what they say together."""
        if hasattr(batch, "get") and batch.get("counts") is not None:
            self._add_loss(loss, target)
            self.scenes.add(batch, answers)
            return
        self.add(loss, answers, target)
        parts = batch.get("category_parts") if self.by_shape and hasattr(batch, "get") else None
        if parts is None:
            return
        known = target != self.ignored
        shape = batch.batch if batch.get("batch") is not None else torch.zeros_like(target)
        wrong = known & ~parts[shape, target.clamp(min=0)]
        if bool(wrong.any()):
            raise ValueError(
                "'category_parts' must hold every class of the points of a shape "
                f"(shape {int(shape[wrong][0])} of a batch has class {int(target[wrong][0])})"
            )
        likeliest = answers.detach().masked_fill(~parts[shape], -torch.inf).argmax(dim=1)
        judged = (
            torch.bincount(shape[known], minlength=len(parts)) > 0
        )  # of a shape without classes nothing is known
        self.shapes.update(shape_iou(likeliest[known], target[known], shape[known], parts)[judged])
        self.categories.update(batch.category[judged])

    def confusion(self) -> Tensor:
        """Return the matrix ``[K, K]`` of the points that have a class, true classes in rows."""
        if self.scenes.scene is not None:
            return self.scenes.confusion()
        return self.states["confusion"].compute()

    def count(self) -> int:
        """Return the number of points with a class so far."""
        return int(self.confusion().sum())

    def results(self) -> dict[str, float]:
        """Return the scores so far."""
        confusion = self.confusion()
        found = {
            "loss": self.total("loss") / max(self.total("points"), 1.0),
            **confusion_scores(confusion, self.positive),
        }
        if self.shapes.update_called:
            iou, category = (
                torch.atleast_1d(self.shapes.compute()),
                torch.atleast_1d(self.categories.compute()),
            )
            means = [iou[category == each].mean() for each in category.unique()]
            found |= {"instance_iou": float(iou.mean()), "category_iou": float(torch.stack(means).mean())}
        return found

    def of_classes(self) -> dict[str, Tensor]:
        """Return the intersection over union of each class, ``[K]``."""
        return {"iou": class_iou(self.confusion())}

    def reset(self) -> None:
        """Forget everything."""
        super().reset()
        self.scenes.reset()
        self.shapes.reset()
        self.categories.reset()
