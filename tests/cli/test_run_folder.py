"""A run folder exists, and `latest` moves, once everything has been built and checked; no word costs a run."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from ccnn_pc.cli.compose import compose_config
from ccnn_pc.cli.run_folder import create_run, point_latest, resumable_run, stored_overrides
from ccnn_pc.cli.train import run_experiment
from ccnn_pc.training.callbacks import TrainingInterrupted
from tests.cli.conftest import Words, stop_at

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "training"))


def start(words: list[str], runs: Path) -> Path:
    """The folder of a run that was started and has done nothing yet."""
    config = compose_config(words)
    create_run(config, words, Path(config.run_dir))
    return Path(config.run_dir)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (["model.name=ccnn_4_15"], "did you mean 'ccnn_4_16'"),
        (["task.kernel_penalty=-1"], "kernel_penalty"),
        (["trainer.accelerator=tpu_pod"], "tpu_pod"),
        (["data.batch_size=0"], "'batch_size' must be at least 1"),
        (["data.batch_size=1000"], "at least one batch of 1000"),
        (["optim.lr=-1"], "lr"),
        (["kernel=siren", "kernel._target_=torch.nn.Linear"], "'kernel' must"),
        (["kernel=siren", "model.name=pointnet2"], r"which has no continuous kernels \(got SIREN\)"),
    ],
)
def test_what_cannot_be_built_makes_no_folder(
    bad: list[str], message: str, words: Words, tmp_path: Path
) -> None:
    from lightning.fabric.utilities.exceptions import MisconfigurationException

    with pytest.raises((ValueError, TypeError, MisconfigurationException), match=message):
        run_experiment(words(*bad))
    assert not list((tmp_path / "runs").glob("*/*"))


def test_a_run_that_fails_in_its_first_step_leaves_nothing(
    words: Words, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Any, batch: Any, batch_idx: int) -> None:
        raise RuntimeError("no such shape")

    before = start(words(), tmp_path)
    point_latest(compose_config(words(f"run_dir={before}")), before)
    monkeypatch.setattr("ccnn_pc.training.task.SupervisedTask.training_step", broken)
    with pytest.raises(RuntimeError, match="no such shape"):
        run_experiment(words())
    runs = before.parent
    assert sorted(path.name for path in runs.iterdir()) == [before.name, "latest"]
    assert (runs / "latest").resolve() == before.resolve()


def test_what_the_end_needs_is_checked_first(
    words: Words, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fit(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("training began")

    monkeypatch.setattr("lightning.pytorch.Trainer.fit", fit)
    table = tmp_path / "results.csv"
    table.write_text("a,b\n1,2,3\n")
    with pytest.raises(ValueError, match=r"results.csv' must be a table"):
        run_experiment(words(f"results_csv={table}"))
    with pytest.raises(ValueError, match="registered kernel or window"):
        run_experiment(words("kernel=siren", "kernel._target_=tests.models.test_hub.Unregistered"))
    with pytest.raises(FileNotFoundError, match="nowhere"):
        run_experiment(
            words(
                "+data.module.test.root=nowhere", "data.module.test._target_=ccnn_pc.datasets.PointCloudFolder",
                "~data.module.test.per_class",
            )
        )  # fmt: skip
    assert not (tmp_path / "runs").exists()


def test_a_folder_with_a_run_is_not_written_over(words: Words, tmp_path: Path) -> None:
    run = start(words(f"run_dir={tmp_path}/mine"), tmp_path)
    (run / "checkpoints").mkdir()
    (run / "checkpoints" / "last.ckpt").write_text("work")
    with pytest.raises(
        ValueError, match=r"'run_dir' must be a new folder .*mine, which holds a run.*resume="
    ):
        run_experiment(words(f"run_dir={run}"))
    assert (run / "checkpoints" / "last.ckpt").read_text() == "work"
    assert resumable_run(compose_config(words(f"run_dir={run}", "resume=last"))) == run.resolve()


def test_runs_that_start_together_have_folders_of_their_own(words: Words) -> None:
    folders = {compose_config(words()).run_dir for _ in range(3)}
    assert len(folders) == 3


def test_the_last_run_is_found_although_latest_has_not_moved(words: Words, tmp_path: Path) -> None:
    first = start(words(), tmp_path)
    point_latest(compose_config(words(f"run_dir={first}")), first)
    os.utime(first / "config.yaml", (1, 1))
    second = start(words(), tmp_path)
    (first.parent / ".2026.1-ab.part").mkdir()  # of a killed process
    assert resumable_run(compose_config(words("resume=last"))) == second.resolve()
    os.utime(first / "config.yaml")  # resumed
    assert resumable_run(compose_config(words("resume=last"))) == first.resolve()


def test_words_that_fail_when_a_run_is_resumed_are_not_remembered(words: Words, tmp_path: Path) -> None:
    stop = stop_at(5, tmp_path / "sent", signal.SIGINT)
    with pytest.raises(TrainingInterrupted):
        run_experiment([*words(), *stop])
    folder = (tmp_path / "runs/shapes_quickstart/latest").resolve()
    before = stored_overrides(folder), (folder / "config.yaml").read_text()
    for bad, message in (
        ("data.batch_size=4", "last.ckpt' cannot be gone on with .'batch_size' must be 8"),
        ("model.name=ccnn_4_32", "last.ckpt' must be of the network of this run"),
        ("seed=abc", "'seed' must be an integer"),
        ("optim.lr=-1", "lr"),
    ):
        with pytest.raises(ValueError, match=message):
            run_experiment(words("resume=last", *stop, bad))
        assert (stored_overrides(folder), (folder / "config.yaml").read_text()) == before
    state = torch.load(folder / "checkpoints/last.ckpt", weights_only=True)
    state["callbacks"]["RandomState"]["numpy"][1] = [1, 2]
    torch.save(state, folder / "checkpoints/last.ckpt")
    with pytest.raises(ValueError, match=r"last.ckpt' cannot be gone on with \(its random state is damaged"):
        run_experiment(words("resume=last", *stop))


def test_a_stored_configuration_names_no_classes_of_others(words: Words, tmp_path: Path) -> None:
    run = start(words(), tmp_path)
    text = (run / "config.yaml").read_text()
    (run / "config.yaml").write_text(text + "extra:\n  _target_: os.system\n  command: touch harm\n")
    with pytest.raises(ValueError, match=r"config.yaml' names 'os.system' as extra._target_"):
        run_experiment(words("resume=last"))
    for damaged in ("", "- a\n", "a: [", "data: 3\n", "\x00"):
        (run / "config.yaml").write_text(damaged)
        with pytest.raises(ValueError, match=r"config.yaml' (must be|is damaged)") as error:
            run_experiment(words("resume=last"))
        assert "\n" not in str(error.value)


def test_a_damaged_result_is_named(words: Words, tmp_path: Path) -> None:
    run = start(words(), tmp_path)
    for damaged in ("", "[]", "{}", json.dumps({"epochs": "x"})):
        (run / "result.json").write_text(damaged)
        with pytest.raises(ValueError, match=r"result.json' is damaged"):
            run_experiment(words("resume=last"))
