"""create_model with trained weights: what is kept, what is new, what is said, what is refused."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from ccnn_pc.datasets import CloudPreprocessing
from ccnn_pc.models import create_model, from_pretrained, list_models, save_pretrained

TINY = "ccnn_tiny-modelnet10"


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    model = create_model("ccnn_4_16", dim=1, in_channels=2, num_classes=3, shape=(9,), width=0.5, dropout=0.3)
    return save_pretrained(model, tmp_path / "trained", classes=list("abc"))


def test_a_trained_network_answers_as_it_did() -> None:
    model, loaded = create_model(TINY, pretrained=True), from_pretrained(TINY)
    assert model.training and model.classes == loaded.classes and model.preprocessing == loaded.preprocessing
    state = loaded.state_dict()
    assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())
    assert model.trained_on == loaded.trained_on and model.reading == loaded.reading
    assert isinstance(model.preprocessing, CloudPreprocessing) and repr(model.transform()) == repr(
        loaded.preprocessing.transform()
    )


def test_one_message_says_what_is_new(trained: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="ccnn_pc"):
        same = create_model("ccnn_4_16", pretrained=trained)
    assert caplog.records == [] and same.classes == list("abc")
    with caplog.at_level(logging.WARNING, logger="ccnn_pc"):
        model = create_model(trained, pretrained=True, num_classes=5, in_channels=4)
    (record,) = caplog.records
    assert record.getMessage().endswith("new: head (3 -> 5 outputs), stem (2 -> 4 channels)")
    assert model.classes == [] and model.preprocessing is None and model.trained_on is None
    assert model.eval()(torch.randn(2, 4, 9)).shape == (2, 5)
    theirs = from_pretrained(trained).state_dict()
    kept = [key for key in theirs if not key.startswith(("head.", "stem."))]
    assert kept and all(torch.equal(model.state_dict()[key], theirs[key]) for key in kept)
    assert model.config["window"].keywords["width"] == 0.5 and model.config["options"]["dropout"] == 0.3


def test_without_weights_it_is_a_network_like_that_one(trained: Path) -> None:
    torch.manual_seed(1)
    model: Any = create_model(trained)
    loaded: Any = from_pretrained(trained)
    assert model.shapes == loaded.shapes and model.config["geometry"] == loaded.config["geometry"]
    assert not torch.equal(model.head.linear.weight, loaded.head.linear.weight)


def test_options_that_weights_do_not_depend_on_may_be_others(trained: Path) -> None:
    model = create_model(trained, pretrained=True, dropout=0.0, interpolation="none", shape=[9])
    assert model.blocks[0].dropout.p == 0.0 and model.reading.interpolation.value == "none"
    cloud = create_model(TINY, pretrained=True, num_neighbors=12)
    assert cloud.reading.num_neighbors == 12


@pytest.mark.parametrize(
    ("word", "value"), [("shape", [10]), ("extent", 2.0), ("spacing", 0.5), ("dim", 2), ("kernel", "siren")]
)
def test_words_that_weights_decide_are_refused(trained: Path, word: str, value: Any) -> None:
    given: dict[str, Any] = {word: value}
    with pytest.raises(TypeError, match=f"'{word}' must be left out for a trained network"):
        create_model(trained, pretrained=True, **given)


def test_words_of_a_new_model() -> None:
    sizes: dict[str, Any] = {"dim": 1, "in_channels": 2, "shape": (9,)}
    ten, also = (create_model("ccnn_4_16", **{**sizes, word: 10}) for word in ("num_classes", "out_channels"))
    assert ten.shapes == also.shapes and ten.num_classes == also.num_classes == 10
    with pytest.raises(TypeError, match="'num_classes' and 'out_channels' must be given once"):
        create_model("ccnn_4_16", **sizes, num_classes=10, out_channels=10)
    with pytest.raises(TypeError, match="'dim', 'in_channels', 'out_channels' must be given"):
        create_model("ccnn_4_16")
    with pytest.raises(ValueError, match=r"(?s)'pretrained' must name one of.*ccnn_tiny-modelnet10-voxels"):
        create_model("ccnn_tiny", pretrained=True)
    with pytest.raises(ValueError, match="'pretrained' must be a trained 'ccnn_4_16' .*'ccnn_tiny'"):
        create_model("ccnn_4_16", pretrained=TINY)
    with pytest.raises(ValueError, match="ccnn_tiny"):
        create_model("ccnn_tyni", **sizes, num_classes=2)
    with pytest.raises(TypeError, match="'out_indices' must be None"):
        create_model("ccnn_4_16", **sizes, num_classes=2, out_indices=(0,))


def test_lists() -> None:
    assert list_models(["gru*", "ode_*"], exclude="*dt") == ["gru_d", "ode_rnn"]
    assert TINY in list_models(pretrained=True) and not set(list_models(pretrained=True)) & set(list_models())


def test_features_of_a_trained_network(trained: Path) -> None:
    levels = create_model(trained, pretrained=True, features_only=True, out_indices=(1, 3))
    model: Any = from_pretrained(trained)
    x = torch.randn(2, 2, 9)
    levels.eval()
    with torch.no_grad():
        one, last = levels(x)
        y = model.forward_features(x)
    assert one.shape == last.shape == (2, 16, 9) and not list(levels.network.head.parameters())
    normed = nn.functional.batch_norm(
        last, model.norm.running_mean, model.norm.running_var, model.norm.weight, model.norm.bias
    )
    torch.testing.assert_close(normed, y)


@pytest.mark.parametrize(
    ("word", "ours"),
    [("in_chans", "in_channels"), ("img_size", "shape"), ("drop_rate", "dropout"), ("global_pool", "pool")],
)
def test_words_of_timm_are_known_by_name(word: str, ours: str) -> None:
    words: dict[str, Any] = {word: 3}
    with pytest.raises(TypeError, match=f"'{word}' of timm is called '{ours}' here"):
        create_model("ccnn_tiny_grid", dim=2, num_classes=3, **words)
