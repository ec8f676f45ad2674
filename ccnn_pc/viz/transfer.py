"""Accuracies on several samplings as a picture."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ccnn_pc.viz.style import FAINT, INK, SERIES, picture

Scores = Mapping[str, Mapping[str, float]]

#: Number of a kind of sampling -> what it says; a "*": its axis is logarithmic.
_AXES = {
    "pixels": "spacing, in that of training *",
    "scattered": "share of the pixels",
    "jittered": "samples moved by, in spacings",
    "every": "every n-th sample *",
    "drop": "samples left out [%]",
    "voxels": "voxels *",
    "dense": "voxels *",
}
#: What some kinds are where nothing is left out: the sampling of that name, at this number.
_WHOLE = {
    "pixels": ("pixels", 1.0),
    "scattered": ("pixels", 1.0),
    "every": ("series", 1.0),
    "drop": ("series", 0.0),
}
#: Inches.
_PANEL, _ROW, _EDGE = 2.3, 0.13, 0.6


def plot_transfer(scores: Scores, out: str | os.PathLike[str], trained_on: str | None = None) -> Path:
    """Draw accuracies on several samplings: lines over the numbers of those that differ in one, bars for the others.

    Each kind of sampling with several numbers (``even:64``, ``even:256``) has a panel, with the accuracy at the
    sampling of training as a dotted line.

    Args:
        scores: what is compared, a model or a way to read -> sampling -> accuracy in [0, 1]; gaps are left out. The
            first is the one that was trained on ``trained_on``.
        out: picture to write.
        trained_on: the sampling of training; None: there are several models.

    Returns:
        The picture's path.

    Raises:
        ValueError: nothing to draw.
        OSError: ``out`` cannot be written.
    """
    shown = {name: found for name, found in scores.items() if found}
    if not shown:
        raise ValueError("'scores' must hold at least one sampling (got none)")
    lines = _numbered(shown)
    drawn = {
        sampling for panel in lines.values() for points in panel.values() for sampling in points.values()
    }
    bars = list(dict.fromkeys(name for found in shown.values() for name in found if name not in drawn))
    if lines and bars == [trained_on]:
        bars = []  # the dotted line
    colours = dict(zip(scores, SERIES, strict=False))
    barred = {name: found for name, found in shown.items() if set(bars) & set(found)}
    tall = len(bars) * (0.08 + _ROW * len(barred))
    heights = [*([_PANEL] if lines else []), *([_EDGE + tall] if bars else [])]
    with picture(out, max(5.2, 0.7 + _PANEL * len(lines)), sum(heights), fit=True) as figure:
        rows = figure.add_gridspec(len(heights), 1, height_ratios=heights)
        first: Any = None
        if lines:
            columns = rows[0].subgridspec(1, len(lines))
            limits = _limits(lines, shown)
            for place, (kind, panel) in enumerate(lines.items()):
                axes = first = figure.add_subplot(columns[place], sharey=first)
                _draw_lines(axes, kind, panel, shown, colours)
                axes.set_ylim(limits)
                if trained_on is not None and trained_on in (own := next(iter(shown.values()))):
                    level = 100 * own[trained_on]
                    axes.axhline(
                        level,
                        color=FAINT,
                        linewidth=1,
                        linestyle=":",
                        label=f"{next(iter(shown))} at {trained_on}",
                    )
                if place:
                    axes.tick_params(labelleft=False)
                else:
                    axes.set_ylabel("accuracy [%]")
        if bars:
            axes = figure.add_subplot(rows[-1])
            _draw_bars(axes, bars, barred, colours, trained_on)
            first = axes if first is None else first
        handles, labels = first.get_legend_handles_labels()
        if len(labels) > 1:
            figure.legend(handles, labels, loc="outside upper center", ncols=min(len(labels), 4))
    return Path(out)


def _numbered(scores: Scores) -> dict[str, dict[str, dict[float, str]]]:
    """Kind of sampling -> what is compared -> number -> sampling, of kinds with several numbers."""
    kinds: dict[str, dict[str, dict[float, str]]] = {}
    for name, found in scores.items():
        for sampling in found:
            kind, colon, number = sampling.partition(":")
            if colon and number.replace(".", "", 1).isdigit():
                kinds.setdefault(kind, {}).setdefault(name, {})[float(number)] = sampling
    several = {
        kind: panel for kind, panel in kinds.items() if len({n for each in panel.values() for n in each}) > 1
    }
    for kind, panel in several.items():
        whole, at = _WHOLE.get(kind, ("", 0.0))
        for name, points in panel.items():
            if whole in scores[name]:
                points.setdefault(at, whole)
    return several


def _limits(lines: Mapping[str, Mapping[str, Mapping[float, str]]], scores: Scores) -> tuple[float, float]:
    """Of the accuracies in all panels, per cent, with some space around them."""
    shares = [
        100 * scores[name][sampling]
        for panel in lines.values()
        for name, points in panel.items()
        for sampling in points.values()
    ]
    space = max(1.0, 0.08 * (max(shares) - min(shares)))
    return min(shares) - space, max(shares) + space


def _draw_lines(
    axes: Any, kind: str, panel: Mapping[str, Mapping[float, str]], scores: Scores, colours: Mapping[str, str]
) -> None:
    for place, name in enumerate(scores):
        points = sorted(panel.get(name, {}).items())
        numbers, shares = [number for number, _ in points], [100 * scores[name][text] for _, text in points]
        style = ("o-", "s--", "^-.")[place % 3]
        axes.plot(numbers, shares, style, markersize=4, color=colours[name], label=name)
    ticks = sorted({number for points in panel.values() for number in points})
    text = _AXES.get(kind, "points *" if min(ticks) >= 1 else "share of the pixels")
    axes.set_xlabel(text.removesuffix(" *"))
    axes.set_title(kind)
    if text.endswith("*"):
        axes.set_xscale("log", base=2)
        axes.set_xticks(_apart(ticks))
        axes.minorticks_off()
        axes.xaxis.set_major_formatter("{x:.4g}")


def _apart(ticks: list[float]) -> list[float]:
    """Of rising positive numbers those whose labels do not touch on a logarithmic axis, the last one among them."""
    least = (ticks[-1] / ticks[0]) ** (1 / 7)
    kept = ticks[-1:]
    for tick in reversed(ticks[:-1]):
        if kept[-1] >= 0.999 * least * tick:
            kept.append(tick)
    return kept


def _draw_bars(
    axes: Any, bars: list[str], scores: Scores, colours: Mapping[str, str], trained_on: str | None
) -> None:
    thick = 0.84 / len(scores)
    for place, (name, found) in enumerate(scores.items()):
        there = [(row, 100 * found[sampling]) for row, sampling in enumerate(bars) if sampling in found]
        where = [row + (place - (len(scores) - 1) / 2) * thick for row, _ in there]
        drawn = axes.barh(where, [share for _, share in there], 0.9 * thick, color=colours[name], label=name)
        axes.bar_label(drawn, [f"{share:.1f}" for _, share in there], padding=3, fontsize=7, color=INK)
    axes.set_yticks(range(len(bars)), [f"{name} (training)" if name == trained_on else name for name in bars])
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.set_xlim(0, 108)
    axes.set_xticks(range(0, 101, 20))
    axes.set_xlabel("accuracy [%]")
