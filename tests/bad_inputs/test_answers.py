"""Commands that use trained models: damaged files, model folders and words are answered rightly or refused clearly."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ccnn_pc.cli.evaluate import evaluate_model
from ccnn_pc.cli.plot import plot_model
from ccnn_pc.cli.predict import predict_files
from ccnn_pc.cli.transfer import transfer_model
from ccnn_pc.datasets.samplings import Sampling
from ccnn_pc.models import create_model, from_pretrained, save_pretrained
from tests.bad_inputs.damage import damages, finite, right_or_clear

pytestmark = pytest.mark.slow
CLOUD = {"num_points": 12, "normalize": "box", "features": ["pos"], "num_neighbors": 4}
OFF = b"OFF\n4 4 6\n0 0 0\n1 0 0\n0 1 0\n0 0 1\n3 0 2 1\n3 0 1 3\n3 0 3 2\n3 1 2 3\n"
XYZ = b"".join(b"%d %d %d\n" % (i % 3, i % 5, i) for i in range(15))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    torch.set_num_threads(1)  # threads do not live on in a forked process
    made = create_model("ccnn_4_16", dim=3, in_channels=3, out_channels=3)
    folder = tmp_path_factory.mktemp("models")
    saved = save_pretrained(made, folder / "tiny", classes=["a", "b", "c"], preprocessing=CLOUD)
    (folder / "mesh.off").write_bytes(OFF)
    np.savez(
        folder / "clouds.npz",
        points=np.random.default_rng(0).normal(size=(3, 9, 3)),
        label=[0, 1, 2],
        classes=list("abc"),
    )
    predict_files(
        str(saved), [folder / "mesh.off"]
    )  # what is loaded here need not be loaded in every process
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CCNN_PC_CACHE", str(folder / "cache"))
        evaluate_model(str(saved), folder / "clouds.npz")
    return saved


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CCNN_PC_CACHE", str(tmp_path / "cache"))


def answered_or_named(rows: list[dict[str, Any]]) -> bool:
    """One row for the file: probabilities that add up, or an error of one line that names it."""
    (row,) = rows
    if "error" in row:
        return Path(row["file"]).name in row["error"] and "\n" not in row["error"]
    return finite(row["probabilities"]) and abs(sum(row["probabilities"].values()) - 1) < 1e-6


@pytest.mark.parametrize(("name", "valid"), [("mesh.off", OFF), ("scan.xyz", XYZ)])
@pytest.mark.parametrize("seed", range(25))
def test_predict_on_damaged_files(name: str, valid: bytes, seed: int, model: Path, tmp_path: Path) -> None:
    ((_, damaged),) = damages(valid, seed, 1)
    (tmp_path / name).write_bytes(damaged)
    right_or_clear(lambda: predict_files(str(model), [tmp_path / name]), name, answered_or_named)


@pytest.mark.parametrize("seed", range(40))
def test_models_with_damaged_descriptions(seed: int, model: Path, tmp_path: Path) -> None:
    valid = (model / "config.json").read_bytes()
    ((_, damaged),) = damages(valid, seed, 1)
    (tmp_path / "config.json").write_bytes(damaged)
    (tmp_path / "model.safetensors").write_bytes((model / "model.safetensors").read_bytes())
    right_or_clear(
        lambda: from_pretrained(tmp_path).answers.to_json()["kind"], str(tmp_path), lambda kind: kind != ""
    )


DESCRIBED: dict[str, Any] = {
    "task of a number": {"task": 3},
    "task of another kind": {"task": {"kind": "juggling"}},
    "task without a kind": {"task": {"last": 3}},
    "task with an unknown key": {"task": {"kind": "steps", "speed": 3}},
    "task of no samples": {"task": {"kind": "steps", "last": 0}},
    "data that are a list": {"data": [1, 2]},
    "data that are a word": {"data": "shapes"},
    "classes twice": {"classes": ["a", "a", "b"]},
    "two classes of three": {"classes": ["a", "b"]},
    "preprocessing of another kind": {"preprocessing": {"kind": "smell"}},
    "preprocessing that is a list": {"preprocessing": [1]},
    "features that there are not": {"preprocessing": {**CLOUD, "num_points": -1}},
}


@pytest.mark.parametrize("change", DESCRIBED.values(), ids=DESCRIBED)
def test_models_that_describe_what_is_not(change: dict[str, Any], model: Path, tmp_path: Path) -> None:
    described = json.loads((model / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(described | change))
    (tmp_path / "model.safetensors").write_bytes((model / "model.safetensors").read_bytes())
    right_or_clear(lambda: from_pretrained(tmp_path), str(tmp_path), must_fail=True)


ARRAYS: dict[str, tuple[dict[str, Any], str]] = {
    "no points": ({"points": np.zeros((0, 20, 3), "f4"), "label": np.zeros(0, int)}, "clouds.npz"),
    "labels beyond the classes": ({"label": np.full(6, 9)}, "clouds.npz"),
    "labels that are names": ({"label": np.array(["x"] * 6)}, "clouds.npz"),
    "labels of NaN": ({"label": np.full(6, np.nan)}, "clouds.npz"),
    "a class that the model knows not": ({"classes": np.array(["a", "b", "z"])}, "got z"),
    "points of NaN": ({"points": np.full((6, 20, 3), np.nan, "f4")}, "clouds.npz"),
    "two coordinates": ({"points": np.zeros((6, 20, 2), "f4")}, "clouds.npz"),
}


@pytest.mark.parametrize(("change", "word"), ARRAYS.values(), ids=ARRAYS)
def test_evaluate_on_wrong_arrays(change: dict[str, Any], word: str, model: Path, tmp_path: Path) -> None:
    valid = {
        "points": np.random.default_rng(0).normal(size=(6, 20, 3)).astype("f4"),
        "label": np.arange(6) % 3,
        "classes": np.array(["a", "b", "c"]),
    }
    np.savez(tmp_path / "clouds.npz", **(valid | change))
    right_or_clear(lambda: evaluate_model(str(model), tmp_path / "clouds.npz"), word, must_fail=True)


@pytest.mark.parametrize("word", ["tset", "", "validation set", "3", "TRAIN,VAL"])
def test_parts_that_there_are_not(word: str, model: Path) -> None:
    right_or_clear(lambda: evaluate_model(str(model), "shapes", split=word), "split", must_fail=True)


SAMPLINGS = (
    *("", ":", "points:", "points:-3", "points:nan", "points:inf", "points:1e9999", "points:3.5", "Points"),
    *("scattered:0", "scattered:2", "voxels+", "voxels+weight", "dense+density", "pixels:0.5", "points:1_0"),
    *("points :3", "points:0x10"),
)


@pytest.mark.parametrize("text", SAMPLINGS)
def test_samplings_that_there_are_not(text: str) -> None:
    right_or_clear(lambda: str(Sampling.parse(text)), "sampling", must_fail=True)


def test_places_that_cannot_be_written(model: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "mesh.off").write_bytes(OFF)
    inside = tmp_path / "file" / "x"
    right_or_clear(
        lambda: predict_files(str(model), [tmp_path / "mesh.off"], out=inside), str(inside), must_fail=True
    )
    right_or_clear(
        lambda: evaluate_model(str(model), "shapes", out=inside / "y.csv"), str(inside), must_fail=True
    )
    right_or_clear(lambda: plot_model(str(model), inside), str(inside), must_fail=True)
    right_or_clear(
        lambda: transfer_model(str(model), "shapes", "points", ["voxels"], out=inside),
        str(inside),
        must_fail=True,
    )


@pytest.mark.parametrize("name", ["nowhere", "a b", "ü", "ccnn_tiny-modelnet1", "."])
def test_models_that_there_are_not(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for call in (
        lambda: predict_files(name, []),
        lambda: plot_model(name),
        lambda: evaluate_model(name, "shapes"),
    ):
        right_or_clear(call, name.splitlines()[0] if name else "", must_fail=True)
