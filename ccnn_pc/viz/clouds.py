"""Pictures of point clouds with a model's prediction beside them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ccnn_pc._checks import check_positions, check_same_length
from ccnn_pc.viz.chances import prediction_picture
from ccnn_pc.viz.style import FAINT, INK

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LIGHT = np.array([0.35, -0.55, 0.76])  # over the viewer's left shoulder
MAX_POINTS = 20_000


def plot_prediction(
    pos: Tensor,
    classes: Sequence[str],
    probabilities: Tensor | Sequence[float],
    out: str | os.PathLike[str],
    *,
    normals: Tensor | None = None,
    title: str | None = None,
    truth: str | None = None,
    stored: Tensor | None = None,
) -> Path:
    """Draw a cloud and, beside it, the probabilities of (at most ten) classes, the likeliest on top.

    Args:
        pos: positions ``[n, D]``, what the model saw.
        classes: K names.
        probabilities: K numbers in [0, 1].
        out: picture to write.
        normals: for shading, ``[n, 3]``.
        title: over the cloud, e.g. the file's name.
        truth: the true class, where known; marked in the bars.
        stored: points of the file that the model did not see, ``[N, D]``; drawn pale behind the others.

    Returns:
        The picture's path.

    Of more than 20 000 points an even subset is drawn, and the title says so.

    Raises:
        ValueError: positions of other than two or three axes, or not finite; lengths that differ; another number of
            probabilities than classes, or not probabilities.
        OSError: ``out`` cannot be written.
    """
    with prediction_picture(out, classes, probabilities, truth) as figure:
        _draw_cloud(figure, pos, normals, title, stored)
    return Path(out)


def _draw_cloud(
    figure: Figure, pos: Tensor, normals: Tensor | None, title: str | None, stored: Tensor | None = None
) -> None:
    """Points to scale, coloured by their last coordinate (height); normals add shading."""
    from matplotlib import colormaps

    pos = check_positions("pos", torch.as_tensor(pos).detach().cpu())
    total, dim = pos.shape
    if dim not in (2, 3):
        raise ValueError(f"'pos' must have 2 or 3 coordinates per point (got {dim})")
    shown = np.unique(np.linspace(0, total - 1, min(total, MAX_POINTS)).round().astype(np.int64))
    points = pos.double().numpy()[shown]
    height = points[:, -1]
    span = max(float(np.ptp(height)), 1e-12)
    colours = np.asarray(colormaps["GnBu_r"](0.05 + 0.6 * (height - height.min()) / span))
    if normals is not None:
        check_same_length("normals", normals, "pos", pos)
        if dim != 3 or normals.shape[1] != 3:
            raise ValueError(f"'normals' must be [n, 3] for positions [n, 3] (got {list(normals.shape)})")
        facing = np.abs(torch.as_tensor(normals).detach().cpu().double().numpy()[shown] @ _LIGHT)
        colours = np.concatenate([colours[:, :3] * (0.45 + 0.55 * facing[:, None]), colours[:, 3:]], axis=1)
    axes: Any = figure.add_subplot(1, 2, 1, projection="3d" if dim == 3 else None)
    flat = {"depthshade": False} if dim == 3 else {}
    behind = (
        None if stored is None else check_positions("stored", torch.as_tensor(stored).detach().cpu(), dim)
    )
    if behind is not None:
        some = behind[:: max(1, len(behind) // MAX_POINTS)].double().numpy()
        axes.scatter(*some.T, c=FAINT, s=1.0, linewidths=0, alpha=0.35, zorder=0, **flat)
    size = float(np.clip(9000 / len(points), 1.2, 28.0))
    axes.scatter(*points.T, c=colours, s=size, linewidths=0, **flat)
    frame(axes, points)
    seen = f"{len(shown)} of {total} points" if len(shown) < total else f"{total} points"
    note = seen if behind is None else f"{seen} of {len(behind)} in the file (grey)"
    axes.set_title(f"{title}\n{note}" if title else note, color=INK, fontsize=9)


def frame(axes: Any, points: NDArray[Any]) -> None:
    """Equal scale on all axes, and no more ink than needed."""
    if points.shape[1] == 2:
        axes.set_aspect("equal", adjustable="datalim")
        axes.set(xlabel="x", ylabel="y")
        return
    low, high = points.min(axis=0), points.max(axis=0)
    middle, half = (low + high) / 2, max(float((high - low).max()) / 2, 1e-9) * 1.02
    for name, centre in zip("xyz", middle, strict=True):
        axes.set(**{f"{name}lim": (centre - half, centre + half)})
    axes.set_box_aspect((1, 1, 1), zoom=1.25)
    axes.view_init(elev=22, azim=-58)
    axes.set_axis_off()
