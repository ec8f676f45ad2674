"""How fast and how small is the fused point convolution beside the released formulation and PyG's CFConv?

One layer, forward and backward, float32. Times: all contenders in this process, interleaved, minimum and median.
Memory: peak of a fresh process for each contender over what it held before the step. Outputs are compared with the
definition in float64. Prints a table and writes results/bench_point_conv.csv.

    python scripts/bench_point_conv.py                 # 4 clouds of 512 points, and one of 100 000
    python scripts/bench_point_conv.py --rounds 3 --no-large
"""

from __future__ import annotations

import argparse
import datetime
import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import torch
import torch_geometric
from benching import memory, print_peak, processor, write  # beside this script
from point_conv_peers import CONTENDERS, BenchConv  # beside this script
from torch import Tensor

from ccnn_pc.domains import PointSet
from ccnn_pc.nn import Path as ConvPath

RESULTS = Path(__file__).resolve().parents[1] / "results" / "bench_point_conv.csv"
SMALL: dict[str, Any] = {"clouds": 4, "points": 512, "k": 256, "channels": 140, "hidden": 32}
LARGE: list[dict[str, Any]] = [
    {"clouds": 1, "points": 100_000, "k": 256, "channels": c, "hidden": 32, "width": 0.075} for c in (32, 140)
]


def setting(
    clouds: int, points: int, k: int, channels: int, hidden: int, width: float
) -> tuple[BenchConv, PointSet, Tensor]:
    """A layer, points uniform on unit spheres, and features; the same in every process."""
    torch.manual_seed(0)
    pos = torch.nn.functional.normalize(torch.randn(clouds * points, 3), dim=1)
    cloud = PointSet(pos, torch.arange(clouds).repeat_interleave(points)).knn(k)
    return BenchConv(channels, hidden, width), cloud, torch.randn(clouds * points, channels)


def step(run: Any, x: Tensor, conv: BenchConv) -> tuple[float, float]:
    """Seconds of the forward pass, and of both passes."""
    conv.zero_grad(set_to_none=True)
    x = x.detach().requires_grad_()
    begin = time.perf_counter()
    y = run(x)
    middle = time.perf_counter()
    y.square().mean().backward()
    return middle - begin, time.perf_counter() - begin


def measure_memory(options: dict[str, Any], name: str) -> None:
    """In a fresh process: print the peak memory of one step above what was held before, and its time."""
    conv, cloud, x = setting(**options)
    run = CONTENDERS[name](conv, cloud, options["clouds"])
    print_peak(lambda: step(run, x, conv))


def times(options: dict[str, Any], rounds: int) -> dict[str, dict[str, float]]:
    """Times and errors of all contenders, interleaved."""
    conv, cloud, x = setting(**options)
    runs = {name: make(conv, cloud, options["clouds"]) for name, make in CONTENDERS.items()}
    exact_conv = BenchConv(options["channels"], options["hidden"], options["width"]).double()
    exact_conv.load_state_dict(conv.state_dict())
    exact_conv.threshold = 0.0
    exact_cloud = PointSet(cloud.pos.double(), cloud.batch, neighbors=cloud.neighbors)
    with torch.no_grad():
        exact = exact_conv(x.double(), exact_cloud, ConvPath.FUSED)
        errors = {name: float((run(x) - exact).abs().max() / exact.abs().max()) for name, run in runs.items()}
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    for number in range(rounds):
        for name, run in runs.items():
            seconds[name].append(step(run, x, conv))
            print(
                f"  round {number + 1}/{rounds} {name}: {seconds[name][-1][1]:.2f} s",
                file=sys.stderr,
                flush=True,
            )
    table = {}
    for name, samples in seconds.items():
        forward, both = zip(*samples, strict=True)
        table[name] = {
            "forward_min_s": min(forward),
            "forward_median_s": statistics.median(forward),
            "both_min_s": min(both),
            "both_median_s": statistics.median(both),
            "max_error": errors[name],
        }
    return table


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=9, help="rounds of interleaved timing")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--no-large", action="store_true", help="leave out the clouds of 100 000 points")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--memory", help=argparse.SUPPRESS)
    parser.add_argument("--options", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.memory:
        measure_memory(json.loads(arguments.options), arguments.memory)
        return
    common = {
        "date": datetime.date.today().isoformat(),
        "machine": processor(),
        "threads": arguments.threads,
        "torch": torch.__version__,
        "torch_geometric": torch_geometric.__version__,
    }
    rows: list[dict[str, Any]] = []
    for width in (2.0, 0.075):
        options = {**SMALL, "width": width}
        for name, figures in times(options, arguments.rounds).items():
            peak = memory(__file__, options, name, arguments.threads)["peak_mb"]
            rows.append({**common, **options, "contender": name, **figures, "peak_mb": round(peak, 1)})
            report(rows[-1])
            write(rows, arguments.out)
    for options in [] if arguments.no_large else LARGE:
        figures = memory(__file__, options, "fused", arguments.threads)
        both = {
            "forward_min_s": figures["forward_s"],
            "both_min_s": figures["both_s"],
            "peak_mb": figures["peak_mb"],
        }
        rows.append({**common, **options, "contender": "fused", **both})
        report(rows[-1])
        write(rows, arguments.out)
    print(f"written: {arguments.out}")


def report(row: dict[str, Any]) -> None:
    """One line of the table."""
    error = f"  error {row['max_error']:.1e}" if "max_error" in row else ""
    print(
        f"{row['clouds']} x {row['points']} points, k {row['k']}, C {row['channels']}, width {row['width']:<6}"
        f"{row['contender']:<22} forward {1e3 * row['forward_min_s']:8.0f} ms  both {1e3 * row['both_min_s']:8.0f} ms"
        f"  peak {row['peak_mb']:7.0f} MB{error}",
        flush=True,
    )


if __name__ == "__main__":
    main()
