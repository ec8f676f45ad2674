"""PointNet++ (Qi et al., arXiv:1706.02413), for comparison: ``pointnet2``.

Built from PyTorch Geometric's own layers and this library's neighbour search (pyg-lib is not needed):
``model(data)`` with a PyG ``Data`` or ``Batch`` -> logits ``[B, out_channels]``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric.data import Data
from torch_geometric.nn import MLP, PointNetConv, global_max_pool

from ccnn_pc._checks import check_at_least, check_positive
from ccnn_pc.models.base import Model
from ccnn_pc.models.names import register_model
from ccnn_pc.ops.neighbors.k_nearest import knn
from ccnn_pc.ops.points.farthest import farthest_points
from ccnn_pc.peers.clouds import PointMLP, cloud_fields


def _centroids(pos: Tensor, batch: Tensor, count: Tensor) -> Tensor:
    """Rows of ``count [B]`` farthest points per cloud, starting at each cloud's first point."""
    sizes = torch.bincount(batch)
    wanted = torch.minimum(count, sizes)
    if bool((wanted == wanted[0]).all()):
        return farthest_points(pos, int(wanted[0]), batch=batch)
    picks, first = [], 0
    for size, number in zip(sizes.tolist(), wanted.tolist(), strict=True):
        picks.append(first + farthest_points(pos[first : first + size], number))
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
        self.conv = PointNetConv(local_nn=PointMLP(channels, plain_last=False), add_self_loops=False)

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

    first_layers = ("near.conv.local_nn.lins.0",)

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
        self.whole = PointMLP([256 + dim, 256, 512, 1024], plain_last=False)
        self.num_features, self.dropout = 1024, dropout
        self.head = self.new_head(out_channels)

    def new_head(self, out_channels: int) -> nn.Module:
        if out_channels == 0:
            return nn.Identity()
        return MLP([self.num_features, 512, 256, out_channels], dropout=self.dropout)

    def reset_parameters(self) -> None:
        # layers of PyG draw more than once while they are made: only a new network draws the same
        self.load_state_dict(PointNet2(self.in_channels, self.out_channels, self.dim).state_dict())

    def forward(self, data: Data) -> Tensor:
        """Logits ``[B, out_channels]`` of a PyG ``Data`` or ``Batch`` with ``x``, ``pos`` and ``batch``."""
        return self.head(self.forward_features(data))

    def forward_features(self, data: Data) -> Tensor:
        """What the head reads, ``[B, 1024]``."""
        x, pos, batch = cloud_fields(data, self.dim, self.in_channels)
        sizes = torch.bincount(batch)
        x, pos, batch = self.near(x, pos, batch, (sizes / 2).ceil().long().clamp(max=512))
        x, pos, batch = self.far(x, pos, batch, (sizes / 8).ceil().long().clamp(max=128))
        x = self.whole(torch.cat([x, pos], dim=-1))
        return global_max_pool(x, batch)


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
