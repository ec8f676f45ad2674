"""One training from data to result: fit, read the test split once, write everything down."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import lightning.pytorch as pl
import torch

from ccnn_pc._files import append_row, write_text_atomically
from ccnn_pc.datasets.preprocessing import Preprocessing, preprocessing_from_json
from ccnn_pc.models.base import Model
from ccnn_pc.models.hub import check_saveable, save_pretrained
from ccnn_pc.models.shift.certainty import Certainty
from ccnn_pc.training.callbacks import Begun, Checkpoints, CoreTime
from ccnn_pc.training.data import ClassificationData
from ccnn_pc.training.described_data import describe_data
from ccnn_pc.training.devices import alone, check_strategy, evaluate_alone
from ccnn_pc.training.evaluation import Listener
from ccnn_pc.training.fit_best import fit_best
from ccnn_pc.training.hollow import warn_of_odd_targets
from ccnn_pc.training.objectives import Classification
from ccnn_pc.training.resume import read_checkpoint
from ccnn_pc.training.task import SupervisedTask
from ccnn_pc.training.versions import git_commit, library_versions

RESULT = "result.json"
Found = TypeVar("Found", bound=pl.Callback)


@dataclass(frozen=True)
class Record:
    """Under what a result is kept.

    Args:
        identity: columns that name the run (experiment, seed …), put first in the result.
        table: CSV file that the result is appended to; None: none.
        heard: is told every batch of the test; None: nobody.
        test: whether the test part is read; False: the result has scores of the validation alone.
    """

    identity: Mapping[str, Any] = field(default_factory=dict)
    table: Path | None = None
    heard: Listener | None = None
    test: bool = True


@dataclass(frozen=True)
class Start:
    """How a training begins.

    Args:
        checkpoint: to go on from; None: from the beginning.
        new: makes the run folder; called when everything has been built and checked.
        begun: called after the first step.
        settings: what loggers are told of the run, by dotted names.
    """

    checkpoint: Path | None = None
    new: Callable[[], None] = lambda: None
    begun: Callable[[], None] = lambda: None
    settings: Mapping[str, Any] = field(default_factory=dict)


def run_training(
    *,
    folder: Path,
    task: SupervisedTask,
    data: ClassificationData,
    trainer: Callable[..., pl.Trainer],
    callbacks: Sequence[pl.Callback],
    loggers: Sequence[Any] = (),
    preprocessing: Preprocessing | Mapping[str, Any] | None = None,
    train_preprocessing: Preprocessing | Mapping[str, Any] | None = None,
    record: Record = Record(),
    start: Start = Start(),
) -> dict[str, Any]:
    """Train, test the best weights, and write model, pictures and result into ``folder``.

    What the end needs is checked first: that the model can be saved, that the test part can be opened. Where several
    processes train together, the first one alone tests and writes.

    Args:
        folder: run folder; receives ``result.json``, ``model/``, ``curves.png``, ``confusion.png``.
        task: model with its loss and optimiser.
        data: data of the task.
        trainer: makes the Lightning trainer, given ``callbacks=``, ``logger=``, ``default_root_dir=``.
        callbacks: what happens around the steps; a :class:`Checkpoints` among them.
        loggers: Lightning loggers.
        preprocessing: of validation, test and use; stored with the model.
        train_preprocessing: of training, where it differs; noted in the result.
        record: what the run is called, and the table it goes into.
        start: how it begins.

    Returns:
        The result: identity, scores, sizes, times, versions; empty in all processes but the first.

    Raises:
        ValueError: a setting, a part of the data or the checkpoint does not fit; the message names it.
    """
    stored = preprocessing_from_json(preprocessing)
    used = {} if stored is None else stored.to_json()
    differing = preprocessing_from_json(train_preprocessing)
    trained = used if differing is None else differing.to_json()
    checkpoints, core_time = _only(callbacks, Checkpoints), _only(callbacks, CoreTime)
    resumed = start.checkpoint
    begun = Begun(start.begun)
    engine = trainer(callbacks=[*callbacks, begun], logger=list(loggers), default_root_dir=folder)
    check_strategy(engine)
    data.check()
    warn_of_odd_targets(data)
    check_saveable(task.model, classes=data.classes, preprocessing=stored)
    if resumed is not None:
        read_checkpoint(resumed, task)
    start.new()
    for logger in loggers:
        logger.log_hyperparams(dict(start.settings))
    if engine.world_size > 1:
        evaluate_alone(task.eval_scores)
    began = time.time()
    if not fit_best(task, data, engine, checkpoints, begun=begun, checkpoint=resumed):
        return {}

    def ask(heard: Listener | None, **part: Any) -> None:
        told = [] if heard is None else [_Told(heard)]
        task.eval_scores.reset()
        tester = trainer(callbacks=told, logger=False, default_root_dir=folder, **alone(engine))
        tester.test(task, verbose=False, **part)

    if (
        isinstance(task.model, Model)
        and isinstance(task.objective, Classification)
        and data.val_set is not None
    ):
        answered = _Answered()
        ask(answered, dataloaders=data.val_dataloader())
        task.model.certainty = answered.certainty()
    save_pretrained(
        task.model,
        folder / "model",
        classes=data.classes,
        preprocessing=stored,
        task=task.objective.task,
        data=describe_data(data),
    )
    write_pictures(folder, None, data.classes)
    task.eval_scores.reset()
    if record.test:
        ask(record.heard, datamodule=data)
    scores = task.eval_scores.results() if record.test else {}
    confusion = task.eval_scores.confusion() if record.test else None
    for logger in loggers:
        logger.log_metrics({f"test/{name}": v for name, v in scores.items()}, max(engine.global_step - 1, 0))
        logger.finalize("success")
    result = {
        **record.identity,
        **{f"test_{name}": round(value, 6) for name, value in scores.items() if name != "loss"},
        f"val_{checkpoints.monitor.rpartition('/')[2]}": (
            None if checkpoints.best_score is None else round(checkpoints.best_score, 6)
        ),
        "best_epoch": None if checkpoints.best_epoch is None else checkpoints.best_epoch + 1,
        "epochs": engine.current_epoch,
        "max_epochs": engine.max_epochs,
        "parameters": sum(p.numel() for p in task.model.parameters() if p.requires_grad),
        "lr": _learning_rate(engine),
        "batch_size": data.batches.size,
        **({"devices": engine.world_size} if engine.world_size > 1 else {}),
        "sampling": trained.get("sampling"),
        "num_points": trained.get("num_points"),
        "num_voxels": trained.get("num_voxels"),
        "num_neighbors": trained.get("num_neighbors"),
        "eval_num_points": used.get("num_points"),
        "eval_num_voxels": used.get("num_voxels"),
        "eval_num_neighbors": used.get("num_neighbors"),
        "features": "+".join(used.get("features") or []),
        "data": data.name,
        **{f"n_{part}": size for part, size in data.sizes().items()},
        **({"n_test": task.eval_scores.count()} if record.test else {}),
        "selected_on": "test"
        if data.validation.on_test
        else "val"
        if data.val_set is not None
        else "last epoch",
        "core_minutes": round(core_time.minutes, 2),
        "wall_minutes": round((time.time() - began) / 60, 2),
        "threads": torch.get_num_threads(),
        "git_commit": git_commit(),
        "versions": library_versions(),
    }
    write_pictures(folder, None if confusion is None else confusion.cpu(), data.classes)
    found = {
        f"class_{name}": _by_name(each, data.classes)
        for name, each in (task.eval_scores.of_classes() if record.test else {}).items()
    }
    write_text_atomically(folder / RESULT, json.dumps({**result, **found}, indent=2) + "\n")
    if record.table is not None:
        append_row(record.table, result)
    return result


class _Told(pl.Callback):
    """Tells a listener every batch of a test."""

    def __init__(self, listener: Listener) -> None:
        self.listener = listener

    def on_test_batch_end(self, trainer: Any, module: Any, outputs: Any, batch: Any, *where: Any) -> None:
        self.listener(batch, outputs["answers"], outputs["target"])


class _Answered:
    """Keeps answers and labels of classes."""

    def __init__(self) -> None:
        self.parts: list[tuple[torch.Tensor, torch.Tensor]] = []

    def __call__(self, batch: Any, answers: torch.Tensor, target: torch.Tensor) -> None:
        self.parts.append((answers.detach().cpu(), target.cpu()))

    def certainty(self) -> Certainty:
        return Certainty.of(*(torch.cat(each) for each in zip(*self.parts, strict=True)))


def _by_name(values: torch.Tensor, classes: list[str]) -> dict[str, float | None]:
    """Numbers of classes, None where one is not defined."""
    rounded = [None if value != value else round(value, 6) for value in values.double().tolist()]
    return dict(zip(classes, rounded, strict=True))


def _learning_rate(engine: pl.Trainer) -> float | None:
    """The rate that the optimiser was made with, before warm-up and decay."""
    rate = engine.optimizers[0].defaults.get("lr") if engine.optimizers else None
    return None if rate is None else float(rate)


def write_pictures(folder: Path, confusion: torch.Tensor | None, classes: list[str]) -> None:
    """Draw the curves and, once there is one, the confusion matrix; a failure is reported, not raised."""
    try:
        from ccnn_pc.viz import plot_confusion, plot_curves

        if (folder / "metrics.csv").exists():
            plot_curves(folder / "metrics.csv", folder / "curves.png")
        if confusion is not None:
            plot_confusion(confusion, classes, folder / "confusion.png")
    except Exception as error:  # a picture must not cost a finished training
        print(f"No pictures: {type(error).__name__}: {error}", file=sys.stderr)


def _only(callbacks: Sequence[pl.Callback], kind: type[Found]) -> Found:
    found = [callback for callback in callbacks if isinstance(callback, kind)]
    if len(found) != 1:
        raise ValueError(f"'callbacks' must hold exactly one {kind.__name__} (got {len(found)})")
    return found[0]
