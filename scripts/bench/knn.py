"""Which k-NN search is fastest for which clouds? Contenders take turns in one process; stores a table.

The rule of ``ccnn_pc.ops.neighbors.k_nearest.choose`` comes from this table. "plain" contenders leave ties as they
fall: a yardstick for what the tie rule, padding and the int32 table cost on top of the bare search.

Example:
    python -m scripts.bench.knn --rounds 3 --largest 4096
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from ccnn_pc import native
from ccnn_pc._optional import available
from ccnn_pc.ops.neighbors.k_nearest import Backend, choose, knn
from ccnn_pc.ops.neighbors.search import prepare
from scripts.bench.harness import Benchmark

# clouds, points per cloud, k, surface: points on a sphere; solid: normal in 3-D; lattice: occupied voxels
CASES = [
    (16, 64, 16, "surface"),
    (16, 256, 32, "surface"),
    (16, 256, 32, "lattice"),
    (16, 512, 32, "surface"),
    (16, 512, 256, "surface"),
    (16, 512, 256, "lattice"),
    (16, 1024, 32, "surface"),
    (16, 1024, 256, "surface"),
    (4, 2048, 32, "surface"),
    (4, 2048, 256, "surface"),
    (2, 4096, 32, "surface"),
    (2, 4096, 256, "surface"),
    (1, 16384, 32, "surface"),
    (1, 100_000, 32, "surface"),
    (1, 100_000, 256, "surface"),
]
DENSE_LIMIT = 5000  # points; exhaustive search of larger clouds on the CPU takes minutes


def points(clouds: int, n: int, kind: str) -> Tensor:
    """Clouds of one shape, ``[clouds * n, 3]``."""
    generator = torch.Generator().manual_seed(0)
    if kind == "lattice":
        occupied = [torch.randperm(24**3, generator=generator)[:n] for _ in range(clouds)]
        return torch.cartesian_prod(*[torch.arange(24.0)] * 3)[torch.cat(occupied)] / 12 - 1
    pos = torch.randn(clouds * n, 3, generator=generator)
    return pos / pos.norm(dim=1, keepdim=True) if kind == "surface" else pos


def contenders(pos: Tensor, clouds: int, n: int, k: int) -> dict[str, Callable[[], object]]:
    """Everything that can answer on this device, by name."""
    device = pos.device
    batch = torch.arange(clouds, device=device).repeat_interleave(n)
    dense = pos.view(clouds, n, 3)
    small = device.type == "cuda" or n <= DENSE_LIMIT

    def tree() -> None:
        for cloud in dense.numpy():
            cKDTree(cloud).query(cloud, k=k, workers=torch.get_num_threads())

    def product() -> None:
        square = dense.square().sum(dim=2)
        d2 = torch.baddbmm(square[:, None, :], dense, dense.transpose(1, 2), alpha=-2.0)
        d2.add_(square[:, :, None]).topk(k, dim=2, largest=False)

    found: dict[str, Callable[[], object]] = {}
    if device.type == "cpu":
        found["kdtree"] = lambda: knn(pos, k, batch, backend=Backend.KDTREE)
        found["plain cKDTree"] = tree
    if small:
        found["dense"] = lambda: knn(pos, k, batch, backend=Backend.DENSE)
    if small and device.type == "cpu" and native.state().runs:
        found["native"] = lambda: knn(pos, k, batch, backend=Backend.NATIVE)
    if clouds * n * n <= 2**26:
        found["plain baddbmm+topk"] = product
        found["plain cdist+topk"] = lambda: torch.cdist(dense, dense).topk(k, dim=2, largest=False)
    if available("torch_cluster") and not (device.type == "cuda" and k > 100):
        import torch_cluster

        found["cluster"] = lambda: knn(pos, k, batch, backend=Backend.CLUSTER)
        found["plain torch-cluster"] = lambda: torch_cluster.knn(pos, pos, k, batch, batch)
    return found


def measure(functions: dict[str, Callable[[], object]], repeats: int, cuda: bool) -> dict[str, list[float]]:
    """Milliseconds of each, taking turns, after one round to warm up; slow ones get fewer turns."""
    times: dict[str, list[float]] = {name: [] for name in functions}
    for turn in range(repeats + 1):
        for name, function in functions.items():
            if turn > 2 and sum(times[name]) > 20_000:
                continue
            start = time.perf_counter()
            function()
            if cuda:
                torch.cuda.synchronize()
            if turn:
                times[name].append(1e3 * (time.perf_counter() - start))
    return times


def main() -> None:
    """Run the benchmark."""
    bench = Benchmark("knn", __doc__, rounds=7)
    bench.parser.add_argument("--largest", type=int, default=100_000, help="leave out larger clouds")
    bench.parser.add_argument("--device", default="cpu")
    if not bench.starts(None, "torch", "scipy", "numpy"):
        return
    chosen = bench.arguments
    cuda = chosen.device.startswith("cuda")
    if cuda:
        bench.common["machine"] = torch.cuda.get_device_name()
    for clouds, n, k, kind in CASES:
        if n > chosen.largest:
            continue
        pos = points(clouds, n, kind).to(chosen.device)
        batch = torch.arange(clouds, device=pos.device).repeat_interleave(n)
        auto = choose(prepare(pos, batch, None, None), k).value
        case = {
            "clouds": clouds,
            "points": n,
            "k": k,
            "kind": kind,
            "load_before": round(os.getloadavg()[0], 1),
        }
        for name, times in measure(contenders(pos, clouds, n, k), chosen.rounds, cuda).items():
            row = {
                "contender": name,
                "auto": name == auto,
                "min_ms": round(min(times), 2),
                "median_ms": round(float(np.median(times)), 2),
                "runs": len(times),
            }
            bench.add(f"{clouds} x {n}, k {k}, {kind}", {**case, **row})
    bench.ends()


if __name__ == "__main__":
    main()
