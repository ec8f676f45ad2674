"""How fast are CCNN's layer and network on long sequences beside discrete and state-space ones?

The setting of CCNN's Tables 5 to 7 (arXiv 2206.03398, appendix D.1), on a CPU: one layer of 256 channels (a depthwise
convolution and a mix of channels; Tables 6 and 7), and whole classifiers CCNN 4,140 or 6,380 on batches of 8 (Table 5).
Contenders:

* ours, global: a kernel network over the whole input, never cut: the paper's worst case;
* ours, window 0.075: the same with the papers' initial window, cut where it is below the library's threshold;
* discrete, global: a number per tap instead of a kernel network, through the same operator;
* discrete, local: PyTorch's convolution of 5 taps; the network pools by 2 after each of its 8 to 12 blocks;
* state space (LRU): the linear recurrent unit of `neural-ssm`, 64 complex states, in place of the convolution. That is
  the one maintained package of such layers in pure PyTorch that was found; it is left out where it is not installed
  (`pip install neural-ssm`). S4's own code is no package, and `mamba-ssm` needs CUDA.

Forward and backward, float32. Times: contenders take turns in this process, minimum and median. Memory: peak of a fresh
process for each contender over what it held before the step. Prints a table and writes
results/bench_sequence_models.csv.

    python -m scripts.bench.sequence_models
    python -m scripts.bench.sequence_models --rounds 3 --lengths 1024 4096 --what network --channels 380
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from scripts.bench.harness import Benchmark, Step, interleaved, timed
from scripts.bench.sequence_peers import layer_step, layers, network_step

LENGTHS = [1024, 2048, 4096, 8192, 16_000]
LAYER_CHANNELS, LAYER_BATCH, NETWORK_BATCH = 256, 1, 8


def step(options: dict[str, Any], name: str) -> tuple[Step, int]:
    """Forward and backward of one contender, and its number of parameters."""
    torch.manual_seed(0)
    make = {"layer": layer_step, "network": network_step}[options["what"]]
    model, forward = make(name, options["length"], options["channels"], options["batch"])

    def backward(y: Tensor) -> None:
        y.backward(torch.ones_like(y))

    def once() -> tuple[float, float]:
        model.zero_grad(set_to_none=True)
        return timed(forward, backward)

    return once, sum(p.numel() for p in model.parameters())


def settings(what: list[str], lengths: list[int], channels: int) -> list[dict[str, Any]]:
    """Layers first, short sequences first."""
    sizes = {"layer": (LAYER_CHANNELS, LAYER_BATCH), "network": (channels, NETWORK_BATCH)}
    return [
        {"what": kind, "length": length, "channels": sizes[kind][0], "batch": sizes[kind][1]}
        for kind in what
        for length in lengths
    ]


def main() -> None:
    """Run the benchmark."""
    bench = Benchmark("sequence_models", __doc__)
    add = bench.parser.add_argument
    add("--what", nargs="+", choices=["layer", "network"], default=["layer", "network"])
    add("--lengths", nargs="+", type=int, default=LENGTHS)
    add("--channels", type=int, choices=[140, 380], default=140, help="of the networks")
    if not bench.starts(lambda options, name: step(options, name)[0], "torch", "neural_ssm"):
        return
    chosen = bench.arguments
    if not bench.common["neural_ssm"]:
        print("no state-space layer: pip install neural-ssm")
    for options in settings(chosen.what, chosen.lengths, chosen.channels):
        made = {name: step(options, name) for name in layers(options["length"])}
        seconds = interleaved({name: once for name, (once, _) in made.items()}, chosen.rounds)
        for name, (_, parameters) in made.items():
            figures = bench.figures(options, name, seconds[name], parameters=parameters)
            bench.add(
                f"{options['what']:<8}{options['length']:>6}", {**options, "contender": name, **figures}
            )
    bench.ends()


if __name__ == "__main__":
    main()
