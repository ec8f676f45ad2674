"""Train an experiment for some steps, and print how long they took: what ``training.py`` starts.

It needs nothing of this library but its command line, so that it can train with other versions of it.

    python scripts/bench/epochs.py STEPS experiment=modelnet10_tiny data.root=... run_dir=...
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import lightning.pytorch as pl


class Clock(pl.Callback):
    """When steps of training ended, and how long the validation took."""

    def __init__(self) -> None:
        self.ends: list[float] = []
        self.validation: list[float] = []
        self.sizes = {"batches": 0, "items": 0}

    def on_train_batch_end(self, *args: Any) -> None:
        """A step has ended, the loading of its batch included."""
        self.ends.append(time.perf_counter())

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """The validation begins."""
        self.validation.append(time.perf_counter())

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """The validation has ended."""
        self.validation.append(time.perf_counter())

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """How much an epoch is."""
        loader: Any = trainer.train_dataloader
        self.sizes = {"batches": len(loader), "items": len(loader.dataset)}

    def found(self) -> dict[str, Any]:
        """Seconds of each step but the first, of one validation, and how many of them an epoch has."""
        steps = [b - a for a, b in zip(self.ends, self.ends[1:], strict=False)]
        validation = self.validation[1] - self.validation[0] if len(self.validation) > 1 else 0.0
        return {"steps": steps, "validation_s": validation, **self.sizes}


def main(steps: str, *words: str) -> None:
    """Train and print."""
    from ccnn_pc.cli.train import run_experiment

    clock = Clock()

    class Timed(pl.Trainer):
        """Lightning's trainer with the clock."""

        def __init__(self, *, callbacks: Any = (), **options: Any) -> None:
            super().__init__(callbacks=[*callbacks, clock], **options)

    pl.Trainer = Timed  # type: ignore[misc]  # configurations name it
    run_experiment([*words, "trainer.max_epochs=1", f"trainer.limit_train_batches={steps}"])
    print(json.dumps(clock.found()))


if __name__ == "__main__":
    main(*sys.argv[1:])
