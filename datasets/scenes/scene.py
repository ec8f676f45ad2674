"""A scene: the points of a file as they lie there, and what the file says of each."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterable, Mapping
from typing import Protocol

import numpy as np

from ccnn_pc.datasets.common.broken import DataWarning
from ccnn_pc.datasets.formats.las import epsg_of


@dataclasses.dataclass(frozen=True, eq=False)
class Scene:
    """The points of a file, in its order, with its own names and units.

    Args:
        pos: ``[n, 3]`` float64, finite.
        fields: what else the file says of each point, ``[n]`` or ``[n, c]``, by the file's own names.
        crs: the coordinate system, as WKT or ``EPSG:number``; None: the file names none.
        source: where it comes from, for messages.

    Raises:
        ValueError: no points, other shapes, or positions that are not finite.

    Example:
        >>> scene = Scene(np.zeros((2, 3)), {"classification": np.array([2, 1], dtype=np.uint8)}, source="a.laz")
        >>> len(scene), scene.labels("classification").tolist()
        (2, [2, 1])
        >>> scene.field("nir")
        Traceback (most recent call last):
        ...
        ValueError: 'a.laz' has no field 'nir' (it has classification)
    """

    pos: np.ndarray
    fields: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    crs: str | None = None
    source: str = "scene"

    def __post_init__(self) -> None:
        pos, where = self.pos, f"'{self.source}'"
        if pos.ndim != 2 or pos.shape[1:] != (3,) or pos.dtype != np.float64:
            raise ValueError(
                f"{where} must have positions [n, 3], float64 (got {list(pos.shape)}, {pos.dtype})"
            )
        if len(pos) == 0:
            raise ValueError(f"{where} holds no points")
        if not np.isfinite(pos.sum()) and not (finite := np.isfinite(pos).all(axis=1)).all():
            row = int(np.flatnonzero(~finite)[0])
            raise ValueError(
                f"{where} must have finite coordinates x, y, z ({int((~finite).sum())} of {len(pos)} points have not; "
                f"point {row} is {pos[row].tolist()}): take those points out"
            )
        for name, values in self.fields.items():
            if len(values) != len(pos):
                raise ValueError(
                    f"{where}: field '{name}' must have {len(pos)} rows, as points (got {len(values)})"
                )

    def __len__(self) -> int:
        return len(self.pos)

    def field(self, name: str) -> np.ndarray:
        """A field as it is in the file.

        Raises:
            ValueError: it is not there; the message lists those that are.
        """
        if name not in self.fields:
            raise ValueError(
                f"'{self.source}' has no field '{name}' (it has {', '.join(self.fields) or 'none'})"
            )
        return self.fields[name]

    def numbers(self, name: str, *, gaps: bool = False) -> np.ndarray:
        """A field of finite numbers, ``[n]`` or ``[n, c]``.

        Args:
            name: of the field.
            gaps: whether NaN may stand for numbers that are not known.

        Raises:
            ValueError: it is not there, holds words, or numbers that are not finite.
        """
        values = self.field(name)
        if values.dtype.kind not in "fiub":
            raise ValueError(f"'{self.source}': field '{name}' must hold numbers (got '{values.flat[0]}')")
        finite = (lambda each: ~np.isinf(each)) if gaps else np.isfinite
        if values.dtype.kind == "f" and not finite(values).all():
            lost = ~finite(values.reshape(len(values), -1)).all(axis=1)
            raise ValueError(
                f"'{self.source}': field '{name}' must be finite ({int(lost.sum())} of {len(lost)} points are not; "
                f"the first is point {int(np.flatnonzero(lost)[0])})"
            )
        return values

    def measured(self, name: str) -> np.ndarray:
        """A field of one number per point, ``[n]``; NaN where it is not known.

        Raises:
            ValueError: it is not there, holds words, infinite numbers, or more than one number per point.
        """
        values = self.numbers(name, gaps=True)
        if values.ndim != 1:
            raise ValueError(
                f"'{self.source}': field '{name}' must hold one number per point (got {values.shape[1]})"
            )
        return values

    def labels(self, name: str) -> np.ndarray:
        """A field of whole numbers, int64 ``[n]``.

        Raises:
            ValueError: it is not there, holds words, more than one number per point, or numbers that are not whole.
        """
        values = self.numbers(name)
        if values.ndim != 1:
            raise ValueError(
                f"'{self.source}': field '{name}' must hold one number per point (got {values.shape[1]})"
            )
        if values.dtype.kind == "u" and len(values) and int(values.max()) > np.iinfo(np.int64).max:
            raise ValueError(
                f"'{self.source}': field '{name}' must hold numbers below 2^63 as labels (got {values.max()})"
            )
        with np.errstate(invalid="ignore"):  # larger floats are no whole numbers of 64 bits
            whole = values.astype(np.int64)
        if values.dtype.kind == "f" and (whole != values).any():
            wrong = values[whole != values][0]
            raise ValueError(
                f"'{self.source}': field '{name}' must hold whole numbers as labels (got {wrong:g})"
            )
        return whole


class Placed(Protocol):
    """Anything that knows its coordinate system and where it comes from."""

    @property
    def crs(self) -> str | None: ...

    @property
    def source(self) -> str: ...


def common_crs(scenes: Iterable[Placed]) -> str | None:
    """The coordinate system of all scenes that name one; a warning where they name several.

    Args:
        scenes: scenes, or anything else with ``crs`` and ``source``.

    Returns:
        That of the first scene that names one; None where none does.

    Example:
        >>> common_crs([Scene(np.zeros((1, 3)), crs="EPSG:25832"), Scene(np.zeros((1, 3)))])
        'EPSG:25832'
    """
    named = [(each.crs, each.source) for each in scenes if each.crs is not None]
    first: dict[str, str] = {}
    for crs, source in named:
        first.setdefault(epsg_of(crs), source)
    if len(first) > 1:
        listed = "; ".join(f"'{source}' {_short(crs)}" for crs, source in list(first.items())[:3])
        warnings.warn(
            f"the scenes have {len(first)} coordinate systems ({listed}): units and axes may differ between them",
            DataWarning,
            stacklevel=2,
        )
    return named[0][0] if named else None


def _short(crs: str) -> str:
    return crs if len(crs) <= 60 else f"{crs[:57]}..."
