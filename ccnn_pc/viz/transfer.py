"""Accuracies of one model on several samplings as a picture."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from ccnn_pc.viz.style import BLUE, FAINT, SERIES, picture


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


def plot_numbers(scores: Mapping[str, Mapping[str, float]], out: str | os.PathLike[str]) -> Path:
    """Draw accuracy over the number of samples: a panel for each kind of sampling, a line for each model.

    Args:
        scores: name of a model -> sampling, as ``even:256`` -> accuracy in [0, 1]; those without a number are left out.
        out: picture to write.

    Returns:
        The picture's path.

    Raises:
        ValueError: nothing to draw.
        OSError: ``out`` cannot be written.
    """
    lines: dict[str, dict[str, list[tuple[float, float]]]] = {}
    for model, found in scores.items():
        for sampling, accuracy in found.items():
            kind, colon, number = sampling.partition(":")
            if colon and number.replace(".", "", 1).isdigit():
                lines.setdefault(kind, {}).setdefault(model, []).append((float(number), 100 * accuracy))
    if not lines:
        raise ValueError("'scores' must hold a sampling with a number, as 'even:256' (got none)")
    with picture(out, 0.6 + 2.3 * len(lines), 2.4) as figure:
        panels = figure.subplots(1, len(lines), sharey=True, squeeze=False)[0]
        for axes, (kind, of_models) in zip(panels, lines.items(), strict=True):
            for colour, model in zip(SERIES, scores, strict=False):
                points = sorted(of_models.get(model, []))
                if points:
                    axes.plot(*zip(*points, strict=True), "o-", markersize=3, color=colour, label=model)
            axes.set_xscale("log", base=2)
            axes.xaxis.set_major_formatter("{x:g}")
            axes.set_xlabel("samples")
            axes.set_title(kind)
        panels[0].set_ylabel("accuracy [%]")
        panels[-1].legend(loc="lower right")
    return Path(out)
