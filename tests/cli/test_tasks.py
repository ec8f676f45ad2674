"""Every command does the right thing for what a model answers: a class, numbers, or one of these per sample."""

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
from ccnn_pc.cli.predict import predict_files
from ccnn_pc.models import Task, TaskKind, create_model, from_pretrained, save_pretrained

CLOUD = {"num_points": 20, "normalize": "box", "features": ["pos"], "num_neighbors": 5}


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CCNN_PC_CACHE", str(tmp_path / "cache"))


def network(outputs: int, **options: Any) -> Any:
    torch.manual_seed(1)
    return create_model("ccnn_4_16", dim=3, in_channels=3, out_channels=outputs, num_neighbors=5, **options)


def table(path: Path) -> list[dict[str, str]]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def scan(tmp_path: Path, rng: np.random.Generator) -> Path:
    """40 points far from the origin."""
    path = tmp_path / "scan.npy"
    np.save(path, rng.uniform(-2, 2, (40, 3)) + [100.0, 0.0, 7.0])
    return path


def run(*words: str) -> int:
    with pytest.raises(SystemExit) as stopped:
        main(list(words))
    return int(stopped.value.code or 0)


def test_the_task_is_stored_with_the_model(tmp_path: Path) -> None:
    for task in (Task("regression"), Task("steps", last=10, bits=True)):
        folder = save_pretrained(network(3), tmp_path / "model", task=task)
        assert from_pretrained(folder).answers == task
    assert json.loads((tmp_path / "model" / "config.json").read_text())["task"]["kind"] == "steps"
    (tmp_path / "model" / "config.json").write_text(
        (tmp_path / "model" / "config.json").read_text().replace('"steps"', '"juggling"')
    )
    with pytest.raises(ValueError, match=r"'task' must be one of .*juggling.*config\.json"):
        from_pretrained(tmp_path / "model")


def test_models_of_earlier_versions_say_it_by_what_they_are(tmp_path: Path) -> None:
    cases = [
        (network(3, pool=None), ["a", "b", "c"], TaskKind.STEPS),
        (network(1), ["sum"], TaskKind.REGRESSION),
        (network(1), ["no", "yes"], TaskKind.CLASSIFICATION),
    ]
    for number, (model, classes, kind) in enumerate(cases):
        folder = save_pretrained(model, tmp_path / str(number), classes=classes)
        described = json.loads((folder / "config.json").read_text())
        del described["task"], described["data"]
        (folder / "config.json").write_text(json.dumps(described))
        assert from_pretrained(folder).answers.kind is kind


def test_an_answer_for_every_point(tmp_path: Path, scan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Not the first point's for all of them: as many as the model says, where the points lie in the file."""
    model = str(
        save_pretrained(network(3, pool=None), tmp_path / "m", classes=list("abc"), preprocessing=CLOUD)
    )
    answers = tmp_path / "answers.csv"
    assert run("predict", model, str(scan), "--json", "--no-picture", "--csv", str(answers)) == 0
    (row,) = json.loads(capsys.readouterr().out.splitlines()[-1])
    stored = np.load(scan)
    assert row["samples"] == len(stored) == 40 and "class" not in row  # of which 20 are drawn at a time
    said = row["each"]["class"]
    assert row["shares"] == {name: said.count(name) / 40 for name in "abc"} and len(set(said)) > 1
    rows = table(answers)
    np.testing.assert_allclose([[float(r[axis]) for axis in "xyz"] for r in rows], stored, atol=1e-4)
    assert [r["class"] for r in rows] == said
    run("predict", model, str(scan), "--no-picture")
    assert "of 40 samples" in capsys.readouterr().out


@pytest.mark.parametrize("outputs", [1, 2, 3])
def test_numbers_are_no_classes(
    outputs: int, tmp_path: Path, scan: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ["mass", "height", "age"][:outputs]
    model = str(
        save_pretrained(
            network(outputs), tmp_path / "m", classes=names, preprocessing=CLOUD, task="regression"
        )
    )
    assert run("predict", model, str(scan), "--json", "--out", str(tmp_path / "plots")) == 0
    (row,) = json.loads(capsys.readouterr().out.splitlines()[-1])
    from ccnn_pc.cli.read_file import read_input

    loaded = from_pretrained(model)
    with torch.no_grad():
        wanted = loaded(read_input(scan, loaded.preprocessing))[0].tolist()
    assert set(row) == {"file", "numbers", "read"} and list(row["numbers"]) == names
    assert list(row["numbers"].values()) == pytest.approx(wanted)
    assert run("predict", model, str(scan), "--no-picture") == 0
    out = capsys.readouterr().out
    assert "mass" in out and "%" not in out


def test_numbers_and_classes_for_every_pixel(tmp_path: Path, rng: np.random.Generator) -> None:
    image = pytest.importorskip("PIL.Image")
    image.fromarray(rng.integers(0, 256, (6, 6), dtype=np.uint8)).save(tmp_path / "p.png")
    used = {"view": "image", "mean": [0.5], "std": [0.25]}
    for task, key in (("steps", "shares"), ("regression", "means")):
        torch.manual_seed(0)
        made = create_model("ccnn_4_16", dim=2, in_channels=1, out_channels=2, shape=(6, 6), pool=None)
        model = save_pretrained(made, tmp_path / task, classes=["u", "v"], preprocessing=used, task=task)
        (row,) = predict_files(str(model), [tmp_path / "p.png"])
        assert row["samples"] == 36 and set(row[key]) == {"u", "v"}
        assert row["each"]["row"][:7] == [0] * 6 + [1] and row["each"]["column"][:7] == [0, 1, 2, 3, 4, 5, 0]


def test_a_model_of_series_says_what_it_is_given(tmp_path: Path) -> None:
    made = create_model("gru_d", dim=1, in_channels=3, out_channels=2, spacing=1.0)
    model = save_pretrained(
        made, tmp_path / "m", classes=["no", "yes"], preprocessing={"series": "irregular"}
    )
    (row,) = predict_files(str(model), [tmp_path / "p.psv"])
    assert "ccnn-pc evaluate" in row["error"] and "physionet2019" in row["error"]


def test_every_file_of_a_folder_and_one_bad_one(tmp_path: Path, scan: Path, rng: np.random.Generator) -> None:
    model = save_pretrained(network(3), tmp_path / "m", classes=list("abc"), preprocessing=CLOUD)
    folder = tmp_path / "scans"
    (folder / "deep").mkdir(parents=True)
    for name in ("b.npy", "deep/a.xyz", ".hidden.npy", "notes.md"):
        points = rng.normal(size=(30, 3))
        np.save(folder / name, points) if name.endswith(".npy") else np.savetxt(folder / name, points)
    (folder / "broken.ply").write_bytes(b"ply\nformat ascii 1.0\nelement vertex 9\n")
    rows = predict_files(str(model), [scan, folder])
    assert [Path(row["file"]).name for row in rows] == ["scan.npy", "b.npy", "broken.ply", "a.xyz"]
    assert ["error" in row for row in rows] == [False, False, True, False]
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="empty' must hold files of the formats .off"):
        predict_files(str(model), [tmp_path / "empty"])


@pytest.fixture
def shapes(tmp_path: Path, rng: np.random.Generator) -> Path:
    for name in ("1.5", "2", "-3"):
        (tmp_path / "shapes" / name).mkdir(parents=True)
        for number in range(4):
            np.save(tmp_path / "shapes" / name / f"{number}.npy", rng.normal(size=(30, 3)))
    return tmp_path / "shapes"


def test_errors_of_numbers_by_hand(shapes: Path, tmp_path: Path) -> None:
    model = save_pretrained(
        network(1), tmp_path / "m", classes=["value"], preprocessing=CLOUD, task="regression"
    )
    out = tmp_path / "predicted" / "all.csv"
    found = evaluate_model(str(model), shapes, out=out)
    rows = table(out)
    true = np.array([float(Path(row["file"]).parent.name) for row in rows])
    said = np.array([float(row["value"]) for row in rows])
    assert [float(row["true value"]) for row in rows] == true.tolist() and len(rows) == found["n"] == 12
    assert found["mse"] == pytest.approx(((said - true) ** 2).mean(), rel=1e-6)
    assert found["rmse"] == pytest.approx(found["mse"] ** 0.5) and found["mae"] == pytest.approx(
        np.abs(said - true).mean()
    )
    assert found["r2"] == pytest.approx(1 - ((said - true) ** 2).sum() / ((true - true.mean()) ** 2).sum())
    assert out.with_suffix(".png").stat().st_size > 1000
    (shapes / "1.5").rename(shapes / "chair")
    with pytest.raises(ValueError, match="classes that are no numbers \\(got 'chair'\\)"):
        evaluate_model(str(model), shapes)


def test_answers_confusions_and_a_report(
    shapes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = save_pretrained(network(3), tmp_path / "m", classes=["-3", "1.5", "2"], preprocessing=CLOUD)
    out = tmp_path / "predictions.csv"
    assert run("evaluate", str(model), "--data", str(shapes), "--out", str(out), "--report") == 0
    said = capsys.readouterr().out
    rows = table(out)
    assert len(rows) == 12 and all(Path(row["file"]).parent.name == row["true"] for row in rows)
    for row in rows:
        assert float(row["probability"]) == pytest.approx(
            max(float(row[f"p({n})"]) for n in ("-3", "1.5", "2"))
        )
    confusion = table(tmp_path / "predictions_confusion.csv")
    for line in confusion:
        for name in ("-3", "1.5", "2"):
            pairs = [(row["true"], row["class"]) for row in rows]
            assert int(line[name]) == pairs.count((line["true"], name))
    assert (tmp_path / "predictions_confusion.png").stat().st_size > 1000
    report = evaluate_model(str(model), shapes, report=True)["classes"]
    for name, line in report.items():
        mine = [row for row in rows if row["true"] == name]
        assert line["n"] == 4 and line["found"] == sum(row["class"] == name for row in mine) / 4
        assert name in said
    assert "most often taken for" in said


def test_data_are_looked_for_before_anything_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> None:
        raise AssertionError("a model was loaded")

    monkeypatch.setattr("ccnn_pc.models.from_pretrained", never)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        evaluate_model("ccnn_tiny-modelnet10", tmp_path / "nowhere")


def test_transfer_compares_classes_only(tmp_path: Path, shapes: Path) -> None:
    from ccnn_pc.cli.transfer import transfer_model

    model = save_pretrained(network(1), tmp_path / "m", preprocessing=CLOUD, task="regression")
    with pytest.raises(ValueError, match="ccnn-pc evaluate"):
        transfer_model(str(model), shapes, "points", ["voxels"])


@pytest.mark.parametrize("task", ["steps", "regression"])
def test_answers_and_targets_of_every_sample_stand_side_by_side(task: str, tmp_path: Path) -> None:
    """Of arrays of two axes, and of samples one after the other in a batch of two items."""
    from types import SimpleNamespace

    from torch_geometric.data import Batch, Data

    from ccnn_pc.cli.judged import Judged
    from ccnn_pc.datasets import GridData

    made = SimpleNamespace(classes=["u", "v"], answers=Task(task))
    items = [0, 1]
    for arrays in (True, False):
        judged = Judged.__new__(Judged)
        judged.model, judged.names = made, ["u", "v"]  # type: ignore[assignment]
        judged.column, judged.items = "file", ["p", "q"]
        judged.rows, judged.answers, judged.targets = [], [], []
        if arrays:
            batch: Any = Batch.from_data_list([GridData(x=torch.zeros(1, 1, 2, 3)) for _ in items])
            answers = torch.arange(24.0).view(2, 2, 2, 3)
            target = torch.arange(12).view(2, 2, 3) % 2 if task == "steps" else answers + 0.5
            first = (answers[1, :, 1, 2], target[1, ..., 1, 2])
        else:
            batch = Batch.from_data_list([Data(pos=torch.rand(n, 3)) for n in (2, 3)])
            answers = torch.arange(10.0).view(5, 2)
            target = torch.arange(5) % 2 if task == "steps" else answers + 0.5
            first = (answers[4], target[4])
        judged(batch, answers, target)
        assert [row["samples"] for row in judged.rows] == ([6, 6] if arrays else [2, 3])
        last = {name: values[-1] for name, values in judged.rows[1]["each"].items()}
        if task == "steps":
            assert last["true"] == "uv"[int(first[1])] and last["class"] == "uv"[int(first[0].argmax())]
        else:
            assert [last["u"], last["v"], last["true u"], last["true v"]] == [
                *first[0].tolist(),
                *first[1].tolist(),
            ]
        judged.answers.clear()  # no picture
        judged.store(tmp_path / "all.csv", None)
        assert len(table(tmp_path / "all.csv")) == (12 if arrays else 5)
