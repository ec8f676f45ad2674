"""A trained model on labelled data: its scores, its confusion matrix."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from ccnn_pc.training.loader import ResumableLoader
from ccnn_pc.training.objectives import Classification
from ccnn_pc.training.scores import RunningScores


def classification_scores(
    model: nn.Module,
    dataset: Any,
    to_model: Tensor,
    num_classes: int,
    *,
    batch_size: int = 16,
    shown: Callable[[Any], Iterable[Any]] = lambda loader: loader,
) -> RunningScores:
    """The scores that a training reports of its test part: of two classes also the area under the ROC curve.

    Args:
        model: ``model(batch) -> logits``, in eval mode.
        dataset: items with label ``y``.
        to_model: the model's class of each class of the data.
        num_classes: K.
        batch_size: items per batch.
        shown: wraps the loader, e.g. in a progress bar.

    Raises:
        ValueError: the model or the data have not one class per item.
    """
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    objective, to_model = Classification(num_classes), to_model.to(device)
    scores = objective.scores(training=False).to(device)
    with torch.inference_mode():
        for batch in shown(ResumableLoader(dataset, batch_size, shuffle=False)):
            batch = batch.to(device)
            logits = model(batch)
            if logits.dim() != 2 or len(logits) != batch.y.numel() or batch.y.is_floating_point():
                raise ValueError(
                    f"'model' and 'data' must have one class per item (got answers {list(logits.shape)}, "
                    f"targets {list(batch.y.shape)} of {batch.y.dtype})"
                )
            target = to_model[batch.y.view(-1)]
            scores.add(objective.loss(logits.float(), target), logits, target)
    return scores


def confusion_matrix(
    model: nn.Module, dataset: Any, to_model: Tensor, num_classes: int, **options: Any
) -> Tensor:
    """Counts ``[K, K]`` (row: true class, column: predicted); arguments as for :func:`classification_scores`."""
    return classification_scores(model, dataset, to_model, num_classes, **options).confusion().cpu()
