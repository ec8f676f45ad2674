"""Classes of data beside those of a model: by their names, and by what the model answers."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

#: Share of the items of a class that have one answer, and by how many deviations of a coin these are the most.
SHARE, DEVIATIONS = 0.8, 2.5
#: Classes that are listed.
LISTED = 4


def matching_classes(data_classes: Sequence[str], model_classes: Sequence[str]) -> Any:
    """Return the model's class index for each class of the data, ``[len(data_classes)]``.

    Raises:
        ValueError: if the model does not know one of them; the message says what may be meant.

    Example:
        >>> matching_classes(["chair", "bed"], ["bed", "chair", "desk"]).tolist()
        [1, 0]
        >>> matching_classes(["Chair"], ["bed", "chair"])
        Traceback (most recent call last):
        ...
        ValueError: 'data' must have classes that the model knows (got Chair; known: bed, chair): call 'Chair' 'chair'
    """
    import torch

    unknown = [name for name in data_classes if name not in model_classes]
    if unknown:
        known = ", ".join(model_classes)
        raise ValueError(
            f"'data' must have classes that the model knows (got {', '.join(unknown)}; known: {known}): "
            f"{_mended(unknown, data_classes, model_classes)}"
        )
    return torch.tensor([list(model_classes).index(name) for name in data_classes])


def _mended(unknown: Sequence[str], names: Sequence[str], known: Sequence[str]) -> str:
    """What to do about names that a model does not know."""
    from ccnn_pc.datasets.common.class_names import counted_from, meant, spelt_twice

    counts = counted_from(names, known)
    if counts is not None and counts[0] != counts[1]:
        return (
            f"are they counted from {counts[0]} where training counted from {counts[1]}? Count as in training"
        )
    same = {two: one for one, two in spelt_twice([*known, *unknown]) if one in known}
    left = [each for each in known if each not in names]
    others = {name: same.get(name) or meant(name, left) for name in unknown}
    said = [f"'{name}' '{other}'" for name, other in others.items() if other is not None]
    if not said:
        return "call them as in training, or leave them out"
    more = ", …" if len(said) > LISTED else ""
    rest = "" if len(said) == len(unknown) else "; leave out what training had not"
    return f"call {', '.join(said[:LISTED])}{more}{rest}"


def check_counts(data_classes: Sequence[str], outputs: int) -> None:
    """Classes of data must be as many as a model without names of classes answers.

    Raises:
        ValueError: they are not, and nothing says which is which.

    Example:
        >>> check_counts(["bed", "chair"], 2)
    """
    if len(data_classes) != outputs:
        raise ValueError(
            f"'data' must have the {outputs} classes of the training, for the model has no names of them (got "
            f"{len(data_classes)}: {', '.join(data_classes)}): save it with their names, save_pretrained(…, classes=)"
        )


def exchanged(confusion: Tensor) -> dict[int, int]:
    """Classes whose items are nearly all answered as another one, and none as they are labelled, one for one.

    Either these classes are each other's, or all classes that occur are among them, two at least.

    Args:
        confusion: counts ``[K, K]`` (row: true class, column: predicted).

    Example:
        >>> import torch
        >>> exchanged(torch.tensor([[0, 9, 0], [9, 0, 0], [0, 1, 9]]))
        {0: 1, 1: 0}
        >>> exchanged(torch.tensor([[0, 9, 0], [0, 9, 0], [0, 1, 9]]))
        {}
    """
    counts = confusion.double()
    total = counts.sum(dim=1)
    share, answer = (counts / total.clamp(min=1)[:, None]).max(dim=1)
    sure = (share >= SHARE) & ((2 * share - 1) * total.sqrt() >= DEVIATIONS)
    clear = {row: int(answer[row]) for row in range(len(total)) if sure[row]}
    other = {row: said for row, said in clear.items() if row != said}
    while True:  # of a chain of classes that are each other's all are kept, or none
        kept = {row: said for row, said in other.items() if said in other}
        if len(kept) == len(other):
            break
        if len(other) > 1 and all(row in other for row in range(len(total)) if total[row] > 0):
            kept = other
            break
        other = kept
    one_for_one = len(set(clear.values())) == len(clear)
    return kept if len(kept) > 1 and one_for_one else {}


def warn_of_exchanged(model: Any, confusion: Tensor) -> bool:
    """Warn if labels of data seem to be those of other classes: exchanged, or counted from another number.

    Returns whether they do.

    Nothing is said where axes or colours in another order explain it.

    Args:
        model: whose answers, with the names of its ``classes``; none: their numbers.
        confusion: counts ``[K, K]`` (row: true class, column: predicted).
    """
    from ccnn_pc.datasets.common.broken import DataWarning
    from ccnn_pc.datasets.common.class_names import counted_from

    counts = confusion.cpu()
    found = exchanged(counts)
    if not found or {"axes", "colours"} & model.warned:
        return False
    names = list(model.classes) or [str(number) for number in range(len(counts))]
    said = [
        f"{counts[row, other]} of {counts[row].sum()} '{names[row]}' as '{names[other]}'"
        for row, other in found.items()
    ]
    right = sum(int(counts[row, found.get(row, row)]) for row in range(len(counts)))
    count, given = int(counts.sum()), int(counts.diagonal().sum())
    shifts = {row - other for row, other in found.items()}
    numbered = counted_from([names[row] for row in found], [names[other] for other in found.values()])
    cause = (
        "do the labels count from another number than those of training"
        if numbered and len(shifts) == 1
        else ("are labels exchanged, or data mirrored or turned")
    )
    warnings.warn(
        f"the model answers {', '.join(said[:LISTED])}{', …' if len(said) > LISTED else ''}: {cause}? With these for "
        f"those {100 * right / count:.3g} % instead of {100 * given / count:.3g} % were right; call classes as in "
        "training",
        DataWarning,
        stacklevel=3,
    )
    return True
