"""Every parameter in exactly one group, by what its module is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from ccnn_pc.kernels import GaussianWindow, MAGNet
from ccnn_pc.models import create_model
from ccnn_pc.nn import GlobalLayerNorm
from ccnn_pc.training.optim import Role, adamw, parameter_groups, parameter_roles


@pytest.mark.parametrize("name", ["ccnn_4_16", "ccnn_4_140"])
def test_published_models(name: str) -> None:
    model = create_model(name, dim=3, in_channels=6, out_channels=40)
    groups = parameter_groups(model, lr=0.02, weight_decay=0.1, window_lr_factor=0.1)
    placed = [id(p) for group in groups for p in group["params"]]
    assert sorted(placed) == sorted(id(p) for p in model.parameters())
    of = {group["role"]: group for group in groups}
    windows = [p for m in model.modules() if isinstance(m, GaussianWindow) for p in m.parameters()]
    kernels = [p for m in model.modules() if isinstance(m, MAGNet) for p in m.parameters()]
    norms = [p for m in model.modules() if isinstance(m, nn.BatchNorm1d) for p in m.parameters()]
    assert {id(p) for p in of["window"]["params"]} == {id(p) for p in windows} and len(windows) == 5
    assert {id(p) for p in of["kernel"]["params"]} == {id(p) for p in kernels}
    assert {id(p) for p in of["norm"]["params"]} == {id(p) for p in norms}
    assert all(p.ndim == 1 for p in of["bias"]["params"]) and all(p.ndim > 1 for p in of["other"]["params"])
    assert of["window"]["lr"] == pytest.approx(0.002) and of["kernel"]["lr"] == of["other"]["lr"] == 0.02
    assert {role: group["weight_decay"] for role, group in of.items()} == {
        "other": 0.1, "kernel": 0.0, "window": 0.0, "norm": 0.0, "bias": 0.0
    }  # fmt: skip


@pytest.mark.parametrize("name", ["smpnet_tcn_6", "smpconv_t"])
def test_radii_of_points_have_a_rate_of_their_own(name: str) -> None:
    dim, shape = (1, (64,)) if name.endswith("6") else (2, None)
    model = create_model(name, dim=dim, in_channels=1, out_channels=3, shape=shape)
    of = {g["role"]: g for g in parameter_groups(model, lr=0.1, weight_decay=0.5, radius_lr_factor=0.1)}
    radii = {id(p) for key, p in model.named_parameters() if key.endswith("kernel.radius")}
    assert {id(p) for p in of["radius"]["params"]} == radii and len(radii) in (12, 14)
    assert of["radius"]["lr"] == pytest.approx(0.01) and of["radius"]["weight_decay"] == 0.0
    assert of["kernel"]["lr"] == 0.1 and not radii & {id(p) for p in of["kernel"]["params"]}


def test_order_depends_on_names_alone() -> None:
    first, second = nn.Module(), nn.Module()
    for name in ("b", "a", "c"):
        first.add_module(name, nn.Linear(2, 2))
    for name in ("c", "a", "b"):
        second.add_module(name, nn.Linear(2, 2))
    names_of = [{id(p): n for n, p in m.named_parameters()} for m in (first, second)]
    orders = [
        [names[id(p)] for group in parameter_groups(m, lr=1.0) for p in group["params"]]
        for m, names in zip((first, second), names_of, strict=True)
    ]
    assert orders[0] == orders[1] == ["a.weight", "b.weight", "c.weight", "a.bias", "b.bias", "c.bias"]


def test_names_do_not_decide_types_do() -> None:
    model = nn.Module()
    model.window = nn.Linear(2, 2)  # type: ignore[assignment]
    model.plain = GaussianWindow(3)  # type: ignore[assignment]
    model.group = GlobalLayerNorm(4)  # type: ignore[assignment]
    roles = parameter_roles(model)
    assert roles["window.weight"] is Role.OTHER and roles["window.bias"] is Role.BIAS
    assert roles["plain.width"] is Role.WINDOW and roles["group.weight"] is Role.NORM


def test_shared_and_frozen_parameters() -> None:
    shared = nn.Linear(2, 2)
    model = nn.ModuleDict({"b": shared, "a": shared, "frozen": nn.Linear(2, 2)})
    model["frozen"].requires_grad_(False)
    assert list(parameter_roles(model)) == ["b.bias", "b.weight"]


def test_window_factor_zero_freezes_widths_and_decay_leaves_kernels_alone(
    network: Callable[..., nn.Module],
) -> None:
    model: Any = network()
    optimizer = adamw(model, lr=0.1, weight_decay=0.5, window_lr_factor=0.0)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    model.window.width.grad.fill_(1.0)
    optimizer.step()
    changed = {name for name, p in model.named_parameters() if not torch.equal(p, before[name])}
    assert changed == {"head.weight"}
    assert torch.allclose(model.head.weight, before["head.weight"] * (1 - 0.1 * 0.5))


@pytest.mark.parametrize("change", [{"lr": 0.0}, {"weight_decay": -1.0}, {"window_lr_factor": float("inf")}])
def test_refuses(change: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=f"'{next(iter(change))}' must be"):
        adamw(nn.Linear(2, 2), **change)  # type: ignore[arg-type]


def test_refuses_a_model_without_parameters() -> None:
    with pytest.raises(ValueError, match="'model' must have at least one trainable parameter"):
        adamw(nn.Identity())
