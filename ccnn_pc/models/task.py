"""What a model answers: a class, a class for every sample, or numbers; stored with the model."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping
from typing import Any

from ccnn_pc._checks import check_at_least
from ccnn_pc._choices import choice


class TaskKind(enum.Enum):
    """CLASSIFICATION: a class per item; STEPS: a class per sample; REGRESSION: numbers, per item or per sample."""

    CLASSIFICATION = "classification"
    STEPS = "steps"
    REGRESSION = "regression"


@dataclasses.dataclass(frozen=True)
class Task:
    """What a model was trained to answer, and which of its answers count.

    Args:
        kind: of answer.
        last: of STEPS: how many samples at the end are scored; None: all that have a target.
        ignored: of STEPS: class number of a sample without a target.
        bits: of STEPS: whether scores have bits per character.

    Raises:
        ValueError: an unknown kind, or a number out of range.

    Example:
        >>> Task("steps", last=10).to_json()
        {'kind': 'steps', 'last': 10, 'ignored': -100, 'bits': False}
    """

    kind: TaskKind | str
    last: int | None = None
    ignored: int = -100
    bits: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", choice("task", self.kind, TaskKind))
        if self.last is not None:
            check_at_least("last", self.last, 1)

    @classmethod
    def of(cls, described: Task | TaskKind | str | Mapping[str, Any]) -> Task:
        """A task from itself, its kind, or what :meth:`to_json` wrote.

        Raises:
            ValueError: an unknown kind, or an unknown key.
        """
        if isinstance(described, Task):
            return described
        if not isinstance(described, Mapping):
            return cls(described)
        known = [field.name for field in dataclasses.fields(cls)]
        unknown = sorted(set(described) - set(known))
        if unknown or "kind" not in described:
            raise ValueError(f"'task' must have the keys {', '.join(known)} (got {', '.join(described)})")
        return cls(**described)

    def to_json(self) -> dict[str, Any]:
        """All fields, plain."""
        return {**dataclasses.asdict(self), "kind": choice("task", self.kind, TaskKind).value}


def presumed_task(out_channels: int, classes: int, pooled: bool) -> Task:
    """The task of a model that does not say it, as those saved by earlier versions.

    Args:
        out_channels: outputs.
        classes: how many names they have.
        pooled: whether there is one answer per item.

    Example:
        >>> presumed_task(10, 10, pooled=False).kind, presumed_task(1, 1, pooled=True).kind
        (<TaskKind.STEPS: 'steps'>, <TaskKind.REGRESSION: 'regression'>)
    """
    if out_channels == 1 and classes == 1:  # one class would be nothing to tell apart
        return Task(TaskKind.REGRESSION)
    return Task(TaskKind.CLASSIFICATION if pooled else TaskKind.STEPS)
