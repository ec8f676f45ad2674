"""Tables that are counted, not measured: sizes of all networks, settings of all experiments."""

from __future__ import annotations

import json
from typing import Any

from scripts.tables.render import NOTHING, markdown, thousands

#: Data that networks are made for; all others take every kind.
MADE_FOR = {
    "ccnn_unet": ["points"],
    "ckcnn": ["sequence"],
    "dgcnn": ["points"],
    "flexnet": ["image"],
    "flextcn": ["sequence"],
    "gru_": ["sequence"],
    "neural_cde": ["sequence"],
    "ode_rnn": ["sequence"],
    "pointnet2": ["points"],
    "random_kernels": ["sequence"],
    "s4d": ["sequence", "image"],
    "series_values": ["sequence"],
    "smpconv": ["image"],
    "smpnet_resnet": ["image"],
    "smpnet_tcn": ["sequence"],
    "transformer": ["sequence", "image"],
}


def models() -> str:
    """Sizes of all networks, counted, for the data that each is made for."""
    from ccnn_pc.models import create_model, list_models
    from ccnn_pc.models.ccnn import build_ccnn
    from ccnn_pc.models.names import builder
    from ccnn_pc.models.parameters import count_parameters
    from ccnn_pc.models.registry import Frozen

    kinds = {"points": (3, 6, 40), "sequence": (1, 1, 10), "image": (2, 3, 10)}
    rows = []
    for name in list_models():
        made_for = next((found for start, found in MADE_FOR.items() if name.startswith(start)), list(kinds))
        size: list[object] = [NOTHING, NOTHING, NOTHING]
        counts = dict.fromkeys(kinds, NOTHING)
        for kind in made_for:
            counts[kind] = thousands(count_parameters(name, *kinds[kind]))
        made = builder(name)
        if isinstance(made, Frozen) and made.build is build_ccnn:
            kernel: Any = create_model(name, dim=1, in_channels=1, out_channels=1).get_submodule(
                "stem.kernel"
            )
            size = [
                made.numbers["num_blocks"],
                made.numbers["channels"],
                f"{kernel.hidden_channels} × {kernel.num_filters}",
            ]
        rows.append([f"`{name}`", *size, *counts.values()])
    header = "name|blocks|channels|kernel: units × filters|points, 40 classes|sequence, 10 classes|image, 10 classes"
    return markdown(header.split("|"), rows)


EXPERIMENT = "experiment|parameters|ω₀|width|samples|k|copies|batch|rate|epochs|epoch chosen on"


def experiments() -> str:
    """Settings of all experiments, as the configuration files compose them."""
    from hydra.utils import instantiate

    from ccnn_pc.cli.compose import compose_config, list_experiments

    counted: dict[str, int] = {}
    rows = []
    for name in list_experiments():
        c = compose_config([f"experiment={name}"])
        count = None
        if c.model.in_channels is not None:
            key = json.dumps([_sizes(c.model), outputs_of(c)], sort_keys=True)
            if key not in counted:
                model = instantiate(c.model)(out_channels=outputs_of(c))
                counted[key] = sum(p.numel() for p in model.parameters())
            count = counted[key]
        rows.append(experiment_row(name, c, count))
    return markdown(EXPERIMENT.split("|"), rows)


def outputs_of(c: Any) -> int:
    """Classes of an experiment's data."""
    classes = {"shapes": 12, "modelnet40": 40, "cifar100": 100, "adding": 1, "ptb": 50}
    return c.model.get("out_channels") or classes.get(c.data.name, 20 if "chartraj" in c.name else 10)


def experiment_row(name: str, c: Any, count: int | None) -> list[object]:
    """Cells of an experiment's line; no count: the user's table says how many channels there are."""
    batch = f"{c.data.batch_size} × {c.trainer.accumulate_grad_batches}"
    kernel = [
        f"{c.model[key]:g}" if c.model.get(key) is not None else NOTHING for key in ("omega_0", "width")
    ]
    if count is None:
        samples = [NOTHING, NOTHING, NOTHING]
    elif "shape" in c.data and "num_neighbors" not in c.data:
        samples = ["×".join(str(size) for size in c.data.shape), NOTHING, NOTHING]
    else:
        points = c.data.get("num_voxels") or c.data.num_points
        samples = [points, c.data.num_neighbors or NOTHING, c.data.copies]
    chosen = "test" if c.data.select_on_test else "validation"
    steps = [batch, f"{c.optim.lr:g}", c.trainer.max_epochs, chosen]
    return [f"`{name}`", NOTHING if count is None else thousands(count), *kernel, *samples, *steps]


def _sizes(model: Any) -> dict[str, Any]:
    """The settings of a model that its number of parameters may depend on."""
    from omegaconf import OmegaConf

    settings: Any = OmegaConf.to_container(model, resolve=True)
    values = (
        "omega_0",
        "width",
        "dropout",
        "spacing",
        "num_neighbors",
    )  # whatever they are, shapes are the same
    return {key: value is None if key in values else value for key, value in settings.items()}
