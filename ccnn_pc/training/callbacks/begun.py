"""What happens once a training has really begun."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import lightning.pytorch as pl


class Begun(pl.Callback):
    """Calls ``action`` after the first step: everything has been built, restored and found to fit by then.

    Args:
        action: called once, in the first process.
    """

    def __init__(self, action: Callable[[], None]) -> None:
        self.action = action
        self.begun = False

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Call it."""
        if not self.begun:
            self.begun = True
            if trainer.is_global_zero:
                self.action()
