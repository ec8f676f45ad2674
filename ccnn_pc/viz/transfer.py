"""Accuracies of one model on several samplings as a picture."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from ccnn_pc.viz.style import BLUE, FAINT, picture


def plot_transfer(accuracies: Mapping[str, float], trained_on: str, out: str | os.PathLike[str]) -> Path:
    """Draw a bar for each sampling; that of training is blue.

    Args:
        accuracies: name of the sampling -> accuracy in [0, 1].
        trained_on: the one the model was trained on.
        out: picture to write.

    Returns:
        The picture's path.

    Raises:
        ValueError: nothing to draw.
        OSError: ``out`` cannot be written.
    """
    if not accuracies:
        raise ValueError("'accuracies' must hold at least one sampling (got none)")
    names, shares = list(accuracies), [100 * value for value in accuracies.values()]
    with picture(out, 5.2, 0.8 + 0.45 * len(names), fit=True) as figure:
        axes = figure.subplots()
        colours = [BLUE if name == trained_on else FAINT for name in names]
        bars = axes.barh(range(len(names)), shares, color=colours)
        axes.bar_label(bars, [f"{share:.1f} %" for share in shares], padding=3)
        axes.set_yticks(range(len(names)), names)
        axes.invert_yaxis()
        axes.set_xlim(0, 112)
        axes.set_xlabel(f"accuracy [%], trained on {trained_on}")
    return Path(out)
