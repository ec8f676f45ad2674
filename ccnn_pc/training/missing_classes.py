"""Classes that a part of the data lacks: what cannot be learned, and scores that leave classes out."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ccnn_pc.datasets.common.broken import DataWarning
from ccnn_pc.datasets.common.class_names import spelt_twice
from ccnn_pc.datasets.common.labelled import LabelledDataset

#: Names that are listed.
_LISTED = 5


def warn_of_missing_classes(classes: Sequence[str], parts: Mapping[str, Any]) -> None:
    """Warn of classes without training items, of those without items to be tested on, of two that may be one.

    Args:
        classes: names.
        parts: data sets of ``train``, ``val`` and ``test``, those that there are; scenes are not looked at.

    Example:
        >>> from ccnn_pc.datasets import GridArrays
        >>> train, test = (GridArrays(np.zeros((2, 1, 4)), np.array(rows), ["a", "b"]) for rows in ([0, 1], [0, 0]))
        >>> with warnings.catch_warnings(record=True) as said:
        ...     warnings.simplefilter("always")
        ...     warn_of_missing_classes(["a", "b"], {"train": train, "test": test})
        >>> str(said[0].message)[:57]
        "no item of the class 'b' is in the test part: its scores "
    """
    counts = {name: _counts(part) for name, part in parts.items()}
    if len(classes) < 2 or any(each is None for each in counts.values()) or "train" not in counts:
        return
    total = np.sum(list(counts.values()), axis=0)  # type: ignore[arg-type]
    twice = spelt_twice(classes)
    if twice:
        said = ", ".join(f"'{one}' and '{other}'" for one, other in twice[:_LISTED])
        warnings.warn(
            f"the classes {said} differ in their spelling alone and are learned apart: where one is meant, call it "
            "alike",
            DataWarning,
            stacklevel=3,
        )
        total[[any(name in pair for pair in twice) for name in classes]] = 0
    for name, part, text in (
        ("train", "training", "it can never be answered; put some of its items there, or leave it out"),
        ("test", "test", "its scores say nothing of it; put some of its items there"),
    ):
        lacking = np.flatnonzero((counts[name] == 0) & (total > 0)) if name in counts else ()
        if len(lacking):
            which = "the class" if len(lacking) == 1 else f"{len(lacking)} classes,"
            said = ", ".join(f"'{classes[row]}'" for row in lacking[:_LISTED]) + ", …" * (
                len(lacking) > _LISTED
            )
            warnings.warn(
                f"no item of {which} {said} is in the {part} part: {text}", DataWarning, stacklevel=3
            )


def _counts(part: Any) -> np.ndarray | None:
    """Items of each class; None where these are not what is answered."""
    first = part.parts[0] if hasattr(part, "parts") else part
    if not isinstance(first, LabelledDataset) or type(first).class_counts is not LabelledDataset.class_counts:
        return None
    return np.asarray(first.class_counts())
