"""Accuracies from a confusion matrix."""

from __future__ import annotations

import torch
from torch import Tensor


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


def positive_probability(logits: Tensor) -> Tensor:
    """Return the probability of class 1 of two, float64 ``[B]``, from logits ``[B, 1]`` or ``[B, 2]``.

    Example:
        >>> positive_probability(torch.tensor([[0.0]])), positive_probability(torch.tensor([[2.0, 2.0]]))
        (tensor([0.5000], dtype=torch.float64), tensor([0.5000], dtype=torch.float64))
    """
    logits = logits.double()
    return (logits[:, 0] if logits.shape[1] == 1 else logits[:, 1] - logits[:, 0]).sigmoid()
