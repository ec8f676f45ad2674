"""Peer networks that our tables compare with, at their usual sizes: ``pointnet2`` and ``dgcnn``.

Built from PyTorch Geometric's own layers and this library's neighbour search (pyg-lib is not needed), behind
the door of our models: ``model(data)`` with a PyG ``Data`` or ``Batch`` -> logits ``[B, out_channels]``.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric.data import Data
from torch_geometric.nn import MLP, EdgeConv, PointNetConv, global_max_pool, global_mean_pool

from ccnn_pc._checks import check_at_least, check_batch, check_positions, check_positive, check_same_length
from ccnn_pc._precision import HALF, at_least_single
from ccnn_pc.models.base import Model
from ccnn_pc.models.registry import register_model
from ccnn_pc.ops.neighbors.k_nearest import Backend, knn
from ccnn_pc.ops.points.farthest import farthest_points


def _fields(data: Data, dim: int, in_channels: int) -> tuple[Tensor | None, Tensor, Tensor]:
    """Features (None without channels), positions and batch vector of ``data``, checked."""
    pos = check_positions("pos", data.pos, dim)
    batch = check_batch("batch", data.batch, pos)
    if in_channels == 0:
        return None, pos, batch
    if data.x is None or data.x.dim() != 2 or data.x.shape[1] != in_channels:
        got = None if data.x is None else list(data.x.shape)
        raise ValueError(f"'x' must have shape [n, {in_channels}], the model's input channels (got {got})")
    check_same_length("x", data.x, "pos", pos)
    return data.x, pos, batch


class _MLP(MLP):
    """PyG's, in ``model.bfloat16()`` and ``model.half()`` also of features beside positions, which stay float32."""

    def forward(self, x: Tensor, *args: Any, **options: Any) -> Tensor:
        dtype = self.lins[0].weight.dtype
        return super().forward(x.to(dtype) if dtype in HALF else x, *args, **options)


def _centroids(pos: Tensor, batch: Tensor, count: Tensor) -> Tensor:
    """Rows of ``count [B]`` farthest points per cloud, starting at each cloud's first point."""
    sizes = torch.bincount(batch).tolist()
    picks, first = [], 0
    for size, wanted in zip(sizes, count.tolist(), strict=True):
        picks.append(first + farthest_points(pos[first : first + size], min(wanted, size)))
        first += size
    return torch.cat(picks)


class SetAbstraction(nn.Module):
    r"""One level of PointNet++: sample centroids, group a ball around each, a small PointNet per group.

    .. math:: y_i = \max_{j : \|p_j - q_i\| \le r} \mathrm{MLP}([x_j,\ p_j - q_i])

    Qi et al. (arXiv:1706.02413), section 3.2. The ball keeps the ``max_neighbors`` nearest points.

    Args:
        channels: widths of the MLP, the input's (features + dim) first.
        radius: of the ball, in the units of the positions.
        max_neighbors: cap on points per ball.

    Example:
        >>> pos = torch.rand(32, 3)
        >>> level = SetAbstraction([3, 8], radius=0.5)
        >>> x, q, batch = level(None, pos, torch.zeros(32, dtype=torch.long), torch.tensor([4]))
        >>> x.shape, q.shape
        (torch.Size([4, 8]), torch.Size([4, 3]))
    """

    def __init__(self, channels: list[int], *, radius: float, max_neighbors: int = 64):
        super().__init__()
        self.radius = check_positive("radius", radius)
        self.max_neighbors = check_at_least("max_neighbors", max_neighbors, 1)
        self.conv = PointNetConv(local_nn=_MLP(channels, plain_last=False), add_self_loops=False)

    def forward(
        self, x: Tensor | None, pos: Tensor, batch: Tensor, count: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Features, positions and batch vector of ``count [B]`` centroids per cloud."""
        centroid = _centroids(pos, batch, count)
        query, query_batch = pos[centroid], batch[centroid]
        neighbors = knn(pos, self.max_neighbors, batch, query_pos=query, query_batch=query_batch)
        index = neighbors.index.long()
        near = (pos[index] - query.unsqueeze(1)).square().sum(dim=-1) <= self.radius**2
        near &= torch.arange(index.shape[1], device=index.device) < neighbors.count.unsqueeze(1)
        edge_index = torch.stack([index[near], near.nonzero()[:, 0]])
        return self.conv((x, None), (pos, query), edge_index), query, query_batch


class PointNet2(Model):
    """PointNet++ for classification, single-scale grouping, about 1.5 M parameters.

    Qi et al. (arXiv:1706.02413), appendix B.1. Centroids: half, then an eighth of the points of each cloud,
    at most 512 and 128 (the paper's numbers at 1024 points).

    Args:
        in_channels: features per point besides the position; 0 for none.
        out_channels: number of classes.
        dim: number of coordinates.
        radii: of the two groupings, in units of the positions (clouds within the unit sphere or box).
        max_neighbors: cap on points per ball; the nearest are kept.
        dropout: in the head.

    Raises:
        ValueError: bad sizes here; at the call: positions, batch vector or features that do not fit.

    Example:
        >>> cloud = Data(x=torch.randn(64, 3), pos=torch.rand(64, 3))
        >>> PointNet2(3, 10).eval()(cloud).shape
        torch.Size([1, 10])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        dim: int = 3,
        *,
        radii: tuple[float, float] = (0.2, 0.4),
        max_neighbors: int = 64,
        dropout: float = 0.5,
    ):
        super().__init__(in_channels, out_channels, dim)
        first, second = radii
        self.near = SetAbstraction(
            [in_channels + dim, 64, 64, 128], radius=first, max_neighbors=max_neighbors
        )
        self.far = SetAbstraction([128 + dim, 128, 128, 256], radius=second, max_neighbors=max_neighbors)
        self.whole = _MLP([256 + dim, 256, 512, 1024], plain_last=False)
        self.head = MLP([1024, 512, 256, out_channels], dropout=dropout)

    def forward(self, data: Data) -> Tensor:
        """Logits ``[B, out_channels]`` of a PyG ``Data`` or ``Batch`` with ``x``, ``pos`` and ``batch``."""
        x, pos, batch = _fields(data, self.dim, self.in_channels)
        sizes = torch.bincount(batch)
        x, pos, batch = self.near(x, pos, batch, (sizes / 2).ceil().long().clamp(max=512))
        x, pos, batch = self.far(x, pos, batch, (sizes / 8).ceil().long().clamp(max=128))
        x = self.whole(torch.cat([x, pos], dim=-1))
        return self.head(global_max_pool(x, batch))


class DGCNN(Model):
    r"""Dynamic graph CNN for classification (Wang et al., arXiv:1801.07829, section 4.1), 1.8 M parameters.

    .. math:: y_i = \max_{j \in \mathrm{kNN}(x_i)} h([x_i,\ x_j - x_i])

    Four such layers, each on the graph of nearest neighbours of its own input features; the first sees
    positions and features.

    Args:
        in_channels: features per point besides the position; 0 for none.
        out_channels: number of classes.
        dim: number of coordinates.
        k: neighbours of each point, itself included.
        dropout: in the head.

    Raises:
        ValueError: bad sizes here; at the call: positions, batch vector or features that do not fit.

    Example:
        >>> cloud = Data(x=torch.randn(64, 3), pos=torch.rand(64, 3))
        >>> DGCNN(3, 10, k=8).eval()(cloud).shape
        torch.Size([1, 10])
    """

    def __init__(
        self, in_channels: int, out_channels: int, dim: int = 3, *, k: int = 20, dropout: float = 0.5
    ):
        super().__init__(in_channels, out_channels, dim)
        self.k = check_at_least("k", k, 1)
        widths = [in_channels + dim, 64, 64, 128, 256]
        self.convs = nn.ModuleList(EdgeConv(self._mlp([2 * a, b])) for a, b in pairwise(widths))
        self.embed = self._mlp([sum(widths[1:]), 1024])
        self.head = MLP([2048, 512, 256, out_channels], dropout=dropout, act=nn.LeakyReLU(0.2))

    @staticmethod
    def _mlp(widths: list[int]) -> MLP:
        return _MLP(widths, act=nn.LeakyReLU(0.2), plain_last=False, bias=False)

    def forward(self, data: Data) -> Tensor:
        """Logits ``[B, out_channels]`` of a PyG ``Data`` or ``Batch`` with ``x``, ``pos`` and ``batch``."""
        x, pos, batch = _fields(data, self.dim, self.in_channels)
        x = pos if x is None else torch.cat([pos, x], dim=-1)
        levels = []
        for conv in self.convs:
            places = x.detach().to(at_least_single(x.dtype))
            graph = knn(places, self.k, batch, backend=Backend.DENSE)
            x = conv(x, graph.to_edge_index())
            levels.append(x)
        x = self.embed(torch.cat(levels, dim=-1))
        return self.head(torch.cat([global_max_pool(x, batch), global_mean_pool(x, batch)], dim=-1))


@register_model("pointnet2")
def build_pointnet2(
    *,
    dim: int,
    in_channels: int,
    out_channels: int,
    shape: Sequence[int] | None = None,
    spacing: float = 1.0,
    **options: Any,
) -> PointNet2:
    """PointNet++ by name; ``shape`` and ``spacing`` mean nothing to it, options are those of the class."""
    return PointNet2(in_channels, out_channels, dim, **options)


@register_model("dgcnn")
def build_dgcnn(
    *,
    dim: int,
    in_channels: int,
    out_channels: int,
    shape: Sequence[int] | None = None,
    spacing: float = 1.0,
    **options: Any,
) -> DGCNN:
    """DGCNN by name; ``shape`` and ``spacing`` mean nothing to it, options are those of the class."""
    return DGCNN(in_channels, out_channels, dim, **options)
