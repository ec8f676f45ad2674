"""Processor time: logged, and a limit."""

from __future__ import annotations

import resource
import sys
import time
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.utilities import rank_zero_only

from ccnn_pc._checks import check_positive


def core_seconds() -> float:
    """Processor seconds of this process, all threads, and of its finished children (data workers)."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


class CoreTime(pl.Callback):
    """Counts the core minutes of a training, also across interruptions, and stops it at a limit.

    One core minute is one minute of one core in use: 2 threads that work for a minute are 2 core minutes. The
    count starts when fitting starts and includes validation. At the limit the present batch is finished,
    validated and saved, and training ends as if it had reached its last epoch.

    Args:
        max_core_minutes: the limit; None only counts.

    Raises:
        ValueError: if the limit is not positive.
    """

    def __init__(self, max_core_minutes: float | None = None) -> None:
        self.limit = (
            None if max_core_minutes is None else check_positive("max_core_minutes", max_core_minutes)
        )
        self._before = 0.0
        self._started: float | None = None
        self._trainer: pl.Trainer | None = None

    @property
    def minutes(self) -> float:
        """Core minutes so far."""
        running = core_seconds() - self._started if self._started is not None else 0.0
        return (self._before + running) / 60.0

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock."""
        self._started, self._trainer = core_seconds(), trainer

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Stop at the limit."""
        if self.limit is None or trainer.should_stop:
            return
        if trainer.strategy.reduce_boolean_decision(self.minutes >= self.limit, all=False):
            rank_zero_only(print)(
                f"Core time limit of {self.limit:g} minutes reached: training stops here.", file=sys.stderr
            )
            trainer.should_stop = True

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Log the count."""
        pl_module.log("core_minutes", self.minutes)

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Stop the clock."""
        self._before, self._started = self._seconds_of_all(), None

    def state_dict(self) -> dict[str, Any]:
        """Core seconds so far."""
        return {"core_seconds": self._seconds_of_all()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on counting."""
        self._before = state_dict["core_seconds"]

    def _seconds_of_all(self) -> float:
        """Core seconds so far, of all processes that train together."""
        running = torch.tensor(self.minutes * 60.0 - self._before)
        if self._trainer is not None and self._trainer.world_size > 1:
            running = self._trainer.strategy.reduce(
                running.to(self._trainer.strategy.root_device), reduce_op="sum"
            )
        return self._before + float(running)
