"""The item that every data set returns: one point cloud, batched the way PyG batches graphs."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch_geometric.data import Data


class PointCloudData(Data):
    """One point cloud.

    Attributes (each present only where it is known):
        pos: positions ``[n, D]``, float32.
        normal: unit normals ``[n, D]``; their sign is not meaningful for CAD meshes.
        x: features ``[n, C]``.
        y: class index ``[1]``, int64; of points that have their own ``[n]``, -100 where none is known.
        category: of a shape with parts ``[1]``, int64.
        category_parts: which classes are parts of its category ``[1, K]``, bool.
        name: name of the shape.
        neighbor_index: ``[k, n]`` int32, rows of this cloud, nearest first (see :class:`KNN`).
        neighbor_count: ``[n]`` int32, how many entries of each column count.
        intensity, red, green, blue, label, …: what a file says of each point, ``[n]`` or ``[n, C]``, under its name.

    ``Batch.from_data_list`` (so every PyG ``DataLoader``) concatenates the columns of ``neighbor_index`` and shifts the
    values of each cloud by the number of points before it: the batched index points into the batched ``pos``. Plain
    ``torch_geometric.data.Data`` with these attributes does the same. (``neighbor_table [n, k]``, as earlier versions
    wrote it, needs this class.)

    Example:
        >>> import torch
        >>> from torch_geometric.data import Batch
        >>> index = torch.tensor([[0, 1], [1, 0]], dtype=torch.int32)
        >>> cloud = PointCloudData(pos=torch.zeros(2, 3), neighbor_index=index)
        >>> Batch.from_data_list([cloud, cloud]).neighbor_index.tolist()
        [[0, 1, 2, 3], [1, 0, 3, 2]]
    """

    def __inc__(self, key: str, value: Any, *args: Any, **kwargs: Any) -> Any:
        """What is added to the values of ``key`` for each cloud that went before."""
        if key == "neighbor_table":
            return self.num_nodes
        if _is_measured(value):
            return 0
        return super().__inc__(key, value, *args, **kwargs)

    def __cat_dim__(self, key: str, value: Any, *args: Any, **kwargs: Any) -> Any:
        """The axis along which the values of ``key`` of several clouds are put one after the other."""
        return 0 if _is_measured(value) else super().__cat_dim__(key, value, *args, **kwargs)


def _is_measured(value: Any) -> bool:
    """Floating-point numbers name no points, though a file may call them ``index`` or ``batch``."""
    return isinstance(value, torch.Tensor) and value.is_floating_point()


def as_attribute(values: np.ndarray) -> torch.Tensor | list[str]:
    """Values of points as an item holds them: a tensor of its own memory, or a list of words."""
    if values.dtype.kind == "U":
        words: list[str] = values.tolist()
        return words
    return torch.from_numpy(np.array(values))
