"""Saved models: a round trip without typing a number again, and clear errors for folders that are not models."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch_geometric.data import Data

from ccnn_pc.datasets import preprocessing_from_json
from ccnn_pc.domains import Pool
from ccnn_pc.kernels import SIREN, GaussianWindow
from ccnn_pc.models import create_model, from_pretrained, list_pretrained, save_pretrained

PREPROCESSING = {"num_points": 64, "features": ["normal", "pos"], "num_neighbors": 8}


@pytest.fixture
def model() -> nn.Module:
    return create_model(
        "ccnn_4_16", dim=3, in_channels=6, out_channels=3, pool=Pool.MEAN_MAX, num_neighbors=8, width=0.2
    )


@pytest.fixture
def data() -> Data:
    return Data(x=torch.randn(20, 6), pos=torch.rand(20, 3))


def test_round_trip(model: nn.Module, data: Data, tmp_path: Path) -> None:
    model.train()
    model(data)  # running statistics are state, too
    folder = save_pretrained(
        model, tmp_path / "new" / "model", classes=["a", "b", "c"], preprocessing=PREPROCESSING
    )
    assert model.training  # but what is stored is what eval mode answers with
    loaded = from_pretrained(folder)
    assert not loaded.training
    assert loaded.classes == ["a", "b", "c"] and loaded.preprocessing == preprocessing_from_json(
        PREPROCESSING
    )
    assert torch.equal(loaded(data), model.eval()(data))
    assert sorted(p.name for p in folder.iterdir()) == ["config.json", "model.safetensors"]
    again = from_pretrained(save_pretrained(loaded, tmp_path / "again"))
    assert again.classes == loaded.classes and torch.equal(again(data), loaded(data))


def test_a_failed_save_leaves_the_old_model(
    model: nn.Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_pretrained(model, tmp_path)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}

    def broken(*arguments: object) -> None:
        Path(str(arguments[1])).write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr("ccnn_pc.models.hub.save_file", broken)
    with pytest.raises(OSError, match="disk full"):
        save_pretrained(model, tmp_path)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_what_cannot_be_saved(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="create_model"):
        save_pretrained(nn.Linear(2, 2), tmp_path)
    model = create_model("ccnn_4_16", dim=3, in_channels=6, out_channels=3, norm=nn.BatchNorm1d)
    with pytest.raises(TypeError, match="option 'norm' must be a number, string, enum or list to be saved"):
        save_pretrained(model, tmp_path / "new")
    assert not any(tmp_path.iterdir())


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_read_only_folder(model: nn.Module, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(OSError):
        save_pretrained(model, tmp_path)


def test_a_file_in_the_place_of_the_folder(model: nn.Module, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(OSError):
        save_pretrained(model, tmp_path / "taken")


def test_folders_that_are_no_models(model: nn.Module, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="unknown pretrained model 'nothing'"):
        from_pretrained("nothing")
    with pytest.raises(FileNotFoundError, match="must be a folder"):
        from_pretrained(tmp_path / "not" / "there")
    with pytest.raises(FileNotFoundError, match="config.json"):
        from_pretrained(tmp_path)
    save_pretrained(model, tmp_path)
    weights, config = tmp_path / "model.safetensors", tmp_path / "config.json"
    whole, text = weights.read_bytes(), config.read_text()
    weights.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"model.safetensors.*truncated"):
        from_pretrained(tmp_path)
    weights.unlink()
    with pytest.raises(FileNotFoundError, match="model.safetensors"):
        from_pretrained(tmp_path)
    weights.write_bytes(whole)
    description = json.loads(text)
    description["model"]["out_channels"] = 4
    config.write_text(json.dumps(description))
    with pytest.raises(ValueError, match="does not fit"):
        from_pretrained(tmp_path)
    config.write_text(json.dumps({**json.loads(text), "format_version": 99}))
    with pytest.raises(ValueError, match="format_version 1 to 2 .got 99."):
        from_pretrained(tmp_path)
    config.write_text("{")
    with pytest.raises(ValueError, match="not valid JSON"):
        from_pretrained(tmp_path)
    config.write_text(json.dumps({"format_version": 1}))
    with pytest.raises(ValueError, match="lacks model"):
        from_pretrained(tmp_path)


@pytest.mark.parametrize("name", list_pretrained())
def test_packaged_models_load_and_know_their_classes(name: str) -> None:
    model = from_pretrained(name)
    points = getattr(model.preprocessing, "num_points", 100)
    logits = model(Data(x=torch.randn(points, model.in_channels), pos=torch.rand(points, 3) * 2 - 1))
    answers = points if model.pool is None else 1
    assert logits.shape == (answers, len(model.classes)) and torch.isfinite(logits).all()


def test_what_is_set_on_a_model_is_saved_with_it(tmp_path: Path) -> None:
    """Weights of series that were chosen after loading: the folder answers as the model did."""
    model = create_model("ccnn_4_16", dim=1, in_channels=2, out_channels=3, shape=(20,)).eval()
    series = Data(times=torch.tensor([0.0, 1.5, 2.0, 9.0]), x=torch.randn(4, 2))
    before = model(series)
    for setting in ({"series_interpolation": "none"}, {"series_weights": "past"}):
        changed = from_pretrained(save_pretrained(model, tmp_path / "before"))
        changed.reading = replace(changed.reading, **setting)  # type: ignore[arg-type, type-var]
        found = changed(series)
        assert not torch.allclose(found, before)
        assert torch.equal(from_pretrained(save_pretrained(changed, tmp_path / "after"))(series), found)
    with pytest.raises(ValueError, match="'series_interpolation' must be one of 'none', 'linear', 'cubic'"):
        replace(model.reading, series_interpolation="spline")  # type: ignore[type-var]


def test_kernel_and_window_are_in_the_file(tmp_path: Path) -> None:
    model = create_model(
        "ccnn_4_16",
        dim=3,
        in_channels=6,
        out_channels=3,
        kernel=partial(SIREN, hidden_channels=4),
        window=partial(GaussianWindow, width=0.2),
        omega_0=2.0,
    )
    stored = json.loads((save_pretrained(model, tmp_path) / "config.json").read_text())["model"]
    assert stored["kernel"] == {"name": "siren", "hidden_channels": 4, "omega_0": 2.0}
    assert stored["window"] == {"name": "gaussian", "width": 0.2}
    assert stored["options"] == {} and stored["geometry"]["num_points"] == 512


class Unregistered(SIREN):
    """A kernel without a name."""


def test_a_kernel_without_a_name_cannot_be_saved(tmp_path: Path) -> None:
    model = create_model("ccnn_4_16", dim=3, in_channels=6, out_channels=3, kernel=Unregistered)
    with pytest.raises(ValueError, match=r"registered kernel or window \(got Unregistered"):
        save_pretrained(model, tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        lambda model: model.pop("name"),
        lambda model: model["geometry"].pop("dim"),
        lambda model: model["reading"].update(wrong=1),
        lambda model: model.update(wrong=1),
        lambda model: model.update(geometry=[3]),
    ],
)
def test_a_description_of_no_network_names_its_file(change: Callable[[Any], Any], tmp_path: Path) -> None:
    model = create_model("ccnn_4_16", dim=1, in_channels=1, out_channels=2, shape=(9,))
    described = json.loads((save_pretrained(model, tmp_path) / "config.json").read_text())
    change(described["model"])
    (tmp_path / "config.json").write_text(json.dumps(described))
    with pytest.raises(ValueError, match=r"'model' in '.*config.json' must describe a network"):
        from_pretrained(tmp_path)


def test_a_preprocessing_that_is_none_is_refused(tmp_path: Path) -> None:
    model = create_model("ccnn_4_16", dim=1, in_channels=1, out_channels=2, shape=(9,))
    with pytest.raises(TypeError, match="'preprocessing' must be a preprocessing or a mapping.*3"):
        save_pretrained(model, tmp_path, preprocessing=3)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("classes", "error"),
    [(["a"], ValueError), (["a", "a", "b"], ValueError), ("abc", TypeError), ([1, 2, 3], TypeError)],
)
def test_classes_that_are_not_the_models(
    model: nn.Module, classes: Any, error: type[Exception], tmp_path: Path
) -> None:
    with pytest.raises(error, match="'classes' must be"):
        save_pretrained(model, tmp_path / "model", classes=classes)
    assert not (tmp_path / "model").exists()
    folder = save_pretrained(model, tmp_path / "model")
    description = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**description, "classes": classes}))
    with pytest.raises(ValueError, match="'classes' must be .*config.json"):
        from_pretrained(folder)


def test_a_model_that_was_taken_apart_is_not_saved(model: Any, tmp_path: Path) -> None:
    model.head = nn.Identity()
    with pytest.raises(ValueError, match="'model' must have the layers .*'head.linear.bias'"):
        save_pretrained(model, tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_the_folder_of_a_run_means_its_model(tmp_path: Path) -> None:
    model = create_model("ccnn_4_16", dim=1, in_channels=1, num_classes=2, shape=(9,))
    save_pretrained(model, tmp_path / "run" / "model", classes=["a", "b"])
    assert from_pretrained(tmp_path / "run").classes == ["a", "b"]
    assert create_model(str(tmp_path / "run"), pretrained=True).classes == ["a", "b"]
    with pytest.raises(FileNotFoundError, match="a model folder holds"):
        from_pretrained(tmp_path)
