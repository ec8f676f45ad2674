"""How fast is the depthwise convolution on grids beside the released formulation and channels-first conv2d?

Rendered kernels, forward and backward, float32. Times: contenders take turns in this process, minimum and median.
Memory: peak of a fresh process for each contender over what it held before the step. Outputs are compared with float64
direct sums or, where these would take hours, a float64 transform at twice the size. Prints a table and writes
results/bench_grid_conv.csv.

    python -m scripts.bench.grid_conv
    python -m scripts.bench.grid_conv --rounds 3
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ccnn_pc.ops.grids.convolution import Method, grid_convolution
from scripts.bench.harness import Benchmark, Step, interleaved, timed

#: Name, samples per axis, taps per axis, channels, batch. 1289: window width 0.075 after the released crop at 0.1.
CASES: list[dict[str, Any]] = [
    {"case": "1-D causal, cropped", "shape": [16_000], "taps": [1289], "channels": 140, "batch": 1},
    {"case": "1-D causal, full length", "shape": [16_000], "taps": [16_000], "channels": 140, "batch": 1},
    {"case": "1-D causal, MNIST", "shape": [784], "taps": [784], "channels": 140, "batch": 16},
    {"case": "2-D", "shape": [32, 32], "taps": [33, 33], "channels": 140, "batch": 4},
    {"case": "2-D, cropped", "shape": [32, 32], "taps": [5, 5], "channels": 140, "batch": 16},
    {"case": "3-D", "shape": [40, 40, 40], "taps": [41, 41, 41], "channels": 16, "batch": 1},
]
Run = Callable[[Tensor, Tensor], Tensor]


def origin(options: dict[str, Any]) -> list[int]:
    """Index of the tap with offset 0: the last of a causal kernel, the middle one of others."""
    return [k - 1 if len(options["taps"]) == 1 else k // 2 for k in options["taps"]]


def setting(case: str, shape: list[int], taps: list[int], channels: int, batch: int) -> tuple[Tensor, Tensor]:
    """Samples ``[B, *S, C]`` and kernel ``[*K, C]``; the same in every process."""
    torch.manual_seed(0)
    return torch.randn(batch, *shape, channels), torch.randn(*taps, channels) / 10


def ours(options: dict[str, Any], method: Method = Method.AUTO) -> Run:
    """This library."""
    return lambda x, k: grid_convolution(x, k, origin(options), method=method)


def released(options: dict[str, Any]) -> Run:
    """The released formulation on ``[B, C, *S]``: pad by what the kernel reaches, one transform at that size, crop."""
    shape, taps = options["shape"], options["taps"]
    axes = list(range(-len(shape), 0))
    after = [k - 1 - a for k, a in zip(taps, origin(options), strict=True)]
    sides = [p for a, b in zip(reversed(origin(options)), reversed(after), strict=True) for p in (a, b)]

    def run(x: Tensor, k: Tensor) -> Tensor:
        padded = functional.pad(x, sides)
        size = [
            n + n % 2 for n in padded.shape[2:]
        ]  # odd sizes would need the length that the released code forgets
        spectrum = torch.fft.rfftn(padded, s=size, dim=axes) * torch.fft.rfftn(k, s=size, dim=axes).conj()
        y = torch.fft.irfftn(spectrum, s=size, dim=axes)
        return y[(..., *(slice(0, s) for s in shape))]

    return run


def conv_channels_first(options: dict[str, Any]) -> Run:
    """PyTorch's depthwise convolution on ``[B, C, *S]``, as the released code calls it."""
    dim = len(options["shape"])
    convolve: Any = {1: functional.conv1d, 2: functional.conv2d, 3: functional.conv3d}[dim]

    def run(x: Tensor, k: Tensor) -> Tensor:
        padding: Any = [a // 2 for a in options["taps"]]
        if dim == 1:
            x, padding = functional.pad(x, (options["taps"][0] - 1, 0)), 0
        return convolve(x, k[:, None], padding=padding, groups=len(k))  # type: ignore[no-any-return]

    return run


def contenders(options: dict[str, Any]) -> dict[str, tuple[Run, bool]]:
    """Name -> (operator, whether it wants channels first). Direct sums of thousands of taps are left out."""
    found: dict[str, tuple[Run, bool]] = {
        "ours": (ours(options), False),
        "ours_fft": (ours(options, Method.FFT), False),
        "released_fft": (released(options), True),
    }
    if len(options["shape"]) == 2:
        found["conv2d_channels_first"] = (conv_channels_first(options), True)
    return found


def step(options: dict[str, Any], name: str) -> Step:
    """Forward and backward of one contender."""
    run, channels_first = contenders(options)[name]
    x, k = setting(**options)
    if channels_first:
        x, k = x.movedim(-1, 1).contiguous(), k.movedim(-1, 0).contiguous()
    x.requires_grad_()
    k.requires_grad_()

    def once() -> tuple[float, float]:
        x.grad = k.grad = None
        return timed(lambda: run(x, k), lambda y: y.backward(torch.ones_like(y)))

    return once


def errors(options: dict[str, Any]) -> dict[str, float]:
    """Largest deviation from float64 at twice the size, relative to the largest value."""
    x, k = setting(**options)
    double = {**options, "taps": options["taps"]}
    exact = released(double)(x.double().movedim(-1, 1), k.double().movedim(-1, 0)).movedim(1, -1)
    found = {}
    for name, (run, channels_first) in contenders(options).items():
        with torch.no_grad():
            y = run(x.movedim(-1, 1), k.movedim(-1, 0)).movedim(1, -1) if channels_first else run(x, k)
        found[name] = float((y - exact).abs().max() / exact.abs().max())
    return found


def main() -> None:
    """Run the benchmark."""
    bench = Benchmark("grid_conv", __doc__)
    if not bench.starts(step, "torch"):
        return
    for options in CASES:
        names = list(contenders(options))
        wrong = errors(options)
        seconds = interleaved({name: step(options, name) for name in names}, bench.arguments.rounds)
        case = {k: "x".join(map(str, v)) if isinstance(v, list) else v for k, v in options.items()}
        for name in names:
            figures = bench.figures(options, name, seconds[name], max_error=wrong[name])
            bench.add(options["case"], {**case, "contender": name, **figures})
    bench.ends()


if __name__ == "__main__":
    main()
