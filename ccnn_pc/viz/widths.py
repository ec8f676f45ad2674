"""How far each layer looks: the widths of the windows, layer by layer."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ccnn_pc.kernels import GaussianWindow
from ccnn_pc.viz.layers import Layer
from ccnn_pc.viz.style import FAINT, INK, SERIES, picture


def plot_windows(
    found: Sequence[Layer], out: str | os.PathLike[str], *, furthest: float | None = None
) -> Path:
    """Draw the standard deviation of each layer's window in position units, and the extent above it.

    A layer without a Gaussian window uses its whole support and gets the extent's line alone.

    Args:
        found: layers, see :func:`ccnn_pc.viz.layers.layers`.
        out: picture to write.
        furthest: distance of the furthest of the k neighbours that the layers see; drawn dotted.

    Returns:
        The picture's path.

    Raises:
        OSError: ``out`` cannot be written.
    """
    number, dim = len(found), max(layer.dim for layer in found)
    rows, widest = np.arange(number), max(found, key=lambda layer: layer.dim)
    with picture(out, max(3.6, 1.8 + 0.62 * number), 3.4) as figure:
        axes = figure.subplots()
        gaussian = [(i, layer, layer.conv.window) for i, layer in enumerate(found)]
        bars = 1 if all(isinstance(w, GaussianWindow) and w.isotropic for _, _, w in gaussian) else dim
        height = 0.7 / bars
        for axis in range(bars):
            place, width = [], []
            for i, layer, window in gaussian:
                middle, reach = (
                    i + (axis - (bars - 1) / 2) * height,
                    float(layer.extent[min(axis, layer.dim - 1)]),
                )
                line = [middle - 0.6 * height, middle + 0.6 * height]
                axes.plot(
                    line, [reach, reach], color=FAINT, linewidth=1.6, label=None if i + axis else "extent"
                )
                if isinstance(window, GaussianWindow) and axis < layer.dim:
                    place.append(middle)
                    width.append(float(window.effective_width.detach()[axis]) * float(layer.unit[axis]))
            label = "all axes" if bars == 1 and dim > 1 else widest.axis_name(axis)
            drawn = axes.bar(place, width, height * 0.92, color=SERIES[axis % len(SERIES)], label=label)
            if number * bars <= 16:
                ground = {"facecolor": "white", "edgecolor": "none", "pad": 0.4}
                axes.bar_label(drawn, fmt="%.3g", fontsize=7, padding=2, bbox=ground)
        if furthest is not None:
            axes.axhline(
                furthest, color=INK, linewidth=0.9, linestyle="dotted", label="furthest of k neighbours"
            )
        axes.set_xticks(
            rows, [layer.name for layer in found], rotation=35, ha="right", rotation_mode="anchor"
        )
        axes.set(ylabel="window's standard deviation\n(position units)", title="Window widths")
        axes.grid(False, axis="x")
        axes.margins(y=0.12)
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return Path(out)
