"""What files of a user have that those of a model's training had not, and which of them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

#: What is wrong with a file says why its values are otherwise.
VALUES = frozenset({"values", "flat", "clipped", "noise", "sign", "time"})


class Unlike(NamedTuple):
    """What files have that those of training had not.

    Attributes:
        kind: of the fault, said once per model.
        text: the message.
        rows: which of the files.
        explains: kinds of faults of values that follow from it.
    """

    kind: str
    text: str
    rows: np.ndarray
    explains: frozenset[str] = frozenset()


def some(rows: np.ndarray, names: Sequence[str]) -> str:
    """Which files are meant: one by its name, more by their number and the first."""
    first = names[int(np.flatnonzero(rows)[0])]
    return f"'{first}'" if len(names) == 1 else f"{rows.sum()} of {len(names)} files, the first '{first}',"


def warn_once(model: Any, found: Unlike) -> None:
    """Warn of it, unless the model was asked such files before."""
    from ccnn_pc.models import SamplingWarning

    if found.kind not in model.warned:
        model.warned.add(found.kind)
        warnings.warn(found.text, SamplingWarning, stacklevel=5)
