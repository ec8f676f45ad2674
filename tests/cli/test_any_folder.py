"""`ccnn-pc train data.root=FOLDER` alone: words that follow, training, evaluation and prediction."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ccnn_pc.cli.any_folder import with_found
from ccnn_pc.cli.compose import compose_config
from ccnn_pc.cli.evaluate import evaluate_model
from ccnn_pc.cli.predict import predict_files
from ccnn_pc.cli.train import run_experiment
from ccnn_pc.cli.words import UsageError

Image: Any = pytest.importorskip("PIL.Image")
QUICK = ["trainer.max_epochs=1", "trainer.accelerator=cpu", "trainer.limit_train_batches=2"]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CCNN_PC_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


def write_pictures(root: Path) -> Path:
    for label in ("a", "b"):
        for number in range(8):
            pixels = np.random.default_rng(number).integers(0, 4096, (12, 12), dtype=np.uint16) + (
                label == "a"
            )
            path = root / label / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels.astype(np.uint16)).save(path)
    return root


def test_words_of_the_user_count(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_pictures(tmp_path / "my pictures")
    words = with_found([f"data.root={root}", "seed=3", "data.batch_size=5", "name=mine"])
    config = compose_config(words)
    assert (config.name, config.seed, config.data.batch_size, config.data.bits) == ("mine", 3, 5, 16)
    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith(f"{root}: 16 pictures (grey, 16 bits, 12 x 12 pixels)") and len(said) == 2
    assert (
        said[1].startswith("trained as: ccnn-pc train experiment=pictures ")
        and f"'data.root={root}'" in said[1]
    )
    assert compose_config(with_found([f"data.root={root}"])).name == "my_pictures"


@pytest.mark.parametrize(
    "words", [["experiment=folder", "data.root=x"], ["data=long_csv", "data.root=x"], ["seed=1"]]
)
def test_experiments_that_are_named_are_taken(words: list[str]) -> None:
    assert with_found(words) == words


def test_deep_pictures_from_training_to_prediction(tmp_path: Path) -> None:
    root = write_pictures(tmp_path / "deep")
    result = run_experiment(with_found([f"data.root={root}", *QUICK]))
    assert result["n_test"] == 4 and result["n_val"] == 2 and result["experiment"] == "deep"
    model = Path("runs/deep/latest/model")
    again = evaluate_model(str(model), root, split="test")
    assert again["n"] == 4 and again["accuracy"] == pytest.approx(result["test_accuracy"])
    assert evaluate_model(str(model), root)["n"] == 16
    (row,) = predict_files(str(model), [root / "a" / "1.png"], out=None)
    assert set(row["probabilities"]) == {"a", "b"}


def test_all_bits_and_measured_numbers_reach_the_network(tmp_path: Path) -> None:
    from ccnn_pc.datasets import ImageFolder

    root = write_pictures(tmp_path / "deep")
    data = ImageFolder(root, "train", grey=True, bits=16, scaling="measured", test_fraction=0.25)
    x = torch.cat([item.x for item in data])
    assert abs(float(x.mean())) < 1e-3 and abs(float(x.std()) - 1) < 1e-2  # 12 of 16 bits, nearly black
    stored = data.measured()["preprocessing"]
    assert stored["mean"][0] == pytest.approx(2048 / 65535, rel=0.02)


def test_clouds_with_a_table_from_training_to_evaluation(tmp_path: Path) -> None:
    """Groups of the table are held apart in the run, and evaluation finds the same test part."""
    root = tmp_path / "my scans"
    root.mkdir()
    rows = []
    for number in range(12):
        points = np.random.default_rng(number).normal(size=(40, 3)) * [1, 1, 1 if number % 2 else 0.1]
        np.savetxt(root / f"Säule {number}.XYZ", points)
        rows.append(f"Säule {number}.XYZ;{'ball' if number % 2 else 'plate'};p{number // 2}")
    (root / "labels.csv").write_text("\n".join(["Datei;class;patient", *rows]).replace("Datei", "file"))
    words = ["data.features=[pos]", "data.num_points=24", "data.num_neighbors=8", "data.samplings=[]"]
    result = run_experiment(with_found([f"data.root={root}", *words, *QUICK]))
    assert (result["n_val"], result["n_test"]) == (2, 2)  # whole patients
    again = evaluate_model("runs/my_scans/latest/model", root, split="test")
    assert again["n"] == 2 and again["accuracy"] == pytest.approx(result["test_accuracy"])
    numbers = tmp_path / "numbers.csv"
    numbers.write_text("\n".join(["file;mass", *(f"Säule {number};{number},5" for number in range(12))]))
    words += [f"data.labels={numbers}", "data.targets=[mass]", "task=regression", "name=mass"]
    result = run_experiment(with_found([f"data.root={root}", *words, *QUICK]))
    assert result["n_test"] == 2 and result["test_mse"] > 0
    (row,) = predict_files("runs/mass/latest/model", [root / "Säule 3.XYZ"], out=None)
    assert set(row["numbers"]) == {"mass"}
    with pytest.raises(
        UsageError, match="'data.targets' must be null where classes are learned .*task=regression"
    ):
        compose_config(with_found([f"data.root={root}", *(word for word in words if "task" not in word)]))
