"""Tables that are counted, not measured: sizes of all networks, settings of all experiments."""

from __future__ import annotations

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
    from ccnn_pc.models import CCNN, create_model, list_models

    kinds = {"points": (3, 6, 40), "sequence": (1, 1, 10), "image": (2, 3, 10)}
    rows = []
    for name in list_models():
        made_for = next((found for start, found in MADE_FOR.items() if name.startswith(start)), list(kinds))
        size: list[object] = [NOTHING, NOTHING, NOTHING]
        counts = dict.fromkeys(kinds, NOTHING)
        for kind in made_for:
            dim, channels, classes = kinds[kind]
            model = create_model(name, dim=dim, in_channels=channels, out_channels=classes)
            counts[kind] = thousands(sum(p.numel() for p in model.parameters()))
            if isinstance(model, CCNN):
                kernel: Any = model.stem.kernel
                size = [
                    len(model.blocks),
                    model.stem.out_channels,
                    f"{kernel.hidden_channels} × {kernel.num_filters}",
                ]
        rows.append([f"`{name}`", *size, *counts.values()])
    header = "name|blocks|channels|kernel: units × filters|points, 40 classes|sequence, 10 classes|image, 10 classes"
    return markdown(header.split("|"), rows)


def experiments() -> str:
    """Settings of all experiments, as the configuration files compose them."""
    from hydra.utils import instantiate

    from ccnn_pc.cli.compose import compose_config, list_experiments

    classes, rows = {"shapes": 12, "modelnet40": 40, "cifar100": 100, "adding": 1, "ptb": 50}, []
    for name in list_experiments():
        c = compose_config([f"experiment={name}"])
        outputs = c.model.get("out_channels") or classes.get(c.data.name, 20 if "chartraj" in name else 10)
        batch = f"{c.data.batch_size} × {c.trainer.accumulate_grad_batches}"
        if open_sizes := c.model.in_channels is None:  # the user's table says it
            count = NOTHING
        else:
            model = instantiate(c.model)(out_channels=outputs)
            count = thousands(sum(p.numel() for p in model.parameters()))
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
