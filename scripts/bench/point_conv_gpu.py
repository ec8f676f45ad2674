"""How fast, small and exact is the point convolution on a GPU, in Triton and in calls of torch, beside PyG and others?

One layer on clouds whose neighbours are searched on the GPU; forward, and forward with backward, waiting for the
device after each. All contenders interleaved, minimum and median; peak of allocated memory over what was held before;
errors of outputs and of the worst gradient against the operator of torch in float64. Writes
results/bench_point_conv_gpu.csv.

    python -m scripts.bench.point_conv_gpu
    python -m scripts.bench.point_conv_gpu --only base ours --rounds 5
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ccnn_pc.domains import PointSet
from ccnn_pc.nn import Algorithm
from scripts.bench.harness import FAILURES, Benchmark, interleaved, milliseconds, reason
from scripts.bench.point_conv import BASE, OURS
from scripts.bench.point_conv_peers import BenchConv, Contender, Step, cfconv, messages, released, switch

CASES: dict[str, dict[str, Any]] = {
    "base": BASE,
    "omega": {**BASE, "omega_0": 500.0},
    "ours": OURS,
    "large": {**BASE, "clouds": 1, "points": 100_000, "channels": 32, "width": 0.075, "radius": 1.0},
}


@contextmanager
def settings(native: str, precision: str = "highest", coarse: bool = False) -> Iterator[None]:
    """Operators on or off, precision of float32 products, bfloat16 by autocast."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(precision)
    with switch(native), torch.autocast("cuda", torch.bfloat16, enabled=coarse):
        yield
    torch.set_float32_matmul_precision(before)


def fast(conv: BenchConv, cloud: PointSet, clouds: int) -> Step:
    """Ours."""
    return lambda x: conv(x, cloud, algorithm=Algorithm.FAST)


CONTENDERS: dict[str, tuple[Callable[[], Any], Contender]] = {
    "triton": (partial(settings, "1"), fast),
    "triton_tf32": (partial(settings, "1", "high"), fast),
    "triton_bf16": (partial(settings, "1", coarse=True), fast),
    "torch": (partial(settings, "0"), fast),
    "messages": (partial(settings, "0"), messages),
    "cfconv": (partial(settings, "0"), cfconv),
    "released": (partial(settings, "0"), released),
}


def answers(conv: BenchConv, run: Step, x: Tensor, name: str) -> list[Tensor]:
    """Output, and gradients to samples and parameters."""
    conv.zero_grad(set_to_none=True)
    x = x.detach().requires_grad_()
    with CONTENDERS[name][0]():
        y = run(x)
        (y.float() if y.dtype is torch.bfloat16 else y).square().mean().backward()
    return [y.detach(), x.grad, *(p.grad for p in conv.parameters())]  # type: ignore[list-item]


def step(conv: BenchConv, run: Step, x: Tensor, name: str) -> tuple[float, float]:
    """Seconds of the forward pass, and of both passes."""
    begin = time.perf_counter()
    with torch.no_grad(), CONTENDERS[name][0]():
        run(x)
    torch.cuda.synchronize()
    middle = time.perf_counter()
    answers(conv, run, x, name)
    torch.cuda.synchronize()
    return middle - begin, time.perf_counter() - middle


def peak_mb(conv: BenchConv, run: Step, x: Tensor, name: str) -> float:
    """Memory of both passes above what was held before, in 2^20 bytes."""
    conv.zero_grad(set_to_none=True)
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    answers(conv, run, x, name)
    return (torch.cuda.max_memory_allocated() - before) / 2**20


def neighbours(pos: Tensor, batch: Tensor, k: int) -> tuple[PointSet, dict[str, float]]:
    """Points with neighbours searched on the GPU, how long it took, and the share that a CPU finds too."""
    cloud = PointSet(pos.cuda(), batch.cuda()).knn(k)
    torch.cuda.synchronize()
    begin = time.perf_counter()
    cloud = PointSet(pos.cuda(), batch.cuda()).knn(k)
    torch.cuda.synchronize()
    seconds = time.perf_counter() - begin
    found, wanted = cloud.neighbors, PointSet(pos, batch).knn(k).neighbors
    same = (found.index.cpu() == wanted.index).double().mean()  # type: ignore[union-attr]
    return cloud, {"knn_s": round(seconds, 4), "knn_same": float(same)}


def measure_case(bench: Benchmark, name: str, options: dict[str, Any]) -> None:
    """Times, errors and memory of all contenders."""
    torch.manual_seed(0)
    clouds, points, channels = options["clouds"], options["points"], options["channels"]
    pos = options["radius"] * torch.nn.functional.normalize(torch.randn(clouds * points, 3), dim=1)
    cloud, search = neighbours(pos, torch.arange(clouds).repeat_interleave(points), options["k"])
    sizes = {key: options[key] for key in ("hidden", "layers", "width", "omega_0")}
    conv, x = BenchConv(channels, **sizes).cuda(), torch.randn(clouds * points, channels, device="cuda")
    exact_cloud = PointSet(cloud.pos.double(), cloud.batch, neighbors=cloud.neighbors)
    exact = answers(conv.double(), fast(conv, exact_cloud, clouds), x.double(), "torch")
    conv.float()
    rows: dict[str, dict[str, Any]] = {}
    runs: dict[str, Step] = {}
    for other, (_, contender) in CONTENDERS.items():
        try:
            runs[other] = contender(conv, cloud, clouds)
            found = answers(conv, runs[other], x, other)
            parts = [
                float((a - b).abs().max() / b.abs().max().clamp_min(1e-300))
                for a, b in zip(found, exact, strict=True)
            ]
            peak = peak_mb(conv, runs[other], x, other)
            rows[other] = {
                "max_error": parts[0],
                "gradient_error": max(parts[1:]),
                "peak_mb": round(peak, 1),
            }
        except FAILURES as error:
            rows[other] = {"reason": reason(error)}
        torch.cuda.empty_cache()
    steps = {
        other: partial(step, conv, runs[other], x, other)
        for other, row in rows.items()
        if "reason" not in row
    }
    seconds = interleaved(steps, bench.arguments.rounds, limit=10.0)
    for other, row in rows.items():
        times = milliseconds(seconds[other]) if other in seconds else {}
        bench.add(name, {"case": name, **options, **search, "contender": other, **times, **row})


def main() -> None:
    """Run the benchmark."""
    bench = Benchmark("point_conv_gpu", __doc__, rounds=7)
    bench.parser.add_argument(
        "--only", nargs="+", choices=CASES, default=list(CASES), help="cases to measure"
    )
    if not bench.starts(None, "torch", "torch_geometric", "triton"):
        return
    if not torch.cuda.is_available():
        raise SystemExit("this benchmark needs a CUDA device (torch.cuda.is_available() is False)")
    bench.common["device"] = torch.cuda.get_device_name()
    for name in bench.arguments.only:
        measure_case(bench, name, CASES[name])
    bench.ends()


if __name__ == "__main__":
    main()
