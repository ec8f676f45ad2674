"""Answers to items that are longer than those of training, and are read in windows."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data

from ccnn_pc.ops.series.windows import mean_over_windows

#: Windows that a network reads at once.
_AT_ONCE = 64


def answer(model: Any, data: Any, *, numbers: bool = False) -> Tensor:
    """What a model answers; to items in windows the mean of what it answers to these.

    Args:
        model: with an answer per item.
        data: what it reads. Items in windows are arrays ``x [n, C, *S]`` with ``windows [B]``, how many each has, and
            ``window_weight [n]``.
        numbers: whether answers are numbers; else classes, whose probabilities are averaged.

    Example:
        >>> data = Data(x=torch.tensor([[[1.0]], [[3.0]]]), windows=torch.tensor([2]), window_weight=torch.ones(2))
        >>> answer(lambda part: part.x.flatten(1), data, numbers=True).tolist()
        [[2.0]]
    """
    windows = data.get("windows") if isinstance(data, Data) else None
    if windows is None:
        found: Tensor = model(data)
        return found
    answers = torch.cat([model(Data(x=part)) for part in data.x.split(_AT_ONCE)])
    return mean_over_windows(answers, windows, data.window_weight, numbers=numbers)
