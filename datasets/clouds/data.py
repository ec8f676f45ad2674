"""The item that every data set returns: one point cloud, batched the way PyG batches graphs."""

from __future__ import annotations

from typing import Any

from torch_geometric.data import Data


class PointCloudData(Data):
    """One point cloud.

    Attributes (each present only where it is known):
        pos: positions ``[n, D]``, float32.
        normal: unit normals ``[n, D]``; their sign is not meaningful for CAD meshes.
        x: features ``[n, C]``.
        y: class index ``[1]``, int64.
        name: name of the shape.
        neighbor_table: ``[n, k]`` int32, rows of this cloud, nearest first.
        neighbor_count: ``[n]`` int32, how many entries of each row count.

    ``Batch.from_data_list`` (so every PyG ``DataLoader``) concatenates the rows of ``neighbor_table`` and
    shifts the
    values of each cloud by the number of points before it: the batched table points into the batched ``pos``.

    Example:
        >>> import torch
        >>> from torch_geometric.data import Batch
        >>> table = torch.tensor([[0, 1], [1, 0]], dtype=torch.int32)
        >>> cloud = PointCloudData(pos=torch.zeros(2, 3), neighbor_table=table)
        >>> Batch.from_data_list([cloud, cloud]).neighbor_table.tolist()
        [[0, 1], [1, 0], [2, 3], [3, 2]]
    """

    def __inc__(self, key: str, value: Any, *args: Any, **kwargs: Any) -> Any:
        """What is added to the values of ``key`` for each cloud that went before."""
        if key == "neighbor_table":
            return self.num_nodes
        if key == "neighbor_count":
            return 0
        return super().__inc__(key, value, *args, **kwargs)

    def __cat_dim__(self, key: str, value: Any, *args: Any, **kwargs: Any) -> Any:
        """The dimension along which ``key`` is concatenated."""
        if key in ("neighbor_table", "neighbor_count"):
            return 0
        return super().__cat_dim__(key, value, *args, **kwargs)
