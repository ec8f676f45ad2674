"""Scenes on the command line: a training, and the same figures again."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest
import torch

from ccnn_pc.cli.evaluate import evaluate_model
from ccnn_pc.cli.train import run_experiment
from ccnn_pc.datasets import Scene, Scenes, read_scene
from ccnn_pc.datasets.scenes import thinned
from ccnn_pc.models import from_pretrained
from ccnn_pc.training.callbacks import TrainingInterrupted
from ccnn_pc.training.predict_scene import predict_scene
from tests.cli.conftest import stop_at
from tests.scene_files import points, write, write_parts


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CCNN_PC_CACHE", str(tmp_path / "cache"))


def train(root: Path, runs: Path, *more: str) -> dict:
    return run_experiment(
        [
            "experiment=scenes", f"data.root={root}", f"runs={runs}", "data.tile.radius=15", "data.tile.points=80",
            "data.cell=3", "data.features=[height,intensity]", "data.num_neighbors=8", "data.tiles_per_epoch=8",
            "model.name=ccnn_4_16", "trainer.max_epochs=2", "trainer.accelerator=cpu", "threads=1", *more,
        ]
    )  # fmt: skip


def test_evaluate_gives_the_figures_of_the_training_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write_parts(tmp_path / "scenes")
    result = train(root, tmp_path / "runs")
    told = capsys.readouterr().err
    assert "/model scan.laz --out labelled.laz   a class for every point of your own files" in told
    assert "training: 2 scenes of 3000 points, " in told and "validation: 1 scenes of 1500 points, " in told
    folder = tmp_path / "runs/scenes/latest/model"
    again = evaluate_model(str(folder), root, report=True)
    for name in ("accuracy", "mean_class_accuracy", "mean_iou"):
        assert result[f"test_{name}"] == pytest.approx(again[name], abs=1e-6)
    truth = points(seed=3)["classification"]
    assert result["n_test"] == again["n"] == (truth > 0).sum()
    assert {name: row["n"] for name, row in again["classes"].items()} == {
        "ground": (truth == 2).sum(), "high vegetation": (truth == 5).sum(), "building": (truth == 6).sum(),
    }  # fmt: skip
    model = from_pretrained(folder)
    said = predict_scene(model, root / "test" / "d.npz", model.preprocessing).numbers()
    assert again["accuracy"] == pytest.approx((said == truth)[truth > 0].mean(), abs=1e-12)
    for option, value in (("sampling", "points:64"), ("labels", tmp_path / "x.csv")):
        with pytest.raises(ValueError, match=f"'{option}' must be left out for a model of scenes"):
            evaluate_model(str(folder), root, **{option: value})  # type: ignore[arg-type]


@pytest.mark.slow
def test_parts_by_area_are_the_same_when_evaluated(tmp_path: Path) -> None:
    for seed in range(2):
        write(tmp_path / "scenes" / f"{seed}.npz", points(seed=seed))
    result = train(tmp_path / "scenes", tmp_path / "runs", "data.test_fraction=0.3", "trainer.max_epochs=1")
    folder = tmp_path / "runs/scenes/latest/model"
    again = evaluate_model(str(folder), tmp_path / "scenes", split="test")
    assert again["n"] == result["n_test"] and again["accuracy"] == pytest.approx(
        result["test_accuracy"], abs=1e-6
    )
    whole = evaluate_model(str(folder), tmp_path / "scenes")
    assert whole["n"] == sum((points(seed=seed)["classification"] > 0).sum() for seed in range(2))
    assert 0.25 < again["n"] / whole["n"] < 0.35


@pytest.mark.slow
def test_a_training_reads_each_file_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[Path] = []

    def noted(path: Path, **options: Any) -> Scene:
        reads.append(path)
        return read_scene(path, **options)

    monkeypatch.setattr(thinned, "read_scene", noted)
    root = write_parts(tmp_path / "scenes")
    train(root, tmp_path / "runs", "trainer.max_epochs=1")
    assert sorted(path.name for path in reads) == ["a.npz", "b.npz", "c.npz", "d.npz"]
    target = Scenes(root, split="train", preprocessing={"kind": "scene"}).preprocessing.wanted
    assert target.names == ("ground", "high vegetation", "building")


@pytest.mark.slow
def test_a_killed_training_goes_on_as_if_nothing_had_happened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "training"))
    root = write_parts(tmp_path / "scenes")
    few = ["data.batch_size=2", "callbacks.checkpoints.every_n_steps=2"]
    whole = train(root, tmp_path / "whole", *few)
    words = [*few, *stop_at(5, tmp_path / "sent", signal.SIGINT)]
    with pytest.raises(TrainingInterrupted):
        train(root, tmp_path / "runs", *words)
    again = train(root, tmp_path / "runs", *words, "resume=last")
    names = [name for name in whole if name.startswith(("test_", "val_"))]
    assert len(names) > 3 and {name: whole[name] for name in names} == {name: again[name] for name in names}
    weights = [
        torch.load(tmp_path / runs / "scenes/latest/checkpoints/last.ckpt", weights_only=True)["state_dict"]
        for runs in ("whole", "runs")
    ]
    assert all(value.equal(weights[1][name]) for name, value in weights[0].items())
