"""Pictures of point clouds, plain or with a model's prediction beside them."""

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
from ccnn_pc.viz.style import FAINT, INK, ORDERED, SERIES, colour_scale, picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LIGHT = np.array([0.35, -0.55, 0.76])  # over the viewer's left shoulder
_MAX_POINTS = 20_000


def plot_cloud(
    pos: Tensor,
    out: str | os.PathLike[str],
    *,
    values: Tensor | None = None,
    label: str | None = None,
    normals: Tensor | None = None,
    title: str | None = None,
) -> Path:
    """Draw a cloud of points in two or three dimensions, to scale.

    Colours: ``values`` where given (floats on a scale, integers as classes), else the last coordinate
    (height). Normals add shading. Of more than 20 000 points an even subset is drawn, and the title says so.

    Args:
        pos: positions.
        out: picture to write.
        values: one number per point.
        label: what the values are, with their unit.
        normals: unit vectors, three dimensions only.
        title: over the picture.

    Shapes:
        pos ``[n, 2]`` or ``[n, 3]``, values ``[n]``, normals ``[n, 3]``.

    Returns:
        The picture's path.

    Raises:
        ValueError: another dimension, or lengths that differ.
        OSError: ``out`` cannot be written.
    """
    with picture(out, 5.0, 4.6, fit=True) as figure:
        _draw_cloud(figure, (1, 1, 1), pos, values=values, label=label, normals=normals, title=title)
    return Path(out)


def plot_prediction(
    pos: Tensor,
    classes: Sequence[str],
    probabilities: Tensor | Sequence[float],
    out: str | os.PathLike[str],
    *,
    normals: Tensor | None = None,
    title: str | None = None,
    truth: str | None = None,
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

    Returns:
        The picture's path.

    Raises:
        ValueError: another number of probabilities than classes, or not probabilities.
        OSError: ``out`` cannot be written.
    """
    with prediction_picture(out, classes, probabilities, truth) as figure:
        _draw_cloud(figure, (1, 2, 1), pos, normals=normals, title=title, bare=True)
    return Path(out)


def _draw_cloud(
    figure: Figure,
    place: tuple[int, int, int],
    pos: Tensor,
    *,
    values: Tensor | None = None,
    label: str | None = None,
    normals: Tensor | None = None,
    title: str | None = None,
    bare: bool = False,
) -> None:
    pos = check_positions("pos", torch.as_tensor(pos).detach().cpu())
    total, dim = pos.shape
    if dim not in (2, 3):
        raise ValueError(f"'pos' must have 2 or 3 coordinates per point (got {dim})")
    shown = np.unique(np.linspace(0, total - 1, min(total, _MAX_POINTS)).round().astype(np.int64))
    points = pos.double().numpy()[shown]
    if values is not None:
        values = torch.as_tensor(values).detach().cpu()
        check_same_length("values", values, "pos", pos)
    if normals is not None:
        check_same_length("normals", normals, "pos", pos)
        if dim != 3 or normals.shape[1] != 3:
            raise ValueError(f"'normals' must be [n, 3] for positions [n, 3] (got {list(normals.shape)})")
    axes: Any = figure.add_subplot(*place, projection="3d" if dim == 3 else None)
    size = float(np.clip(9000 / len(points), 1.2, 28.0))
    colours, classes = _colours(points, None if values is None else values.numpy()[shown])
    if normals is not None:
        facing = np.abs(torch.as_tensor(normals).detach().cpu().double().numpy()[shown] @ _LIGHT)
        colours = np.concatenate([colours[:, :3] * (0.45 + 0.55 * facing[:, None]), colours[:, 3:]], axis=1)
    axes.scatter(*points.T, c=colours, s=size, linewidths=0, **({"depthshade": False} if dim == 3 else {}))
    _frame(axes, points, bare)
    if classes is not None:
        handles = [
            axes.scatter([], [], c=[SERIES[i % len(SERIES)]], s=20, label=str(c))
            for i, c in enumerate(classes)
        ]
        axes.legend(handles=handles, title=label, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    elif values is not None:
        colour_scale(figure, _scale(values.numpy()), axes, label or "value")
    note = f"{len(shown)} of {total} points" if len(shown) < total else f"{total} points"
    axes.set_title(f"{title}\n{note}" if title else note, color=INK, fontsize=9)


def _colours(points: NDArray[Any], values: NDArray[Any] | None) -> tuple[NDArray[Any], list[int] | None]:
    """RGBA per point, and the classes where the values are integers."""
    from matplotlib import colormaps
    from matplotlib.colors import to_rgba

    if values is not None and not np.issubdtype(values.dtype, np.floating):
        classes, index = np.unique(values.astype(np.int64), return_inverse=True)
        palette = np.array([to_rgba(colour) for colour in SERIES])
        return palette[index % len(SERIES)], classes.tolist()
    if values is not None:
        return _scale(values).to_rgba(values), None
    height = points[:, -1]
    span = max(float(np.ptp(height)), 1e-12)
    return np.asarray(colormaps["GnBu_r"](0.05 + 0.6 * (height - height.min()) / span)), None


def _scale(values: NDArray[Any]) -> Any:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    return ScalarMappable(Normalize(float(values.min()), float(values.max())), ORDERED)


def _frame(axes: Any, points: NDArray[Any], bare: bool) -> None:
    """Equal scale on all axes, and no more ink than needed."""
    low, high = points.min(axis=0), points.max(axis=0)
    if points.shape[1] == 2:
        axes.set_aspect("equal", adjustable="datalim")
        axes.set(xlabel="x", ylabel="y")
        return
    middle, half = (low + high) / 2, max(float((high - low).max()) / 2, 1e-9) * 1.02
    for name, centre in zip("xyz", middle, strict=True):
        axes.set(**{f"{name}lim": (centre - half, centre + half), f"{name}label": name})
    axes.set_box_aspect((1, 1, 1), zoom=1.25 if bare else 1.0)
    axes.view_init(elev=22, azim=-58)
    if bare:
        axes.set_axis_off()
        return
    for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
        axis.set_pane_color((0.97, 0.975, 0.98, 1.0))
        axis.line.set_color(FAINT)
        axis.set_major_locator(_ticks())
    axes.tick_params(pad=0, labelsize=7)


def _ticks() -> Any:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(5)
