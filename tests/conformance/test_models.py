"""Every registered model, and every kernel in every continuous network: a new one is tested by being registered."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch_geometric.data import Batch, Data

from ccnn_pc.kernels import list_kernels, list_windows
from ccnn_pc.kernels.registry import kernel_factory, window_factory
from ccnn_pc.models import Model, create_model, from_pretrained, list_models, save_pretrained
from ccnn_pc.models.base import Network
from ccnn_pc.models.names import builder, only_dim
from ccnn_pc.models.parameters import count_parameters
from ccnn_pc.models.registry import Frozen

IN, OUT = 2, 3
#: Networks that build, run and save within a part of a second; one of each family.
SMALL = (
    "ccnn_4_16",
    "ccnn_tiny_grid",
    "ccnn_unet_tiny",
    "ckcnn_2_10",
    "ckcnn_released",
    "gru_d",
    "gru_dt",
    "s4d",
    "smpnet_tcn_6",
    "transformer",
)
#: Kind of data -> options of a network for them.
KINDS: dict[str, dict[str, Any]] = {
    "cloud": {"dim": 3, "num_points": 12, "num_neighbors": 6},
    "volume": {"dim": 3, "shape": (6, 5, 4)},
    "image": {"dim": 2, "shape": (6, 7)},
    "sequence": {"dim": 1, "shape": (12,)},
    "series": {"dim": 1, "shape": (12,)},
}
#: Names that start so do not know clouds; those of :data:`LARGE_IMAGES` know images of some size only.
GRIDS_ONLY, LARGE_IMAGES = ("smpnet", "smpconv", "s4d", "transformer"), ("smpconv",)
#: Names that start so know clouds only.
CLOUDS_ONLY = ("ccnn_unet",)


def kinds(name: str) -> list[str]:
    """The kinds of data that a model supports."""
    if only_dim(name) == 1:
        return ["sequence"] if name.endswith("released") else ["sequence", "series"]
    if not isinstance(builder(name), Frozen) and not name.startswith(GRIDS_ONLY):
        return ["cloud"]
    if name.startswith(LARGE_IMAGES):
        return ["image"]
    if name.startswith(CLOUDS_ONLY):
        return ["cloud"]
    if name.startswith(GRIDS_ONLY):
        return ["image", "sequence", "volume"]
    return [kind for kind in KINDS if not (kind == "volume" and name.startswith(("flex", "ckcnn")))]


def make(name: str, kind: str, **options: Any) -> Model:
    """A model for a kind of data."""
    words = dict(KINDS[kind])
    if name.startswith(GRIDS_ONLY) or not isinstance(builder(name), Frozen):
        words = {key: words[key] for key in words if key not in ("num_points", "num_neighbors")}
    return create_model(name, in_channels=IN, out_channels=OUT, **words, **options)


def data(name: str, kind: str) -> Data | Tensor:
    """Two clouds, series, or arrays."""
    random = torch.Generator().manual_seed(0)
    if kind == "cloud":
        sizes = (600, 520) if name == "pointnet2" else (12, 9)
        items = [
            Data(x=torch.randn(n, IN, generator=random), pos=torch.rand(n, 3, generator=random))
            for n in sizes
        ]
        return Batch.from_data_list(items)
    if kind == "series":
        items = [
            Data(
                times=(torch.rand(n, generator=random) * 11).sort().values,
                x=torch.randn(n, IN, generator=random),
            )
            for n in (9, 6)
        ]
        return Batch.from_data_list(items)
    shape = (32, 36) if name.startswith(LARGE_IMAGES) else KINDS[kind]["shape"]
    return torch.randn(2, IN, *shape, generator=random)


def without_missing_packages(make_it: Callable[[], Model]) -> Model:
    try:
        return make_it()
    except ImportError as error:
        pytest.skip(str(error))


def check(model: Model, given: Data | Tensor, folder: Path) -> None:
    """Forward, backward, a finite gradient for every parameter; saved, loaded and copied it answers the same."""
    answers = model(given)
    pooled = getattr(model, "pool", True) is not None
    assert answers.shape == (2 if pooled else given.num_nodes, OUT)  # type: ignore[union-attr]
    nn.functional.cross_entropy(answers, torch.arange(len(answers)) % OUT).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and torch.isfinite(parameter.grad).all(), name
    model.eval()
    with torch.no_grad():
        expected = model(given)
        loaded = from_pretrained(save_pretrained(model, folder, classes=list("abc")))
        assert torch.equal(loaded(given), expected)
        assert torch.equal(copy.deepcopy(model)(given), expected)
    if isinstance(model, Network):
        for part in {"kernel", "window"} & set(model.config):
            assert loaded.config[part].func is model.config[part].func
            assert loaded.config[part].keywords == model.config[part].keywords
        assert loaded.reading == model.reading


def fits(name: str, kind: str) -> bool:
    """Whether a network is quick on a kind: kernels of points per filter are, on sequences."""
    return kind == "sequence" or not name.startswith(GRIDS_ONLY)


def cases(names: list[str], small: tuple[str, ...]) -> list[Any]:
    """Every name with the kinds it supports; slow where it is not small, or not made for that kind."""
    return [
        pytest.param(name, kind, marks=() if name in small and fits(name, kind) else pytest.mark.slow)
        for name in names
        for kind in kinds(name)
    ]


@pytest.mark.parametrize(("name", "kind"), cases(list_models(), SMALL))
def test_every_model(name: str, kind: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = without_missing_packages(lambda: make(name, kind))
    assert sum(p.numel() for p in model.parameters()) == count_parameters(name, model.dim, IN, OUT)
    check(model, data(name, kind), tmp_path)


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n in SMALL else pytest.mark.slow) for n in list_models()]
)
def test_reset_parameters_draws_what_a_new_model_draws(name: str) -> None:
    kind = kinds(name)[0]
    torch.manual_seed(0)
    model = without_missing_packages(lambda: make(name, kind))
    drawn = copy.deepcopy(model.state_dict())
    torch.manual_seed(1)
    model.reset_parameters()
    changed = [key for key, value in model.named_parameters() if not torch.equal(value, drawn[key])]
    kept = {
        key
        for key, value in model.named_parameters()
        if bool((value == value.flatten()[0]).all())
        or key.endswith("mixing.frequency")  # S4D-Lin: π n, never drawn
    }
    assert set(changed) | kept == {key for key, _ in model.named_parameters()} and changed
    torch.manual_seed(0)
    model.reset_parameters()
    for key, value in model.state_dict().items():
        assert torch.equal(value, drawn[key]), key


#: Networks that take any kernel and window.
CONTINUOUS = [
    name for name in list_models() if isinstance(builder(name), Frozen) and name != "ckcnn_released"
]
#: Kernels and windows see the axes, not the network: of a second network sequences are enough for the fast suite.
PARTED = [
    pytest.param(
        name,
        kind,
        marks=() if name == "ccnn_4_16" or (name, kind) == ("ckcnn_2_10", "sequence") else pytest.mark.slow,
    )
    for name in CONTINUOUS
    for kind in kinds(name)
]


@pytest.mark.parametrize("kernel", list_kernels())
@pytest.mark.parametrize(("name", "kind"), PARTED)
def test_every_kernel_in_every_continuous_network(name: str, kind: str, kernel: str, tmp_path: Path) -> None:
    size = "num_points" if kernel == "moving_points_per_filter" else "hidden_channels"
    wide = {"radius": 1.0} if kernel.startswith("moving") else {}
    torch.manual_seed(0)
    model = make(name, kind, kernel=kernel_factory(kernel, **{size: 4}, **wide))
    made = {type(conv.kernel) for conv in model.convolutions()}
    assert made == {kernel_factory(kernel).func}
    check(model, data(name, kind), tmp_path)


@pytest.mark.parametrize("kernel", list_kernels())
def test_answers_of_new_networks_are_of_order_one(kernel: str) -> None:
    """Whatever the kernel, while batch norms see the batch; with their first statistics, 0 and 1, they do nothing."""
    torch.manual_seed(0)
    model = create_model("ccnn_4_16", dim=2, in_channels=3, out_channels=10, shape=(16, 16), kernel=kernel)
    assert 0.2 < float(model(torch.randn(8, 3, 16, 16)).std()) < 2.0


@pytest.mark.parametrize("window", list_windows())
@pytest.mark.parametrize(("name", "kind"), PARTED)
def test_every_window_in_every_continuous_network(name: str, kind: str, window: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = make(name, kind, window=window)
    assert {type(conv.window) for conv in model.convolutions()} == {window_factory(window).func}
    check(model, data(name, kind), tmp_path)


@pytest.mark.parametrize("part", ["kernel", "window"])
def test_models_without_continuous_kernels_say_so(part: str) -> None:
    for name in set(list_models()) - set(CONTINUOUS):
        with pytest.raises(ValueError, match=f"'{part}' must be None for '{name}'"):
            make(name, kinds(name)[0], **{part: "siren" if part == "kernel" else "gaussian"})
