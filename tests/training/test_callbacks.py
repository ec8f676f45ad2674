"""Guards, budget, averages and files around a training."""

from __future__ import annotations

import copy
import csv
import math
import signal
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pytest
import torch
from torch import nn

from ccnn_pc._files import read_rows
from ccnn_pc.training.callbacks import (
    Checkpoints,
    CoreTime,
    EpochLines,
    GracefulStop,
    NonFiniteError,
    NonFiniteGuard,
    RandomState,
    TrainingInterrupted,
    WeightAverage,
    WindowWidths,
)
from ccnn_pc.training.csv_logger import CsvMetrics
from ccnn_pc.training.data import Batches, ClassificationData, Validation
from ccnn_pc.training.optim import adamw
from ccnn_pc.training.schedules import warmup_cosine
from ccnn_pc.training.task import ClassificationTask

sys.path.insert(0, str(Path(__file__).parent))
from killer import SendSignal  # type: ignore[import-not-found]  # noqa: E402

Fit = Callable[..., tuple[pl.Trainer, ClassificationTask, Checkpoints]]


@pytest.fixture
def fit(tmp_path: Path, network: Callable[..., nn.Module], blobs: Callable[..., Any]) -> Fit:
    """Train the tiny network on 24 - 4 blobs in batches of 4: 5 steps per epoch, checkpoints every 2."""

    def run(
        folder: str = "run",
        extra: Sequence[pl.Callback] = (),
        resume: bool = False,
        epochs: int = 3,
        bad: Sequence[int] = (),
        change: Callable[[ClassificationTask], None] = lambda task: None,
    ) -> tuple[pl.Trainer, ClassificationTask, Checkpoints]:
        torch.manual_seed(1 if resume else 0)
        if resume:
            torch.rand(5)
        open_blobs = partial(blobs, bad=bad)
        data = ClassificationData(open_blobs, blobs, validation=Validation(0.15), batches=Batches(4), seed=3)
        task = ClassificationTask(
            network(), 2, optimizer=partial(adamw, lr=0.02, weight_decay=0.1),
            schedule=partial(warmup_cosine, warmup_epochs=1),
        )  # fmt: skip
        change(task)
        keep = Checkpoints(tmp_path / folder, every_n_steps=2)
        trainer = pl.Trainer(
            max_epochs=epochs, accelerator="cpu", enable_progress_bar=False, enable_model_summary=False,
            num_sanity_val_steps=0, default_root_dir=tmp_path,
            logger=CsvMetrics(tmp_path / folder / "metrics.csv"),
            callbacks=[
                RandomState(), NonFiniteGuard(), EpochLines(), WindowWidths(), *extra, keep, GracefulStop(),
            ],
        )  # fmt: skip
        trainer.fit(task, datamodule=data, ckpt_path=keep.last if resume else None, weights_only=True)
        return trainer, task, keep

    return run


def weights(task: ClassificationTask) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in task.model.state_dict().items()}


def assert_equal(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> None:
    assert first.keys() == second.keys()
    for name, value in first.items():
        assert torch.equal(value, second[name]), name


@pytest.mark.parametrize("average", [False, True], ids=["weights", "average"])
@pytest.mark.parametrize("step", [1, 5, 7, 10])
def test_stopped_and_resumed_equals_uninterrupted(
    fit: Fit, tmp_path: Path, step: int, average: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    def extra() -> list[pl.Callback]:
        return [WeightAverage(0.9)] if average else []

    _, whole, kept = fit("whole", extra())
    stop = SendSignal(step, str(tmp_path / "sent"), signal.SIGTERM if step % 2 else signal.SIGINT)
    with pytest.raises(TrainingInterrupted) as stopped:
        fit("parts", [*extra(), stop])
    assert stopped.value.signum == stop.signum
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    state = torch.load(tmp_path / "parts" / "last.ckpt", weights_only=True)
    assert state["global_step"] == step, "a checkpoint of the very last step"
    assert "saving a checkpoint" in capsys.readouterr().err
    _, parts, resumed = fit("parts", extra(), resume=True)
    assert_equal(weights(whole), weights(parts))
    assert (resumed.best_score, resumed.best_epoch) == (kept.best_score, kept.best_epoch)
    for name in ("whole", "parts"):
        state = torch.load(tmp_path / name / "best.ckpt", weights_only=True)
        assert state["epoch"] == kept.best_epoch
    assert read_rows(tmp_path / "whole/metrics.csv") == read_rows(tmp_path / "parts/metrics.csv")


def test_interruption_matters_without_stored_random_state(fit: Fit, tmp_path: Path, monkeypatch: Any) -> None:
    """The test above is not empty: drop-out does draw other numbers when the state is not restored."""
    monkeypatch.setattr(RandomState, "on_train_batch_start", lambda *args: None)
    _, whole, _ = fit("whole")
    with pytest.raises(TrainingInterrupted):
        fit("parts", [SendSignal(7, str(tmp_path / "sent"), signal.SIGTERM)])
    _, parts, _ = fit("parts", resume=True)
    assert not torch.equal(weights(whole)["head.weight"], weights(parts)["head.weight"])


def test_longer_training_goes_on(fit: Fit) -> None:
    fit("run", epochs=2)
    trainer, _, _ = fit("run", epochs=4, resume=True)
    assert trainer.current_epoch == 4 and trainer.global_step == 20


def test_bad_loss_names_the_batch_and_keeps_the_last_good_checkpoint(fit: Fit, tmp_path: Path) -> None:
    with pytest.raises(NonFiniteError, match=r"In epoch 1, batch \d \(files: .*blob_7.*\): the loss is nan"):
        fit(bad=[7, 3, 5, 9, 11, 13])
    last = tmp_path / "run" / "last.ckpt"
    if last.exists():
        state = torch.load(last, weights_only=True)["state_dict"]
        assert all(bool(torch.isfinite(value).all()) for value in state.values())


def test_bad_gradient_stops_before_the_weights(fit: Fit, tmp_path: Path) -> None:
    def change(task: ClassificationTask) -> None:
        steps = iter(range(100))
        task.model.head.weight.register_hook(lambda g: g * (math.inf if next(steps) == 7 else 1.0))  # type: ignore[union-attr, operator]
        seen.append(task)

    seen: list[ClassificationTask] = []
    with pytest.raises(
        NonFiniteError, match="In epoch 2, batch 3 .*the gradient of 'model.head.weight' is not"
    ):
        fit(change=change)
    assert all(bool(torch.isfinite(value).all()) for value in weights(seen[0]).values())
    state = torch.load(tmp_path / "run" / "last.ckpt", weights_only=True)
    assert state["global_step"] == 6


def test_a_kill_while_writing_leaves_the_old_checkpoint(fit: Fit, tmp_path: Path, monkeypatch: Any) -> None:
    class Killed(BaseException):
        pass

    def broken(source: Path, target: Path) -> None:
        raise Killed

    real = torch.save
    fit("run", epochs=1)
    before = (tmp_path / "run" / "last.ckpt").read_bytes()
    monkeypatch.setattr("ccnn_pc._files.os.replace", broken)
    with pytest.raises(Killed):
        fit("run", epochs=2, resume=True)
    monkeypatch.undo()
    assert torch.save is real and (tmp_path / "run" / "last.ckpt").read_bytes() == before
    trainer, _, _ = fit("run", epochs=2, resume=True)
    assert trainer.global_step == 10


@pytest.mark.parametrize(("losses", "best"), [([4, 3, 2, 1], 2), ([4, 2, 3, 1], 1), ([4, 2, 2, 1], 1)])
def test_best_is_the_higher_score_then_the_lower_loss_then_the_first(
    losses: list[float], best: int, tmp_path: Path
) -> None:
    class Trainer:
        callback_metrics: dict[str, torch.Tensor] = {}
        current_epoch = global_step = 0
        sanity_checking = False
        is_global_zero = True

        def save_checkpoint(self, path: Path) -> None:
            path.write_text(str(self.current_epoch))

    trainer: Any = Trainer()
    module: Any = None
    keep = Checkpoints(tmp_path, every_n_steps=1)
    for epoch, (score, loss) in enumerate(zip([0.5, 0.7, 0.7, 0.6], losses, strict=True)):
        trainer.current_epoch = epoch
        trainer.callback_metrics = {"val/accuracy": torch.tensor(score), "val/loss": torch.tensor(loss)}
        keep.on_validation_end(trainer, module)
        keep.on_train_epoch_end(trainer, module)
        keep.on_train_epoch_end(
            trainer, module
        )  # an epoch without validation: the old score does not count again
    assert keep.best.read_text() == str(best) and keep.last.read_text() == "3"
    assert keep.best_epoch == best and keep.best_score == pytest.approx(0.7)
    again = Checkpoints(tmp_path)
    again.load_state_dict(keep.state_dict())
    assert again.best_loss == losses[best]


def test_core_time_stops_counts_and_goes_on_counting(fit: Fit, capsys: pytest.CaptureFixture[str]) -> None:
    class Busy(pl.Callback):
        def on_train_batch_end(self, *args: Any) -> None:
            end = time.process_time() + 0.05
            while time.process_time() < end:
                pass

    clock = CoreTime(0.4 / 60)
    trainer, _, keep = fit("run", [Busy(), clock], epochs=100)
    assert trainer.global_step < 60 and keep.last.exists()
    assert 0.4 / 60 <= clock.minutes < 0.1
    assert "Core time limit" in capsys.readouterr().err
    again = CoreTime(1000.0)
    fit("run", [again], epochs=trainer.current_epoch + 1, resume=True)
    assert again.minutes > clock.minutes * 0.9


def test_average_is_the_recursion(network: Callable[..., nn.Module]) -> None:
    class Module(pl.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(2))
            self.count: torch.Tensor
            self.register_buffer("count", torch.tensor(0))

    module, average = Module(), WeightAverage(0.5)
    average.setup(None, module, "fit")  # type: ignore[arg-type]
    expected = torch.zeros(2)
    for step in range(12):
        with torch.no_grad():
            module.weight.add_(torch.tensor([1.0, step]))
            module.count.add_(1)
        average._average_model.update_parameters(module)  # type: ignore[union-attr]
        decay = min(0.5, (1 + step) / (10 + step)) if step else 0.0
        expected = expected + (1 - decay) * (module.weight.detach() - expected)
    assert torch.allclose(average._average_model.module.weight, expected)  # type: ignore[union-attr, arg-type]
    assert int(average._average_model.module.count) == 12  # type: ignore[union-attr, arg-type]


def test_validation_sees_the_average_and_training_does_not(fit: Fit) -> None:
    seen: dict[str, Any] = {}

    class Look(pl.Callback):
        def on_validation_batch_start(self, trainer: Any, module: Any, *args: Any) -> None:
            seen["val"] = copy.deepcopy(module.model.head.weight.data)

        def on_train_batch_end(self, trainer: Any, module: Any, *args: Any) -> None:
            seen["train"] = copy.deepcopy(module.model.head.weight.data)

    _, task, keep = fit("run", [WeightAverage(0.99), Look()], epochs=1)
    assert not torch.equal(seen["val"], seen["train"])
    stored = torch.load(keep.best, weights_only=True)["state_dict"]["model.head.weight"]
    assert torch.equal(stored, seen["val"]) and torch.equal(task.model.head.weight, seen["val"])  # type: ignore[union-attr, arg-type]


def test_widths_and_scores_are_in_the_table(fit: Fit, tmp_path: Path) -> None:
    _, task, _ = fit("run", epochs=2)
    with open(tmp_path / "run" / "metrics.csv") as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["4", "9"]
    assert float(rows[-1]["window/window"]) == pytest.approx(float(task.model.window.width.abs().mean()))  # type: ignore[union-attr, operator]
    assert all(0 <= float(row[f"{part}/accuracy"]) <= 1 for row in rows for part in ("train", "val"))


def test_table_drops_what_will_be_logged_again(tmp_path: Path) -> None:
    first = CsvMetrics(tmp_path / "m.csv")
    for step in range(4):
        first.log_metrics({"a": step, **({"b": 1.0} if step > 1 else {})}, step)
    first.save()
    second = CsvMetrics(tmp_path / "m.csv")
    second.log_metrics({"a": 10.0}, 2)
    second.save()
    assert [(row["step"], float(row["a"])) for row in read_rows(tmp_path / "m.csv")] == [
        ("0", 0.0), ("1", 1.0), ("2", 10.0)
    ]  # fmt: skip
