"""`ccnn-pc evaluate`: the same number by hand, the form of its output, its errors."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch_geometric.data import Batch

from ccnn_pc.cli.app import main
from ccnn_pc.cli.classes import matching_classes
from ccnn_pc.cli.evaluate import evaluate_model
from ccnn_pc.cli.open_data import _say_all, open_part
from ccnn_pc.datasets import preprocessing_transform
from ccnn_pc.datasets.clouds.arrays import CloudArrays
from ccnn_pc.models import create_model, from_pretrained, save_pretrained

PREPROCESSING = {"num_points": 20, "normalize": "box", "features": ["normal", "pos"], "num_neighbors": 5}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CCNN_PC_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def model(tmp_path: Path) -> str:
    """An untrained network for four classes."""
    network = create_model("ccnn_4_16", dim=3, in_channels=6, out_channels=4)
    return str(
        save_pretrained(network, tmp_path / "model", classes=list("abcd"), preprocessing=PREPROCESSING)
    )


@pytest.fixture
def data(tmp_path: Path, rng: np.random.Generator, cache: None) -> str:
    """30 random clouds whose classes are stored in another order than the model's."""
    path = tmp_path / "clouds.npz"
    normals = rng.normal(size=(30, 40, 3))
    normals /= np.linalg.norm(normals, axis=2, keepdims=True)
    points, label = rng.uniform(-1, 1, (30, 40, 3)), rng.integers(0, 3, 30)
    np.savez(path, points=points, normals=normals, label=label, classes=np.array(["d", "b", "a"]))
    return str(path)


def test_number_by_hand(model: str, data: str) -> None:
    found = evaluate_model(model, data, seed=4, batch_size=7)
    network: Any = from_pretrained(model)
    clouds = CloudArrays(data, transform=preprocessing_transform(PREPROCESSING), seed=4)
    with torch.no_grad():
        guess = network(Batch.from_data_list(list(clouds))).argmax(dim=1)
    truth = torch.tensor(["abcd".index(clouds.classes[label]) for label in clouds.labels])
    hit = guess == truth
    assert found["n"] == 30 and found["accuracy"] == pytest.approx(float(hit.float().mean()))
    by_class = [float(hit[truth == c].float().mean()) for c in truth.unique()]
    assert found["mean_class_accuracy"] == pytest.approx(sum(by_class) / len(by_class))


def test_clouds_without_normals_need_open3d_only_where_normals_are_read(
    tmp_path: Path, rng: np.random.Generator, cache: None, monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    monkeypatch.setitem(sys.modules, "open3d", None)
    for name in "ab":
        (tmp_path / "shapes" / name).mkdir(parents=True)
        np.savetxt(tmp_path / "shapes" / name / "1.xyz", rng.normal(size=(30, 3)))
    network = create_model("ccnn_4_16", dim=3, in_channels=3, out_channels=2)
    bare = save_pretrained(
        network, tmp_path / "bare", classes=list("ab"), preprocessing=PREPROCESSING | {"features": ["pos"]}
    )
    assert evaluate_model(str(bare), tmp_path / "shapes")["n"] == 2
    with pytest.raises(ImportError, match="open3d"):
        evaluate_model(model, tmp_path / "shapes")


def test_same_seed_same_result_and_batches_do_not_matter(model: str, data: str) -> None:
    first, again = (evaluate_model(model, data, seed=1, batch_size=b) for b in (16, 3))
    assert first == again


def test_last_line_is_json(model: str, data: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["evaluate", model, "--data", data, "--json", "--seed", "2"])
    assert left.value.code == 0
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert set(result) == {"accuracy", "mean_class_accuracy", "n", "model", "data", "seed", "read"}
    assert result["model"] == model and result["data"] == data and result["seed"] == 2 and result["n"] == 30
    with pytest.raises(SystemExit):
        main(["evaluate", model, "--data", data])
    assert "30 items" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": "ccnn_tiny-modelnet11"}, "unknown pretrained model 'ccnn_tiny-modelnet11'"),
        ({"data": "no/such/folder"}, "no/such/folder"),
        ({"split": "tset"}, "'split' must be one of"),
    ],
)
def test_errors(
    change: dict[str, str], message: str, model: str, data: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = {"model": model, "data": data, "split": "test"} | change
    with pytest.raises(SystemExit) as failed:
        main(["evaluate", given["model"], "--data", given["data"], "--split", given["split"]])
    said = capsys.readouterr().err
    assert failed.value.code == 1 and message in said and "Traceback" not in said


def test_unknown_classes_are_named() -> None:
    with pytest.raises(
        ValueError, match=r"'data' must have classes that the model knows \(got lamp; known: bed, chair\)"
    ):
        matching_classes(["chair", "lamp"], ["bed", "chair"])


def test_all_of_what_a_training_divided_by_chance_is_said_to_be_all(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], cache: None
) -> None:
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        for number in range(5):
            path = tmp_path / "shapes" / name / f"{number}.npy"
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, rng.normal(size=(20, 3)))
    drawn = {"val_fraction": 0.2, "test_fraction": 0.2, "split_seed": 0, "num_points": 16, "normals": False}
    part = {"split": "test", "options": drawn}
    validation = {"fraction": 0.0, "last": False, "on_test": False, "own": True}
    trained = {"dataset": "folder", "parts": {"test": part}, "validation": validation, "seed": 0}
    _say_all.cache_clear()
    assert len(open_part(tmp_path / "shapes", "test", trained)) == 2 and not capsys.readouterr().err
    for _ in range(2):
        assert len(open_part(tmp_path / "shapes", None, trained)) == 10
    assert capsys.readouterr().err.count("--split test leaves out what it learned from") == 1
    for part_of_its_own in ("train", "test"):
        shutil.copytree(tmp_path / "shapes", tmp_path / "divided" / part_of_its_own)
    _say_all.cache_clear()
    assert len(open_part(tmp_path / "divided", None, trained)) == 10 and not capsys.readouterr().err
