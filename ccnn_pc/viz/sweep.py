"""A score over each setting of a sweep."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from ccnn_pc.viz.style import BLUE, RED, picture


def plot_sweep(
    settings: Mapping[str, Sequence[str]], scores: Sequence[float], label: str, out: str | os.PathLike[str]
) -> Path:
    """Draw one panel for each setting: a dot for each run, a line through the means of equal settings.

    Numbers have an axis of numbers, logarithmic where they span a factor of 20 and more; words stand side by side.

    Args:
        settings: values of each run, by the name of the setting.
        scores: of the runs.
        label: of the scores.
        out: picture to write.

    Returns:
        The picture's path.

    Raises:
        ValueError: no setting, or another number of values than of scores.
        OSError: ``out`` cannot be written.
    """
    wrong = {name: len(values) for name, values in settings.items() if len(values) != len(scores)}
    if not settings or not scores or wrong:
        raise ValueError(
            f"'settings' must have a value for each of {len(scores)} scores (got {wrong or settings})"
        )
    with picture(out, 3.2 * len(settings) + 0.8, 3.0) as figure:
        panels = figure.subplots(1, len(settings), squeeze=False, sharey=True)[0]
        for axes, (name, values) in zip(panels, settings.items(), strict=True):
            numbers = _numbers(values)
            words = sorted(set(values), key=list(values).index)
            places = numbers or [float(words.index(value)) for value in values]
            axes.plot(places, scores, "o", color=BLUE, alpha=0.6, markersize=4)
            means: dict[float, list[float]] = {}
            for place, score in sorted(zip(places, scores, strict=True)):
                means.setdefault(place, []).append(score)
            if len(means) < len(scores):
                centres = [sum(each) / len(each) for each in means.values()]
                axes.plot(list(means), centres, "-" if numbers else "_", color=RED, markersize=18)
            axes.set(xlabel=name)
            if not numbers:
                axes.set_xticks(range(len(words)), words, rotation=30 if len(words) > 3 else 0)
                axes.set_xlim(-0.5, len(words) - 0.5)
            elif min(places) > 0 and max(places) >= 20 * min(places):
                axes.set_xscale("log")
        panels[0].set(ylabel=label)
    return Path(out)


def _numbers(values: Sequence[str]) -> list[float]:
    """The values as numbers; none where one of them is a word."""
    try:
        return [float(value) for value in values]
    except ValueError:
        return []
