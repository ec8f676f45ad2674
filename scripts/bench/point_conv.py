"""How fast and how small is the fused point convolution beside the released formulation and PyG's CFConv?

One layer, forward and backward, float32. Times: all contenders in this process, interleaved, minimum and median.
Memory: peak of a fresh process for each contender over what it held before the step. Outputs are compared with the
definition in float64. Prints a table and writes results/bench_point_conv.csv.

    python -m scripts.bench.point_conv                 # 4 clouds of 512 points, and one of 100 000
    python -m scripts.bench.point_conv --rounds 3 --no-large
"""

from __future__ import annotations

import functools
from typing import Any

import torch
from torch import Tensor

from ccnn_pc.domains import PointSet
from ccnn_pc.nn import Algorithm
from scripts.bench.harness import Benchmark, Step, interleaved, timed
from scripts.bench.point_conv_peers import CONTENDERS, BenchConv

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
    return timed(lambda: run(x), lambda y: y.square().mean().backward())


def contender(options: dict[str, Any], name: str) -> Step:
    """The step of one contender, as a fresh process measures it."""
    conv, cloud, x = setting(**options)
    run = CONTENDERS[name](conv, cloud, options["clouds"])
    return lambda: step(run, x, conv)


def small(bench: Benchmark, options: dict[str, Any]) -> None:
    """Times, errors and memory of all contenders."""
    conv, cloud, x = setting(**options)
    runs = {name: make(conv, cloud, options["clouds"]) for name, make in CONTENDERS.items()}
    exact_conv = BenchConv(options["channels"], options["hidden"], options["width"]).double()
    exact_conv.load_state_dict(conv.state_dict())
    exact_conv.threshold = 0.0
    exact_cloud = PointSet(cloud.pos.double(), cloud.batch, neighbors=cloud.neighbors)
    with torch.no_grad():
        exact = exact_conv(x.double(), exact_cloud, algorithm=Algorithm.FAST)
        errors = {name: float((run(x) - exact).abs().max() / exact.abs().max()) for name, run in runs.items()}
    steps = {name: functools.partial(step, run, x, conv) for name, run in runs.items()}
    seconds = interleaved(steps, bench.arguments.rounds)
    for name, error in errors.items():
        figures = bench.figures(options, name, seconds[name], max_error=error)
        bench.add(case(options), {**options, "contender": name, **figures})


def case(options: dict[str, Any]) -> str:
    """What is measured, in a line of the table."""
    return "{clouds} x {points}, k {k}, C {channels}, width {width:g}".format(**options)


def main() -> None:
    """Run the benchmark."""
    bench = Benchmark("point_conv", __doc__, rounds=9)
    bench.parser.add_argument(
        "--no-large", action="store_true", help="leave out the clouds of 100 000 points"
    )
    if not bench.starts(contender, "torch", "torch_geometric"):
        return
    for width in (2.0, 0.075):
        small(bench, {**SMALL, "width": width})
    for options in [] if bench.arguments.no_large else LARGE:
        once = bench.fresh(options, "fused")
        times = {f"{part}_min_ms": round(1e3 * once[f"{part}_s"], 3) for part in ("forward", "both")}
        figures = {**times, "peak_mb": round(once["peak_mb"], 1)}
        bench.add(case(options), {**options, "contender": "fused", **figures})
    bench.ends()


if __name__ == "__main__":
    main()
