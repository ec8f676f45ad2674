"""What a step of training costs on irregular series: ours, recurrent networks, ODE-RNN, neural CDE.

Every contender is the network of its experiment (about as many parameters each), on the first batch of its training: 32
character trajectories, or 256 patients of PhysioNet 2019. Forward, loss and backward, float32. Times: contenders take
turns in this process, on the same series; minimum and median. Memory: peak of a fresh process for each contender over
what it held before the step (data and network). Prints a table and writes results/bench_series_models.csv.

    python scripts/bench_series_models.py --characters path/to/data --sepsis path/to/physionet2019
    python scripts/bench_series_models.py --characters path/to/data --rounds 5
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from benching import (
    interleaved,
    memory,
    milliseconds,
    print_peak,
    processor,
    timed,
    write,
)  # beside this script
from hydra.utils import instantiate
from torch import Tensor

from ccnn_pc.cli.compose import compose_config, follow_data

RESULTS = Path(__file__).resolve().parents[1] / "results" / "bench_series_models.csv"
CONTENDERS = {
    "characters": {
        "ours on the grid": ("experiment=chartraj_tiny",),
        "ours on stamps": ("experiment=chartraj_tiny_irregular",),
        "ours on stamps, no lattice": ("experiment=chartraj_tiny_irregular", "data.direct=true"),
        "GRU-Δt": ("experiment=chartraj_gru_dt",),
        "GRU-D": ("experiment=chartraj_gru_d",),
        "ODE-RNN": ("experiment=chartraj_ode_rnn",),
        "neural CDE, adjoint": ("experiment=chartraj_neural_cde",),
        "neural CDE, no adjoint": ("experiment=chartraj_neural_cde", "model.adjoint=false"),
    },
    "sepsis": {
        "ours on stamps": ("experiment=physionet2019_tiny",),
        "GRU-Δt": ("experiment=physionet2019_gru_dt",),
        "GRU-D": ("experiment=physionet2019_gru_d",),
        "ODE-RNN": ("experiment=physionet2019_ode_rnn",),
        "neural CDE, adjoint": ("experiment=physionet2019_neural_cde",),
        "neural CDE, no adjoint": ("experiment=physionet2019_neural_cde", "model.adjoint=false"),
    },
}


def step(options: dict[str, Any], name: str) -> tuple[Callable[[], tuple[float, float]], int]:
    """Forward and backward of one contender on the first batch of its training, and its number of parameters."""
    pl.seed_everything(0, verbose=False)
    config = compose_config([*CONTENDERS[options["what"]][name], f"data.root={options['root']}", "threads=1"])
    data = instantiate(config.data.module, _convert_="all")
    if hasattr(data.train_set, "measured"):
        follow_data(config, data.train_set.measured())
    outputs = config.model.get("out_channels") or len(data.classes)
    model = instantiate(config.model, _convert_="all")(out_channels=outputs).train()
    parts = instantiate(config.optim, _convert_="all")
    task = instantiate(config.task, _convert_="all")(
        model,
        len(data.classes),
        optimizer=parts["optimizer"],
        schedule=parts["schedule"],
        class_counts=data.class_counts(),
    )
    data.setup("fit")
    batch = next(iter(data.train_dataloader()))
    target = task.objective.target(batch)

    def forward() -> Tensor:
        loss: Tensor = task.objective.training_loss(model(batch).float(), target)
        return loss

    def once() -> tuple[float, float]:
        model.zero_grad(set_to_none=True)
        return timed(forward, Tensor.backward)

    return once, sum(p.numel() for p in model.parameters())


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--characters", help="folder of the character trajectories")
    parser.add_argument("--sepsis", help="folder of PhysioNet 2019")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of interleaved timing")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--memory", help=argparse.SUPPRESS)
    parser.add_argument("--options", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.memory:
        print_peak(step(json.loads(arguments.options), arguments.memory)[0])
        return
    roots = {what: root for what in CONTENDERS if (root := getattr(arguments, what))}
    if not roots:
        parser.error("give --characters, --sepsis, or both")
    common = {
        "date": datetime.date.today().isoformat(),
        "machine": processor(),
        "threads": arguments.threads,
        **{name: importlib.metadata.version(name) for name in ("torch", "torchdiffeq", "torchcde")},
    }
    print(", ".join(f"{name} {value}" for name, value in common.items()))
    rows: list[dict[str, Any]] = []
    for what, root in roots.items():
        options = {"what": what, "root": root}
        made = {name: step(options, name) for name in CONTENDERS[what]}
        seconds = interleaved({name: once for name, (once, _) in made.items()}, arguments.rounds)
        for name, (_, parameters) in made.items():
            figures = {
                "parameters": parameters,
                **milliseconds(seconds[name]),
                "peak_mb": round(memory(__file__, options, name, arguments.threads)["peak_mb"], 1),
            }
            rows.append({**common, "what": what, "contender": name, **figures})
            print(
                f"{what:<12}{name:<28} forward {figures['forward_min_ms']:9.1f} ms  "
                f"both {figures['both_min_ms']:9.1f} ms  peak {figures['peak_mb']:7.1f} MB  {parameters:,} parameters",
                flush=True,
            )
            write(rows, arguments.out)
    print(f"written: {arguments.out}")


if __name__ == "__main__":
    main()
