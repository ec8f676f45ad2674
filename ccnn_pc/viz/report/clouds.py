"""Clouds that turn: points as 16-bit numbers, drawn by a script of the page."""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from ccnn_pc.viz.report.colours import scale_colours, signed_range, steps_of
from ccnn_pc.viz.report.templates import fill
from ccnn_pc.viz.style import FAINT, RED, class_colours

_TEMPLATE = """\
<div class="cloud{% if large %} large{% endif %}" data-cloud="{{ told|json }}">
<canvas tabindex="0" role="img" aria-label="{{ told.count }} points, drag to turn"></canvas>
<button class="full" title="fill the screen">⤢</button><div class="views"></div><div class="legend"></div></div>"""
_HIDDEN = 255


@dataclasses.dataclass(frozen=True, eq=False)
class View:
    """One colouring of points.

    Args:
        name: of the colouring.
        rows: which of the colours each point has, ``[n]`` bytes; 255: it is not drawn.
        colours: the colours.
        names: of the colours, where they are classes.
        scale: what the first and the last colour stand for, where they are numbers.
    """

    name: str
    rows: NDArray[np.uint8]
    colours: Sequence[str]
    names: Sequence[str] = ()
    scale: tuple[str, str] | None = None


def class_view(name: str, rows: NDArray[Any], names: Sequence[str]) -> View:
    """Points by class; negative rows: none is known.

    Raises:
        ValueError: more than 254 classes.
    """
    if len(names) > _HIDDEN - 1:
        raise ValueError(f"'names' must be at most {_HIDDEN - 1} classes (got {len(names)})")
    painted = np.where(rows < 0, len(names), rows).astype(np.uint8)
    return View(name, painted, [*class_colours(len(names)), FAINT], [*names, "not known"])


def wrong_view(said: NDArray[Any], truth: NDArray[Any]) -> View:
    """Points that are right, wrong, or of no class that is known."""
    rows = np.where(truth < 0, 2, said != truth)
    return View("errors", rows.astype(np.uint8), ["#b9c1cb", RED, FAINT], ["right", "wrong", "not known"])


def number_view(
    name: str,
    values: NDArray[Any],
    *,
    scale: str = "values",
    limits: tuple[float, float] | None = None,
) -> View:
    """Points by a number, from the 1 % to the 99 % quantile, or between limits; a signed scale is symmetric."""
    values = np.asarray(values, dtype=np.float64)
    finite = values[np.isfinite(values)]
    if limits is None and scale == "signed":
        most = signed_range(values, 0.99)
        limits = -most, most
    elif limits is None:
        low, high = np.quantile(finite, [0.01, 0.99]) if len(finite) else (0.0, 1.0)
        limits = float(low), float(high)
    rows = steps_of(values, *limits)
    colours = scale_colours(scale)
    return View(name, rows, colours, scale=(f"{limits[0]:.3g}", f"{limits[1]:.3g}"))


def height_view(pos: NDArray[np.float64]) -> View:
    """Points by their last coordinate, without a legend."""
    up = pos[:, -1]
    return View("cloud", steps_of(up, float(up.min()), float(up.max())), scale_colours("heights"))


def turning_cloud(
    pos: NDArray[Any],
    views: Sequence[View],
    *,
    normals: NDArray[Any] | None = None,
    most: int = 20_000,
    size: float = 1.0,
    large: bool = False,
) -> Markup:
    r"""A cloud that can be turned, in one of several colourings.

    Positions are stored in 16 bits, on all axes in steps of the largest extent over 65535:
    :math:`q = \mathrm{round}(65535 (p - \min p) / \max_a (\max p_a - \min p_a))`.

    Args:
        pos: ``[n, 2]``, seen from above, or ``[n, 3]``.
        views: colourings; the first one is shown.
        normals: ``[n, 3]``, for light; their sign does not matter.
        most: of more points an even subset is kept.
        size: of points, 1 about as large that a surface is closed.
        large: a tall picture.

    Raises:
        ValueError: no points, other axes, positions that are not finite, views of another number of points.
    """
    pos = np.asarray(pos, dtype=np.float64)
    if pos.ndim != 2 or pos.shape[1] not in (2, 3) or not len(pos) or not np.isfinite(pos).all():
        raise ValueError(f"'pos' must be finite positions [n, 2] or [n, 3], n > 0 (got {list(pos.shape)})")
    for view in views:
        if view.rows.shape != (len(pos),):
            raise ValueError(
                f"'views' must colour {len(pos)} points (got {list(view.rows.shape)} in '{view.name}')"
            )
    kept = np.unique(np.linspace(0, len(pos) - 1, min(len(pos), most)).round().astype(np.int64))
    flat = pos.shape[1] == 2
    solid = np.concatenate([pos, np.zeros((len(pos), 1))], axis=1) if flat else pos
    low, span = solid.min(axis=0), float(np.ptp(solid, axis=0).max()) or 1.0
    told: dict[str, Any] = {
        "count": len(kept),
        "flat": flat,
        "size": size,
        "pos": _text(np.rint((solid[kept] - low) / span * 65535).astype("<u2")),
        "views": [
            {
                "name": view.name,
                "rows": _text(view.rows[kept]),
                "colours": list(view.colours),
                "names": list(view.names),
                "scale": view.scale,
            }
            for view in views
        ],
    }
    if normals is not None and not flat:
        told["normals"] = _text(np.rint(np.clip(normals[kept], -1, 1) * 127).astype(np.int8))
    return fill(_TEMPLATE, told=told, large=large)


def _text(values: NDArray[Any]) -> str:
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode("ascii")
