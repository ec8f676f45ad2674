"""A callback that kills its own process once; a subprocess of a test loads it by name."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import lightning.pytorch as pl


class SendSignal(pl.Callback):
    """Sends a signal to this process after an optimiser step, unless the marker file exists already."""

    def __init__(self, step: int, marker: str, signum: int = signal.SIGKILL) -> None:
        self.step, self.marker, self.signum = step, Path(marker), signum

    def on_train_batch_end(self, trainer: pl.Trainer, *args: Any) -> None:
        if trainer.global_step == self.step and not self.marker.exists():
            self.marker.touch()
            os.kill(os.getpid(), self.signum)
