"""Accuracies from a confusion matrix."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torchmetrics import MetricCollection, SumMetric
from torchmetrics.classification import MulticlassConfusionMatrix


def overall_accuracy(confusion: Tensor) -> Tensor:
    """Return the share of the diagonal of ``confusion`` ``[K, K]`` (row: true class, column: predicted).

    Example:
        >>> overall_accuracy(torch.tensor([[3, 1], [0, 4]])).item()
        0.875
    """
    confusion = confusion.double()
    return confusion.diagonal().sum() / confusion.sum().clamp(min=1)


def mean_class_accuracy(confusion: Tensor) -> Tensor:
    """Return the mean over the classes that occur of the share of each class found.

    Example:
        >>> mean_class_accuracy(torch.tensor([[3, 1, 0], [0, 1, 0], [0, 0, 0]])).item()
        0.875
    """
    confusion = confusion.double()
    totals = confusion.sum(dim=1)
    present = totals > 0
    shares = confusion.diagonal()[present] / totals[present]
    return (
        shares.mean() if bool(present.any()) else torch.zeros((), dtype=torch.double, device=confusion.device)
    )


def predicted_classes(logits: Tensor) -> Tensor:
    """Return classes ``[B]`` of logits ``[B, K]``, or of the single logit ``[B, 1]`` of a two-class model."""
    return (logits[:, 0] > 0).long() if logits.shape[1] == 1 else logits.argmax(dim=1)


class RunningScores(nn.Module):
    """Mean loss and confusion matrix of one pass; stored in checkpoints, so a resumed epoch is whole.

    Args:
        num_classes: K.
    """

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.states = MetricCollection(
            {"loss": SumMetric(nan_strategy="disable"), "confusion": MulticlassConfusionMatrix(num_classes)},
            compute_groups=False,
        )
        self.states.persistent(True)

    def add(self, loss: Tensor, logits: Tensor, target: Tensor) -> None:
        """Take in one batch: mean loss, logits ``[B, K]``, classes ``[B]``."""
        self.states["loss"].update(loss.detach().double() * len(target))
        self.states["confusion"].update(predicted_classes(logits.detach()), target)

    def confusion(self) -> Tensor:
        """Return the matrix ``[K, K]`` so far, true classes in rows."""
        return self.states["confusion"].compute()

    def results(self) -> dict[str, float]:
        """Return loss, accuracy and mean-class accuracy so far."""
        confusion = self.confusion()
        return {
            "loss": float(self.states["loss"].compute() / confusion.sum().clamp(min=1)),
            "accuracy": float(overall_accuracy(confusion)),
            "mean_class_accuracy": float(mean_class_accuracy(confusion)),
        }

    def reset(self) -> None:
        """Forget everything."""
        self.states.reset()
