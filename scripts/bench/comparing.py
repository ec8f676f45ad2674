"""What it costs to compare a batch with what a network was trained on, beside a forward pass of the smallest network.

For each kind of data ``ccnn_4_16`` in eval mode, without gradients, on one batch: the comparison alone (``seen`` and
``outside``), and the forward pass without it. They take turns; minimum and median. Prints a table and writes
results/bench_comparing.csv.

    python -m scripts.bench.comparing
    python -m scripts.bench.comparing --rounds 20
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from torch_geometric.data import Batch, Data

from ccnn_pc.datasets import KNN
from ccnn_pc.models import create_model, measure
from ccnn_pc.models.shift.outside import outside
from ccnn_pc.models.shift.seen import seen
from scripts.bench.harness import Benchmark, Step, interleaved

#: Items of a batch.
ITEMS = 16


def _cloud(points: int) -> Data:
    return KNN(16)(Data(pos=torch.rand(points, 3), x=torch.rand(points, 3)))


def _series(stamps: int) -> Data:
    times = torch.rand(stamps, dtype=torch.float64).sort().values
    return Data(times=times, x=torch.rand(stamps, 2))


CASES: dict[str, tuple[dict[str, Any], Callable[[], Any]]] = {
    "pictures of 32 x 32, 3 channels": (
        {"dim": 2, "in_channels": 3, "shape": [32, 32]},
        lambda: torch.rand(1, 3, 32, 32),
    ),
    "sequences of 784": ({"dim": 1, "in_channels": 1, "shape": [784]}, lambda: torch.rand(1, 1, 784)),
    "clouds of 256 points": ({"dim": 3, "in_channels": 3, "extent": 0.3}, lambda: _cloud(256)),
    "series of 100 stamps": (
        {"dim": 1, "in_channels": 2, "shape": [100], "spacing": 0.01},
        lambda: _series(100),
    ),
}


def steps(case: str) -> dict[str, Step]:
    """The forward pass and the comparison of a batch of a case."""
    torch.manual_seed(0)
    sizes, make = CASES[case]
    model: Any = create_model("ccnn_4_16", out_channels=10, **sizes).eval()
    items = [make() for _ in range(ITEMS)]
    trained = measure(model.reading, items)
    batch = torch.cat(items) if isinstance(items[0], torch.Tensor) else Batch.from_data_list(items)
    x, where = model.reading.samples(batch)

    model._compare = lambda *_: None  # a forward pass compares what it is given

    def compare() -> None:
        list(outside(trained, seen(x, where), model._first, told=False, pooled=True))

    def step(run: Callable[[], Any]) -> Step:
        def once() -> tuple[float, float]:
            with torch.inference_mode():
                begin = time.perf_counter()
                run()
                seconds = time.perf_counter() - begin
            return seconds, seconds

        return once

    return {"forward pass": step(lambda: model(batch)), "comparing": step(compare)}


def main() -> None:
    """Run the benchmark."""
    bench = Benchmark("comparing", __doc__, rounds=200, threads=1, small=True)
    if not bench.starts(None, "torch"):
        return
    for case in CASES:
        seconds = interleaved(steps(case), bench.arguments.rounds)
        least, median = (
            {name: of([each for each, _ in found]) for name, found in seconds.items()}
            for of in (min, statistics.median)
        )
        row = {
            "case": case, "contender": "comparing", "items": ITEMS,
            **{"min_ms": round(1e3 * least["comparing"], 3), "median_ms": round(1e3 * median["comparing"], 3)},
            "forward_min_ms": round(1e3 * least["forward pass"], 3),
            "forward_median_ms": round(1e3 * median["forward pass"], 3),
            "percent": round(100 * least["comparing"] / least["forward pass"], 2),
        }  # fmt: skip
        bench.add(case, row)
    bench.ends()


if __name__ == "__main__":
    main()
