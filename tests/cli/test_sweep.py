"""Sweeps: every combination once, what failed is named, what was interrupted goes on, validation chooses."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ccnn_pc._files import held_alone, read_rows
from ccnn_pc.cli import sweep as sweeps
from ccnn_pc.cli.sweep_report import best_of, groups_of
from ccnn_pc.cli.sweep_words import distributions, read_sweep, run_name
from ccnn_pc.cli.words import UsageError
from ccnn_pc.training.callbacks import Pruner, TrainingInterrupted
from ccnn_pc.training.callbacks.pruning import PRUNED, open_study
from tests.cli.conftest import Words

Run = dict[str, str]


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[Run]:
    """Runs that took place, in the place of trainings: the score is 0.5 + rate, less for MAGNet."""
    runs: list[Run] = []

    def train(words: list[str]) -> dict[str, Any]:
        given = dict(word.partition("=")[::2] for word in words)
        runs.append(given)
        folder = Path(given.get("run_dir") or given["resume"])
        assert ("run_dir" in given) != folder.exists()
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.yaml").write_text("")
        if given.get("optim.lr") == "0.3":
            raise ValueError("too\nfast")
        if given.get("+stop") and len(runs) == 2:
            raise TrainingInterrupted(15)
        score = 0.5 + float(given.get("optim.lr", 0)) - 0.1 * (given.get("kernel") == "magnet")
        tested = given.get("test") != "false"
        result = {"val_accuracy": score, "epochs": 3, "max_epochs": 3, "selected_on": "val"}
        result |= {"test_accuracy": score - 0.01 * float(given.get("seed", 0)), "n_test": 9} if tested else {}
        (folder / "result.json").write_text(json.dumps(result))
        return result

    monkeypatch.setattr("ccnn_pc.cli.train.run_experiment", train)
    return runs


def sweep(words: list[str]) -> dict[str, Any]:
    """As the command does it."""
    from ccnn_pc.cli import train

    return sweeps.sweep(train.run_experiment, words)


@pytest.fixture
def quick(tmp_path: Path) -> Callable[..., list[str]]:
    return lambda *more: ["experiment=shapes_quickstart", f"runs={tmp_path}", *more]


def test_every_combination_once(
    trained: list[Run], quick: Callable[..., list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    found = sweep(quick("kernel=siren,magnet", "seed=range(2)", "optim.lr=0.2"))
    assert [(run["kernel"], run["seed"]) for run in trained] == [
        ("siren", "0"), ("siren", "1"), ("magnet", "0"), ("magnet", "1"),
    ]  # fmt: skip
    folder = Path(found["folder"])
    assert folder.parent.name == "shapes_quickstart" and (folder / "sweep.png").exists()
    assert sorted(path.name for path in folder.glob("*=*")) == [
        row["run"] for row in read_rows(folder / "sweep.csv")
    ]
    assert found["runs"][3]["run"] == "3_kernel=magnet_seed=1" and found["best"]["kernel"] == "siren"
    assert found["best"]["test_accuracy"] == pytest.approx((0.695, 0.00707), abs=1e-4)
    said = capsys.readouterr().err
    assert (
        "siren   2     70.00 ± 0.00 %  69.50 ± 0.71 %" in said and "best by validation: kernel=siren" in said
    )
    sweep(quick("kernel=siren,magnet", "seed=range(2)", "optim.lr=0.2"))
    assert len(trained) == 8, "a sweep that is over is a new one the next time"


def test_what_fails_is_named_and_tried_again(
    trained: list[Run], quick: Callable[..., list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    words = quick("optim.lr=0.1,0.3,0.2")
    found = sweep(words)
    assert found["failed"] == ["1_lr=0.3"] and [row.get("error") for row in found["runs"]] == [
        None,
        "too fast",
        None,
    ]
    assert "failed: 1_lr=0.3: too fast" in capsys.readouterr().err
    again = sweep(words)
    assert again["folder"] == found["folder"] and [run["optim.lr"] for run in trained] == [
        "0.1",
        "0.3",
        "0.2",
        "0.3",
    ]
    assert trained[-1]["resume"].endswith("1_lr=0.3")
    assert not logging.getLogger("ccnn_pc").disabled  # what the library says is heard in sweeps too


def test_interrupted_sweeps_go_on(trained: list[Run], quick: Callable[..., list[str]]) -> None:
    words = quick("optim.lr=0.1,0.2,0.25", "+stop=1")
    with pytest.raises(KeyboardInterrupt):
        sweep(words)
    (folder,) = {Path(run["run_dir"]).parent for run in trained}
    assert len(trained) == 2 and not (folder / "sweep.csv").exists()
    with pytest.raises(UsageError, match=r"'-m' must have the words of .* to go on with it"):
        sweep([*quick("optim.lr=0.1,0.2"), f"resume={folder}"])
    with held_alone(folder), pytest.raises(ValueError, match="is being written by another process"):
        sweep([f"resume={folder}"])
    found = sweep([f"resume={folder}"])
    assert [run["optim.lr"] for run in trained] == ["0.1", "0.2", "0.2", "0.25"]
    assert trained[2]["resume"].endswith("1_lr=0.2") and found["failed"] == []


def test_a_search_tests_the_best_trial_alone(trained: list[Run], quick: Callable[..., list[str]]) -> None:
    words = quick(
        "optim.lr=interval(0.01,0.2)", "kernel=siren,magnet", "sweep.trials=4", "sweep.sampler=random"
    )
    found = sweep(words)
    assert [run.get("test") for run in trained] == ["false"] * 4 + ["true"]
    rates = [float(run["optim.lr"]) for run in trained[:4]]
    assert len(set(rates)) == 4 and all(0.01 <= rate <= 0.2 for rate in rates)
    scores = [row["val_accuracy"] for row in found["runs"]]
    best = scores.index(max(scores))
    assert float(trained[4]["optim.lr"]) == rates[best] and "test_accuracy" in found["runs"][best]
    assert sum("test_accuracy" in row for row in found["runs"]) == 1
    more = sweep([*words[:-2], "sweep.trials=5", "sweep.sampler=random", f"resume={found['folder']}"])
    assert len(more["runs"]) == 5 and more["runs"][:4] != [] and len(trained) in (6, 7)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["seed=0"], "'-m' must come with a key of several settings"),
        (["optim.lr=interval(0.1,1)"], r"must list its settings, as optim.lr=0.1,1.0"),
        (["kernel=siren,megnet"], "'kernel' must be one of .* did you mean 'magnet'"),
        (["seed=0,1", "sweep.trials=3"], "'seed' must have one value in a search"),
        (["seed=0,1", "sweep.trails=3"], "unknown option of 'sweep' 'trails'; did you mean 'trials'"),
        (["seed=0,1", "jobs=two"], "'sweep.jobs' must be an integer .got 'two'"),
        (["seed=0,1", "jobs=0"], "'sweep.jobs' must be at least 1"),
        (["seed=0,1", "sweep.pruner=big"], "'sweep.pruner' must be one of median, hyperband, none"),
        (["seed=0,1", "trainer.devices=2"], "'trainer.devices' must be 1 in a sweep"),
        (["seed=0,1", "hydra/launcher=nonesuch"], "nonesuch"),
        (["seed=0,1", "resume=nowhere"], "'resume' must be 'last' or the folder of a sweep"),
    ],
)
def test_what_is_no_sweep_is_refused(
    words: list[str], message: str, trained: list[Run], quick: Callable[..., list[str]]
) -> None:
    with pytest.raises(UsageError, match=message):
        sweep(quick(*words))
    assert trained == []


def test_ranges_are_what_hydra_says() -> None:
    pytest.importorskip("optuna")
    words = [
        "a=range(1,9,2)",
        "b=tag(log,interval(1e-4,1e-1))",
        "c=int(interval(2,5))",
        "d=x,y",
        "e=range(0,1,0.25)",
    ]
    found = distributions(read_sweep(words).swept)
    assert (found["a"].low, found["a"].high, found["a"].step) == (1, 7, 2)
    assert (found["b"].low, found["b"].high, found["b"].log) == (1e-4, 1e-1, True)
    assert (found["c"].low, found["c"].high) == (2, 5) and found["d"].choices == ("x", "y")
    assert (found["e"].low, found["e"].high, found["e"].step) == (0, 0.75, 0.25)
    assert run_name(7, 11, ["+model.note='a/b c'"]) == "07_note=-a-b-c"


def test_seeds_are_put_together_and_errors_fall() -> None:
    rows = [
        {"k": k, "seed": s, "val_mse": v}
        for k, s, v in (("a", 0, 1.0), ("a", 1, 3.0), ("b", 0, 1.5), ("b", 1, 1.7))
    ]
    groups = groups_of(rows, ["k", "seed"])
    assert [group["val_mse"] for group in groups] == [
        (2.0, pytest.approx(2**0.5)), (pytest.approx(1.6), pytest.approx(0.02**0.5)),
    ]  # fmt: skip
    assert best_of(groups) == groups[1]


def test_a_trial_below_the_median_ends(tmp_path: Path) -> None:
    optuna = pytest.importorskip("optuna")
    path = tmp_path / "trials.log"
    study = open_study(path, falls=False, pruner="median")
    for score in (0.5, 0.6, 0.7, 0.8, 0.9):
        trial = study.ask()
        trial.report(score, 1)
        study.tell(trial, score)
    for score, ended in ((0.75, False), (0.65, True)):
        number = study.ask().number
        trainer: Any = SimpleNamespace(
            current_epoch=0, max_epochs=3, should_stop=False, sanity_checking=False
        )
        trainer.callback_metrics = {"val/accuracy": score}
        pruner = Pruner(path, number, "val/accuracy")
        pruner.on_train_start(trainer, None)  # type: ignore[arg-type]
        pruner.on_train_epoch_end(trainer, None)  # type: ignore[arg-type]
        assert not trainer.should_stop, "an epoch without a validation says nothing new"
        pruner.on_validation_end(trainer, None)  # type: ignore[arg-type]
        pruner.on_train_epoch_end(trainer, None)  # type: ignore[arg-type]
        assert trainer.should_stop == ended
        assert open_study(path).trials[number].user_attrs.get(PRUNED, False) == ended
    assert open_study(path).trials[number].state == optuna.trial.TrialState.RUNNING


def test_a_task_that_was_killed_ends_no_sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Launchers of clusters raise for the first task that has left no answer, whatever the others have done."""
    from hydra.core.plugins import Plugins

    from ccnn_pc.cli.launch import Runs, launch

    class Killed:
        def launch(self, words: Any, initial_job_idx: int) -> Any:
            (tmp_path / "a").mkdir()
            (tmp_path / "a" / "result.json").write_text("{}")
            raise RuntimeError("Job 17_1 (state: OUT_OF_MEMORY)\nmore of it")

    monkeypatch.setattr(Plugins.instance(), "instantiate_launcher", lambda **given: Killed())
    runs = Runs(lambda words: {}, {0: [], 1: []}, {0: "a", 1: "b"}, tmp_path, alone=False, total=2)
    found = launch(runs, ["hydra/launcher=basic"])
    assert list(found) == [1] and "Job 17_1 (state: OUT_OF_MEMORY))" in found[1]


@pytest.mark.slow
def test_two_at_a_time_equal_single_runs(words: Words, tmp_path: Path) -> None:
    """Processes of Hydra's joblib launcher give the bits of runs one by one; the best trial is tested."""
    import torch

    def command(*more: str) -> dict[str, Any]:
        done = subprocess.run(
            [sys.executable, "-m", "ccnn_pc.cli.app", "train", "-m", "--json", *words(*more)],
            capture_output=True, text=True, cwd=Path(__file__).resolve().parents[2],
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found

    both = command("seed=0,1", "jobs=2", "trainer.max_epochs=2", "sweep.name=both")
    alone = command("seed=0,1", "trainer.max_epochs=2", "sweep.name=alone")
    for row, other in zip(both["runs"], alone["runs"], strict=True):
        first, second = (
            torch.load(Path(found["folder"], each["run"], "checkpoints/last.ckpt"), weights_only=True)[
                "state_dict"
            ]
            for found, each in ((both, row), (alone, other))
        )
        assert all(torch.equal(first[name], second[name]) for name in first)
        assert row.keys() == other.keys()
        assert {name for name in row if row[name] != other[name]} <= {"core_minutes"}
    assert len(list(Path(both["folder"], "logs").glob("*.txt"))) == 2
    found = command(
        "optim.lr=tag(log,interval(1e-6,1e-2))", "sweep.trials=7", "sweep.pruner=median", "jobs=2"
    )
    assert [row["state"] for row in found["runs"]].count("complete") >= 5
    assert sum("test_accuracy" in row for row in found["runs"]) == 1
