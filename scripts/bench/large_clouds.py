"""What do large clouds cost: seconds, extra memory, and does the cost grow with the number of points alone?

Each figure comes from a fresh process: seconds, and the peak of memory over what was held before (points, neighbours,
features, layer). Points lie on the unit sphere; k-NN is a column of its own. 100 000 points with k = 256, forward and
backward, by the native operator and by calls of torch; 1 000 to 1 000 000 points with k = 32, forward alone (no
gradients are recorded) and forward with backward. Medians of rounds as multiples of the roofline of ``machine.py``.
Prints a table, writes results/bench_large_clouds.csv, and draws the second part as docs/large_clouds.png.

    python -m scripts.bench.large_clouds                 # about 20 minutes, most of them for the calls of torch
    python -m scripts.bench.large_clouds --contenders native
    python -m scripts.bench.large_clouds --only growth --largest 100000
    python -m scripts.bench.large_clouds --small
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Any

import torch

from ccnn_pc.domains import PointSet
from ccnn_pc.viz.style import SERIES, picture
from scripts import ROOT
from scripts.bench.harness import FAILURES, Benchmark, Step, reason
from scripts.bench.machine import Speeds, measure, roofline
from scripts.bench.point_conv import contender_of, multiples, setting, step

KERNEL: dict[str, Any] = {"hidden": 32, "layers": 3, "radius": 1.0, "width": 0.075, "omega_0": 1.0}
WIDE: list[dict[str, Any]] = [
    {"clouds": 1, "points": 100_000, "k": 256, "channels": channels, **KERNEL} for channels in (32, 140)
]
SIZES = (1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
GROWTH: dict[str, Any] = {"clouds": 1, "k": 32, "channels": 32, **KERNEL}


def contender(bench: Benchmark, options: dict[str, Any], name: str) -> Step:
    """The step of ``name``, or of ``name, forward``: without gradients."""
    name, _, part = name.partition(", ")
    begin = time.perf_counter()
    pos = torch.nn.functional.normalize(torch.randn(options["points"], 3), dim=1)
    PointSet(pos).knn(options["k"])
    bench.notes["knn_s"] = time.perf_counter() - begin
    conv, cloud, x = setting(**options)
    run = contender_of(name)(conv, cloud, 1)
    bench.notes["edges"] = cloud.edges(float(conv.window.reach(conv.extent, 1e-7))).shape[1]

    def forward() -> tuple[float, float]:
        with torch.no_grad():
            begin = time.perf_counter()
            run(x)
            return time.perf_counter() - begin, float("nan")

    return forward if part else lambda: step(run, x, conv)


def measured(
    bench: Benchmark, options: dict[str, Any], name: str, rounds: int, speeds: Speeds
) -> dict[str, Any]:
    """A row: medians and least times of fresh processes, the highest peak."""
    row: dict[str, Any] = {**options, "contender": name}
    try:
        found = [bench.fresh(options, name) for _ in range(rounds)]
    except FAILURES as error:
        return {**row, "reason": reason(error)}
    for part in ("forward",) if ", " in name else ("forward", "both"):
        seconds = [figures[f"{part}_s"] for figures in found]
        row[f"{part}_min_ms"] = round(1e3 * min(seconds), 1)
        row[f"{part}_median_ms"] = round(1e3 * statistics.median(seconds), 1)
    edges = int(found[0]["edges"])
    bound = roofline(3, options["hidden"], options["layers"], options["channels"])
    if ", " in name:
        least = 1e3 * bound.forward.seconds(edges, speeds)
        row |= {
            "roofline_forward_ms": round(least, 1),
            "forward_x": round(row["forward_median_ms"] / least, 3),
        }
    else:
        row |= multiples(options, edges, speeds, row)
    row |= {"peak_mb": round(max(figures["peak_mb"] for figures in found), 1), "edges": edges}
    return {**row, "knn_s": round(min(figures["knn_s"] for figures in found), 3)}


def draw(rows: list[dict[str, Any]], out: Path) -> None:
    """Seconds against points, both axes logarithmic, and a line of slope 1."""
    good = [row for row in rows if row["part"] == "growth" and not row.get("reason")]
    with picture(out, 4.6, 3.4) as figure:
        axes = figure.subplots()
        lines: dict[str, tuple[list[float], list[float]]] = {}
        for row in good:
            name, _, part = row["contender"].partition(", ")
            key = f"{name}, forward" if part else f"{name}, forward and backward"
            kind = "forward" if part else "both"
            points, seconds = lines.setdefault(key, ([], []))
            points.append(row["points"])
            seconds.append(row[f"{kind}_median_ms"] / 1e3)
        for (name, (points, seconds)), colour in zip(lines.items(), SERIES, strict=False):
            axes.loglog(points, seconds, "o-", color=colour, label=name, markersize=4)
            axes.loglog(
                points[-1:] + points[:1],
                [seconds[-1], seconds[-1] * points[0] / points[-1]],
                ":",
                color=colour,
                linewidth=1,
            )
        axes.set_xlabel(f"points, k = {good[0]['k']}" if good else "points")
        axes.set_ylabel("seconds (dotted: in proportion)")
        axes.legend()


def main() -> None:
    """Run the benchmark."""
    bench = Benchmark("large_clouds", __doc__, rounds=3, small=True)
    bench.parser.add_argument("--only", nargs="+", choices=("wide", "growth"), default=["wide", "growth"])
    bench.parser.add_argument(
        "--contenders", nargs="+", choices=("native", "fused"), default=["native", "fused"]
    )
    bench.parser.add_argument("--largest", type=int, default=SIZES[-1], help="leave out larger clouds")
    bench.parser.add_argument(
        "--plot", type=Path, help="picture of the growth (default: docs/large_clouds.png)"
    )
    if not bench.starts(lambda options, name: contender(bench, options, name), "torch"):
        return
    chosen = bench.arguments
    speeds = measure(size=64 if chosen.small else 1024)
    if "wide" in chosen.only:
        for options in WIDE[:1] if chosen.small else WIDE:
            if chosen.small:
                options = {**options, "points": 300, "k": 16}
            for name in chosen.contenders:
                rounds = 1 if name == "fused" else chosen.rounds  # minutes
                row = measured(bench, options, name, rounds, speeds)
                bench.add(title(options), {"part": "wide", **row})
    if "growth" in chosen.only:
        for points in (100, 300) if chosen.small else SIZES:
            if points > chosen.largest:
                continue
            options = {**GROWTH, "points": points}
            for name in ("native, forward", "native"):
                rounds = chosen.rounds if points < SIZES[-1] else 1
                row = measured(bench, options, name, rounds, speeds)
                bench.add(title(options), {"part": "growth", **row})
        plot = chosen.plot or (
            chosen.out.with_suffix(".png") if chosen.small else ROOT / "docs" / "large_clouds.png"
        )
        draw(bench.rows, plot)
        print(f"drawn: {plot}")
    bench.ends()


def title(options: dict[str, Any]) -> str:
    """What is measured, in a line of the table."""
    return "{points:,} points, k {k}, C {channels}".format(**options)


if __name__ == "__main__":
    main()
