"""How much each class counts."""

from __future__ import annotations

import enum
from collections.abc import Sequence

import torch
from torch import Tensor

from ccnn_pc._choices import choice


class ClassWeights(enum.Enum):
    """Weights from the items, or points, of each class: INVERSE of their number, INVERSE_SQRT of its square root."""

    INVERSE = "inverse"
    INVERSE_SQRT = "inverse_sqrt"


def weights_of_classes(
    weights: ClassWeights | str | Sequence[float], num_classes: int, class_counts: Sequence[int] | None
) -> Tensor:
    """Weights ``[K]`` of classes, whose mean over the training items is 1.

    Args:
        weights: a rule, or a number for each class (taken as it is where ``class_counts`` are None).
        num_classes: K.
        class_counts: training items, or points, of each class; a class without any has weight 0 by a rule.

    Raises:
        ValueError: an unknown rule; counts that a rule needs are missing; not one number, finite and at least 0, for
            each class, or none above 0.

    Example:
        >>> weights_of_classes("inverse", 2, [10, 30]).tolist()
        [2.0, 0.666...]
    """
    counts = None if class_counts is None else torch.tensor([float(count) for count in class_counts])
    if isinstance(weights, (str, ClassWeights)):
        power = {ClassWeights.INVERSE: 1.0, ClassWeights.INVERSE_SQRT: 0.5}[
            choice("class_weights", weights, ClassWeights)
        ]
        if counts is None or len(counts) != num_classes or not bool((counts >= 0).all() & (counts > 0).any()):
            raise ValueError(
                f"'class_counts' must hold the number of points of each of {num_classes} classes (got {class_counts})"
            )
        found = torch.where(counts > 0, counts.clamp(min=1) ** -power, 0.0)
    else:
        found = torch.tensor([float(weight) for weight in weights])
        if len(found) != num_classes or not bool(found.isfinite().all() & (found >= 0).all() & found.any()):
            raise ValueError(
                f"'class_weights' must hold a number of at least 0 for each of {num_classes} classes, one of them "
                f"above 0 (got {list(weights)})"
            )
    if counts is None or not bool((found * counts).sum() > 0):
        return found
    return found * (counts.sum() / (found * counts).sum())
