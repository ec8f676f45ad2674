"""Options of CCNN on grids: reach and frequency of kernels, kinds of dropout, other residual blocks (Table 8)."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from ccnn_pc.kernels import MAGNet, nyquist_frequency, nyquist_omega_0
from ccnn_pc.models import CCNN, create_model
from ccnn_pc.nn import ChannelDropout, GlobalLayerNorm

GRID: dict[str, Any] = {"dim": 2, "in_channels": 3, "out_channels": 10}


def parameters(name: str, **options: Any) -> int:
    return sum(p.numel() for p in create_model(name, **options).parameters())


def test_blocks_of_table_8_have_the_published_sizes() -> None:
    """233k and 2.24M parameters with FlexNet's block; the S4 block has those of CCNN's."""
    sequence: dict[str, Any] = {"dim": 1, "in_channels": 1, "out_channels": 10}
    assert parameters("ccnn_4_140_flex", **sequence) == 233_373
    assert parameters("ccnn_6_380_flex", **GRID) == 2_239_290
    assert parameters("ccnn_4_140_s4", **GRID) == parameters("ccnn_4_140", **GRID) == 201_042


def test_a_full_stem_has_a_kernel_for_every_pair_of_channels() -> None:
    """8 features and a bias for 7 x 48 kernels; the separable one has 7 kernels with a bias each, and mixes 7 to 48."""
    cloud: dict[str, Any] = {"dim": 3, "in_channels": 7, "out_channels": 10, "pool": "mean+max"}
    full, separable = (create_model("ccnn_tiny", **cloud, full_stem=full) for full in (True, False))
    assert [conv.separable for conv in full.convolutions()] == [False, True, True, True, True]
    assert all(conv.separable for conv in separable.convolutions())
    count = {model: sum(p.numel() for p in model.parameters()) for model in (full, separable)}
    assert count[full] - count[separable] == (9 * 7 * 48 + 48) - (9 * 7 + 7 + 7 * 48 + 48) == 2_618
    assert count[full] == 26_519


def test_only_blocks_that_end_without_a_norm_have_one_before_the_head() -> None:
    flex, s4 = (create_model(f"ccnn_4_140_{block}", **GRID) for block in ("flex", "s4"))
    assert isinstance(flex, CCNN) and isinstance(flex.norm, nn.Identity)
    assert isinstance(s4, CCNN) and isinstance(s4.norm, nn.BatchNorm1d)


def test_the_reach_can_be_given() -> None:
    """33 taps of STL-10's 96 x 96 pixels: everything farther away than 16 pixels is out of sight of the stem."""
    model = create_model("ccnn_4_16", **GRID, shape=(96, 96), extent=16.0, width=5.0)
    assert model.convolutions()[2].extent.tolist() == [16.0, 16.0]
    images = torch.randn(1, 3, 40, 40)
    moved = images.clone()
    moved[0, :, 20, 20] += 1.0
    assert isinstance(model, CCNN)
    model.eval()
    seen = []
    hook = model.stem.register_forward_hook(lambda _m, _i, out: seen.append(out.view(40, 40, -1)))
    with torch.no_grad():
        model(images), model(moved)
    hook.remove()
    changed = ((seen[0] - seen[1]).abs().amax(-1) > 1e-6).nonzero()
    assert changed.amin(0).tolist() == [4, 4] and changed.amax(0).tolist() == [36, 36]
    other = create_model("ccnn_4_16", **GRID, shape=(96, 96), extent=[8.0, 16.0])
    assert other.convolutions()[0].extent.tolist() == [8.0, 16.0]


@pytest.mark.parametrize(("dim", "shape", "extent"), [(1, (784,), 783.0), (2, (32, 32), 16.0)])
def test_no_frequency_given_is_what_the_samples_show(dim: int, shape: tuple[int, ...], extent: float) -> None:
    """Same network as with the value written out; on average its filters stay below the Nyquist frequency."""
    size: dict[str, Any] = {"dim": dim, "in_channels": 1, "out_channels": 10, "shape": shape}
    omega = nyquist_omega_0(1.0, extent, dim=dim, hidden_channels=32, causal=dim == 1)
    built = []
    for given in (None, omega):
        torch.manual_seed(0)
        built.append(create_model("ccnn_4_140", **size, omega_0=given))
    assert all(torch.equal(a, b) for a, b in zip(built[0].parameters(), built[1].parameters(), strict=True))
    kernel = built[0].convolutions()[2].kernel
    assert isinstance(kernel, MAGNet)
    frequency = (kernel.weight.detach().norm(dim=1) / (2 * torch.pi)).view(4, -1).mean(1).sum()
    assert 0 < float(frequency) < nyquist_frequency(1.0, extent, causal=dim == 1)


def test_kinds_of_dropout() -> None:
    kinds: dict[str, Any] = {"channel": ChannelDropout, "element": nn.Dropout}
    for kind, layer in kinds.items():
        model = create_model("ccnn_4_16", **GRID, dropout=0.25, dropout_in=0.5, dropout_kind=kind)
        shares = [m.p for m in model.modules() if isinstance(m, layer)]
        assert shares == [0.5, 0.25, 0.25, 0.25, 0.25]


def test_errors() -> None:
    with pytest.raises(ValueError, match="'dropout_kind' must be one of 'channel', 'element'"):
        create_model("ccnn_4_16", **GRID, dropout_kind="row")
    with pytest.raises(ValueError, match="'omega_0' must be given for clouds"):
        create_model("ccnn_4_16", dim=3, in_channels=3, out_channels=10, omega_0=None)
    with pytest.raises(ValueError, match="'extent' must be one number or one for each of the 2 axes"):
        create_model("ccnn_4_16", **GRID, extent=[1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="'extent' must be positive"):
        create_model("ccnn_4_16", **GRID, extent=0.0)
    with pytest.raises(TypeError, match="the name freezes them"):
        create_model("ccnn_4_140_s4", **GRID, block=object)


@pytest.mark.parametrize(
    ("norm", "kind"),
    [("batch", nn.BatchNorm1d), ("group", GlobalLayerNorm), ("layer", nn.LayerNorm), ("none", nn.Identity)],
)
def test_norms_can_be_chosen_and_all_but_group_know_no_future(norm: str, kind: type) -> None:
    sequence: dict[str, Any] = {"dim": 1, "in_channels": 2, "out_channels": 3, "shape": [24], "pool": None}
    model = create_model("ccnn_4_16", **sequence, norm=norm).double().eval()
    assert isinstance(model, CCNN) and type(model.norm) is type(model.stem_norm) is kind
    x = torch.randn(4, 2, 24, dtype=torch.float64)
    changed = x.clone()
    changed[:, :, 10] += 1.0
    with torch.no_grad():
        moved = (model(changed) - model(x)).abs().amax((0, 1))
    assert moved[10] > 0 and bool(moved[:10].max() <= 1e-12 * moved.max()) is (norm != "group")


def test_norms_that_there_are_not() -> None:
    with pytest.raises(
        ValueError, match=r"'norm' must be one of 'batch', 'group', 'layer', 'none' \(got 'batched'\)"
    ):
        create_model("ccnn_4_16", **GRID, norm="batched")
    with pytest.raises(ValueError, match=r"'norm_eps'"):
        create_model("ccnn_4_16", **GRID, norm="layer", norm_eps=0.0)
