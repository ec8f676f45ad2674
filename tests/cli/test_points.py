"""A class for every point, from training to predictions, by the commands."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ccnn_pc.cli.app import main
from ccnn_pc.cli.evaluate import evaluate_model
from ccnn_pc.cli.read_file import read_input
from ccnn_pc.datasets import CloudPreprocessing, PointCloudData, read_scene
from ccnn_pc.models import create_model, from_pretrained, save_pretrained
from ccnn_pc.training.objectives import PointRegression
from ccnn_pc.training.predict_cloud import predict_cloud

SMALL = (
    *(
        "data.num_points=48",
        "data.num_neighbors=8",
        "data.eval_num_points=48",
        "data.eval_num_neighbors=8",
        "trainer.max_epochs=1",
        "trainer.check_val_every_n_epoch=1",
    ),
    *("+data.module.train.per_category=4", "+data.module.test.per_category=2", "data.val_fraction=0.25"),
)


def run(*words: str) -> int:
    with pytest.raises(SystemExit) as stopped:
        main(list(words))
    return int(stopped.value.code or 0)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, _drawing: Any) -> Any:
    """A run of one epoch with its pictures, and what it printed."""
    from ccnn_pc.cli.train import run_experiment

    patch = pytest.MonkeyPatch()
    patch.setenv("CCNN_PC_CACHE", str(tmp_path_factory.mktemp("cache")))
    if _drawing is not None:
        patch.setattr("ccnn_pc.training.run.write_pictures", _drawing)
    folder = tmp_path_factory.mktemp("runs") / "run"
    result = run_experiment(["experiment=parts_quickstart", f"run_dir={folder}", *SMALL])
    yield folder, result
    patch.undo()


def test_a_run_writes_scores_of_every_class(trained: Any) -> None:
    folder, result = trained
    stored = json.loads((folder / "result.json").read_text())
    found = [value for value in stored["class_iou"].values() if value is not None]
    assert len(stored["class_iou"]) == 14 and stored["test_mean_iou"] == pytest.approx(
        np.mean(found), abs=1e-5
    )
    assert result["val_mean_iou"] is not None and result["n_test"] == 16 * 48
    assert {"test_accuracy", "test_instance_iou", "test_category_iou"} <= set(result)
    assert "class_iou" not in result  # a row of a table holds one number per column
    assert (folder / "confusion.png").exists() and (folder / "curves.png").exists()
    header = (folder / "metrics.csv").read_text().splitlines()[0]
    assert "train/mean_iou" in header and "val/instance_iou" in header


def test_evaluation_repeats_the_test(
    trained: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, result = trained
    model, table = str(folder / "model"), tmp_path / "points.csv"
    again = evaluate_model(model, "part_shapes", report=True, out=table)
    for name in ("accuracy", "mean_iou", "instance_iou", "category_iou"):
        assert again[name] == pytest.approx(result[f"test_{name}"], abs=1e-6)
    stored = json.loads((folder / "result.json").read_text())["class_iou"]
    assert {name: row["iou"] for name, row in again["classes"].items()} == pytest.approx(stored, abs=1e-6)
    with open(table, newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == again["n"] == 16 * 48
    right = sum(row["class"] == row["true"] for row in rows) / len(rows)
    assert right == pytest.approx(again["accuracy"]) and (tmp_path / "points_confusion.png").exists()
    assert run("evaluate", model, "--data", "part_shapes", "--report") == 0
    said = capsys.readouterr().out.splitlines()
    assert "mean IoU" in said[0] and said[0].endswith("768 points of part_shapes")
    assert said[1].split()[:5] == ["class", "points", "found", "right", "IoU"] and len(said) == 16


@pytest.mark.parametrize("count", [40, 48, 130])
def test_every_point_of_a_file_is_answered(
    trained: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], count: int
) -> None:
    """In the order of the file; the first draw is that of `read_input`, and answers for its own points."""
    folder, _ = trained
    scan = tmp_path / "scan.xyz"
    points = np.random.default_rng(0).normal(size=(count, 3)) * 5 + 100
    np.savetxt(scan, np.hstack([points, points / np.linalg.norm(points, axis=1, keepdims=True)]))
    model = str(folder / "model")
    assert run("predict", model, str(scan), "--json", "--out", str(tmp_path / "plots")) == 0
    (row,) = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert row["samples"] == count and np.allclose(
        np.stack([row["each"][a] for a in "xyz"], 1), points, atol=1e-4
    )
    network = from_pretrained(model)
    data = read_input(scan, network.preprocessing)
    with torch.no_grad():
        best = network(data).argmax(1).tolist()
    place = [int(np.abs(points - each).sum(1).argmin()) for each in data.given.numpy()]
    assert len(set(place)) == min(count, 48)
    assert [row["each"]["class"][i] for i in place] == [network.classes[i] for i in best]
    assert (tmp_path / "plots" / "scan.png").stat().st_size > 0
    before, after = (np.loadtxt(file) for file in (scan, tmp_path / "plots/scan.xyz"))
    assert np.array_equal(after[:, :6], before)
    assert [network.classes[int(i)] for i in after[:, 6]] == row["each"]["class"]


def test_each_point_has_one_answer_of_a_draw_as_large_as_in_training() -> None:
    """Draws share no new point, and each holds as many as the network was taught with."""
    seen: list[torch.Tensor] = []

    class Noting(torch.nn.Module):
        def forward(self, data: Any) -> torch.Tensor:
            seen.append(data.pos)
            return torch.cat([data.x, torch.full((len(data.x), 1), float(len(seen)))], dim=1)

    pos = torch.rand(107, 3)
    data = PointCloudData(pos=pos.clone(), given=pos.double())
    used = CloudPreprocessing(num_points=20, features=("pos",))
    answers, first = predict_cloud(Noting(), data, used, torch.Generator().manual_seed(0))
    assert [len(each) for each in seen] == [20] * 6 and torch.equal(first.pos, seen[0])
    assert torch.equal(answers[:, :3], pos)
    assert torch.bincount(answers[:, 3].long()).tolist() == [0, 20, 20, 20, 20, 20, 7]
    twice = torch.cat([pos, pos])
    even = CloudPreprocessing(num_points=20, features=("pos",), sampling="farthest")
    answers, _ = predict_cloud(Noting(), PointCloudData(pos=twice.clone(), given=twice.double()), even)
    same = torch.cdist(answers[:, :3], twice).diagonal()
    assert torch.isin(answers[:, 0], pos[:, 0]).all() and float(same.median()) == 0.0
    voxels = CloudPreprocessing(voxels=4, features=("pos",), normalize="box")
    answers, first = predict_cloud(Noting(), PointCloudData(pos=pos.clone(), given=pos.double()), voxels)
    nearest = torch.cdist(pos.double(), first.given.double()).argmin(1)
    assert torch.equal(answers[:, :3], first.x[nearest]) and len(answers) == 107


def test_clouds_come_back_with_their_labels(
    trained: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, _ = trained
    model, points = str(folder / "model"), np.random.default_rng(0).normal(size=(130, 3)).astype("f4")
    normal = points / np.linalg.norm(points, axis=1, keepdims=True)
    table = np.hstack([points, normal])
    kind = [(name, "<f4") for name in ("x", "y", "z", "nx", "ny", "nz")]
    rows = np.rec.fromarrays([*table.T, np.arange(130, dtype="u2")], dtype=[*kind, ("object", "<u2")])
    head = "ply\nformat binary_little_endian 1.0\nelement vertex 130\n"
    head += "".join(f"property float {name}\n" for name, _ in kind) + "property ushort object\nend_header\n"
    (tmp_path / "chair.ply").write_bytes(head.encode() + rows.tobytes())
    words = [
        "predict",
        model,
        str(tmp_path / "chair.ply"),
        "--out",
        str(tmp_path / "done.ply"),
        "--probabilities",
    ]
    assert run(*words, "--json") == 0
    (row,) = json.loads(capsys.readouterr().out.splitlines()[-1])
    scene, network = read_scene(tmp_path / "done.ply"), from_pretrained(model)
    assert row["written"] == str(tmp_path / "done.ply") and (tmp_path / "done.png").exists()
    assert np.array_equal(scene.field("object"), np.arange(130)) and np.array_equal(scene.pos, points)
    said = scene.labels("label")
    assert [network.classes[i] for i in said] == row["each"]["class"]
    chances = np.stack([scene.field(name) for name in scene.fields if name.startswith("p_")], axis=1)
    assert np.array_equal(chances.argmax(axis=1), said) and np.allclose(chances.sum(axis=1), 1, atol=1e-5)
    for target, message in (
        ("chair.ply", "'target' must not be the file that was read"),
        ("none/chair.ply", "'target' must be in a folder that exists"),
        ("chair.pcd", "'target' must end in .ply where 'source' is a ply file"),
    ):
        assert run(*words[:4], str(tmp_path / target)) == 1
        assert message in capsys.readouterr().err
    (tmp_path / "solid.off").write_text("OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n")
    assert run(*words[:2], str(tmp_path / "solid.off"), "--out", str(tmp_path / "meshes")) == 0
    assert [file.name for file in (tmp_path / "meshes").iterdir()] == ["solid.png"]


def test_normals_of_points_are_judged_by_their_angles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the cloud is one point; errors that mean nothing for directions are not said."""
    import ccnn_pc.cli.open_data as inputs
    from ccnn_pc.datasets import PointCloudData
    from ccnn_pc.training.loader import ResumableLoader

    task = PointRegression(3, error="normals").task
    network = create_model("ccnn_4_16", dim=3, in_channels=3, out_channels=3, num_neighbors=4, pool=None)
    folder = save_pretrained(network, tmp_path / "m", classes=["nx", "ny", "nz"], task=task)
    loaded = from_pretrained(folder)
    assert loaded.answers == task

    class Items(list[Any]):
        classes, broken = ["nx", "ny", "nz"], ()

        def set_epoch(self, epoch: int) -> None: ...

        def row_of(self, index: int) -> int:
            return index

    items = Items()
    for size in (1, 6):
        pos = torch.randn(size, 3)
        items.append(PointCloudData(pos=pos, x=pos, y=torch.randn(size, 3)))
    items[1].y[2] = torch.nan
    monkeypatch.setattr(inputs, "open_data", lambda *args, **options: items)
    found = evaluate_model(str(folder), str(tmp_path), out=tmp_path / "answers.csv")
    assert found["n"] == 6 and "rmse" not in found
    (batch,) = ResumableLoader(items, 2, shuffle=False)
    with torch.no_grad():
        said = loaded(batch).double()
    cosine = torch.nn.functional.cosine_similarity(said, batch.y.double(), dim=1).abs()
    known = ~batch.y.isnan().any(1)
    assert found["angle"] == pytest.approx(float(torch.rad2deg(cosine[known].acos()).mean()), rel=1e-5)
