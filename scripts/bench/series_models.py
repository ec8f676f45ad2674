"""What a step of training costs on irregular series: ours, recurrent networks, ODE-RNN, neural CDE.

Every contender is the network of its experiment (about as many parameters each), on the first batch of its training: 32
character trajectories, or 256 patients of PhysioNet 2019. Forward, loss and backward, float32. Times: contenders take
turns in this process, on the same series; minimum and median. Memory: peak of a fresh process for each contender over
what it held before the step (data and network). Prints a table and writes results/bench_series_models.csv.

    python -m scripts.bench.series_models --characters path/to/data --sepsis path/to/physionet2019
    python -m scripts.bench.series_models --characters path/to/data --rounds 5
"""

from __future__ import annotations

from typing import Any

import lightning.pytorch as pl
from hydra.utils import instantiate
from torch import Tensor

from ccnn_pc.cli.compose import compose_config
from ccnn_pc.cli.follow import follow_data
from scripts.bench.harness import Benchmark, Step, interleaved, timed

CONTENDERS = {
    "characters": {
        "ours on the grid": ("experiment=chartraj_tiny",),
        "ours on stamps": ("experiment=chartraj_tiny_irregular", "model.series_interpolation=none"),
        "ours on stamps, no lattice": (
            "experiment=chartraj_tiny_irregular",
            "data.direct=true",
            "model.series_interpolation=none",
        ),
        "ours on straight lines, no lattice": (
            "experiment=chartraj_tiny_irregular",
            "data.direct=true",
            "model.series_interpolation=linear",
        ),
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


def step(options: dict[str, Any], name: str) -> tuple[Step, int]:
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
    bench = Benchmark("series_models", __doc__, threads=1)
    bench.parser.add_argument("--characters", help="folder of the character trajectories")
    bench.parser.add_argument("--sepsis", help="folder of PhysioNet 2019")
    if not bench.starts(lambda options, name: step(options, name)[0], "torch", "torchdiffeq", "torchcde"):
        return
    roots = {what: root for what in CONTENDERS if (root := getattr(bench.arguments, what))}
    if not roots:
        bench.parser.error("give --characters, --sepsis, or both")
    for what, root in roots.items():
        options = {"what": what, "root": root}
        made = {name: step(options, name) for name in CONTENDERS[what]}
        seconds = interleaved({name: once for name, (once, _) in made.items()}, bench.arguments.rounds)
        for name, (_, parameters) in made.items():
            figures = bench.figures(options, name, seconds[name], parameters=parameters)
            bench.add(what, {"what": what, "contender": name, **figures})
    bench.ends()


if __name__ == "__main__":
    main()
