"""The learned reach of every layer, logged."""

from __future__ import annotations

import lightning.pytorch as pl
from torch import Tensor

from ccnn_pc.kernels.windows import AbstractWindow


class WindowWidths(pl.Callback):
    """Logs the mean width of every window, in kernel coordinates, after each epoch as ``window/<layer>``."""

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Log."""
        for name, module in pl_module.named_modules():
            width = getattr(module, "width", None)
            if isinstance(module, AbstractWindow) and isinstance(width, Tensor):
                pl_module.log(f"window/{name.removeprefix('model.')}", width.detach().abs().mean())
