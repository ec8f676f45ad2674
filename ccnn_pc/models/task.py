"""What a model answers: a class, a class for every sample or point, or numbers; stored with the model."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping
from typing import Any

from ccnn_pc._checks import check_at_least
from ccnn_pc._choices import choice


class TaskKind(enum.Enum):
    """What answers are.

    CLASSIFICATION: a class per item; STEPS: a class per sample; POINTS: a class per point, judged by intersection over
    union; REGRESSION: numbers, per item or per sample.
    """

    CLASSIFICATION = "classification"
    STEPS = "steps"
    POINTS = "points"
    REGRESSION = "regression"


class PointError(enum.Enum):
    """How numbers of points are judged: SQUARED, ABSOLUTE, HUBER; NORMALS: directions up to their sign."""

    SQUARED = "squared"
    ABSOLUTE = "absolute"
    HUBER = "huber"
    NORMALS = "normals"


@dataclasses.dataclass(frozen=True)
class Task:
    """What a model was trained to answer, and which of its answers count.

    Args:
        kind: of answer.
        last: of STEPS: how many samples at the end are scored; None: all that have a target.
        ignored: of STEPS and POINTS: class number of a sample without a target.
        bits: of STEPS: whether scores have bits per character.
        positive: of POINTS in two classes: the class that errors are of.
        error: of REGRESSION: how the numbers of a point are judged; None: numbers per item, or per sample.

    Raises:
        ValueError: an unknown kind, or a number out of range.

    Example:
        >>> Task("steps", last=10).to_json()
        {'kind': 'steps', 'last': 10, 'ignored': -100, 'bits': False}
        >>> Task("points", positive=0).to_json()
        {'kind': 'points', 'ignored': -100, 'positive': 0}
    """

    kind: TaskKind | str
    last: int | None = None
    ignored: int = -100
    bits: bool = False
    positive: int = 1
    error: PointError | str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", choice("task", self.kind, TaskKind))
        if self.last is not None:
            check_at_least("last", self.last, 1)
        if self.positive not in (0, 1):
            raise ValueError(f"'positive' must be 0 or 1 (got {self.positive!r})")
        if self.error is not None:
            object.__setattr__(self, "error", choice("error", self.error, PointError))

    @property
    def every_sample(self) -> bool:
        """Whether every sample has an answer of its own, also of items of one sample."""
        return self.kind in (TaskKind.STEPS, TaskKind.POINTS) or self.error is not None

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
        """The fields that its kind has, plain."""
        kind = choice("task", self.kind, TaskKind)
        error = None if self.error is None else choice("error", self.error, PointError).value
        if kind is TaskKind.POINTS:
            return {"kind": kind.value, "ignored": self.ignored, "positive": self.positive}
        return {
            **{"kind": kind.value, "last": self.last, "ignored": self.ignored, "bits": self.bits},
            **({} if error is None else {"error": error}),
        }


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
