"""Data sets of samples on regular grids: sequences, images, volumes."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Batch

from ccnn_pc.datasets.common.grid_data import GridData, grid_batch
from ccnn_pc.datasets.common.labelled import LabelledDataset, as_label, whole_labels


class GridDataset(LabelledDataset[GridData]):
    """A data set of labelled grids; see :class:`LabelledDataset` for arguments, epochs and transforms.

    Transforms see :meth:`raw` values; :meth:`last` is applied after them, to one item or to many at once.
    Without transforms :meth:`batch` makes whole mini-batches, about ten times as fast as item by item.
    """

    @abc.abstractmethod
    def raw(self, rows: np.ndarray) -> Tensor:
        """Stored values of some rows, float32 ``[len(rows), C, *S]``."""

    def last(self, x: Tensor) -> Tensor:
        """What follows the transforms, ``[B, C, *S]`` to ``[B, C', *S']``; nothing by default."""
        return x

    def load(self, row: int) -> GridData:
        return GridData(x=self.raw(np.array([row])), y=as_label(int(self._labels[row])))

    def finish(self, item: GridData) -> GridData:
        item.x = self.last(item.x)
        return item

    @property
    def batches_at_once(self) -> bool:
        """Whether :meth:`batch` needs no single items: there is no transform, and targets are classes."""
        return self.transform is None and self.pre_transform is None and self._values is None

    def batch(self, indices: Sequence[int]) -> Any:
        """The PyG batch of the items at ``indices``, equal to ``Batch.from_data_list([self[i] for i in indices])``.

        Raises:
            IndexError: no such item.
        """
        if not self.batches_at_once:
            return Batch.from_data_list([self[index] for index in indices])
        rows = np.array([self.row_of(index) for index in indices], dtype=np.int64)
        return grid_batch(self.last(self.raw(rows)), torch.from_numpy(self._labels[rows]))


class GridArrays(GridDataset):
    """Grids of equal shape in one array.

    Args:
        values: ``[n, C, *S]``; unsigned bytes are divided by 255, other numbers taken as they are.
        labels: class index of each, ``[n]``.
        classes: names of the classes.
        options: transform, pre_transform, seed: see :class:`LabelledDataset`.

    Raises:
        ValueError: shapes that do not fit together, or labels without a class.

    Example:
        >>> data = GridArrays(np.full((4, 1, 28, 28), 255, np.uint8), np.array([0, 1, 0, 1]), ["a", "b"])
        >>> data, float(data[0].x.max())
        (GridArrays(4 items, 2 classes), 1.0)
    """

    def __init__(
        self, values: np.ndarray, labels: np.ndarray, classes: Sequence[str], **options: Any
    ) -> None:
        labels = whole_labels(labels)
        if values.ndim < 3:
            raise ValueError(f"'values' must have shape [n, C, *S] (got {list(values.shape)})")
        if labels.shape != (len(values),):
            raise ValueError(
                f"'labels' must have shape [{len(values)}], one per item (got {list(labels.shape)})"
            )
        if len(labels) and not 0 <= labels.min() <= labels.max() < len(classes):
            raise ValueError(
                f"'labels' must be in [0, {len(classes)}) (got {labels.min()} to {labels.max()})"
            )
        super().__init__(classes, labels, **options)
        self.values = values

    def raw(self, rows: np.ndarray) -> Tensor:
        values = torch.from_numpy(self.values[rows])
        return values.float().div_(255) if values.dtype == torch.uint8 else values.float()

    def in_memory(self) -> LabelledDataset[GridData]:
        """The same data set; with a ``pre_transform`` its results are kept."""
        return self if self.pre_transform is None else super().in_memory()
