"""Every task with every kind of data: two steps of training and what is made of them, or which task the data have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ccnn_pc._files import read_rows
from ccnn_pc.cli.evaluate import evaluate_model
from ccnn_pc.cli.predict import predict_files
from ccnn_pc.cli.train import run_experiment
from ccnn_pc.models import from_pretrained
from tests.grid_files import write_images

pytestmark = pytest.mark.filterwarnings("ignore:.*results are those of a part")
SMALL = [
    "trainer.max_epochs=1", "trainer.limit_train_batches=2", "trainer.accelerator=cpu", "threads=1",
]  # fmt: skip
CLOUDS = [
    "data.features=[pos]", "data.num_points=24", "data.num_neighbors=6", "data.batch_size=4", "model.name=ccnn_4_16",
]  # fmt: skip
WORDS = {
    "folder": ["experiment=folder", *CLOUDS],
    "table": ["experiment=long_csv_tiny", "data.batch_size=8"],
    "adding": ["experiment=adding_tiny", "data.length=20", "data.batch_size=4", "+data.module.train.count=20",
               "+data.module.val.count=6", "+data.module.test.count=6"],
    "copy": ["experiment=copy_memory_tiny", "data.blank=20", "data.shape=[40]", "data.batch_size=4",
             "+data.module.train.count=20", "+data.module.val.count=6", "+data.module.test.count=6"],
    "shapes": ["experiment=shapes_quickstart", *CLOUDS, "data.eval_num_points=24", "data.eval_num_neighbors=6",
               "+data.module.train.per_class=4", "+data.module.test.per_class=2", "trainer.check_val_every_n_epoch=1"],
    "images": ["experiment=smnist_tiny", "data=mnist", "model.dim=2", "data.batch_size=8", "model.name=ccnn_4_16",
               "data.val_fraction=0.25"],
}  # fmt: skip


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CCNN_PC_CACHE", str(tmp_path / "cache"))


def place_of(data: str, folder: Path, names: tuple[str, ...]) -> Path | None:
    """Small data of a kind, their classes called so."""
    random = np.random.default_rng(0)
    if data == "folder":
        for name in names:
            (folder / "data" / name).mkdir(parents=True)
            for number in range(10):
                np.save(folder / "data" / name / f"{number}.npy", random.normal(size=(40, 3)))
        return folder / "data"
    if data == "table":
        rows = [
            f"p{i},{t},a,{random.normal():.3f},{names[i % len(names)] if t == 0 else ''}"
            for i in range(60)
            for t in range(5)
        ]
        (folder / "table.csv").write_text("\n".join(["id,time,variable,value,label", *rows]))
        return folder / "table.csv"
    if data == "images":
        return write_images("mnist", folder / "data")
    return None


def train(
    data: str, task: str, folder: Path, names: tuple[str, ...], *more: str
) -> tuple[dict[str, Any], Any, str]:
    """The result, where the data lie, and the model's folder."""
    place = place_of(data, folder, names)
    root = [] if place is None else [f"data.root={place}"]
    result = run_experiment(
        [*WORDS[data], *SMALL, *root, f"runs={folder / 'runs'}", "name=tried", f"task={task}", *more]
    )
    named = {"adding": "adding", "copy": "copy_memory", "shapes": "shapes"}
    return result, place or named[data], str(folder / "runs/tried/latest/model")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("data", "task", "names", "score"),
    [
        ("folder", "classification", ("bed", "chair", "sofa"), "accuracy"),
        ("folder", "binary", ("bed", "chair"), "auc"),
        ("folder", "regression", ("0.5", "2", "-1e1"), "mse"),
        ("table", "classification", ("x", "y"), "accuracy"),
        ("table", "binary", ("no", "yes"), "auc"),
        ("table", "regression", tuple(str(i / 4) for i in range(60)), "mse"),
        ("adding", "regression", (), "mse"),
        ("copy", "steps", (), "accuracy"),
        ("copy", "text", (), "bits_per_character"),
        ("shapes", "classification", (), "accuracy"),
        ("images", "classification", (), "accuracy"),
        ("images", "regression", (), "mse"),
    ],
)
def test_parts_mean_what_the_training_meant(
    data: str, task: str, names: tuple[str, ...], score: str, tmp_path: Path
) -> None:
    """`evaluate` on the parts of the training: the numbers that it logged, the items that it held."""
    result, place, model = train(data, task, tmp_path, names)
    logged = read_rows(tmp_path / "runs/tried/latest/metrics.csv")
    (val,) = [float(row[f"val/{score}"]) for row in logged if f"val/{score}" in row]
    found = {part: evaluate_model(model, place, split=part) for part in ("train", "val", "test")}
    assert found["val"][score] == pytest.approx(val, rel=1e-4, abs=1e-6)
    assert found["test"][score] == pytest.approx(result[f"test_{score}"], rel=1e-4, abs=2e-6)
    assert [found[part]["n"] for part in ("train", "val", "test")] == [
        result["n_train"], result["n_val"], result["n_test"],
    ]  # fmt: skip
    if data == "folder":  # no test folder: without --split all files
        assert evaluate_model(model, place)["n"] == 10 * len(names)
        (row,) = predict_files(model, [next(Path(str(place)).rglob("*.npy"))])
        assert ("numbers" in row) == (task == "regression")
    assert from_pretrained(model).answers.to_json()["kind"] == {
        "binary": "classification",
        "text": "steps",
    }.get(task, task)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("data", "task", "names", "word"),
    [
        ("folder", "binary", ("a", "b", "c"), "task=classification"),
        ("folder", "regression", ("bed", "chair"), "'bed'.*task=classification"),
        ("folder", "steps", ("a", "b"), "task=classification"),
        ("table", "classification", tuple(str(i / 4) for i in range(60)), "task=regression"),
        ("adding", "classification", (), "task=regression"),
        ("copy", "classification", (), "task=steps"),
        ("copy", "regression", (), "task=steps"),
        ("shapes", "text", (), "task=classification"),
    ],
)
def test_other_tasks_say_which_one_the_data_have(
    data: str, task: str, names: tuple[str, ...], word: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=word):
        train(data, task, tmp_path, names)


@pytest.mark.slow
def test_no_validation_part_is_said(tmp_path: Path) -> None:
    _, place, model = train("folder", "classification", tmp_path, ("a", "b"), "data.val_fraction=0")
    with pytest.raises(ValueError, match="held no validation part"):
        evaluate_model(model, place, split="val")
