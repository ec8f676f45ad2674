"""Pictures of point clouds coloured by the class of each point."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ccnn_pc._checks import check_same_length
from ccnn_pc.viz.clouds import MAX_POINTS, frame
from ccnn_pc.viz.style import FAINT, INK, RED, class_colours, picture


def plot_labels(
    pos: ArrayLike,
    predicted: ArrayLike,
    classes: Sequence[str],
    out: str | os.PathLike[str],
    *,
    truth: ArrayLike | None = None,
    title: str | None = None,
) -> Path:
    """Draw a cloud coloured by class; where the truth is known, that beside it, and the errors.

    Args:
        pos: positions ``[n, 2]`` or ``[n, 3]``.
        predicted: class of each point ``[n]``; a negative number: none.
        classes: K names.
        out: picture to write.
        truth: true class of each point ``[n]``; a negative number: not known.
        title: over the picture.

    Returns:
        The picture's path.

    Of more than 20 000 points an even subset is drawn, and the title says so.

    Raises:
        ValueError: positions of other than two or three axes, lengths that differ, a class without a name.
        OSError: ``out`` cannot be written.
    """
    points = np.asarray(pos, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] not in (2, 3) or len(points) == 0:
        raise ValueError(f"'pos' must be [n, 2] or [n, 3], with a point (got {list(points.shape)})")
    panels = {"prediction": np.asarray(predicted)}
    if truth is not None:
        panels["truth"] = np.asarray(truth)
    for name, label in panels.items():
        check_same_length(name, label, "pos", points)
        if label.max(initial=-1) >= len(classes):
            raise ValueError(
                f"'{name}' must be below {len(classes)}, the number of classes (got {label.max()})"
            )
    shown = np.unique(np.linspace(0, len(points) - 1, min(len(points), MAX_POINTS)).round().astype(np.int64))
    colours = np.array([*class_colours(len(classes)), FAINT])  # -1: the last one
    drawn = {name: colours[np.maximum(label, -1)[shown]] for name, label in panels.items()}
    if truth is not None:
        said, true = panels["prediction"][shown], panels["truth"][shown]
        wrong = (said != true) & (true >= 0)
        drawn["errors"] = np.where(wrong, RED, FAINT)
    present = np.unique(np.concatenate([label[shown] for label in panels.values()]))
    with picture(out, 3.6 * len(drawn) + 1.4, 3.8) as figure:
        solid = points.shape[1] == 3
        for place, (name, colour) in enumerate(drawn.items(), start=1):
            axes: Any = figure.add_subplot(1, len(drawn), place, projection="3d" if solid else None)
            size = float(np.clip(9000 / len(shown), 1.2, 28.0))
            flat = {"depthshade": False} if solid else {}
            axes.scatter(*points[shown].T, c=colour, s=size, linewidths=0, **flat)
            frame(axes, points[shown])
            if len(drawn) > 1:
                axes.set_title(name, color=INK, fontsize=9)
        for label in present[present >= 0]:
            axes.scatter(
                [], [], c=colours[label], s=25, label=classes[label], **({"zs": []} if solid else {})
            )
        figure.legend(loc="outside right center", ncols=1 + int((present >= 0).sum() > 20))
        seen = (
            f"{len(shown)} of {len(points)} points" if len(shown) < len(points) else f"{len(points)} points"
        )
        figure.suptitle(f"{title}\n{seen}" if title else seen, color=INK, fontsize=9)
    return Path(out)
