"""Fit, then take the best weights: what a run of the command line and an estimator have in common."""

from __future__ import annotations

from pathlib import Path

import lightning.pytorch as pl

from ccnn_pc.models.base import Network
from ccnn_pc.training.callbacks import Begun, Checkpoints, NonFiniteError
from ccnn_pc.training.data import ClassificationData
from ccnn_pc.training.devices import leave_group
from ccnn_pc.training.measuring import measure_training
from ccnn_pc.training.resume import read_checkpoint
from ccnn_pc.training.task import SupervisedTask


def fit_best(
    task: SupervisedTask,
    data: ClassificationData,
    engine: pl.Trainer,
    checkpoints: Checkpoints,
    *,
    begun: Begun | None = None,
    checkpoint: Path | None = None,
) -> bool:
    """Train a task; its model then has the weights of the best epoch, and knows what it was trained on.

    Args:
        task: model with its loss and optimiser.
        data: data of the task.
        engine: the trainer.
        checkpoints: that of its callbacks which keeps the best weights.
        begun: that of its callbacks which knows whether a step was made; None: there is none.
        checkpoint: to go on from; None: from the beginning.

    Returns:
        Whether this process goes on: of several that train together only the first.

    Raises:
        ValueError: the checkpoint does not fit; the message names it.
    """
    if isinstance(task.model, Network):
        task.model.trained_on = measure_training(task.model, data)
    try:
        engine.fit(task, datamodule=data, ckpt_path=checkpoint, weights_only=True if checkpoint else None)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, RuntimeError) as error:
        if checkpoint is None or (begun is not None and begun.begun) or isinstance(error, NonFiniteError):
            raise
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise ValueError(f"'{checkpoint}' cannot be gone on with ({reason})") from error
    if not leave_group(engine):
        return False
    state = read_checkpoint(checkpoints.best, task)
    task.load_state_dict(state["state_dict"])
    return True
