"""What is said of a folder: what it is taken for, and the words that train on it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any


@dataclasses.dataclass(frozen=True)
class Found:
    """What a path was taken for.

    Attributes:
        experiment: that trains on it.
        said: what it is, in words.
        root: what is trained on: the path, a folder in it, or a file of it.
        items: how many, for the number of epochs; None: that is not how this experiment counts.
        words: further settings that follow from the data, by key.
        notes: what is not used, and what to know.
    """

    experiment: str
    said: str
    root: Path
    items: int | None = None
    words: dict[str, Any] = dataclasses.field(default_factory=dict)
    notes: Sequence[str] = ()


class NotTakenError(ValueError):
    """Nothing there can be trained on, or two things can; the message says what to do."""


def counted(number: int, one: str, many: str = "") -> str:
    """A number and what it counts.

    Example:
        >>> counted(1, "file"), counted(3, "class", "classes")
        ('1 file', '3 classes')
    """
    return f"{number} {one if number == 1 else many or one + 's'}"


def listed(names: Sequence[str], most: int = 6) -> str:
    """The first names, and how many more there are.

    Example:
        >>> listed(["a", "b", "c"], 2)
        'a, b and 1 more'
    """
    more = len(names) - most
    return ", ".join(names) if more <= 0 else f"{', '.join(names[:most])} and {more} more"


def training_words(items: int, seen: int, most: int = 60) -> dict[str, Any]:
    """Items per step and passes over the data: about so many items are ``seen``, in batches that small data fill.

    Example:
        >>> training_words(120, 6000), training_words(5000, 30000)
        ({'data.batch_size': 8, 'trainer.max_epochs': 50}, {'data.batch_size': 32, 'trainer.max_epochs': 10})
    """
    batch = next((size for size, least in ((32, 640), (16, 200), (8, 40), (4, 12)) if items >= least), 2)
    return {"data.batch_size": batch, "trainer.max_epochs": min(most, max(10, round(seen / max(items, 1))))}
