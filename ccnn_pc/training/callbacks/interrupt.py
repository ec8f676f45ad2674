"""Ctrl-C and SIGTERM end a training after the present batch, with a checkpoint."""

from __future__ import annotations

import signal
import sys
import threading
from types import FrameType
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.utilities import rank_zero_only

from ccnn_pc.training.callbacks.checkpoints import Checkpoints, can_save


class TrainingInterrupted(Exception):  # noqa: N818 - it is not an error
    """Training was stopped by a signal, after saving; ``signum`` is the signal's number."""

    def __init__(self, signum: int) -> None:
        super().__init__(f"stopped by {signal.Signals(signum).name}")
        self.signum = signum


class GracefulStop(pl.Callback):
    """Saves a checkpoint and raises :class:`TrainingInterrupted` when SIGINT or SIGTERM arrives.

    Within an epoch the present batch is finished first, within a validation the epoch. A second Ctrl-C does
    not wait; the last finished checkpoint stays whole.
    """

    def __init__(self) -> None:
        self._received: int | None = None
        self._previous: dict[int, Any] = {}

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Remember who handles the signals, before Lightning takes them (main thread only)."""
        if stage == "fit" and threading.current_thread() is threading.main_thread():
            self._previous = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Take the signals, after Lightning has."""
        self._received = None
        for number in self._previous:
            signal.signal(number, self._handle)

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Give the signals back."""
        self._restore()

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        """Give the signals back."""
        self._restore()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save and stop, unless the end of the epoch follows at once."""
        if can_save(trainer) and self._stops(trainer):
            self._checkpoints(trainer).save(trainer)
            raise TrainingInterrupted(self._received or signal.SIGTERM)

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Stop: the end of the epoch before has just been saved."""
        if self._stops(trainer):
            raise TrainingInterrupted(self._received or signal.SIGTERM)

    def _stops(self, trainer: pl.Trainer) -> bool:
        """Whether a signal has come, to any of the processes that train together."""
        return bool(trainer.strategy.reduce_boolean_decision(self._received is not None, all=False))

    def _handle(self, signum: int, frame: FrameType | None) -> None:
        if self._received is not None and signum == signal.SIGINT:
            raise KeyboardInterrupt
        self._received = signum
        name = signal.Signals(signum).name
        rank_zero_only(print)(
            f"\n{name}: saving a checkpoint after this batch (Ctrl-C again: stop at once)", file=sys.stderr
        )

    def _restore(self) -> None:
        while self._previous:
            number, handler = self._previous.popitem()
            signal.signal(number, handler)

    @staticmethod
    def _checkpoints(trainer: pl.Trainer) -> Checkpoints:
        return next(callback for callback in trainer.callbacks if isinstance(callback, Checkpoints))  # type: ignore[attr-defined]
