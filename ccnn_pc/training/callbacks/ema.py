"""Exponential moving average of the weights."""

from __future__ import annotations

import torch
from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor

from ccnn_pc._checks import check_fraction


class WeightAverage(WeightAveraging):
    """Validates, keeps and tests the moving average of the weights instead of the weights themselves.

    After step t, w_avg <- w_avg + (1 - d_t) (w - w_avg) with d_t = min(decay, (1 + t) / (10 + t)): the first
    steps, far from any solution, are forgotten soon. Floating buffers (batch statistics) are averaged, other
    buffers copied.

    Args:
        decay: d, in [0, 1) (default 0.999).

    Raises:
        ValueError: if ``decay`` is outside [0, 1).
    """

    def __init__(self, decay: float = 0.999) -> None:
        self.decay = check_fraction("decay", decay)
        super().__init__(use_buffers=True, multi_avg_fn=self._average)

    def _average(self, averaged: list[Tensor], current: list[Tensor], count: Tensor) -> None:
        steps = float(count)
        decay = min(self.decay, (1.0 + steps) / (10.0 + steps))
        with torch.no_grad():
            for mean, value in zip(averaged, current, strict=True):
                if mean.is_floating_point():
                    mean.lerp_(value, 1.0 - decay)
                else:
                    mean.copy_(value)
