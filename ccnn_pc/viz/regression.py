"""Predicted numbers against true ones."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from ccnn_pc._checks import check_same_length
from ccnn_pc.viz.style import BLUE, FAINT, INK, picture


def plot_regression(
    true: Tensor, predicted: Tensor, names: Sequence[str], out: str | os.PathLike[str]
) -> Path:
    """Draw a panel for each number: predicted against true values, to one scale; the line is where both are equal.

    Args:
        true: ``[n, K]``.
        predicted: ``[n, K]``.
        names: of the K numbers; at most eight are drawn.
        out: picture to write.

    Returns:
        The picture's path.

    Raises:
        ValueError: shapes that do not fit, or no item.
        OSError: ``out`` cannot be written.
    """
    true, predicted = (torch.as_tensor(each).detach().cpu().double() for each in (true, predicted))
    check_same_length("predicted", predicted, "true", true)
    if true.dim() != 2 or true.shape != predicted.shape or true.shape[1] != len(names) or not len(true):
        raise ValueError(
            f"'true' and 'predicted' must be [n, {len(names)}] (got {list(true.shape)}, {list(predicted.shape)})"
        )
    shown = list(names)[:8]
    columns = min(4, len(shown))
    rows = -(-len(shown) // columns)
    with picture(out, 3.2 * columns + 0.2, 3.5 * rows, fit=True) as figure:
        grid = list(figure.subplots(rows, columns, squeeze=False).flat)
        for axes, name, x, y in zip(grid, shown, true.t(), predicted.t(), strict=False):
            low, high = float(torch.minimum(x, y).min()), float(torch.maximum(x, y).max())
            room = 0.05 * (high - low) or 0.5
            limits = (low - room, high + room)
            axes.plot(limits, limits, color=FAINT, linewidth=1.0, zorder=1)
            axes.scatter(x, y, s=10 if len(x) < 500 else 4, color=BLUE, alpha=0.6, linewidths=0, zorder=2)
            axes.set(
                xlim=limits, ylim=limits, aspect="equal", xlabel=f"true {name}", ylabel=f"predicted {name}"
            )
            axes.locator_params(nbins=5)
            spread = float((x - x.mean()).square().sum())
            fit = f", R² {1 - float((y - x).square().sum()) / spread:.3f}" if spread > 0 else ""
            axes.set_title(
                f"root mean square error {float((y - x).square().mean().sqrt()):.3g}{fit}",
                fontsize=8,
                color=INK,
            )
        for axes in grid[len(shown) :]:
            axes.set_axis_off()
    return Path(out)
