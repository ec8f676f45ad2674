"""A trained model on labelled data: its confusion matrix."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from ccnn_pc.training.loader import ResumableLoader
from ccnn_pc.training.metrics import predicted_classes


def confusion_matrix(
    model: nn.Module,
    dataset: Any,
    to_model: Tensor,
    num_classes: int,
    *,
    batch_size: int = 16,
    shown: Callable[[Any], Iterable[Any]] = lambda loader: loader,
) -> Tensor:
    """Counts ``[K, K]`` (row: true class, column: predicted) of a model on a data set.

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
    to_model, confusion = to_model.to(device), torch.zeros(num_classes**2, dtype=torch.long, device=device)
    with torch.inference_mode():
        for batch in shown(ResumableLoader(dataset, batch_size, shuffle=False)):
            batch = batch.to(device)
            logits = model(batch)
            if logits.dim() != 2 or len(logits) != batch.y.numel() or batch.y.is_floating_point():
                raise ValueError(
                    f"'model' and 'data' must have one class per item (got answers {list(logits.shape)}, "
                    f"targets {list(batch.y.shape)} of {batch.y.dtype})"
                )
            found = predicted_classes(logits)
            confusion += torch.bincount(
                to_model[batch.y.view(-1)] * num_classes + found, minlength=num_classes**2
            )
    return confusion.view(num_classes, num_classes).cpu()
