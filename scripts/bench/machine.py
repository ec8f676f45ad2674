r"""What can this machine do, and how long must a point convolution take on it at least?

Speeds of torch: float32 matrix products, sines, exponentials and copies, the best of several repetitions, on tensors
that are there already. From them follows the roofline of a separable point convolution with Gabor filters, if nothing
but its arithmetic took time, at the speed of a matrix product, plus one sine and one exponential per filter:

.. math::
    F = (6 D + 1)(L + 1) H, \qquad M = 2 L (H^2 + H), \qquad S = 2 (H + 1) C

operations per edge for filters, products of layers and sum over neighbours: F + M + S forward. Backward makes filters
and layers again and goes through both, the filters' three parameters and both factors of the sum: 4 F + 3 M + 2 S, and
sines and exponentials once more. A stricter bound counts products of matrices alone, 2 L H^2 + S forward and four times
that in all.

    python -m scripts.bench.machine
    python -m scripts.bench.machine --threads 1
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import torch
from torch import Tensor

from scripts.bench.harness import Benchmark


@dataclass(frozen=True)
class Speeds:
    """Of this machine, per second: operations of a product, sines, exponentials, bytes read and written by a copy."""

    product: float
    sine: float
    exponential: float
    copy: float

    def best(self, other: Speeds) -> Speeds:
        """The higher of both, one by one."""
        return Speeds(*map(max, asdict(self).values(), asdict(other).values()))

    def columns(self) -> dict[str, float]:
        """As a table has them, in 10^9 per second."""
        return {f"{name}_g": round(value / 1e9, 3) for name, value in asdict(self).items()}


@dataclass(frozen=True)
class EdgeWork:
    """What one edge costs: operations, and how many sines and as many exponentials."""

    operations: float
    transcendentals: int

    def seconds(self, edges: int, speeds: Speeds) -> float:
        """Of so many edges, one thing after the other."""
        rest = self.transcendentals * (1 / speeds.sine + 1 / speeds.exponential)
        return edges * (self.operations / speeds.product + rest)


@dataclass(frozen=True)
class Roofline:
    """Work of a pass forward, and of both passes."""

    forward: EdgeWork
    both: EdgeWork


def roofline(dim: int, hidden: int, layers: int, channels: int) -> Roofline:
    """Arithmetic of a separable convolution with ``(layers + 1) * hidden`` Gabor filters.

    Example:
        >>> found = roofline(dim=3, hidden=32, layers=3, channels=140)
        >>> found.forward, found.both
        (EdgeWork(operations=18008, transcendentals=128), EdgeWork(operations=65224, transcendentals=256))
    """
    units = (layers + 1) * hidden
    filters, mixing = (6 * dim + 1) * units, 2 * layers * (hidden**2 + hidden)
    total = 2 * (hidden + 1) * channels
    forward = filters + mixing + total
    backward = 4 * filters + 3 * mixing + 2 * total
    return Roofline(EdgeWork(forward, units), EdgeWork(forward + backward, 2 * units))


def product_roofline(hidden: int, layers: int, channels: int) -> Roofline:
    """The same with products of matrices alone.

    Example:
        >>> product_roofline(hidden=32, layers=3, channels=140).forward.operations
        15384
    """
    units, products = (layers + 1) * hidden, 2 * layers * hidden**2 + 2 * (hidden + 1) * channels
    return Roofline(EdgeWork(products, units), EdgeWork(4 * products, 2 * units))


def measure(repetitions: int = 7, size: int = 1024) -> Speeds:
    """Speeds of torch with its number of threads.

    Args:
        repetitions: the best of them counts.
        size: rows and columns of the matrices; other tensors have as many numbers, copies 16 times as many.
    """
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(2, size, size, generator=generator)
    phases, exponents = 10 * a, -a.abs()
    source = torch.ones(16 * size * size)
    target, result = torch.ones_like(source), torch.ones_like(a)

    def speed(amount: float, run: Callable[[], Tensor]) -> float:
        seconds = []
        for _ in range(repetitions + 1):
            begin = time.perf_counter()
            run()
            seconds.append(time.perf_counter() - begin)
        return amount / min(seconds)

    numbers = size * size
    return Speeds(
        speed(2.0 * size**3, lambda: torch.mm(a, b, out=result)),
        speed(numbers, lambda: torch.sin(phases, out=result)),
        speed(numbers, lambda: torch.exp(exponents, out=result)),
        speed(2.0 * source.nbytes, lambda: target.copy_(source)),
    )


def main() -> None:
    """Measure this machine with one thread, and with all that are asked for."""
    bench = Benchmark("machine", __doc__, small=True)
    if not bench.starts(None, "torch"):
        return
    size = 128 if bench.arguments.small else 1024
    for threads in sorted({1, bench.arguments.threads}):
        torch.set_num_threads(threads)
        speeds = measure(3 * bench.arguments.rounds, size)
        edges, bound = 4 * 512 * 256, roofline(3, 32, 3, 140)
        row = {
            "threads": threads,
            "contender": "this machine",
            **speeds.columns(),
            "roofline_forward_ms": round(1e3 * bound.forward.seconds(edges, speeds), 1),
            "roofline_both_ms": round(1e3 * bound.both.seconds(edges, speeds), 1),
        }
        bench.add(f"{threads} threads", row)
    bench.ends()


if __name__ == "__main__":
    main()
