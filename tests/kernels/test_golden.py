"""Kernel networks and windows equal the released code: golden vectors, by a map of parameter names."""

from __future__ import annotations

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
from tests.released import Golden, Released, close, load_kernel, load_linear

#: Name of a vector -> the places of its linear layers, first to last; (): all as in tests/released.py.
LAYERS: dict[str, tuple[str, ...]] = {
    **{f"cc_{family}_d2": () for family in ("fouriernet", "gabornet")},
    **{f"cc_magnet_d{d}_h{h}": () for d in (1, 2, 3) for h in (8, 32)},
    **dict.fromkeys(
        ("cc_rfnet_d1", "cc_rfnet_d2"),
        ("input_layers.linear", "hidden_layers.0", "hidden_layers.3", "output_linear"),
    ),
    **{f"cc_siren_d{d}": ("kernel_net.0", "kernel_net.2", "output_linear") for d in (1, 2)},
    "ck_relu_nonorm": ("kernel_net.0", "kernel_net.4", "kernel_net.8"),
    "ck_rfnet": ("kernel_net.0", "kernel_net.1", "kernel_net.3"),
    "ck_siren": ("kernel_net.0", "kernel_net.4", "kernel_net.8"),
    **{f"fx_{family}_d2": () for family in ("fouriernet", "gabornet", "magnet")},
    "fx_magnet_d1": (),
    **{f"fx_{family}_d2": ("kernel_net.0", "kernel_net.2", "kernel_net.4") for family in ("siren", "nsiren")},
    "smpi_depthwise": (),
}
ELSEWHERE = {
    *("smp_d1_causal", "smp_d2"),  # test_moving_points_per_filter.py
    *("fx_magnet_d2_steerable", "ck_swish_layernorm"),  # tests/published/test_kernels.py
}
#: What float32 costs the released code, relative to the largest value, where that is more than a millionth.
FLOAT32_COST = {
    **{
        "cc_magnet_d1_h32": 1.6e-3,
        "cc_magnet_d1_h8": 7.5e-6,
        "cc_magnet_d2_h32": 1.3e-5,
        "cc_magnet_d2_h8": 1.5e-6,
    },
    **{"cc_magnet_d3_h32": 2.8e-6, "ck_siren": 5.5e-6, "fx_fouriernet_d2": 2.9e-6},
}


def test_every_kernel_vector_is_checked(shared: Path) -> None:
    found = {path.stem.removeprefix("1_kernel_") for path in (shared / "golden").glob("1_kernel_*.npz")}
    assert found == set(LAYERS) | ELSEWHERE


@torch.no_grad()
def build(name: str, released: Released) -> FactorizedKernel:
    """Our kernel, in float64, with the parameters of the released one."""
    family, places = name.split("_")[1], LAYERS[name]
    if family == "depthwise":
        points = SelfMovingPoints(
            2, int(released.config("planes")), hidden_channels=int(released.config("n_points"))
        ).double()
        points.coord.copy_(released("weight_coord")[0])
        points.radius.copy_(released("radius").flatten())
        points.readout.weight.copy_(released("weights")[0])
        return points
    dim, out = released.input("positions").shape[1], released.output("kernel").shape[1]
    hidden = int(released.config("hidden"))
    filters = {"fouriernet": FourierNet, "gabornet": GaborNet, "magnet": MAGNet}
    if family in filters:
        network = filters[family](dim, out, hidden_channels=hidden, num_layers=3).double()
        load_kernel(network, released, "")
        return network
    kernel: MLP | SIREN | RandomFourierNet
    if family == "relu":
        kernel = MLP(dim, out, hidden_channels=hidden, activation=nn.ReLU)
        layers = [*kernel.hidden, kernel.readout]
    elif family == "rfnet":
        kernel = RandomFourierNet(dim, out, hidden_channels=hidden, num_layers=len(places))
        layers = [kernel.embedding, *kernel.hidden, kernel.readout]
    else:
        omega = float(released.config("omega_0"))
        kernel = SIREN(dim, out, hidden_channels=hidden, omega_0=angular_omega_0(omega))
        kernel.double().omega.fill_(omega)
        layers = [*kernel.hidden, kernel.readout]
    for layer, place in zip(layers, places, strict=True):
        load_linear(layer.double(), released, place)
    if family == "nsiren":  # sin(ωWx + b): our bias is multiplied by ω
        for layer in kernel.hidden:
            layer.bias.div_(omega)  # type: ignore[union-attr, operator]
    return kernel.double()


def cases(released: Released) -> list[tuple[Tensor, Tensor]]:
    """Pairs of coordinates ``[*grid, D]`` and kernel values ``[*grid, O]``."""
    if (
        "config/planes" in released.data
    ):  # rendered as a picture: coordinate 0 runs right, coordinate 1 runs up
        axis = torch.linspace(-1.0, 1.0, int(released.config("kernel_size")), dtype=torch.float64)
        up, right = torch.meshgrid(-axis, axis, indexing="ij")
        return [(torch.stack([right, up], dim=-1), released.output("kernel").movedim(0, -1))]
    return released.kernel_values()


@pytest.mark.parametrize("name", LAYERS)
def test_kernel_values(golden: Golden, name: str) -> None:
    released = Released(golden, f"1_kernel_{name}")
    kernel, single = build(name, released), build(name, released).float()
    for u, expected in cases(released):
        close(kernel(u), expected)
        close(single(u.float()).double(), expected, max(1e-5, 10.0 * FLOAT32_COST.get(name, 0.0)))


def test_window_values(golden: Golden) -> None:
    with np.load(golden("2_masks_cc_gaussian_crop")) as file:
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


def test_window_roots(golden: Golden) -> None:
    """The released crop keeps the positions between the points where the window falls to 0.1."""
    with np.load(golden("2_masks_cc_gaussian_crop")) as file:
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
