"""Released networks for sequences and images equal ours: golden vectors ``3_net_*`` and CKConv's checkpoints."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from ccnn_pc.kernels import GaussianWindow, MAGNet
from ccnn_pc.kernels.scaling import unscaled
from ccnn_pc.models import CCNN, CKCNN, FlexNet, Model, create_model
from ccnn_pc.nn import CCNNBlock
from ccnn_pc.published import Crop, ReleasedGridConv
from ccnn_pc.published.ckconv_checkpoint import CKConvCheckpoint
from tests.released import (
    Golden,
    Released,
    close,
    linear_of,
    load_block,
    load_branches,
    load_ccnn,
    load_linear,
)

CHECKPOINTS = ["ct_drop30", "ct_drop70", "ct_sr1", "mnist_c30", "physionet", "sc_mfcc"]


def activation(model: Model, module: str, x: Tensor) -> tuple[Tensor, Tensor]:
    """Answers, and what a module inside returned, as an array."""
    found: list[Tensor] = []
    hook = model.get_submodule(module).register_forward_hook(lambda _m, _i, out: found.append(out))
    with torch.no_grad():
        answers = model(x)
    hook.remove()
    return answers, found[0].view(len(x), *x.shape[2:], -1).movedim(-1, 1)


def strided(y: Tensor) -> Tensor:
    """The part of an activation that the golden files hold."""
    if y.dim() == 4:
        return y[:2, :8, ::5, ::5]
    return y[:2, :8, :: max(1, y.shape[-1] // 16)]


def load_blocks(model: Model, released: Released, blocks: str, head: str) -> None:
    """Networks of residual blocks: FlexNets with a stem, CKCNNs without."""
    assert isinstance(model, (FlexNet, CKCNN))
    if isinstance(model, FlexNet):
        load_branches(model.stem, model.stem_norm, released, "", 1)
    for number, block in enumerate(model.blocks):
        load_block(block, released, f"{blocks}.{number}")
    load_linear(linear_of(model), released, head)
    model.eval()


load_flexnet = functools.partial(load_blocks, blocks="blocks", head="out_layer")
load_ckcnn = functools.partial(load_blocks, blocks="backbone", head="finallyr")
SEQUENCE, IMAGE = {"dim": 1, "in_channels": 1}, {"dim": 2, "in_channels": 3}
CCNN_QUIRKS = {"crop": Crop.CCNN, "fft_above": 50}
#: Golden file -> our network, its data, the released layer's quirks, how it is loaded, a module here and there.
NETWORKS: dict[str, tuple[str, dict[str, Any], dict[str, Any], Callable[..., Any], tuple[str, str]]] = {
    "ccnn_4_140_smnist": (
        "ccnn_4_140", {**SEQUENCE, "shape": (784,)}, CCNN_QUIRKS, load_ccnn, ("blocks.0", "blocks.0")),
    "ccnn_4_140_cifar10_2d": (
        "ccnn_4_140", {**IMAGE, "shape": (32, 32)}, CCNN_QUIRKS, load_ccnn, ("blocks.0", "blocks.0")),
    "fx_flexnet7_cifar10": (
        "flexnet_7", IMAGE, {"crop": Crop.FLEXCONV}, load_flexnet, ("blocks.6", "blocks.6")),
    "fx_flextcn6_smnist": (
        "flextcn_6", SEQUENCE, {"crop": Crop.FLEXCONV, "fft_above": 50}, load_ckcnn, ("blocks.5", "backbone.5")),
    "smp_ckresnet_cifar10": ("smpnet_resnet_7", IMAGE, {}, load_flexnet, ("blocks.6", "blocks.6")),
    "smp_cktcn_smnist": ("smpnet_tcn_6", SEQUENCE, {}, load_ckcnn, ("blocks.5", "backbone.5")),
}  # fmt: skip


def test_every_network_vector_on_grids_is_checked(shared: Path) -> None:
    found = {path.stem for path in (shared / "golden").glob("[34]_*.npz")}
    others = {"3_net_ccnn_small_1d_lowomega", "3_net_ccnn_pointcloud_legacy"}  # below; test_golden_points.py
    assert found - others == {f"3_net_{n}" for n in NETWORKS} | {f"4_ckpt_{n}" for n in CHECKPOINTS}


def single(model: Model, released: Released) -> None:
    """In float32 the answers cost ten times what they cost the released code, at most."""
    expected = released.output("logits")
    theirs = torch.from_numpy(released.data["output_f32/logits"]).double()
    cost = float((theirs - expected).abs().max() / expected.abs().max())
    with torch.no_grad():
        close(model.float()(released.input().float()).double(), expected, max(1e-5, 10 * cost))


@pytest.mark.parametrize("name", NETWORKS)
@unscaled()
def test_networks(golden: Golden, name: str) -> None:
    """Answers and the activation of one module, in float64; answers in float32. SMPConv's needs no quirk."""
    architecture, options, quirks, load, (ours, theirs) = NETWORKS[name]
    released = Released(golden, f"3_net_{name}")
    layer: dict[str, Any] = {"layer": functools.partial(ReleasedGridConv, **quirks)} if quirks else {}
    model = create_model(architecture, out_channels=10, **options, **layer).double()
    load(model, released)
    logits, found = activation(model, ours, released.input())
    close(strided(found), released.output(f"act_strided_{theirs}"))
    close(logits, released.output("logits"))
    single(model, released)


@unscaled()
def test_ccnn_of_growing_width(golden: Golden) -> None:
    released = Released(golden, "3_net_ccnn_small_1d_lowomega")
    conv = functools.partial(
        ReleasedGridConv,
        dim=1,
        extent=199.0,
        causal=True,
        kernel=functools.partial(MAGNet, hidden_channels=8),
        crop=Crop.CCNN,
        fft_above=50,
    )
    model = CCNN(3, 7, channels=30, num_blocks=0, conv=conv)
    model.stem, model.stem_norm = conv(3, 20), type(model.norm)(20)
    model.blocks.extend(CCNNBlock(a, b, conv=conv) for a, b in ((20, 20), (20, 30), (30, 30)))
    assert sum(p.numel() for p in model.parameters()) == int(released.config("n_parameters"))
    load_ccnn(model.double(), released)
    for module in ("stem", "blocks.0", "blocks.2", "norm"):
        theirs = {"stem": "conv1", "norm": "out_norm"}.get(module, module)
        logits, found = activation(model, module, released.input())
        close(strided(found), released.output(f"act_strided_{theirs}"))
    close(logits, released.output("logits"))
    single(model, released)


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_trained_ckcnns(golden: Golden, name: str) -> None:
    """Checkpoints of CKConv, at the rate of training and at others, with the released rules for lengths."""
    released = Released(golden, f"4_ckpt_{name}")
    names = [key.removeprefix("weights/") for key in released.data if key.startswith("weights/")]
    checkpoint = CKConvCheckpoint.of({name: released(name) for name in names})
    model = checkpoint.model(float(released.config("omega_0")), int(released.config("train_length")))
    sizes = (checkpoint.in_channels, checkpoint.out_channels, checkpoint.channels)
    assert sizes == tuple(int(released.config(f"{n}_channels")) for n in ("in", "out", "hidden"))
    inputs = [key.removeprefix("input/") for key in released.data if key.startswith("input/")]
    assert "x" in inputs
    for key in inputs:
        with torch.no_grad():
            logits = model(released.input(key))
        close(logits.view_as(released.output(f"logits_{key}")), released.output(f"logits_{key}"))


def test_flexconvs_windows_have_no_guard(golden: Golden) -> None:
    """The guard of our windows changes FlexConv's values by about 1e-6: golden vectors are read without it."""
    released = Released(golden, "2_conv_fx_flexconv1d_direct")
    window = GaussianWindow(1, learn_mean=True).double()
    with torch.no_grad():
        window.mean.copy_(released("mask_params")[:, 0])
        window.width.copy_(released("mask_params")[:, 1])
    u = torch.linspace(-1, 1, 300, dtype=torch.float64)[:, None]
    expected = released.output("mask_full")
    assert 1e-9 < float((window(u)[:, 0] - expected).detach().abs().max()) < 1e-5
    window.min_width = 0.0
    close(window(u)[:, 0], expected)
