"""Fitted kernels beside what they were fitted to: lines and pictures."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from ccnn_pc.viz.style import FAINT, INK, RED, picture


@dataclass(frozen=True)
class LineFit:
    """One panel: a target at its points and a kernel drawn finely between them.

    Attributes:
        u: coordinates ``[n]`` of the target.
        target: values ``[n]``.
        fine: coordinates ``[m]`` of the fit.
        fit: values ``[m]``.
        note: what stands in the corner, an error for instance.
    """

    u: Tensor
    target: Tensor
    fine: Tensor
    fit: Tensor
    note: str = ""


def plot_line_fits(panels: Mapping[str, Mapping[str, LineFit]], out: str | os.PathLike[str]) -> Path:
    """Draw fits of one coordinate, kernels as rows and targets as columns (CKConv Fig. 4, SMPConv Fig. 3).

    The target is a pale band, the fit a thin line: where the line leaves the band between two points the
    kernel has aliased.

    Args:
        panels: kernel -> target -> panel; all rows have the targets of the first.
        out: picture to write.

    Returns:
        The picture's path.

    Raises:
        ValueError: no panels, or rows of different targets.
        OSError: ``out`` cannot be written.
    """
    names = list(next(iter(panels.values()), {}))
    if not names or any(list(row) != names for row in panels.values()):
        raise ValueError(f"'panels' must have the same targets for each kernel (got {_outline(panels)})")
    with picture(out, 1.35 * len(names) + 0.7, 0.82 * len(panels) + 0.6) as figure:
        grid = figure.subplots(len(panels), len(names), squeeze=False)
        for r, (kernel, row) in enumerate(panels.items()):
            for c, (name, panel) in enumerate(row.items()):
                axes = grid[r, c]
                axes.plot(panel.u, panel.target, color=FAINT, linewidth=2.4, alpha=0.55)
                axes.plot(panel.fine, panel.fit, color=RED, linewidth=0.7)
                low, high = float(panel.target.min()), float(panel.target.max())
                room = 0.3 * (high - low) or 0.5
                axes.set(xlim=(-1, 1), ylim=(low - room, high + 1.6 * room), xticks=[], yticks=[])
                axes.grid(False)
                axes.text(
                    0.98, 0.97, panel.note, transform=axes.transAxes, fontsize=6.5, ha="right", va="top"
                )
                if r == 0:
                    axes.set_title(name, fontsize=9)
                if c == 0:
                    axes.set_ylabel(kernel, fontsize=8, rotation=0, ha="right", va="center")
        figure.supxlabel("kernel coordinate u from -1 to 1; grey: target, red: kernel; error at the points",
                         fontsize=8, color=INK)  # fmt: skip
    return Path(out)


def plot_image_fits(
    image: Tensor,
    fits: Mapping[str, tuple[Tensor, str]],
    out: str | os.PathLike[str],
    *,
    title: str = "target",
) -> Path:
    """Draw a picture and what kernels of two coordinates make of it.

    Args:
        image: grey values ``[h, w]`` in [0, 1].
        fits: kernel -> values ``[h, w]`` and a note under its name.
        out: picture to write.
        title: over the target.

    Returns:
        The picture's path.

    Raises:
        ValueError: a fit of another shape.
        OSError: ``out`` cannot be written.
    """
    for kernel, (values, _) in fits.items():
        if values.shape != image.shape:
            raise ValueError(
                f"'fits' must have the image's shape {list(image.shape)} (got {list(values.shape)} for {kernel})"
            )
    shown = {title: (image, ""), **fits}
    columns = min(len(shown), 6)
    rows = math.ceil(len(shown) / columns)
    with picture(
        out, 1.5 * columns + 0.2, (1.5 * min(image.shape[0] / image.shape[1], 2.0) + 0.4) * rows
    ) as figure:
        grid = list(figure.subplots(rows, columns, squeeze=False).flat)
        for axes in grid:
            axes.set_axis_off()
        for axes, (name, (values, note)) in zip(grid, shown.items(), strict=False):
            axes.imshow(values.numpy(), cmap="gray", vmin=0.0, vmax=1.0)
            axes.set_title(f"{name}\n{note}" if note else name, fontsize=8)
    return Path(out)


def _outline(panels: Mapping[str, Mapping[str, LineFit]]) -> str:
    return ", ".join(f"{kernel}: {' '.join(row) or 'none'}" for kernel, row in panels.items()) or "none"
