"""Networks for grids: the laws of all models (gradients, saving, causality, resolution, merging)."""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch_geometric.data import Batch, Data

from ccnn_pc.domains import Grid, PointSet
from ccnn_pc.kernels import SelfMovingPointsPerFilter
from ccnn_pc.models import (
    CKCNN,
    FlexNet,
    Model,
    SMPConvNet,
    create_model,
    from_pretrained,
    list_models,
    save_pretrained,
)
from ccnn_pc.nn import ContinuousConv, GlobalLayerNorm, TapConv, merge_branches
from tests.released import linear_of

SERIES = ["ckcnn_2_30", "flextcn_6", "smpnet_tcn_6"]
IMAGES = ["flexnet_5", "flexnet_7", "smpnet_resnet_7"]
TINY = {"depths": (1, 1), "widths": (8, 12), "kernel_taps": (7, 5)}


def make(name: str, **options: Any) -> Model:
    """A model for short series or small images."""
    if name == "smpconv":
        return SMPConvNet(3, 5, **TINY, **options)  # type: ignore[arg-type]
    dim = 1 if name in SERIES else 2
    shape = (24,) if dim == 1 else (8, 9)
    if name.startswith("flex"):
        options.setdefault("width", 0.4)
    return create_model(name, dim=dim, in_channels=3, out_channels=5, shape=shape, **options)


def data(model: Model, batch: int = 3) -> Tensor:
    shape = {1: (24,), 2: (32, 34) if isinstance(model, SMPConvNet) else (8, 9)}[model.dim]
    return torch.randn(batch, 3, *shape, generator=torch.Generator().manual_seed(1))


class Identity(nn.Module):
    def forward(self, x: Tensor, domain: object) -> Tensor:
        return x


def first_of_a_class(*names: str) -> list[Any]:
    """Names, slow those whose class another name has too."""
    others = ("flextcn_6", "flexnet_7", "smpnet_resnet_7")
    return [pytest.param(name, marks=pytest.mark.slow) if name in others else name for name in names]


@pytest.mark.parametrize("name", first_of_a_class(*SERIES, *IMAGES, "smpconv"))
def test_every_parameter_gets_a_gradient(name: str) -> None:
    model = make(name)
    for parent in list(model.modules()):
        for child, module in list(parent.named_children()):
            if isinstance(module, (nn.BatchNorm1d, GlobalLayerNorm, nn.LayerNorm)):
                setattr(parent, child, Identity())
    logits = model(data(model))
    assert logits.shape == (3, 5)
    nn.functional.cross_entropy(logits, torch.tensor([1, 3, 0])).backward()
    for parameter_name, parameter in model.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert torch.isfinite(parameter.grad).all(), parameter_name
        assert parameter.grad.abs().max() > 0, parameter_name


def test_points_that_touch_a_tap_get_gradients(monkeypatch: pytest.MonkeyPatch) -> None:
    """SMPConv: a point whose tent touches no sample is dead; all others learn place, radius and weights.

    Of an activation that shuts no filter off: behind a ReLU a point may see nothing but zeros.
    """
    monkeypatch.setattr(functional, "relu", functools.partial(functional.leaky_relu, negative_slope=0.5))
    model = make("smpnet_tcn_6")
    for parent in list(model.modules()):
        for child, module in list(parent.named_children()):
            if isinstance(module, nn.BatchNorm1d):
                setattr(parent, child, Identity())
    model(data(model)).square().sum().backward()
    taps = torch.linspace(-1, 1, 24).view(1, 1, -1)
    for conv in model.convolutions():
        kernel = conv.kernel
        assert isinstance(kernel, SelfMovingPointsPerFilter)
        touching = ((taps - kernel.coord).abs() < kernel.radius[..., None]).any(-1)
        assert kernel.radius.grad is not None and kernel.weight.grad is not None
        assert (kernel.radius.grad[~touching] == 0).all()
        assert (kernel.radius.grad[touching] != 0).all() and (kernel.weight.grad != 0).any()


@pytest.mark.parametrize("name", first_of_a_class(*SERIES, "flexnet_5", "smpnet_resnet_7", "smpconv"))
def test_save_and_load_before_and_after_training_gives_the_same_output(name: str) -> None:
    torch.manual_seed(0)
    model = make(name)
    x = data(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    for _ in range(2):
        torch.manual_seed(1)
        fresh = make(name)
        fresh.load_state_dict(model.state_dict())
        with torch.no_grad():
            assert torch.equal(fresh.eval()(x), model.eval()(x))
        model.train()
        model(x).square().sum().backward()
        optimizer.step()


@pytest.mark.parametrize("norm", ["layer", "batch", "none"])
@pytest.mark.parametrize("name", SERIES)
def test_no_output_knows_the_future(name: str, norm: str) -> None:
    model = make(name, pool=None, norm=norm).double().eval()
    x = data(model).double()
    changed = x.clone()
    changed[:, :, 10] += 1.0
    with torch.no_grad():
        moved = (model(changed) - model(x)).abs().amax((0, 1))
    assert moved.shape == (24,)
    assert moved[:10].max() <= 1e-12 * moved.max() < moved[10]


def test_the_published_norm_of_ckcnn_does_know_it() -> None:
    x = data(make("ckcnn_2_30")).double()
    changed = x.clone()
    changed[:, :, 10] += 1.0
    for options, knows in (({"norm": "group"}, True), ({}, False)):
        model = make("ckcnn_2_30", pool=None, **options).double().eval()
        with torch.no_grad():
            moved = (model(changed) - model(x)).abs().amax((0, 1))
        assert (float(moved[:10].max()) > 1e-6) is knows


@pytest.mark.parametrize("name", ["smpnet_tcn_6", "smpnet_resnet_7", "smpconv"])
def test_merged_networks_give_the_same_answers(name: str) -> None:
    model = make(name).double()
    x = data(model).double()
    for _ in range(2):  # statistics of norms that matter
        model(x)
    model.eval()
    merged = merge_branches(model)
    with torch.no_grad():
        expected = model(x)
        torch.testing.assert_close(merged(x), expected, atol=1e-9 * float(expected.abs().max()), rtol=0)
    assert not [m for m in merged.modules() if isinstance(m, ContinuousConv)]
    with pytest.raises(TypeError, match="must come from create_model"):
        save_pretrained(merged, "nowhere")


@pytest.mark.parametrize("name", ["ckcnn_2_30", "flexnet_5", "smpnet_tcn_6"])
def test_models_on_disk_and_items_of_data_sets(name: str, tmp_path: Path) -> None:
    model = make(name, **({"norm": "layer", "pool": None} if name == "ckcnn_2_30" else {})).eval()
    loaded = from_pretrained(save_pretrained(model, tmp_path))
    x = data(model)
    batch = Batch.from_data_list([Data(x=item[None], y=torch.tensor([0])) for item in x])
    with torch.no_grad():
        assert torch.equal(loaded(batch), model(x))


def test_read_outs() -> None:
    series = data(make("ckcnn_2_30"))
    assert make("ckcnn_2_30", pool=None)(series).shape == (3, 5, 24)
    last, mean = make("ckcnn_2_30"), make("ckcnn_2_30", pool="mean")
    assert last(series).shape == mean(series).shape == (3, 5)
    assert isinstance(last, CKCNN)
    grid = Grid((24,), batch_size=3)
    features = grid.unflatten(last.features(grid.flatten(series), grid))
    torch.testing.assert_close(last(series), linear_of(last)(features[:, :, -1]))
    image = create_model("ckcnn_2_30", dim=2, in_channels=3, out_channels=5, shape=(8, 9))
    assert image(torch.randn(2, 3, 8, 9)).shape == (2, 5)
    flexnet = make("flexnet_5", pool=None)
    assert isinstance(flexnet, FlexNet) and flexnet(data(flexnet)).shape == (3, 5, 8, 9)


def test_stages_live_on_coarser_grids_at_any_resolution() -> None:
    model = make("smpconv").eval()
    assert isinstance(model, SMPConvNet)
    grid = Grid((32, 34), batch_size=3)
    y, coarse = model.features(grid.flatten(data(model)), grid)
    assert coarse.shape == (4, 5) and coarse.spacing == (8.0, 8.0) and y.shape == (3 * 20, 12)
    assert model(torch.randn(1, 3, 64, 64), spacing=0.5).shape == (1, 5)
    assert model(torch.randn(1, 3, 64, 64), spacing=0.7).shape == (1, 5)  # read at the spacing of training
    model.reading = replace(model.reading, interpolation="none")
    with pytest.raises(ValueError, match="whole fraction"):
        model(torch.randn(1, 3, 64, 64), spacing=0.7)
    with pytest.raises(TypeError, match="must be a Grid"):
        model(torch.randn(9, 3), PointSet(torch.rand(9, 2)).knn(3))


def test_a_network_of_one_norm_runs_on_clouds_too() -> None:
    model = create_model("flexnet_5", dim=3, in_channels=3, out_channels=5, num_neighbors=6)
    cloud = PointSet(torch.rand(30, 3)).knn(6)
    assert model(torch.randn(30, 3), cloud).shape == (1, 5)


def test_names_and_options() -> None:
    assert {*SERIES, *IMAGES, "ckcnn_2_100", "smpconv_t", "smpconv_b"} <= set(list_models())
    with pytest.raises(TypeError, match="the name freezes them"):
        make("ckcnn_2_30", channels=4)
    with pytest.raises(TypeError, match="the name freezes them"):
        make("smpnet_tcn_6", num_points=4)
    with pytest.raises(ValueError, match="'norm' must be one of 'batch', 'group', 'layer', 'none'"):
        make("ckcnn_2_30", norm="instance")
    with pytest.raises(ValueError, match="'pool' must be one of"):
        make("ckcnn_2_30", pool="median")
    with pytest.raises(ValueError, match="'pool' must not be 'last'"):
        make("flexnet_5", pool="last")
    with pytest.raises(ValueError, match="'init' of SIREN"):
        make("ckcnn_2_30", init="smpconv")
    with pytest.raises(ValueError, match="'shape' must have 1 entries"):
        create_model("ckcnn_2_30", dim=1, in_channels=1, out_channels=2, shape=(3, 3))
    with pytest.raises(ValueError, match="'shape' must be given for 3 axes"):
        create_model("smpnet_tcn_6", dim=3, in_channels=1, out_channels=2)
    with pytest.raises(ValueError, match="'kernel_taps' must have as many"):
        SMPConvNet(3, 5, depths=(1,), widths=(8,), kernel_taps=(7, 5))


def test_a_message_shows_the_shape_that_arrays_must_have() -> None:
    for name, axes in (("ckcnn_2_30", "3, length"), ("flexnet_5", "3, S1, S2")):
        with pytest.raises(TypeError, match=rf"\[batch, {axes}\] \(got \[7, 3\]\)"):
            make(name)(torch.zeros(7, 3))


@pytest.mark.parametrize(("name", "coord_std"), [("smpnet_tcn_6", 0.1), ("smpnet_resnet_7", 0.05)])
def test_points_per_filter_start_as_published(name: str, coord_std: float) -> None:
    model = make(name)
    layers = [m for m in model.modules() if isinstance(m, SelfMovingPointsPerFilter)]
    taps = 24 if name in SERIES else 9  # the length of a causal kernel, the longest odd one of a centred
    assert {layer.coord_std for layer in layers} == {coord_std}
    assert {layer.initial_radius for layer in layers} == {4.0 / taps}


def test_points_of_large_networks_are_four_taps_wide() -> None:
    from ccnn_pc.models.smpconv import DepthwiseBranches

    kernel = DepthwiseBranches(dim=2)(8, taps=13, spacing=4.0).conv.kernel
    assert kernel.initial_radius == 4 / 13
    assert kernel.hidden_channels == 13**2 // 4


@pytest.mark.parametrize(("init", "std"), [("smpconv", 0.02), ("default", None)])
def test_small_branches_are_drawn_as_their_kernels_are(init: str, std: float | None) -> None:
    model = make("smpnet_tcn_6", init=init)
    assert {layer.std for layer in model.modules() if isinstance(layer, TapConv)} == {std}


def test_a_network_keeps_the_reading_that_it_is_given() -> None:
    conv = functools.partial(ContinuousConv, dim=2)
    usual = FlexNet(3, 5, widths=(4,), conv=conv).reading
    other = dataclasses.replace(usual, neighbors=7)
    assert FlexNet(3, 5, widths=(4,), conv=conv, reading=other).reading == other != usual
