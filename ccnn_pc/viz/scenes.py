"""Pictures of scenes: from above and at a slant, coloured by class; beside truth and errors where they are known."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ccnn_pc.viz.style import FAINT, INK, RED, class_colours, picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Points that are drawn at most.
MOST = 200_000
RIGHT, UNKNOWN = "#cfd5db", FAINT
#: From where it is seen at a slant, degrees; how far away, in extents.
_AZIMUTH, _ELEVATION, _DISTANCE = 30.0, 32.0, 2.5


def drawn_rows(count: int, most: int = MOST) -> NDArray[np.int64]:
    """At most so many of the rows 0 ... count - 1, evenly.

    Example:
        >>> drawn_rows(9, 3).tolist(), drawn_rows(2, 3).tolist()
        ([0, 4, 8], [0, 1])
    """
    return np.linspace(0, count - 1, min(count, most)).round().astype(np.int64)


@dataclasses.dataclass(frozen=True, eq=False)
class SeenScene:
    """Points of a scene with the class that each is taken for.

    Args:
        pos: ``[n, 3]``, float64.
        said: row of the class of each point, ``[n]``.
        classes: K names.
        truth: row of the true class, ``[n]``, negative where it is not known; None: of no point.
        total: points of the whole scene, of which these are some; None: these are all.

    Raises:
        ValueError: other shapes, no points, positions that are not finite, rows that are no class.
    """

    pos: NDArray[np.float64]
    said: NDArray[Any]
    classes: Sequence[str]
    truth: NDArray[Any] | None = None
    total: int | None = None

    def __post_init__(self) -> None:
        if (
            self.pos.ndim != 2
            or self.pos.shape[1] != 3
            or not len(self.pos)
            or not np.isfinite(self.pos).all()
        ):
            raise ValueError(f"'pos' must be finite positions [n, 3], n > 0 (got {list(self.pos.shape)})")
        for name, rows in (("said", self.said), ("truth", self.truth)):
            if rows is None:
                continue
            if rows.shape != (len(self.pos),) or rows.dtype.kind not in "iu":
                raise ValueError(
                    f"'{name}' must be a class for each of {len(self.pos)} points (got {rows.dtype} {list(rows.shape)})"
                )
            outside = rows[(rows >= len(self.classes)) | ((rows < 0) & (name == "said"))]
            if len(outside):
                raise ValueError(f"'{name}' must be rows of {len(self.classes)} classes (got {outside[0]})")

    @property
    def wrong(self) -> NDArray[np.int8]:
        """1 where the class is not the true one, 0 where it is, -1 where that is not known; ``[n]``."""
        if self.truth is None:
            return np.full(len(self.pos), -1, dtype=np.int8)
        return np.where(self.truth < 0, -1, self.said != self.truth).astype(np.int8)

    def subset(self, most: int) -> SeenScene:
        """At most so many of the points, evenly."""
        rows = drawn_rows(len(self.pos), most)
        truth = None if self.truth is None else self.truth[rows]
        total = len(self.pos) if self.total is None else self.total
        return SeenScene(self.pos[rows], self.said[rows], self.classes, truth, total)


def plot_scene(scene: SeenScene, out: str | os.PathLike[str], *, title: str | None = None) -> Path:
    """Draw a scene from above and at a slant, coloured by class; where truth is known also the truth and the errors.

    Of more than 200 000 points an even subset is drawn. High points lie above low ones; wrong ones above all others.
    The legends tell the share of each class among the points that are drawn.

    Args:
        scene: the points.
        out: picture to write.
        title: over it, e.g. the file's name.

    Returns:
        The picture's path.

    Raises:
        OSError: ``out`` cannot be written.
    """
    shown = scene.subset(MOST)
    colours = class_colours(len(shown.classes))
    panels = [("class", shown.said, list(shown.classes), colours)]
    if shown.truth is not None:
        panels += [
            ("truth", shown.truth, list(shown.classes), colours),
            ("errors", shown.wrong, ["right", "wrong"], [RIGHT, RED]),
        ]
    above = shown.pos[:, :2] - shown.pos[:, :2].min(axis=0)
    slanted, away = _slanted(shown.pos)
    wide, high = np.maximum(np.ptp(above, axis=0), 1e-9)
    ratio = float(np.clip(high / wide, 0.25, 2.0))
    width = 4.6
    with picture(out, width * len(panels) + 0.4, width * (ratio + 0.75) + 1.2) as figure:
        axes = figure.subplots(2, len(panels), squeeze=False, height_ratios=[ratio + 0.25, 0.75])
        for (name, rows, names, paint), (top, bottom) in zip(panels, axes.T, strict=True):
            last = rows == 1 if name == "errors" else np.zeros(len(rows), dtype=bool)
            _scatter(top, above, rows, paint, np.lexsort((shown.pos[:, 2], last)))
            _scatter(bottom, slanted, rows, paint, np.lexsort((-away, last)))
            top.set(title=name, xlabel="x", ylabel="y")
            top.grid(False)
            bottom.set_axis_off()
            _legend(bottom, rows, names, paint)
        note = (
            f"{shown.total} points"
            if shown.total == len(shown.pos)
            else f"{len(shown.pos)} of {shown.total} points"
        )
        figure.suptitle(f"{title}\n{note}" if title else note, color=INK, fontsize=10)
    return Path(out)


def _slanted(pos: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where points are seen in perspective ``[n, 2]``, and how far away they are ``[n]``."""
    low, high = pos.min(axis=0), pos.max(axis=0)
    x, y, z = ((pos - (low + high) / 2) / max(float((high - low).max()), 1e-9)).T
    turn, lift = np.radians([_AZIMUTH, _ELEVATION])
    across, along = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    up = along * np.sin(lift) + z * np.cos(lift)
    away = along * np.cos(lift) - z * np.sin(lift) + _DISTANCE
    return np.stack([across, up], axis=1) / away[:, None], away


def _scatter(
    axes: Axes,
    place: NDArray[np.float64],
    rows: NDArray[Any],
    colours: Sequence[str],
    order: NDArray[np.int64],
) -> None:
    from matplotlib.colors import to_rgb

    palette = np.array([*map(to_rgb, colours), to_rgb(UNKNOWN)])  # a negative row is the last one
    rows = np.maximum(rows[order].astype(np.int64), -1)
    size = float(np.clip(60_000 / len(order), 0.4, 24.0))
    axes.scatter(
        place[order, 0], place[order, 1], c=palette[rows], s=size, marker="s", linewidths=0, rasterized=True
    )
    axes.set_aspect("equal", adjustable="datalim")


def _legend(axes: Axes, rows: NDArray[Any], names: Sequence[str], colours: Sequence[str]) -> None:
    """Names of the classes that occur, with their shares."""
    from matplotlib.patches import Patch

    counts = np.bincount(rows[rows >= 0].astype(np.int64), minlength=len(names))
    shares = counts / max(counts.sum(), 1)
    entries = [
        Patch(color=colour, label=f"{name} {100 * share:.1f} %")
        for name, share, colour in zip(names, shares, colours, strict=True)
        if share
    ]
    if (rows < 0).any():
        entries.append(Patch(color=UNKNOWN, label=f"not known ({int((rows < 0).sum())} points)"))
    axes.legend(handles=entries, loc="upper center", bbox_to_anchor=(0.5, 0.0), ncols=2 + (len(entries) > 8))
