"""An end by the clock."""

from __future__ import annotations

import time
from typing import Any

import lightning.pytorch as pl

from ccnn_pc._checks import check_positive


class TimeBudget(pl.Callback):
    """Ends a training such that it is over within a time: the present batch is finished, validated and saved.

    Args:
        minutes: on the clock on the wall, from the making of this object.

    Raises:
        ValueError: no positive time.
    """

    def __init__(self, minutes: float) -> None:
        self.seconds = 60 * check_positive("time_budget", minutes)
        self._began = time.monotonic()
        self._last = 0.0  # what a validation took
        self._since = 0.0

    @property
    def share(self) -> float:
        """Of the time that has passed, 0 to 1."""
        return min((time.monotonic() - self._began) / self.seconds, 1.0)

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock of the validation."""
        self._since = time.monotonic()

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Remember what it took."""
        self._last = time.monotonic() - self._since

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Stop when no more than a validation and a twentieth is left."""
        if time.monotonic() - self._began + 2 * self._last >= 0.95 * self.seconds:
            trainer.should_stop = True
