"""Curves of a training run, with numbers under the pointer."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

import numpy as np
from markupsafe import Markup

from ccnn_pc.viz.curves import PANELS, PARTS, read_metrics
from ccnn_pc.viz.report.charts import Axis, Line, chart
from ccnn_pc.viz.report.page import Section
from ccnn_pc.viz.report.templates import fill

Points = Sequence[tuple[float, float]]


def curves_section(metrics_csv: str | os.PathLike[str]) -> Section:
    """Loss, scores, learning rate and widths of windows against the epoch.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: no numbers in it.
    """
    curves = read_metrics(metrics_csv)
    drawn: list[Markup] = []
    for key, label, factor, falls in PANELS:
        parts = [
            (curves[f"{part}/{key}"], name, colour)
            for colour, (part, _, name) in enumerate(PARTS)
            if f"{part}/{key}" in curves
        ]
        if not parts:
            continue
        values = [value for points, _, _ in parts for _, value in points]
        spread = key == "loss" and min(values) > 0 and max(values) > 20 * min(values)
        lines = [_line(points, name, colour, factor) for points, name, colour in parts]
        drawn.append(
            chart(
                lines,
                title=_title(curves, key, label, factor, falls),
                x=Axis("epoch", whole=True),
                y=Axis(log=spread),
            )
        )
    rates = {name: points for name, points in curves.items() if name.split("/")[0].split("-")[0] == "lr"}
    widths = {
        name.removeprefix("window/").removesuffix(".window"): points
        for name, points in curves.items()
        if name.startswith("window")
    }
    for title, found, log in (
        ("learning rate", rates, True),
        ("window widths (kernel coordinates)", widths, False),
    ):
        if found:
            lines = [_line(points, name, number) for number, (name, points) in enumerate(found.items())]
            positive = all(value > 0 for points in found.values() for _, value in points)
            drawn.append(chart(lines, title=title, x=Axis("epoch", whole=True), y=Axis(log=log and positive)))
    return Section("Curves", fill('<div class="charts">{{ drawn }}</div>', drawn=Markup("").join(drawn)))


def _line(points: Points, name: str, colour: int, factor: float = 1.0) -> Line:
    x, y = np.array(points, dtype=np.float64).T
    return Line(x, factor * y, name, colour)


def _title(curves: Mapping[str, Points], key: str, label: str, factor: float, falls: bool) -> str:
    """The label, and which validation value was best, and when."""
    points = curves.get(f"val/{key}", [])
    if not points:
        return label
    epoch, value = min(points, key=lambda point: (point[1] if falls else -point[1], point[0]))
    shown = f"{value:.3g}" if factor == 1.0 else f"{factor * value:.2f}"
    return f"{label}: best {shown}, epoch {epoch:g}"
