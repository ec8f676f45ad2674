"""Small files as the released CKConv code saves them, made of a network of ours."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from ccnn_pc.models import Model, create_model
from ccnn_pc.published.ckconv_checkpoint import ckconv_names

#: ω₀ as the papers count it, of the small network.
OMEGA_0 = 7.0


def small_network(length: int = 12, in_channels: int = 2) -> Model:
    """Two blocks of three channels, three classes."""
    torch.manual_seed(3)
    model = create_model(
        "ckcnn_released",
        dim=1,
        in_channels=in_channels,
        out_channels=3,
        shape=(length,),
        channels=3,
        kernel_hidden=4,
        omega_0=OMEGA_0 / (2 * torch.pi),
    )
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return model.eval()


def released_state(model: Model) -> dict[str, Tensor]:
    """Its parameters by their released names, 1x1 convolutions for linear maps."""
    ours = dict(model.named_parameters())
    names = {**ckconv_names(0), **ckconv_names(1)}
    state = {theirs: ours[name].detach().clone() for theirs, name in names.items()}
    for name in [name for name in state if name.endswith(("weight_g", "weight_v"))]:
        state[name] = state[name][..., None]
    if "blocks.0.shortcut.weight" in ours:
        state["backbone.0.shortcut.0.weight"] = ours["blocks.0.shortcut.weight"].detach()[..., None].clone()
        state["backbone.0.shortcut.0.bias"] = ours["blocks.0.shortcut.bias"].detach().clone()
    state["finallyr.weight"] = ours["head.linear.weight"].detach().clone()
    state["finallyr.bias"] = ours["head.linear.bias"].detach().clone()
    return state


def with_length(state: dict[str, Tensor], length: int) -> dict[str, Tensor]:
    """The same with the buffers that newer files have."""
    where = [f"backbone.{b}.cconv{n}.train_length" for b in (0, 1) for n in (1, 2)]
    return {**state, **{key: torch.tensor([length], dtype=torch.int32) for key in where}}


def save(state: object, folder: Path, name: str = "file.pt") -> Path:
    torch.save(state, folder / name)
    return folder / name
