"""Data sets whose items have a target other than one class: the base of synthetic tasks and of text."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ccnn_pc.datasets.common.grid_data import GridData, grid_batch
from ccnn_pc.datasets.common.grids import GridDataset


class SequenceTask(GridDataset):
    """Sequences ``x [1, C, L]`` with targets ``y``; subclasses say :meth:`raw` and :meth:`targets`.

    ``labels`` are all 0: a random part is a stratified one.

    Args:
        classes: what the targets count, in order; one name for a number.
        count: items.
        numbers: whether targets shall be numbers; they are what they are.
        options: transform, pre_transform, seed: see :class:`LabelledDataset`.

    Raises:
        ValueError: numbers are wanted where targets are classes.
    """

    _what = "sequences"

    def __init__(self, classes: Sequence[str], count: int, *, numbers: bool = False, **options: Any) -> None:
        super().__init__(classes, np.zeros(count, dtype=np.int64), **options)
        if numbers:
            self._take_numbers()

    def _take_numbers(self) -> None:
        """Targets are what they are."""
        if len(self.classes) > 1:
            raise ValueError(
                f"'numbers' must be False for {type(self).__name__}, which has a class at every step: task=steps"
            )

    @abc.abstractmethod
    def targets(self, rows: np.ndarray) -> Tensor:
        """Targets of some rows, ``[len(rows), ...]``."""

    def load(self, row: int) -> GridData:
        rows = np.array([row])
        return GridData(x=self.raw(rows), y=self.targets(rows))

    def batch(self, indices: Sequence[int]) -> Any:
        if not self.batches_at_once:
            return super().batch(indices)
        rows = np.array([self.row_of(index) for index in indices], dtype=np.int64)
        return grid_batch(self.last(self.raw(rows)), self.targets(rows))

    @property
    def shape(self) -> tuple[int, ...]:
        """Channels and length of an item, ``(C, L)``."""
        return tuple(self.raw(np.array([0])).shape[1:])


def one_hot(symbols: Tensor, count: int) -> Tensor:
    """Symbols ``[B, L]`` as channels, float32 ``[B, count, L]``.

    Example:
        >>> one_hot(torch.tensor([[0, 2]]), 3).tolist()
        [[[1.0, 0.0], [0.0, 0.0], [0.0, 1.0]]]
    """
    return torch.nn.functional.one_hot(symbols, count).transpose(1, 2).float()
