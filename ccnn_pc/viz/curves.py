"""Curves of a training run, from its metrics CSV."""

from __future__ import annotations

import csv
import math
import os
from pathlib import Path
from typing import Any

from ccnn_pc.viz.style import BLUE, RED, SERIES, picture

PARTS = (("train", BLUE, "training"), ("val", RED, "validation"))
#: Score, label, factor, whether it should fall.
PANELS = (
    ("loss", "loss", 1.0, True),
    ("accuracy", "accuracy (%)", 100.0, False),
    ("mean_class_accuracy", "mean-class accuracy (%)", 100.0, False),
    ("mean_iou", "mean IoU (%)", 100.0, False),
    ("instance_iou", "IoU, mean over shapes (%)", 100.0, False),
    ("category_iou", "IoU, mean over categories (%)", 100.0, False),
    ("total_error", "total error (%)", 100.0, True),
    ("auc", "area under the ROC curve", 1.0, False),
    ("mse", "mean squared error", 1.0, True),
    ("mae", "mean absolute error", 1.0, True),
    ("angle", "mean angle (degrees)", 1.0, True),
    ("bits_per_character", "bits per character", 1.0, True),
)


def read_metrics(metrics_csv: str | os.PathLike[str]) -> dict[str, list[tuple[float, float]]]:
    r"""Read a logger's CSV: for each column its finite values against the epoch (the step without one).

    Rows may leave columns empty, as loggers do that write train and validation scores apart. Of several
    values in one epoch the last one counts.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: no numbers in it.

    Example:
        >>> import tempfile, pathlib
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = pathlib.Path(folder) / "metrics.csv"
        ...     _ = file.write_text("epoch,step,val/loss,lr\n0,9,1.5,\n0,9,,0.1\n1,19,1.0,\n")
        ...     read_metrics(file)
        {'val/loss': [(0.0, 1.5), (1.0, 1.0)], 'lr': [(0.0, 0.1)]}
    """
    path = Path(metrics_csv)
    if not path.is_file():
        raise FileNotFoundError(
            f"'metrics_csv' must be the metrics file of a training run (got {path}: no such file)"
        )
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    curves: dict[str, dict[float, float]] = {}
    for row in rows:
        time = _number(row.get("epoch"))
        time = _number(row.get("step")) if time is None else time
        if time is None:
            continue
        for name, text in row.items():
            value = _number(text)
            if name not in (None, "epoch", "step") and value is not None:
                curves.setdefault(name, {})[time] = value
    if not curves:
        raise ValueError(f"'metrics_csv' must hold numbers with an epoch or a step (got {path}: none)")
    return {name: sorted(points.items()) for name, points in curves.items()}


def plot_curves(metrics_csv: str | os.PathLike[str], out: str | os.PathLike[str]) -> Path:
    """Draw loss, scores, learning rate and (where logged) window widths of a run against the epoch.

    Args:
        metrics_csv: columns ``epoch``, ``step``, ``train/loss``, ``val/loss``, ``train/accuracy`` …
            ``lr``; all optional.
        out: picture to write.

    Returns:
        The picture's path.

    Raises:
        FileNotFoundError: there is no such CSV.
        ValueError: it holds no numbers.
        OSError: ``out`` cannot be written.
    """
    curves = read_metrics(metrics_csv)
    panels = [panel for panel in PANELS if any(f"{part}/{panel[0]}" in curves for part, _, _ in PARTS)]
    rates = {name: points for name, points in curves.items() if name.split("/")[0].split("-")[0] == "lr"}
    widths = {name: points for name, points in curves.items() if name.startswith("window")}
    extra = [("learning rate", rates, True), ("window width (kernel coordinates)", widths, False)]
    extra = [panel for panel in extra if panel[1]]
    count = max(1, len(panels) + len(extra))
    columns = count if count <= 3 else math.ceil(count / 2)
    rows = math.ceil(count / columns)
    with picture(out, 3.5 * columns, 2.7 * rows) as figure:
        grid = figure.subplots(rows, columns, squeeze=False).flat
        for key, label, factor, falls in panels:
            axes = next(grid)
            best = _best(curves.get(f"val/{key}", []), factor, lowest=falls)
            for part, colour, name in PARTS:
                _line(axes, curves.get(f"{part}/{key}", []), factor, colour, name + best * (part == "val"))
            _finish(axes, label)
        for label, lines, logarithmic in extra:
            axes = next(grid)
            for i, (name, points) in enumerate(lines.items()):
                _line(
                    axes,
                    points,
                    1.0,
                    SERIES[i % len(SERIES)],
                    name.removeprefix("window/").removesuffix(".window"),
                )
            _finish(axes, label, legend=1 < len(lines) <= 8)
            if logarithmic and all(value > 0 for points in lines.values() for _, value in points):
                axes.set_yscale("log")
        for axes in grid:
            axes.set_axis_off()
    return Path(out)


def _finish(axes: Any, label: str, *, legend: bool = True) -> None:
    """Whole epochs, one scale of them for all panels by what was drawn, and the legend above the lines."""
    from matplotlib.ticker import MaxNLocator

    axes.set(xlabel="epoch", ylabel=label)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True))
    axes.margins(x=0.03)
    if legend:
        handles, labels = axes.get_legend_handles_labels()
        columns = 1 if len(labels) < 4 else 2
        axes.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), borderaxespad=0.2, ncols=columns)


def _line(axes: Any, points: list[tuple[float, float]], factor: float, colour: str, label: str) -> None:
    if points:
        marker = "o" if len(points) < 30 else None
        axes.plot(
            [t for t, _ in points],
            [factor * v for _, v in points],
            color=colour,
            label=label,
            marker=marker,
            markersize=3,
        )


def _best(points: list[tuple[float, float]], factor: float, lowest: bool) -> str:
    """Say in the legend which validation value was best, and when."""
    if not points:
        return ""
    epoch, value = min(points, key=lambda point: (point[1] if lowest else -point[1], point[0]))
    shown = f"{value:.3g}" if factor == 1.0 else f"{factor * value:.2f}"
    return f" (best {shown}, epoch {epoch:g})"


def _number(text: str | None) -> float | None:
    try:
        value = float(text) if text else math.nan
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) else None
