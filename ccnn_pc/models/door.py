"""The door of every model: PyG data become features on a domain."""

from __future__ import annotations

from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch_geometric.data import Data

from ccnn_pc.domains.base import AbstractDomain
from ccnn_pc.domains.point_set import PointSet
from ccnn_pc.ops.neighbors import Neighbors

DoorInput: TypeAlias = "Data | Tensor"


def open_door(
    data: DoorInput, domain: AbstractDomain | None, dim: int, in_channels: int, num_neighbors: int
) -> tuple[Tensor, AbstractDomain]:
    """Features ``[n, in_channels]`` and the domain they lie on.

    Args:
        data: PyG ``Data`` or ``Batch`` (x, pos, batch, and optionally neighbor_table with neighbor_count, or
            edge_index, and volume), or features that come with ``domain``.
        domain: where the features lie; only with features.
        dim: axes that the model expects.
        in_channels: channels that the model expects.
        num_neighbors: k, for clouds that bring no neighbours.

    Raises:
        TypeError: neither PyG data nor features with a domain.
        ValueError: positions or features that do not fit the model.
    """
    if isinstance(data, Tensor):
        if domain is None:
            raise TypeError(
                "'domain' must say where the features lie: model(x, domain), or give PyG data: model(data)"
            )
        return data, domain
    if domain is not None:
        raise TypeError("'domain' must be None with PyG data, which bring their own positions")
    if not isinstance(data, Data):
        raise TypeError(f"'data' must be PyG Data, or features with a domain (got {type(data).__name__})")
    if data.pos is None:
        raise ValueError("'data.pos' must hold the positions of the points (got None)")
    if data.pos.dim() != 2 or data.pos.shape[1] != dim:
        raise ValueError(f"'data.pos' must have shape [n, {dim}] for this model (got {list(data.pos.shape)})")
    x = data.pos if data.x is None else data.x
    if x.dim() != 2 or x.shape[1] != in_channels:
        what = "data.x" if data.x is not None else "data.pos (there is no data.x)"
        raise ValueError(
            f"'{what}' must have {in_channels} channels for this model (got shape {list(x.shape)})"
        )
    return x, point_set(data, num_neighbors)


def point_set(data: Data, num_neighbors: int) -> PointSet:
    """The point clouds of PyG data, with the neighbours they bring or ``num_neighbors`` nearest ones."""

    def get(name: str) -> Any:
        return data.get(name)

    table, edge_index, pos = get("neighbor_table"), get("edge_index"), data.pos
    neighbors = None
    if table is not None:
        count = get("neighbor_count")
        full = torch.full((len(table),), table.shape[1], dtype=torch.int32, device=table.device)
        neighbors = Neighbors(table, full if count is None else count)
    cloud = PointSet(pos, get("batch"), edge_index=edge_index, neighbors=neighbors, volume=get("volume"))
    return cloud if cloud.neighbors is not None else cloud.knn(num_neighbors)
