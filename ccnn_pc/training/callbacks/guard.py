"""Stop at the first loss or gradient that is not finite, before it reaches the weights."""

from __future__ import annotations

from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor
from torch.optim import Optimizer


class NonFiniteError(RuntimeError):
    """The loss or a gradient is NaN or infinite."""


class NonFiniteGuard(pl.Callback):
    """Raises :class:`NonFiniteError`, naming epoch, batch and its files, before the optimiser steps.

    The weights and the last checkpoint therefore stay finite.
    """

    def __init__(self) -> None:
        self._batch: Any = None
        self._batch_idx = -1

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Remember the batch."""
        self._batch, self._batch_idx = batch, batch_idx

    def on_before_backward(self, trainer: pl.Trainer, pl_module: pl.LightningModule, loss: Tensor) -> None:
        """Check the loss."""
        if not bool(torch.isfinite(loss).all()):
            raise NonFiniteError(self._message(trainer, f"the loss is {float(loss)}"))

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: Optimizer
    ) -> None:
        """Check the gradients (under a gradient scaler, which skips such steps itself, nothing is done)."""
        if getattr(trainer.precision_plugin, "scaler", None) is not None:
            return
        named = [(name, p.grad) for name, p in pl_module.named_parameters() if p.grad is not None]
        sums = torch.stack([grad.abs().sum().float() for _, grad in named]) if named else torch.zeros(1)
        if not bool(torch.isfinite(sums).all()):
            first = named[int((~torch.isfinite(sums)).nonzero()[0])][0]
            raise NonFiniteError(self._message(trainer, f"the gradient of '{first}' is not finite"))

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Let go of the batch."""
        self._batch = None

    def _message(self, trainer: pl.Trainer, what: str) -> str:
        files = files_of(self._batch)
        inside = f" (files: {', '.join(files)})" if files else ""
        return (
            f"In epoch {trainer.current_epoch + 1}, batch {self._batch_idx + 1}{inside}: {what}. This batch did not"
            " change the weights. Look at these files, or try a lower learning rate (optim.lr=) or"
            " trainer.gradient_clip_val=1."
        )


def files_of(batch: Any) -> list[str]:
    """Names of the shapes in a batch, as far as the data set gives them."""
    for key in ("file", "name"):
        found = getattr(batch, key, None)
        if isinstance(found, str):
            return [found]
        if isinstance(found, (list, tuple)):
            return [str(one) for one in found]
    return []
