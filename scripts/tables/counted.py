"""Tables that are counted, not measured: sizes of all networks, settings of all experiments."""

from __future__ import annotations

import json
from typing import Any

from scripts.tables.render import NOTHING, markdown, thousands

#: Data that networks are made for; all others take every kind.
MADE_FOR = {
    "ckcnn": ["sequence"],
    "dgcnn": ["points"],
    "flexnet": ["image"],
    "flextcn": ["sequence"],
    "gru_": ["sequence"],
    "neural_cde": ["sequence"],
    "ode_rnn": ["sequence"],
    "pointnet2": ["points"],
    "smpconv": ["image"],
    "smpnet_resnet": ["image"],
    "smpnet_tcn": ["sequence"],
}


def models() -> str:
    """Sizes of all networks, counted, for the data that each is made for."""
    from ccnn_pc.models import create_model, list_models
    from ccnn_pc.models.ccnn import build_ccnn
    from ccnn_pc.models.parameters import count_parameters
    from ccnn_pc.models.registry import Frozen, builder

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
            kernel: Any = create_model(name, dim=1, in_channels=1, out_channels=1).stem.kernel
            size = [
                made.numbers["num_blocks"],
                made.numbers["channels"],
                f"{kernel.hidden_channels} × {kernel.num_filters}",
            ]
        rows.append([f"`{name}`", *size, *counts.values()])
    header = "name|blocks|channels|kernel: units × filters|points, 40 classes|sequence, 10 classes|image, 10 classes"
    return markdown(header.split("|"), rows)


def experiments() -> str:
    """Settings of all experiments, as the configuration files compose them."""
    from ccnn_pc.cli.compose import compose_config, list_experiments

    counted: dict[str, int] = {}
    classes, rows = {"shapes": 12, "modelnet40": 40, "cifar100": 100, "adding": 1, "ptb": 50}, []
    for name in list_experiments():
        c = compose_config([f"experiment={name}"])
        outputs = c.model.get("out_channels") or classes.get(c.data.name, 20 if "chartraj" in name else 10)
        batch = f"{c.data.batch_size} × {c.trainer.accumulate_grad_batches}"
        if open_sizes := c.model.in_channels is None:  # the user's table says it
            count = NOTHING
        else:
            key = json.dumps([_sizes(c.model), outputs], sort_keys=True)
            if key not in counted:
                counted[key] = _count(c.model, outputs)
            count = thousands(counted[key])
        kernel = [
            f"{c.model[key]:g}" if c.model.get(key) is not None else NOTHING for key in ("omega_0", "width")
        ]
        if open_sizes:
            samples = [NOTHING, NOTHING, NOTHING]
        elif "shape" in c.data:
            samples = ["×".join(str(size) for size in c.data.shape), NOTHING, NOTHING]
        else:
            points = c.data.get("num_voxels") or c.data.num_points
            samples = [points, c.data.num_neighbors or NOTHING, c.data.copies]
        chosen = "test" if c.data.select_on_test else "validation"
        steps = [batch, f"{c.optim.lr:g}", c.trainer.max_epochs, chosen]
        rows.append([f"`{name}`", count, *kernel, *samples, *steps])
    header = "experiment|parameters|ω₀|width|samples|k|copies|batch|rate|epochs|epoch chosen on"
    return markdown(header.split("|"), rows)


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


def _count(model: Any, outputs: int) -> int:
    from hydra.utils import instantiate

    return sum(p.numel() for p in instantiate(model)(out_channels=outputs).parameters())
