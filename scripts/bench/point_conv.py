"""How fast and how small is the point convolution beside its roofline, its predecessors and other people's operators?

One layer, forward and backward, float32; gradients to samples, read-out and all parameters. Times: all contenders in
this process, interleaved, minimum and median; medians as multiples of the roofline of ``machine.py``, measured before
and after, for the edges that pruning leaves. Memory: peak of a fresh process for each contender over what it held
before the step. Outputs and gradients are compared with message passing in float64. Other operators (KPConv, PointConv,
ContinuousConv; ``pip install 'ccnn-pc[bench]'``) compute something else on the same edges: full kernels of channels to
channels. Prints a table and writes results/bench_point_conv.csv.

    python -m scripts.bench.point_conv                            # every case: about 7 minutes
    python -m scripts.bench.point_conv --only base omega --rounds 5
    python -m scripts.bench.point_conv --only base --sets avx2 baseline
    python -m scripts.bench.point_conv --small
"""

from __future__ import annotations

import functools
from typing import Any

import torch
from torch import Tensor

from ccnn_pc.domains import PointSet
from ccnn_pc.native import InstructionSet
from ccnn_pc.nn import Algorithm
from scripts.bench.harness import FAILURES, Benchmark, Step, interleaved, milliseconds, reason, timed
from scripts.bench.machine import Speeds, measure, product_roofline, roofline
from scripts.bench.point_conv_peers import CONTENDERS, OTHERS, BenchConv, Contender, with_instruction_set

#: Seconds of both passes after which a contender has no further turns, once it had three.
LIMIT = 15.0
#: Every neighbour lies in the support of the kernel, and the window is wide: nothing is pruned.
BASE: dict[str, Any] = {
    "clouds": 4, "points": 512, "k": 256, "channels": 140, "hidden": 32, "layers": 3,
    "radius": 0.7, "width": 2.0, "omega_0": 1.0,
}  # fmt: skip
#: Layers of our own networks.
OURS: dict[str, Any] = {
    "clouds": 16, "points": 256, "k": 24, "channels": 48, "hidden": 8, "layers": 3,
    "radius": 1.0, "width": 0.3, "omega_0": 0.5,
}  # fmt: skip
QUICK = ("native", "fused", "messages")
SAME = tuple(CONTENDERS)
CASES: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "base": (BASE, (*SAME, *OTHERS)),
    "omega": ({**BASE, "omega_0": 500.0}, ("native", "fused", "messages")),
    **{
        f"width_{width}": ({**BASE, "radius": 1.0, "width": width}, QUICK)
        for width in (0.075, 0.125, 0.2)
    },
    "ours": (OURS, SAME),
    "ours_tiny": ({**OURS, "layers": 1}, SAME),
}  # fmt: skip
TINY: dict[str, Any] = {"clouds": 2, "points": 32, "k": 8, "channels": 8, "hidden": 4, "layers": 1}


def setting(
    clouds: int, points: int, k: int, channels: int, radius: float, **kernel: Any
) -> tuple[BenchConv, PointSet, Tensor]:
    """A layer, points uniform on spheres, and features; the same in every process."""
    torch.manual_seed(0)
    pos = radius * torch.nn.functional.normalize(torch.randn(clouds * points, 3), dim=1)
    cloud = PointSet(pos, torch.arange(clouds).repeat_interleave(points)).knn(k)
    return BenchConv(channels, **kernel), cloud, torch.randn(clouds * points, channels)


def step(run: Any, x: Tensor, conv: BenchConv) -> tuple[float, float]:
    """Seconds of the forward pass, and of both passes."""
    conv.zero_grad(set_to_none=True)
    x = x.detach().requires_grad_()
    return timed(lambda: run(x), lambda y: y.square().mean().backward())


def contender_of(name: str) -> Contender:
    """By name; ``native_avx2`` is native with these vectors."""
    if name.startswith("native_"):
        return with_instruction_set(InstructionSet[name.removeprefix("native_").upper()])
    return {**CONTENDERS, **OTHERS}[name]


def contender(options: dict[str, Any], name: str) -> Step:
    """The step of one contender, as a fresh process measures it."""
    conv, cloud, x = setting(**options)
    run = contender_of(name)(conv, cloud, options["clouds"])
    return lambda: step(run, x, conv)


def reference(conv: BenchConv, cloud: PointSet, x: Tensor, clouds: int) -> list[Tensor]:
    """Output and gradients to samples and parameters, by message passing in float64, cloud by cloud."""
    exact = BenchConv(conv.in_channels, **conv.sizes).double()
    exact.load_state_dict(conv.state_dict())
    exact.threshold = 0.0
    n = len(x) // clouds
    samples, outputs = x.double().requires_grad_(), []
    table = cloud.neighbors.index.long()  # type: ignore[union-attr]
    for first in range(0, len(x), n):
        rows = slice(first, first + n)
        query = torch.arange(n).repeat_interleave(table.shape[1])
        edge_index = torch.stack([table[rows].flatten() - first, query])
        part = PointSet(cloud.pos[rows].double(), edge_index=edge_index)
        y = exact(samples[rows], part, algorithm=Algorithm.MESSAGES)
        (y.square().sum() / x.numel()).backward()
        outputs.append(y.detach())
    return [torch.cat(outputs), *gradients(samples, exact)]


def gradients(x: Tensor, conv: BenchConv) -> list[Tensor]:
    """Those to samples and parameters, one after the other."""
    tensors = [x, *conv.parameters()]
    return [torch.zeros_like(t) if t.grad is None else t.grad.clone() for t in tensors]


def errors(run: Any, x: Tensor, conv: BenchConv, exact: list[Tensor]) -> dict[str, float]:
    """Largest difference from ``exact``, of the largest number there: of the output, and of the worst gradient."""
    conv.zero_grad(set_to_none=True)
    x = x.detach().requires_grad_()
    y = run(x)
    y.square().mean().backward()
    found = [y.detach(), *gradients(x, conv)]
    parts = [
        float((a - b).abs().max() / b.abs().max().clamp_min(1e-300))
        for a, b in zip(found, exact, strict=True)
    ]
    return {"max_error": parts[0], "gradient_error": max(parts[1:])}


def multiples(
    options: dict[str, Any], edges: int, speeds: Speeds, figures: dict[str, float]
) -> dict[str, float]:
    """Rooflines, and median times as multiples of them."""
    sizes = options["hidden"], options["layers"], options["channels"]
    found = {}
    for suffix, bound in (("", roofline(3, *sizes)), ("_products", product_roofline(*sizes))):
        for part, work in (("forward", bound.forward), ("both", bound.both)):
            least = 1e3 * work.seconds(edges, speeds)
            found[f"roofline_{part}{suffix}_ms"] = round(least, 3)
            found[f"{part}_x{suffix}"] = round(figures[f"{part}_median_ms"] / least, 3)
    return found


def measure_case(bench: Benchmark, name: str, options: dict[str, Any], contenders: tuple[str, ...]) -> None:
    """Times, errors and memory of all contenders."""
    conv, cloud, x = setting(**options)
    edges = cloud.edges(float(conv.window.reach(conv.extent, conv.threshold or 1e-7))).shape[1]
    exact = reference(conv, cloud, x, options["clouds"])
    failed: dict[str, str] = {}
    runs, found = {}, {}
    for other in contenders:
        try:
            runs[other] = contender_of(other)(conv, cloud, options["clouds"])
            found[other] = {} if other in OTHERS else errors(runs[other], x, conv, exact)
        except FAILURES as error:
            failed[other] = reason(error)
    steps = {
        other: functools.partial(step, run, x, conv) for other, run in runs.items() if other not in failed
    }
    size = 64 if bench.arguments.small else 1024
    speeds = measure(size=size)
    seconds = interleaved(steps, bench.arguments.rounds, limit=LIMIT, failed=failed)
    speeds = speeds.best(measure(size=size))
    for other in contenders:
        row: dict[str, Any] = {"case": name, **options, "edges": edges, "contender": other}
        if other not in failed:
            times = milliseconds(seconds[other])
            row |= {**times, **multiples(options, edges, speeds, times), **found[other], **speeds.columns()}
            try:
                row |= {} if bench.arguments.small else bench.peak(options, other)
            except FAILURES as error:
                row["reason"] = reason(error)
        bench.add(title(options), {**row, **({"reason": failed[other]} if other in failed else {})})


def title(options: dict[str, Any]) -> str:
    """What is measured, in a line of the table."""
    return "{clouds} x {points}, k {k}, C {channels}, width {width:g}, w0 {omega_0:g}".format(**options)


def main() -> None:
    """Run the benchmark."""
    bench = Benchmark("point_conv", __doc__, rounds=9, small=True)
    bench.parser.add_argument(
        "--only", nargs="+", choices=CASES, default=list(CASES), help="cases to measure"
    )
    sets = [kind.name.lower() for kind in InstructionSet]
    bench.parser.add_argument(
        "--sets", nargs="+", choices=sets, default=[], help="native also with these vectors"
    )
    if not bench.starts(contender, "torch", "torch_geometric", "torch_pointcloud", "open3d_cpu"):
        return
    extra = tuple(f"native_{kind}" for kind in bench.arguments.sets)
    for name in bench.arguments.only:
        options, contenders = CASES[name]
        if bench.arguments.small:
            options = {**options, **TINY}
        measure_case(bench, name, options, (*contenders, *extra))
    bench.ends()


if __name__ == "__main__":
    main()
