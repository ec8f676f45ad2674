"""The confusion matrix as a picture."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from ccnn_pc.viz.style import INK, SEQUENTIAL, colour_scale, picture


def plot_confusion(matrix: ArrayLike, classes: Sequence[str], out: str | os.PathLike[str]) -> Path:
    """Draw a confusion matrix: rows are true classes, columns predictions, colours the share of the row.

    Cells hold the counts, or percents of the row where a count has more than four digits.

    Args:
        matrix: counts ``[K, K]``, ``matrix[i, j]`` = samples of class i predicted as j.
        classes: K names.
        out: picture to write.

    Returns:
        The picture's path.

    Raises:
        ValueError: not square, negative or not finite counts, or another number of names.
        OSError: ``out`` cannot be written.
    """
    counts = np.asarray(matrix, dtype=np.float64)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or counts.size == 0:
        raise ValueError(f"'matrix' must be square (got shape {list(counts.shape)})")
    if len(classes) != len(counts):
        raise ValueError(
            f"'classes' must have one name per row of 'matrix' ({len(counts)}; got {len(classes)})"
        )
    if not np.isfinite(counts).all() or (counts < 0).any():
        raise ValueError("'matrix' must hold counts, finite and at least 0")
    totals = counts.sum(axis=1, keepdims=True)
    share = 100.0 * counts / np.maximum(totals, 1.0)
    number = len(classes)
    side = max(3.4, 1.6 + 0.42 * number) if number <= 20 else min(14.0, 2.0 + 0.25 * number)
    with picture(out, side + 0.9, side, fit=True) as figure:
        axes = figure.subplots()
        image = axes.imshow(share, cmap=SEQUENTIAL, vmin=0, vmax=100)
        axes.set_xticks(
            range(number),
            classes,
            rotation=90 if number > 20 else 45,
            ha="center" if number > 20 else "right",
            rotation_mode=None if number > 20 else "anchor",
        )
        axes.set_yticks(
            range(number),
            [f"{name} ({total:.0f})" for name, total in zip(classes, totals[:, 0], strict=True)],
        )
        axes.set(xlabel="predicted class", ylabel="true class (samples)")
        axes.grid(False)
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0, labelsize=8 if number <= 20 else 6)
        axes.set_xticks(np.arange(number + 1) - 0.5, minor=True)
        axes.set_yticks(np.arange(number + 1) - 0.5, minor=True)
        axes.grid(True, which="minor", color="white", linewidth=1.0)
        axes.tick_params(which="minor", length=0)
        if number <= 20:
            many = counts.max() > 9999  # too long for a cell
            for row, column in zip(*np.nonzero(counts), strict=True):
                colour = "white" if share[row, column] > 55 else INK
                axes.text(
                    column,
                    row,
                    f"{share[row, column]:.1f}" if many else f"{counts[row, column]:g}",
                    ha="center",
                    va="center",
                    color=colour,
                    fontsize=7.5,
                )
        correct = np.trace(counts)
        axes.set_title(
            f"{100 * correct / max(counts.sum(), 1):.1f} % correct ({correct:.0f} of {counts.sum():.0f})"
        )
        colour_scale(figure, image, axes, "share of the true class (%)")
    return Path(out)
