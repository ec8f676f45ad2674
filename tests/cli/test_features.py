"""``ccnn-pc features``: arrays that the model's last layer makes its answers of, for every kind of data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from ccnn_pc.cli.app import main
from ccnn_pc.cli.open_data import open_data
from ccnn_pc.cli.read_file import read_input
from ccnn_pc.datasets import CloudPreprocessing, ImagePreprocessing, ScenePreprocessing
from ccnn_pc.models import create_model, from_pretrained, save_pretrained
from ccnn_pc.training.predict_scene import predict_scene
from tests import scene_files


def run(*words: Any) -> int:
    with pytest.raises(SystemExit) as left:
        main(["features", *map(str, words)])
    return int(left.value.code or 0)


def saved(folder: Path, preprocessing: Any, classes: int = 3, **words: Any) -> Path:
    torch.manual_seed(0)
    model = create_model("ccnn_4_16", num_classes=classes, **words)
    names = [f"class {n}" for n in range(classes)]
    return save_pretrained(model, folder, classes=names, preprocessing=preprocessing)


def test_clouds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    used = CloudPreprocessing(num_points=32, normalize="box", features=("pos",), num_neighbors=8)
    model = saved(tmp_path / "model", used, dim=3, in_channels=3, num_neighbors=8)
    shapes = tmp_path / "shapes"
    shapes.mkdir()
    for name in "ab":
        np.save(shapes / f"{name}.npy", np.random.default_rng(ord(name)).random((50, 3)))
    (tmp_path / "broken.off").write_text("OFF\n4 4")
    out = tmp_path / "features.npz"
    assert run(model, shapes, tmp_path / "broken.off", "--out", out, "--json") == 0
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert said == {"out": str(out), "items": 2, "features": [2, 16], "failed": 1}
    found, network = np.load(out), from_pretrained(model)
    assert found["names"].tolist() == [str(shapes / "a.npy"), str(shapes / "b.npy")]
    assert found["item"].tolist() == [0, 1] and "pos" not in found
    with torch.no_grad():
        answers = torch.cat([network(read_input(Path(name), used)) for name in found["names"]])
        again = network.get_classifier()(torch.from_numpy(found["features"]))
    torch.testing.assert_close(again, answers)


def test_points(tmp_path: Path) -> None:
    used = CloudPreprocessing(num_points=32, normalize="box", features=("pos",), num_neighbors=8)
    model = saved(tmp_path / "model", used, dim=3, in_channels=3, num_neighbors=8, pool=None)
    np.save(tmp_path / "a.npy", points := np.random.default_rng(0).random((50, 3)))
    assert run(model, tmp_path / "a.npy", "--out", tmp_path / "f.npz") == 0
    found = np.load(tmp_path / "f.npz")
    assert found["features"].shape == (32, 16) and found["pos"].shape == (32, 3)
    distance = np.abs(found["pos"][:, None] - points[None]).max(axis=2).min(axis=1)
    assert distance.max() < 1e-6  # where they lie in the file


def test_images(tmp_path: Path) -> None:
    used = ImagePreprocessing(view="image", mean=(0.5,) * 3, std=(0.25,) * 3)
    model = saved(tmp_path / "model", used, dim=2, in_channels=3, shape=(8, 8))
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert run(model, tmp_path / "a.png", "--out", tmp_path / "f.npz") == 0
    network = from_pretrained(model)
    x = (torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255 - 0.5) / 0.25
    with torch.no_grad():
        again = network.get_classifier()(torch.from_numpy(np.load(tmp_path / "f.npz")["features"]))
        torch.testing.assert_close(again, network(x))


def test_scenes(tmp_path: Path) -> None:
    scan = scene_files.write(tmp_path / "scan.npz", scene_files.points(400))
    used = ScenePreprocessing(
        cell=2.0, tile={"radius": 15.0}, features=("one", "pos"), scales={}, num_neighbors=8,
        target={"table": {"names": {2: "ground", 5: "tree", 6: "house"}, "ignored": [0]}},
    )  # fmt: skip
    model = saved(tmp_path / "model", used, dim=3, in_channels=4, num_neighbors=8, pool=None, extent=6.0)
    assert run(model, scan, "--out", tmp_path / "f.npz") == 0
    found, network = np.load(tmp_path / "f.npz"), from_pretrained(model)
    said = predict_scene(network, scan, used)
    assert found["features"].shape == (len(said.kept), 16) and found["pos"].shape == (len(said.kept), 3)
    assert np.abs(found["pos"] - scene_files.ORIGIN).max() < 100  # as they lie in the file


def test_series_of_a_data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.grid_files import write_images

    monkeypatch.setenv("CCNN_PC_CACHE", str(tmp_path / "cache"))
    root = write_images("smnist", tmp_path / "mnist", 3)
    used = ImagePreprocessing(view="sequence", mean=(0.13,), std=(0.31,))
    model = saved(tmp_path / "model", used, classes=10, dim=1, in_channels=1, shape=(784,))
    assert run(model, root / "t10k-images-idx3-ubyte", "--out", tmp_path / "f.npz") == 1  # no picture
    data = open_data(root, used, "test", shape=(784,))
    assert len(data) == 3


def test_what_cannot_be_written(tmp_path: Path) -> None:
    assert run("ccnn_tiny-modelnet10", "chair.off", "--out", tmp_path / "f.csv") == 1
    assert run("ccnn_tiny-modelnet10", tmp_path / "none.off", "--out", tmp_path / "f.npz") == 1
    assert not (tmp_path / "f.npz").exists()
