"""One training of an estimator: data and a network in, the network trained; all parts are those of ``training``."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ccnn_pc._checks import check_at_least, check_fraction, check_positive
from ccnn_pc._quiet import only_errors
from ccnn_pc.estimators.targets import Targets
from ccnn_pc.models.base import Model
from ccnn_pc.models.random_kernels import RandomKernels
from ccnn_pc.models.shift.certainty import Certainty
from ccnn_pc.training.callbacks import Checkpoints, NonFiniteGuard, ProgressBar, TimeBudget
from ccnn_pc.training.data import Batches, ClassificationData, Validation
from ccnn_pc.training.fit_best import fit_best
from ccnn_pc.training.objectives import Classification
from ccnn_pc.training.optim import adamw
from ccnn_pc.training.schedules import warmup_cosine
from ccnn_pc.training.solve_head import solve_head
from ccnn_pc.training.task import SupervisedTask

#: Epochs of networks that are trained, and passes of those whose head is solved.
EPOCHS, PASSES = 100, 1
#: Held by the training of this process that draws random numbers.
_ONE_TRAINING = threading.RLock()


@dataclasses.dataclass(frozen=True)
class Settings:
    """How long and how fast; see :class:`~ccnn_pc.estimators.base.Estimator`.

    Raises:
        ValueError: a number out of range.
    """

    epochs: int | None
    batch_size: int
    lr: float
    validation: float
    patience: int | None
    time_budget: float | None
    verbose: int
    seed: int

    def __post_init__(self) -> None:
        if self.epochs is not None:
            check_at_least("epochs", self.epochs, 1)
        check_at_least("batch_size", self.batch_size, 1)
        check_positive("lr", self.lr)
        check_fraction("validation", self.validation)
        if self.patience is not None:
            check_at_least("patience", self.patience, 1)
        if self.time_budget is not None:
            check_positive("time_budget", self.time_budget)


def train_network(
    model: nn.Module, dataset: Any, eval_transform: Any, targets: Targets, how: Settings
) -> int:
    """Train a network; it is in eval mode afterwards, with the weights of the best epoch.

    Args:
        model: the network.
        dataset: all items of the training, with targets.
        eval_transform: of the part that is kept for validation.
        targets: what the targets are.
        how: settings.

    Returns:
        How many epochs it was trained for.
    """
    at_once = isinstance(model, RandomKernels)
    data = ClassificationData(
        functools.partial(_given, dataset),
        functools.partial(_given, dataset),
        eval_transform=eval_transform,
        validation=Validation(fraction=0.0 if at_once or len(dataset) < 4 else how.validation),
        batches=Batches(how.batch_size),
        seed=how.seed,
    )
    with _quiet():
        if isinstance(model, RandomKernels):
            began = time.monotonic()
            solved = solve_head(
                model,
                data,
                classes=targets.classes,
                passes=how.epochs or PASSES,
                minutes=how.time_budget,
                progress=bool(how.verbose),
            )
            epochs = len(solved.left_out) // len(dataset)
            late = (time.monotonic() - began) / 60
        else:
            epochs, late = _train(model, data, targets, how), 0.0
    if how.time_budget is not None and late > how.time_budget:
        warnings.warn(
            f"'time_budget' must be above what one pass over the series takes (got {how.time_budget:g} minutes, and it "
            f"took {late:.2g}): fewer series, or 'model' with fewer num_features, are faster",
            stacklevel=2,
        )
    targets.finish(model)
    model.eval()
    return epochs


def _given(dataset: Any) -> Any:
    return dataset


def _train(model: nn.Module, data: ClassificationData, targets: Targets, how: Settings) -> int:
    import lightning.pytorch as pl
    from lightning.pytorch.callbacks import EarlyStopping

    data.prepare()
    budget = None if how.time_budget is None else TimeBudget(how.time_budget)
    task = SupervisedTask(
        model,
        len(targets.names),
        optimizer=functools.partial(adamw, lr=how.lr, weight_decay=0.01),
        objective=targets.objective,
        schedule=functools.partial(warmup_cosine, warmup_epochs=1),
    )
    with tempfile.TemporaryDirectory(prefix="ccnn_pc-") as folder:
        checkpoints = Checkpoints(Path(folder), every_n_steps=2**31 - 1, monitor=targets.monitor)
        callbacks: list[Any] = [NonFiniteGuard(), checkpoints]
        if data.val_set is not None and how.patience is not None:
            callbacks.append(EarlyStopping("val/loss", patience=how.patience, mode="min"))
        if budget is not None:
            callbacks.append(budget)
        if how.verbose:
            callbacks.append(ProgressBar())
        engine = pl.Trainer(
            max_epochs=how.epochs or EPOCHS,
            accelerator="auto",
            devices=1,
            logger=False,
            callbacks=callbacks,
            gradient_clip_val=1.0,
            num_sanity_val_steps=0,
            enable_progress_bar=False,
            enable_model_summary=False,
            default_root_dir=folder,
        )
        fit_best(task, data, engine, checkpoints)
        epochs = int(engine.current_epoch)
    model.cpu().eval()
    if isinstance(model, Model) and isinstance(task.objective, Classification) and data.val_set is not None:
        with torch.inference_mode():
            found = [(model(batch), task.objective.target(batch)) for batch in data.val_dataloader()]
        model.certainty = Certainty.of(*(torch.cat(each) for each in zip(*found, strict=True)))
    return epochs


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without what Lightning and torchmetrics say about themselves."""
    with warnings.catch_warnings(), only_errors("lightning.pytorch", "lightning.fabric"):
        warnings.filterwarnings("ignore", module="lightning")
        warnings.filterwarnings("ignore", module="torchmetrics")
        yield


@contextlib.contextmanager
def reproducible(seed: int) -> Iterator[None]:
    """Random numbers of torch from a seed; those of the caller go on afterwards as if nothing had happened.

    All threads of a process share these numbers, so trainings of several threads wait for each other.
    """
    devices = range(torch.cuda.device_count()) if torch.cuda.is_available() else []
    with _ONE_TRAINING, torch.random.fork_rng(devices=devices):
        deterministic = torch.are_deterministic_algorithms_enabled()
        only_warn = torch.is_deterministic_algorithms_warn_only_enabled()
        torch.manual_seed(seed)
        torch.use_deterministic_algorithms(True, warn_only=True)
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(deterministic, warn_only=only_warn)
