"""How long is a training step of whole networks on a GPU, ours in several ways beside PointNet++?

Neighbours are searched on the GPU in every step; then forward, loss, backward and AdamW, waiting for the device at the
end. All contenders interleaved; least and median time, clouds per second, peak of allocated memory. ``native`` is the
same step on the processor beside the GPU. Writes results/bench_networks_gpu.csv.

    python -m scripts.bench.networks_gpu
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data

from ccnn_pc.domains import PointSet
from ccnn_pc.models import create_model
from scripts.bench.harness import FAILURES, Benchmark, interleaved, reason
from scripts.bench.point_conv_gpu import settings

CASES: list[dict[str, Any]] = [
    {"model": "ccnn_small", "clouds": 16, "points": 512, "k": 48},
    {"model": "ccnn_small", "clouds": 128, "points": 512, "k": 48},
    {"model": "ccnn_4_140", "clouds": 16, "points": 512, "k": 256},
]
#: Name of each contender: the network (None: that of the case), where it runs, and how.
CONTENDERS: dict[str, tuple[str | None, str, Callable[[], AbstractContextManager[None]]]] = {
    "triton": (None, "cuda", partial(settings, "1")),
    "triton_tf32": (None, "cuda", partial(settings, "1", "high")),
    "triton_bf16": (None, "cuda", partial(settings, "1", coarse=True)),
    "torch": (None, "cuda", partial(settings, "0")),
    "pointnet2": ("pointnet2", "cuda", partial(settings, "0")),
    "native": (None, "cpu", partial(settings, "1")),
}


class Training:
    """A network, data and an optimiser on a device."""

    def __init__(self, case: dict[str, Any], contender: str) -> None:
        name, device, self.mode = CONTENDERS[contender]
        torch.manual_seed(0)
        count, clouds = case["clouds"] * case["points"], case["clouds"]
        self.k, self.device = (None if name == "pointnet2" else case["k"]), device
        self.pos = torch.nn.functional.normalize(torch.randn(count, 3), dim=1).to(device)
        self.batch = torch.arange(clouds).repeat_interleave(case["points"]).to(device)
        self.label = torch.randint(10, (clouds,)).to(device)
        self.model = create_model(name or case["model"], in_channels=3, num_classes=10, dim=3).to(device)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), 1e-3, fused=True)

    def _inputs(self) -> tuple[Any, ...]:
        if self.k is None:  # PointNet++ looks for its own neighbours
            return (Data(x=self.pos, pos=self.pos, batch=self.batch),)
        return self.pos, PointSet(self.pos, self.batch).knn(self.k)

    def step(self) -> tuple[float, float]:
        """Seconds of neighbours and forward pass, and of the whole step."""
        begin = time.perf_counter()
        with self.mode():
            logits: Tensor = self.model(*self._inputs())
            middle = time.perf_counter()
            torch.nn.functional.cross_entropy(logits.float(), self.label).backward()
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        if self.device == "cuda":
            torch.cuda.synchronize()
        return middle - begin, time.perf_counter() - begin

    def peak_mb(self) -> float | None:
        """Memory of a step above what is held before, in 2^20 bytes."""
        if self.device == "cpu":
            return None
        gc.collect()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        self.step()
        return round((torch.cuda.max_memory_allocated() - before) / 2**20, 1)


def measure(bench: Benchmark, case: dict[str, Any]) -> None:
    """Times and memory of all contenders."""
    trainings: dict[str, Training] = {}
    rows: dict[str, dict[str, Any]] = {}
    for contender in CONTENDERS:
        try:
            trainings[contender] = Training(case, contender)
            trainings[contender].step()
            rows[contender] = {"peak_mb": trainings[contender].peak_mb()}
        except FAILURES as error:
            rows[contender] = {"reason": reason(error)}
    steps = {name: trainings[name].step for name, row in rows.items() if "reason" not in row}
    seconds = interleaved(steps, bench.arguments.rounds, limit=20.0)
    for name, row in rows.items():
        whole = [both for _, both in seconds.get(name, [])]
        if whole:
            row["step_min_ms"] = round(1e3 * min(whole), 2)
            row["step_median_ms"] = round(1e3 * statistics.median(whole), 2)
            row["clouds_per_s"] = round(case["clouds"] / statistics.median(whole), 1)
        bench.add(f"{case['model']} {case['clouds']}", {**case, "contender": name, **row})


def main() -> None:
    """Run the benchmark."""
    bench = Benchmark("networks_gpu", __doc__, rounds=15)
    if not bench.starts(None, "torch", "torch_geometric", "triton"):
        return
    if not torch.cuda.is_available():
        raise SystemExit("this benchmark needs a CUDA device (torch.cuda.is_available() is False)")
    bench.common["device"] = torch.cuda.get_device_name()
    for case in CASES:
        measure(bench, case)
    bench.ends()


if __name__ == "__main__":
    main()
