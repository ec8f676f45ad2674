"""What timm checks of every model, of every registered network: heads, features, gradients, frozen parts, sizes."""

from __future__ import annotations

import copy
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch_geometric.data import Batch, Data

from ccnn_pc.domains.points.coverage import NeighborhoodWarning
from ccnn_pc.models import (
    Levelled,
    Model,
    TaskKind,
    create_model,
    from_pretrained,
    list_models,
    save_pretrained,
)
from ccnn_pc.models.base import Network
from ccnn_pc.models.state import load_weights
from tests.conformance.test_models import IN, OUT, SMALL, data, fits, kinds, make, without_missing_packages

#: All but these build and run in a part of a second.
NAMES = [
    pytest.param(name, marks=() if name in {*SMALL, "neural_cde", "ode_rnn"} else pytest.mark.slow)
    for name in list_models()
]
every_model = pytest.mark.parametrize("name", NAMES)


@pytest.fixture(autouse=True)
def _quiet() -> Any:
    torch.manual_seed(0)
    with warnings.catch_warnings():  # tiny clouds have too few neighbours
        warnings.simplefilter("ignore", NeighborhoodWarning)
        yield


def kind_of(name: str) -> str:
    return next((kind for kind in kinds(name) if fits(name, kind)), kinds(name)[0])


def made(name: str, **options: Any) -> Model:
    return without_missing_packages(lambda: make(name, kind_of(name), **options)).eval()


def given(name: str) -> Data | Tensor:
    return data(name, kind_of(name))


def rows(model: Model, x: Data | Tensor) -> int:
    """How many answers there are: one per item, or one per sample."""
    if getattr(model, "pool", True) is not None:
        return 2
    return int(x.num_nodes)  # type: ignore[union-attr, arg-type]


@every_model
def test_without_classes_features_come_out_that_the_classifier_reads(name: str) -> None:
    model, x = made(name), given(name)
    assert model.num_classes == model.out_channels == OUT
    with torch.no_grad():
        expected, classifier = model(x), model.get_classifier()
        model.reset_classifier(0)
        pooled = model(x)
        assert pooled.shape == (rows(model, x), model.num_features)
        torch.testing.assert_close(classifier(pooled), expected)
        with pytest.raises(ValueError, match="'model' must have outputs"):
            _ = model.answers


@every_model
def test_a_model_of_features_is_stored_and_gets_classes(name: str, tmp_path: Path) -> None:
    model, x = made(name), given(name)
    model.reset_classifier(0)
    loaded = from_pretrained(save_pretrained(model, tmp_path / "features"))
    with torch.no_grad():
        assert torch.equal(loaded(x), model(x))
    loaded.reset_classifier(5)
    assert (
        loaded.num_classes == 5
        and loaded.classes == []
        and TaskKind(loaded.answers.kind).value
        in (
            "classification",
            "steps",
        )
    )
    again = from_pretrained(save_pretrained(loaded, tmp_path / "five", classes=list("abcde")))
    with torch.no_grad():
        assert torch.equal(again(x), loaded.eval()(x)) and loaded(x).shape == (rows(loaded, x), 5)


@every_model
def test_every_parameter_gets_a_gradient_after_a_reset(name: str) -> None:
    model, x = made(name).train(), given(name)
    model.reset_classifier(4)
    assert model.head.training
    answers = model(x)
    nn.functional.cross_entropy(answers, torch.arange(len(answers)) % 4).backward()
    without = [
        key for key, p in model.named_parameters() if p.grad is None or not torch.isfinite(p.grad).all()
    ]
    assert without == []


@every_model
def test_a_frozen_body_stays_as_it_is(name: str) -> None:
    model, x = made(name), given(name)
    model.requires_grad_(False)
    model.get_classifier().requires_grad_(True)
    before = copy.deepcopy(model.state_dict())
    learned = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(learned, lr=0.1)
    answers = model(x)
    nn.functional.cross_entropy(answers, torch.arange(len(answers)) % OUT).backward()
    optimizer.step()
    place = model.default_cfg["classifier"]
    for key, value in model.state_dict().items():
        assert torch.equal(value, before[key]) != key.startswith(place), key


@every_model
def test_an_identity_takes_the_place_of_the_head(name: str) -> None:
    model, x = made(name), given(name)
    with torch.no_grad():
        features = model.forward_features(x)
        model.head = nn.Identity()
        found = model(x)
    if features.dim() > 2:  # arrays: the head reads samples in rows
        features = features.flatten(2).transpose(1, 2).flatten(0, 1)
    torch.testing.assert_close(found, features)


@every_model
def test_levels(name: str) -> None:
    model, x = made(name), given(name)
    if not isinstance(model, Network) or not model.convolutions():
        with pytest.raises(TypeError, match="'features_only' must be False for a .*, which has no levels"):
            Levelled(model)
        return
    levels = Levelled(model)
    parts = dict(model.named_modules())
    with torch.no_grad():
        found = levels(x)
        (last,) = Levelled(model, (-1,))(x)
    assert len(found) == len(levels.names) > 1 and set(levels.names) <= set(parts)
    assert torch.equal(found[-1], last) and all(torch.isfinite(y).all() for y in found)
    with pytest.raises(ValueError, match=r"'out_indices' must be below \d+ levels"):
        Levelled(model, (len(found),))


@every_model
def test_other_sizes(name: str) -> None:
    """Fewer points, steps or pixels, and one item alone."""
    model, kind = made(name), kind_of(name)
    if kind == "cloud":
        n = 520 if name == "pointnet2" else 8
        x: Any = Batch.from_data_list([Data(x=torch.randn(n, IN), pos=torch.rand(n, 3))])
    elif kind == "series":
        x = Batch.from_data_list([Data(times=torch.arange(5.0), x=torch.randn(5, IN))])
    else:
        x = given(name)
        x = x[:1, :, 1:] if x.dim() == 3 else x[:1, ..., 1:, 2:]
    with torch.no_grad():
        found = model(x)
    expected = x.num_nodes if getattr(model, "pool", True) is None else 1
    assert found.shape == (expected, OUT) and torch.isfinite(found).all()


@every_model
def test_other_channels_and_classes_begin_with_its_weights(name: str) -> None:
    model = made(name)
    with torch.random.fork_rng():
        other: Model = create_model(
            name,
            **{**model.config["options"], **_geometry(name), "in_channels": IN + 2, "num_classes": OUT + 1},
        )
    differ = [
        key for key, p in other.state_dict().items()
        if p.shape != model.state_dict()[key].shape and not key.startswith("head.")
    ]  # fmt: skip
    reads = other.first_layers
    assert (
        all(any(key == layer or key.startswith(f"{layer}.") for layer in reads) for key in differ) and differ
    )
    kept = load_weights(other, model)
    body = any(not key.startswith("head.") for key, _ in other.named_parameters())
    assert kept.numbers < kept.of == sum(p.numel() for p in other.parameters()) and (kept.numbers > 0) == body
    assert str(kept).count("new: head (3 -> 4 outputs)") == 1 and "(2 -> 4 channels)" in str(kept)
    fresh = set(kept.new)
    for key, p in other.named_parameters():
        assert key in fresh or torch.equal(p, dict(model.named_parameters())[key]), key


def _geometry(name: str) -> dict[str, Any]:
    from tests.conformance.test_models import GRIDS_ONLY, KINDS, Frozen, builder

    words = dict(KINDS[kind_of(name)])
    if name.startswith(GRIDS_ONLY) or not isinstance(builder(name), Frozen):
        words = {key: words[key] for key in words if key not in ("num_points", "num_neighbors")}
    return words


@every_model
def test_what_it_says_of_itself(name: str) -> None:
    model = made(name)
    cfg, names = model.default_cfg, dict(model.named_parameters())
    assert cfg["architecture"] == name and cfg["in_channels"] == IN and cfg["num_classes"] == OUT
    assert cfg["input_size"][0] == IN and cfg["preprocessing"] is None
    assert any(key.startswith(f"{cfg['classifier']}.") for key in names)
    decays = set(names) - model.no_weight_decay()
    assert decays and all(names[key].dim() > 1 for key in decays)
    with pytest.raises(ValueError, match="'preprocessing' must be set"):
        model.transform()
