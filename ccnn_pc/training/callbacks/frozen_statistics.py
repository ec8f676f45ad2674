"""Batch norms that train to the end as they are used afterwards: with frozen statistics."""

from __future__ import annotations

from typing import Any

import lightning.pytorch as pl
from torch import nn

from ccnn_pc._checks import check_fraction


class FrozenStatistics(pl.Callback):
    r"""Puts batch norms into evaluation mode for the last part of a training.

    A batch norm divides by the deviation of its batch in training, and by a running one afterwards. The difference
    is noise that the weights cannot learn away: of order :math:`1/\sqrt{m}` for m independent events in a batch. Where
    amounts count, as in regression, or events are rare, that noise is the error that remains. From epoch
    :math:`\lceil a E \rceil` of E on both are the same function (frozen statistics are usual in fine-tuning
    detectors; He et al. 2016).

    Args:
        after: a, share of the epochs that train with the statistics of batches, in [0, 1): 0 freezes from the start.

    Raises:
        ValueError: if ``after`` is outside [0, 1).

    Example:
        >>> FrozenStatistics(after=0.7).after
        0.7
    """

    def __init__(self, after: float = 0.7) -> None:
        self.after = check_fraction("after", after)

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Freeze, in every step: whatever runs in between sets modes as it likes."""
        if trainer.max_epochs is None or trainer.current_epoch < self.after * trainer.max_epochs:
            return
        for module in pl_module.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval()
