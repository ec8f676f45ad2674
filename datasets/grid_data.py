"""Data sets of samples on regular grids: sequences, images, volumes."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Batch, Data

from ccnn_pc.datasets.labelled import LabelledDataset, as_label


class GridData(Data):
    """One labelled sequence, image or volume.

    Attributes (each present only where it is known):
        x: values ``[1, C, *S]``, float32.
        y: class index ``[1]``, int64.
        occupied: which cells are samples ``[1, 1, *S]``, boolean; absent: all.
        spacing: distance of samples per axis ``[1, D]``, float64; absent: that of the model.
        name: name of the item.

    ``Batch.from_data_list`` (so every PyG ``DataLoader``) gives ``x [B, C, *S]`` and ``y [B]``.

    Example:
        >>> item = GridData(x=torch.zeros(1, 3, 32, 32), y=torch.tensor([4]))
        >>> batch = Batch.from_data_list([item, item])
        >>> batch.x.shape, batch.y.tolist()
        (torch.Size([2, 3, 32, 32]), [4, 4])
    """

    def __cat_dim__(self, key: str, value: Any, *args: Any, **kwargs: Any) -> Any:
        """Items are put one after the other along the first axis."""
        return 0


def grid_batch(x: Tensor, y: Tensor) -> Any:
    """The PyG batch of items ``GridData(x[i:i+1], y[i:i+1])``, made at once.

    Args:
        x: values ``[B, C, *S]``.
        y: class indices ``[B]``.
    """
    ends, zeros = torch.arange(len(x) + 1), torch.zeros(len(x), dtype=torch.long)
    batch = Batch(_base_cls=GridData, x=x, y=y)
    batch.batch, batch.ptr = ends[:-1], ends
    batch._num_graphs = len(x)
    batch._slice_dict = {"x": ends, "y": ends}
    batch._inc_dict = {"x": zeros, "y": zeros}
    return batch


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
        """Whether :meth:`batch` needs no single items: there is no transform."""
        return self.transform is None and self.pre_transform is None

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
        labels = np.asarray(labels, dtype=np.int64)
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
