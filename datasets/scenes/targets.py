"""What is wanted of each point of a scene: a class, or numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ccnn_pc.datasets.scenes.class_table import IGNORED, ClassTable
from ccnn_pc.datasets.scenes.scene import Scene

#: Offset and size by which the numbers of a column are scaled.
Scale = tuple[tuple[float, float], ...]


@dataclass(frozen=True, eq=False)
class Truth:
    """Numbers that are learned of the points of a thinned scene.

    Attributes:
        values: those of its original points, float64 ``[n, T]``, NaN where they are not known.
        index: original point that each kept one is, ``[m]``; of means the one nearest to it.
    """

    values: np.ndarray
    index: np.ndarray

    def of(self, rows: Any) -> np.ndarray:
        """Those of some kept points, ``[r, T]``."""
        return np.asarray(self.values[self.index[rows]])


class Kept(Protocol):
    """What targets ask of a thinned scene, see :class:`~ccnn_pc.datasets.scenes.thinned.ThinnedScene`."""

    @property
    def truth(self) -> Truth | None: ...

    def class_counts(self, table: ClassTable, field: str, rows: Any = ...) -> np.ndarray: ...


@dataclass(frozen=True)
class ClassTarget:
    """A class for each point: what the numbers of one field mean.

    Args:
        field: of the files (default ``classification``).
        table: which numbers are which class, a :class:`ClassTable` or its fields; None: those of the training scenes.

    Example:
        >>> target = ClassTarget("class", {"names": {2: "ground", 1: "other"}})
        >>> target.names, target.fields
        (('ground', 'other'), ('class',))
    """

    field: str = "classification"
    table: ClassTable | Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        table = self.table
        if table is not None and not isinstance(table, ClassTable):
            object.__setattr__(self, "table", ClassTable.from_json(table))

    @property
    def classes(self) -> ClassTable:
        """The table.

        Raises:
            ValueError: nobody has said or measured it.
        """
        if not isinstance(self.table, ClassTable):
            raise ValueError("'table' must be known to tell classes (got None)")
        return self.table

    @property
    def known(self) -> bool:
        """Whether nothing is left to be measured on training scenes."""
        return self.table is not None

    @property
    def fields(self) -> tuple[str, ...]:
        """Fields of the files that say it."""
        return (self.field,)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the classes."""
        return self.classes.classes

    def counts(self, scene: Kept, rows: Any = slice(None)) -> np.ndarray:
        """How many original points of each class went to some kept ones, int32 ``[r, K]``."""
        return scene.class_counts(self.classes, self.field, rows)

    def of(self, scene: Kept, rows: Any) -> np.ndarray:
        """Class of most original points of some kept ones, int64 ``[r]``; -100 where none has a class."""
        counts = self.counts(scene, rows)
        return np.where(counts.any(axis=1), counts.argmax(axis=1), IGNORED)

    def to_json(self) -> dict[str, Any]:
        """Field and table."""
        return {"field": self.field, "table": self.table.to_json() if self.known else None}  # type: ignore[union-attr]


@dataclass(frozen=True)
class NumberTarget:
    r"""Numbers of each point, one for each of some fields; unknown where one of them is NaN.

    Networks learn :math:`(v - a) / b` with fixed numbers a and b for each field, the mean and the standard deviation of
    the training scenes; what they answer is scaled back. A kept point has the numbers of the original point that it
    is, or that is nearest to it where means are kept: means of directions of either sign would mean nothing.

    Args:
        numbers: names of the fields, at least one.
        direction: whether they are the coordinates of one direction, as of normals: learned as they are, and turned
            with the tiles in training.
        scales: (a, b) of each; None: measured on the training scenes; of a direction (0, 1).

    Raises:
        ValueError: no name, a name twice, scales of other numbers, a size that is not positive.

    Example:
        >>> target = NumberTarget(["height"], scales=[(2.0, 4.0)])
        >>> target.scaled(np.array([[10.0], [np.nan]])).tolist(), target.restored(np.array([[2.0]])).tolist()
        ([[2.0], [nan]], [[10.0]])
    """

    numbers: Sequence[str]
    direction: bool = False
    scales: Sequence[Sequence[float]] | None = None

    def __post_init__(self) -> None:
        names = self.numbers
        if isinstance(names, str) or not names or len(set(names)) < len(names):
            raise ValueError(f"'targets' must be a list of different fields, at least one (got {names!r})")
        if self.direction and len(names) != 3:
            raise ValueError(
                f"'targets' must be three fields to be directions, along x, y, z (got {', '.join(names)})"
            )
        object.__setattr__(self, "numbers", tuple(map(str, names)))
        scales = [(0.0, 1.0)] * len(names) if self.direction else self.scales
        if scales is None:
            return
        found = tuple((float(a), float(b)) for a, b in scales)
        if len(found) != len(names) or not all(b > 0 for _, b in found):
            raise ValueError(
                f"'scales' of targets must be an offset and a positive size for each of {', '.join(names)} "
                f"(got {list(scales)})"
            )
        object.__setattr__(self, "scales", found)

    @property
    def known(self) -> bool:
        """Whether nothing is left to be measured on training scenes."""
        return self.scales is not None

    @property
    def fields(self) -> tuple[str, ...]:
        """Fields of the files that say it."""
        return tuple(self.numbers)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the numbers."""
        return self.fields

    def read(self, scene: Scene) -> np.ndarray:
        """The numbers of all points of a file, float64 ``[n, T]``, NaN where they are not known, or directions are 0.

        Raises:
            ValueError: a field is missing, or holds something else than a number per point.
        """
        columns = [np.asarray(scene.measured(name), dtype=np.float64) for name in self.numbers]
        found = np.stack(columns, axis=1)
        if self.direction:
            found[~found.any(axis=1)] = np.nan
        return found

    def counts(self, scene: Kept, rows: Any = slice(None)) -> np.ndarray:
        """1 for kept points whose numbers are known, 0 for others, int32 ``[r, 1]``."""
        return np.isfinite(_truth(scene, rows)).all(axis=1, keepdims=True).astype(np.int32)

    def of(self, scene: Kept, rows: Any) -> np.ndarray:
        """Scaled numbers of some kept points, float32 ``[r, T]``, NaN where they are not known."""
        return self.scaled(_truth(scene, rows)).astype(np.float32)

    def scaled(self, values: np.ndarray) -> np.ndarray:
        """Numbers of files ``[n, T]`` as networks learn them."""
        offset, size = np.array(self.scales).T
        found: np.ndarray = (values - offset) / size
        return found

    def restored(self, answers: np.ndarray) -> np.ndarray:
        """What networks answer ``[n, T]`` as numbers of files."""
        offset, size = np.array(self.scales).T
        found: np.ndarray = answers * size + offset
        return found

    def to_json(self) -> dict[str, Any]:
        """All fields, plain."""
        scales = None if self.scales is None else [list(each) for each in self.scales]
        return {"numbers": list(self.numbers), "direction": self.direction, "scales": scales}


SceneTarget = ClassTarget | NumberTarget


def scene_target(described: SceneTarget | Mapping[str, Any]) -> SceneTarget:
    """A target from itself, or from its fields: numbers where ``numbers`` names some, else classes.

    Raises:
        ValueError: an unknown key, or what the targets refuse.

    Example:
        >>> scene_target({"numbers": ["height"]}), scene_target({"field": "class", "numbers": None}).field
        (NumberTarget(numbers=('height',), direction=False, scales=None), 'class')
    """
    if isinstance(described, (ClassTarget, NumberTarget)):
        return described
    keys = ("field", "table", "numbers", "direction", "scales")
    if unknown := sorted(set(described) - set(keys)):
        raise ValueError(
            f"'target' must have no other keys than {', '.join(keys)} (got {', '.join(unknown)})"
        )
    if described.get("numbers") is not None:
        return NumberTarget(
            described["numbers"], bool(described.get("direction", False)), described.get("scales")
        )
    return ClassTarget(described.get("field") or "classification", described.get("table"))


def _truth(scene: Kept, rows: Any) -> np.ndarray:
    """The numbers of some kept points in the files, ``[r, T]``."""
    if scene.truth is None:
        raise ValueError("a scene must be read with its numbers to know them")
    return scene.truth.of(rows)
