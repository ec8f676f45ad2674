"""`ccnn-pc train`: what it writes, what it refuses; a killed run goes on as if nothing had happened."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf

from ccnn_pc._files import read_rows
from ccnn_pc.cli.app import main
from ccnn_pc.cli.evaluate import evaluate_model
from ccnn_pc.cli.train import run_experiment, say_of_mixture
from ccnn_pc.datasets.common.splits import Split
from ccnn_pc.models import from_pretrained
from ccnn_pc.training.callbacks import TrainingInterrupted
from tests.cli.conftest import Words, stop_at

ROOT = Path(__file__).resolve().parents[2]
HELPERS = ROOT / "tests" / "training"
sys.path.insert(0, str(HELPERS))


def final_weights(runs: Path) -> dict[str, torch.Tensor]:
    state = torch.load(runs / "shapes_quickstart/latest/checkpoints/last.ckpt", weights_only=True)
    return {**state["state_dict"], **{f"current {k}": v for k, v in state["current_model_state"].items()}}


@pytest.mark.pictures
def test_a_run_from_start_to_use(
    words: Words, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "tables" / "results.csv"
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as left:
        main(["train", *words(f"results_csv={table}", "seed=5"), "--json"])
    assert left.value.code == 0
    out, err = capsys.readouterr()
    result = json.loads(out.splitlines()[-1])
    folder = tmp_path / "runs/shapes_quickstart/latest"
    for name in (
        "config.yaml",
        "metrics.csv",
        "result.json",
        "checkpoints/last.ckpt",
        "checkpoints/best.ckpt",
    ):
        assert (folder / name).stat().st_size > 0, name
    for name in ("curves.png", "confusion.png"):
        assert (folder / name).read_bytes().startswith(b"\x89PNG"), name
    assert not [path for path in folder.rglob("*") if ".part" in path.name]
    assert "ccnn-pc predict" in err and "epoch   3/3" in err
    assert (
        result["n_train"] == 36 and result["n_val"] == 12 and result["n_test"] == 24 and result["seed"] == 5
    )
    assert result["core_minutes"] >= 0 and "torch" in result["versions"] and result["selected_on"] == "val"
    (row,) = read_rows(table)
    assert float(row["test_accuracy"]) == result["test_accuracy"] and row["experiment"] == "shapes_quickstart"
    scores = [float(row["val/accuracy"]) for row in read_rows(folder / "metrics.csv")]
    assert result["val_accuracy"] == pytest.approx(max(scores), abs=1e-6)
    rows = read_rows(folder / "metrics.csv")
    order = [(-float(row["val/accuracy"]), float(row["val/loss"])) for row in rows]
    assert result["best_epoch"] == order.index(min(order)) + 1, "the first epoch is 1, the lower loss decides"
    assert [float(row["epoch"]) for row in rows] == [1, 2, 3]
    assert float(rows[-1]["test/accuracy"]) == pytest.approx(result["test_accuracy"], abs=1e-6)
    model: Any = from_pretrained(folder / "model")
    assert len(model.classes) == 12 and model.preprocessing.num_points == 24
    assert sum(p.numel() for p in model.parameters()) == result["parameters"]


def test_evaluate_gives_the_test_accuracy_again(
    words: Words, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stored model, with the preprocessing stored in it, sees the very points that training tested on."""
    monkeypatch.setattr("ccnn_pc.datasets.clouds.shapes._SIZES", {Split.TRAIN: 4, Split.TEST: 2})
    result = run_experiment(words("trainer.max_epochs=1"))
    found = evaluate_model(str(tmp_path / "runs/shapes_quickstart/latest/model"), "shapes", seed=0)
    assert found["n"] == result["n_test"]
    assert found["accuracy"] == pytest.approx(result["test_accuracy"], abs=1e-6)
    assert found["mean_class_accuracy"] == pytest.approx(result["test_mean_class_accuracy"], abs=1e-6)


@pytest.mark.slow
def test_same_seed_same_bits(words: Words, tmp_path: Path) -> None:
    for runs in ("first", "second"):
        run_experiment(words("trainer.max_epochs=1", runs=runs))
    first, second = final_weights(tmp_path / "first"), final_weights(tmp_path / "second")
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_kill_in_mid_epoch_and_resume_equals_uninterrupted(words: Words, tmp_path: Path) -> None:
    """SIGKILL in the second of three epochs, after its last checkpoint; another process goes on.

    With the penalty on aliasing, whose spacing is measured on the first batch of all and not of the resumed part.
    """
    penalty = "task.aliasing_penalty=0.01"
    whole = run_experiment(words(penalty, runs="whole"))
    command = [sys.executable, "-m", "ccnn_pc.cli.app", "train", *words(penalty, runs="parts")]
    path = os.pathsep.join([str(ROOT), str(HELPERS)])
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    killer = stop_at(7, tmp_path / "killed", signal.SIGKILL)
    killed = subprocess.run([*command, *killer], env=environment, capture_output=True, cwd=tmp_path)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    state = torch.load(tmp_path / "parts/shapes_quickstart/latest/checkpoints/last.ckpt", weights_only=True)
    assert state["global_step"] == 6 and state["epoch"] == 1
    with pytest.raises(
        ValueError, match=r"config.yaml' names 'killer.SendSignal' as callbacks.killer._target_"
    ):
        run_experiment(words("resume=last", runs="parts"))
    parts = run_experiment(words("resume=last", *killer, runs="parts"))
    first, second = final_weights(tmp_path / "whole"), final_weights(tmp_path / "parts")
    assert first.keys() == second.keys()
    assert [name for name in first if not torch.equal(first[name], second[name])] == []
    for key in ("test_accuracy", "val_accuracy", "best_epoch", "epochs"):
        assert whole[key] == parts[key]


def test_sigterm_saves_says_how_to_go_on_and_resumes_equal(
    words: Words, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_experiment(words(runs="whole"))
    with pytest.raises(SystemExit) as stopped:
        main(["train", *words(runs="parts"), *(stop := stop_at(5, tmp_path / "sent", signal.SIGTERM))])
    assert stopped.value.code == 128 + signal.SIGTERM
    said = capsys.readouterr().err
    assert "checkpoint saved" in said and "resume=last" in said
    run_experiment(words("resume=last", *stop, runs="parts"))
    first, second = final_weights(tmp_path / "whole"), final_weights(tmp_path / "parts")
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_resume_of_a_finished_run_returns_its_result(
    words: Words, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = run_experiment(words("trainer.max_epochs=1"))
    capsys.readouterr()
    assert run_experiment(words("trainer.max_epochs=1", "resume=last")) == first
    assert "This run has finished" in capsys.readouterr().err
    longer = run_experiment(words("resume=last"))
    assert longer["epochs"] == 3 and len(list((tmp_path / "runs/shapes_quickstart").iterdir())) == 2


@pytest.mark.slow
def test_resume_without_a_run_starts_one(words: Words, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_experiment(words("trainer.max_epochs=1", "resume=last"))["epochs"] == 1
    assert "starting a new one" in capsys.readouterr().err


def test_resume_by_path_and_what_may_not_change(words: Words, tmp_path: Path) -> None:
    with pytest.raises(TrainingInterrupted):
        run_experiment([*words(), *(stop := stop_at(5, tmp_path / "sent", signal.SIGINT))])
    folder = tmp_path / "runs/shapes_quickstart/latest"
    with pytest.raises(ValueError, match="'model=ccnn_paper' cannot be changed in a run that is resumed"):
        run_experiment([*words(f"resume={folder}"), "model=ccnn_paper"])
    assert run_experiment(words(f"resume={folder}/checkpoints/last.ckpt", *stop))["epochs"] == 3
    with pytest.raises(ValueError, match="'resume' must be 'last' or the folder of a run"):
        run_experiment(words(f"resume={tmp_path}"))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["experiment=shapes_quikstart"], "Did you mean 'shapes_quickstart'"),
        (["experiment=nothing_like_it"], "modelnet10_tiny"),
        ([], "'experiment=<name>' must be given"),
        (["experiment=shapes_quickstart", "optim.learning_rate=1"], "learning_rate"),
        (["experiment=shapes_quickstart", "optim=sgd"], "sgd"),
        (["experiment=shapes_quickstart", "model.name=ccnn_4_15"], "did you mean 'ccnn_4_16'"),
        (["experiment=modelnet10_tiny", "data.root=does/not/exist"], "does/not/exist"),
    ],
)
def test_errors_name_what_can_be_done(
    given: list[str], message: str, tmp_path: Path, words: Words,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as failed:
        main(["train", *given])
    assert failed.value.code == 1
    said = capsys.readouterr().err
    assert message in said and "Traceback" not in said


def test_folder_that_cannot_be_written_is_refused_before_anything_is_read(
    words: Words, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def opened(self: Any) -> None:
        raise AssertionError("data were opened")

    monkeypatch.setattr("ccnn_pc.training.data.ClassificationData.prepare", opened)
    (tmp_path / "file").touch()
    for bad in (f"run_dir={tmp_path}/file/run", f"results_csv={tmp_path}/file/results.csv"):
        with pytest.raises(SystemExit) as failed:
            main(["train", *words(bad)])
        assert failed.value.code == 1
        name = bad.split("=")[0]
        assert f"'{name}' must be a folder that can be written" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("first", "epochs", "warned"), [(2, 2, True), (2, 3, False), (2, -1, False), (0, 0, False)]
)
def test_a_mixture_that_never_begins_is_named(
    first: int, epochs: int, warned: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    data = {"samplings": ["pixels", "pixels:2"], "mixed_from": first}
    say_of_mixture(OmegaConf.create({"data": data, "trainer": {"max_epochs": epochs}}))
    say_of_mixture(
        OmegaConf.create({"data": {"samplings": [], "mixed_from": 9}, "trainer": {"max_epochs": 1}})
    )
    assert capsys.readouterr().err.count(f"data.mixed_from={first} leaves out") == warned


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_read_only_folder(words: Words, tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir()
    folder.chmod(0o500)
    with pytest.raises(ValueError, match="'run_dir' must be a folder that can be written"):
        run_experiment(words(f"run_dir={folder}/run"))


def test_help_shows_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["train", "--help"])
    said = capsys.readouterr().out
    assert left.value.code == 0 and "ccnn-pc train experiment=modelnet10_tiny resume=last" in said


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("trainer.max_epochs=-3", "'trainer' must"),
        ("trainer.devices=0", "'trainer' must"),
        ("trainer.max_epochs=abc", "'trainer.max_epochs' must be an integer (got 'abc')"),
        ("seed=99999999999", "'seed' must be at most 4294967295 (got 99999999999)"),
        ("threads=0", "'threads' must be at least 1 (got 0)"),
        ("seed=abc", "'seed' must be an integer (got 'abc')"),
    ],
)
def test_settings_of_a_run_that_are_refused_are_one_line(
    wrong: str, message: str, words: Words, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["train", *words(wrong)])
    assert stopped.value.code == 1
    assert f"error: {message}" in capsys.readouterr().err


def test_a_training_begins_with_the_weights_of_another(
    words: Words, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """At a rate of nearly nothing its parameters stay what they were; resumed, it goes on without the other."""
    run_experiment(words("trainer.max_epochs=1"))
    source = tmp_path / "runs/shapes_quickstart/latest/model"
    began = words(
        "trainer.max_epochs=1", f"init_from={source.resolve()}", "optim.lr=1e-12", "seed=7", runs="tuned"
    )
    run_experiment(began)
    assert f"weights of {source.resolve()}" in capsys.readouterr().err
    tuned = tmp_path / "tuned/shapes_quickstart/latest"
    before, after = from_pretrained(source), from_pretrained(tuned / "model")
    for (name, value), new in zip(before.named_parameters(), after.parameters(), strict=True):
        torch.testing.assert_close(new, value, atol=1e-6, rtol=0, msg=name)
    (source / "model.safetensors").unlink()
    assert run_experiment([*began, f"resume={tuned.resolve()}", "trainer.max_epochs=2"])["epochs"] == 2
    with pytest.raises(FileNotFoundError, match=r"model\.safetensors"):
        run_experiment([word for word in began if word != "seed=7"])
