"""The item of data sets on regular grids: one sequence, image or volume, batched by PyG."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Batch, Data


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
