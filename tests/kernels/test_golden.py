"""Kernel networks and windows equal the released code: golden vectors, by a map of parameter names."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ccnn_pc.kernels import (
    MLP,
    SIREN,
    FactorizedKernel,
    FourierNet,
    GaborNet,
    GaussianWindow,
    MAGNet,
    RandomFourierNet,
    SelfMovingPoints,
    angular_omega_0,
)

Arrays = dict[str, np.ndarray]

NETWORKS = [
    "cc_fouriernet_d2",
    "cc_gabornet_d2",
    *(f"cc_magnet_d{d}_h{h}" for d in (1, 2, 3) for h in (8, 32)),
    "cc_rfnet_d1",
    "cc_rfnet_d2",
    "cc_siren_d1",
    "cc_siren_d2",
    "ck_relu_nonorm",
    "ck_rfnet",
    "ck_siren",
    "fx_fouriernet_d2",
    "fx_gabornet_d2",
    "fx_magnet_d1",
    "fx_magnet_d2",
    "fx_nsiren_d2",
    "fx_siren_d2",
    "smpi_depthwise",
]
ELSEWHERE = {
    *("smp_d1_causal", "smp_d2"),  # test_moving_points_per_filter.py
    *("fx_magnet_d2_steerable", "ck_swish_layernorm"),  # tests/published/test_kernels.py
}


def test_every_kernel_vector_is_checked(shared: Path) -> None:
    found = {path.stem.removeprefix("1_kernel_") for path in (shared / "golden").glob("1_kernel_*.npz")}
    assert found == set(NETWORKS) | ELSEWHERE


def _matrix(array: np.ndarray) -> Tensor:
    """A 1x1 convolution's weight as a matrix."""
    return torch.from_numpy(array.astype(np.float64)).reshape(array.shape[0], -1)


def _load_linear(linear: nn.Module, data: Arrays, name: str, bias_factor: float = 1.0) -> None:
    """Copy a linear layer, folding weight norm ``W = g v / ‖v‖`` per output row."""
    assert isinstance(linear, nn.Linear)
    if f"weights/{name}.weight_v" in data:
        v = _matrix(data[f"weights/{name}.weight_v"])
        weight = _matrix(data[f"weights/{name}.weight_g"]) * v / v.norm(dim=1, keepdim=True)
    else:
        weight = _matrix(data[f"weights/{name}.weight"])
    linear.weight.copy_(weight)
    linear.bias.copy_(torch.from_numpy(data[f"weights/{name}.bias"]).double() * bias_factor)


def _load_filters(kernel: FourierNet | GaborNet | MAGNet, data: Arrays) -> None:
    names = [f"weights/filters.{level}." for level in range(kernel.num_filters)]
    kernel.weight.copy_(torch.cat([_matrix(data[f"{n}linear.weight"]) for n in names]))
    kernel.bias.copy_(torch.cat([_matrix(data[f"{n}linear.bias"]) for n in names]).flatten())
    if not isinstance(kernel, FourierNet):
        kernel.gamma.copy_(torch.cat([_matrix(data[f"{n}gamma"]) for n in names]))
        kernel.mu.copy_(torch.cat([_matrix(data[f"{n}mu"]) for n in names]))
    stem = "linears" if "weights/linears.0.weight" in data else "linear"
    for level, mix in enumerate(kernel.mixing):
        _load_linear(mix, data, f"{stem}.{level}")
    _load_linear(kernel.readout, data, "output_linear")


@torch.no_grad()
def _build(name: str, data: Arrays) -> FactorizedKernel:
    """Our kernel, in float64, with the parameters of the released one."""
    dim, out = (
        data["input/positions"].shape[1] if "input/positions" in data else 2,
        data["output/kernel"].shape[1],
    )
    hidden = int(data["config/hidden"]) if "config/hidden" in data else 0
    family = name.split("_")[1]
    for key, kind in (("fouriernet", FourierNet), ("gabornet", GaborNet), ("magnet", MAGNet)):
        if family == key:
            network = kind(dim, out, hidden_channels=hidden, num_layers=3).double()
            _load_filters(network, data)
            return network
    if family in ("siren", "nsiren"):
        omega = float(data["config/omega_0"])
        siren = SIREN(dim, out, hidden_channels=hidden, omega_0=angular_omega_0(omega)).double()
        siren.omega.fill_(omega)
        inside = 1.0 / omega if family == "nsiren" else 1.0  # sin(ωWx + b): our bias is multiplied by ω
        places = ["kernel_net.0", "kernel_net.4"] if name == "ck_siren" else ["kernel_net.0", "kernel_net.2"]
        for layer, place in zip(siren.hidden, places, strict=True):
            _load_linear(layer, data, place, bias_factor=inside)
        last = {"ck": "kernel_net.8", "cc": "output_linear", "fx": "kernel_net.4"}[name[:2]]
        _load_linear(siren.readout, data, last)
        return siren
    if family == "relu":
        mlp = MLP(dim, out, hidden_channels=hidden, activation=nn.ReLU).double()
        for layer, index in zip([*mlp.hidden, mlp.readout], (0, 4, 8), strict=True):
            _load_linear(layer, data, f"kernel_net.{index}")
        return mlp
    if family == "rfnet":
        ck = name.startswith("ck")
        inner = ["kernel_net.1"] if ck else ["hidden_layers.0", "hidden_layers.3"]
        net = RandomFourierNet(dim, out, hidden_channels=hidden, num_layers=2 + len(inner)).double()
        _load_linear(net.embedding, data, "kernel_net.0" if ck else "input_layers.linear")
        for layer, place in zip(net.hidden, inner, strict=True):
            _load_linear(layer, data, place)
        _load_linear(net.readout, data, "kernel_net.3" if ck else "output_linear")
        return net
    points = SelfMovingPoints(
        2, int(data["config/planes"]), hidden_channels=int(data["config/n_points"])
    ).double()
    points.coord.copy_(torch.from_numpy(data["weights/weight_coord"][0]))
    points.radius.copy_(torch.from_numpy(data["weights/radius"]).flatten())
    points.readout.weight.copy_(torch.from_numpy(data["weights/weights"][0]))
    return points


def _cases(data: Arrays) -> list[tuple[Tensor, Tensor]]:
    """Pairs of coordinates ``[*grid, D]`` and kernel values ``[*grid, O]``."""
    if "config/planes" in data:  # rendered as a picture: coordinate 0 runs right, coordinate 1 runs up
        axis = torch.linspace(-1.0, 1.0, int(data["config/kernel_size"]), dtype=torch.float64)
        up, right = torch.meshgrid(-axis, axis, indexing="ij")
        return [(torch.stack([right, up], dim=-1), torch.from_numpy(data["output/kernel"]).movedim(0, -1))]
    return [
        (
            torch.from_numpy(data[f"input/positions{suffix}"][0]).movedim(0, -1),
            torch.from_numpy(data[f"output/kernel{suffix}"][0]).movedim(0, -1),
        )
        for suffix in ("", "_scatter")
    ]


def _float32_cost(shared: Path, name: str) -> float:
    """The overview's column "f32 vs f64" for this file."""
    text = (shared / "golden" / "README.md").read_text(encoding="utf-8")
    row = re.search(rf"^\| 1_kernel_{name}\.npz \|.*\| ([0-9.e+-]+) \|$", text, re.MULTILINE)
    assert row is not None
    return float(row.group(1))


@pytest.mark.parametrize("name", NETWORKS)
def test_kernel_values(shared: Path, name: str) -> None:
    with np.load(shared / "golden" / f"1_kernel_{name}.npz") as file:
        data = dict(file)
    kernel, single = _build(name, data), _build(name, data).float()
    for u, expected in _cases(data):
        scale = expected.abs().max()
        error = (kernel(u.double()) - expected).abs().max() / scale
        assert error <= 1e-9
        error = (single(u.float()).double() - expected).abs().max() / scale
        assert error <= max(1e-5, 10.0 * _float32_cost(shared, name))


def test_window_values(shared: Path) -> None:
    with np.load(shared / "golden" / "2_masks_cc_gaussian_crop.npz") as file:
        data = dict(file)
    u = torch.from_numpy(data["input/mask_positions_1d"])[:, None].double()
    for mean in (0, 1):
        window = GaussianWindow(1, causal=mean == 1).double()
        for sigma, expected in zip(data["input/sigma"], data[f"output/mask1d_mean{mean}"], strict=True):
            window.width.data.fill_(float(sigma))
            assert (window(u)[:, 0] - torch.from_numpy(expected)).abs().max() <= 1e-12
    window = GaussianWindow(1).double()
    window.width.data.zero_()
    assert (window(u)[:, 0] - torch.from_numpy(data["output/mask1d_sigma0_mean0"])).abs().max() <= 1e-12
    window = GaussianWindow(2, width=(0.3, 0.6), mean=(0.1, -0.2)).double()
    window.width.data.copy_(torch.tensor([0.3, 0.6], dtype=torch.float64))
    window.mean.copy_(torch.tensor([0.1, -0.2], dtype=torch.float64))
    axis = torch.linspace(-1.0, 1.0, 9, dtype=torch.float64)
    grid = torch.stack(torch.meshgrid(axis, axis, indexing="ij"), dim=-1)
    expected = torch.from_numpy(data["output/mask2d_grid9_sigmas_0p3_0p6_means_0p1_m0p2"])
    assert (window(grid)[..., 0] - expected).abs().max() <= 1e-12


def test_window_roots(shared: Path) -> None:
    """The released crop keeps the positions between the points where the window falls to 0.1."""
    with np.load(shared / "golden" / "2_masks_cc_gaussian_crop.npz") as file:
        data = dict(file)
    threshold = float(data["config/threshold"])
    for causal, key in ((True, "output/causal_root"), (False, "output/centred_abs_root")):
        window = GaussianWindow(1, causal=causal, min_width=0.0).double()
        for sigma, root in zip(data["input/sigma"], data[key], strict=True):
            window.width.data.fill_(float(sigma))
            lower, upper = window.support(threshold)
            if causal:
                assert upper.item() == 1.0
                assert lower.item() == pytest.approx(max(-1.0, float(root)), abs=1e-12)
            else:
                assert upper.item() == pytest.approx(min(1.0, float(root)), abs=1e-12)
                assert lower.item() == -upper.item()
