"""PointNet++ for a class per point (Qi et al., arXiv:1706.02413), for comparison: ``pointnet2_segmentation``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric.data import Data
from torch_geometric.nn import MLP, global_max_pool

from ccnn_pc.models.base import Model
from ccnn_pc.models.names import register_model
from ccnn_pc.ops.neighbors.k_nearest import knn
from ccnn_pc.peers.clouds import PointMLP, cloud_fields
from ccnn_pc.peers.pointnet2 import SetAbstraction

#: Points that an interpolation looks at (Qi et al., section 3.4).
_NEAREST = 3


def interpolated(x: Tensor, pos: Tensor, batch: Tensor, query: Tensor, query_batch: Tensor) -> Tensor:
    r"""Features at other places of the same clouds, by inverse squared distances to the three nearest points.

    .. math:: y(q) = \frac{\sum_{j \in N_3(q)} w_j x_j}{\sum_{j \in N_3(q)} w_j}, \qquad w_j = \|p_j - q\|^{-2}

    Qi et al. (arXiv:1706.02413), eq. 2. Clouds of fewer than three points have as many neighbours as points.

    Args:
        x: features ``[m, C]``.
        pos: where they are ``[m, D]``.
        batch: cloud of each ``[m]``.
        query: places ``[n, D]``.
        query_batch: cloud of each place ``[n]``.

    Returns:
        ``[n, C]``.

    Example:
        >>> ends, zero = torch.tensor([[0.0], [3.0]]), torch.zeros(2, dtype=torch.long)
        >>> interpolated(torch.tensor([[0.0], [1.0]]), ends, zero, torch.tensor([[1.0]]), zero[:1])
        tensor([[0.2000]])
    """
    nearest = knn(pos, _NEAREST, batch, query_pos=query, query_batch=query_batch)
    index = nearest.index.long()
    squared = (pos[index] - query.unsqueeze(1)).square().sum(dim=-1)
    weight = 1.0 / squared.clamp(
        min=torch.finfo(squared.dtype).eps ** 2
    )  # a point at the very place decides alone
    weight = weight * (torch.arange(index.shape[1], device=index.device) < nearest.count.unsqueeze(1))
    weight = (weight / weight.sum(dim=1, keepdim=True)).to(x.dtype)
    return (x[index] * weight.unsqueeze(-1)).sum(dim=1)


class PointNet2Segmentation(Model):
    """PointNet++ for part segmentation, single-scale grouping, about 1.4 M parameters.

    Qi et al. (arXiv:1706.02413), appendix B.1: two set abstractions and one of the whole cloud as in
    :class:`~ccnn_pc.peers.pointnet2.PointNet2`, then three feature propagations, each an interpolation to the finer
    points beside their own features, and a perceptron. The shape's category is not given.

    Args:
        in_channels: features per point besides the position; 0 for none.
        out_channels: number of classes.
        dim: number of coordinates.
        radii: of the two groupings, in units of the positions.
        centroids: at most so many points of each cloud are left by the two groupings; half and an eighth of smaller
            clouds.
        max_neighbors: cap on points per ball; the nearest are kept.
        dropout: in the head.

    Raises:
        ValueError: bad sizes here; at the call: positions, batch vector or features that do not fit.

    Example:
        >>> cloud = Data(x=torch.randn(64, 3), pos=torch.rand(64, 3))
        >>> PointNet2Segmentation(3, 10).eval()(cloud).shape
        torch.Size([64, 10])
    """

    pool = None
    first_layers = ("near.conv.local_nn.lins.0", "to_points.lins.0")

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        dim: int = 3,
        *,
        radii: tuple[float, float] = (0.2, 0.4),
        centroids: tuple[int, int] = (512, 128),
        max_neighbors: int = 64,
        dropout: float = 0.5,
    ):
        super().__init__(in_channels, out_channels, dim)
        (first, second), self.centroids = radii, tuple(centroids)
        self.near = SetAbstraction(
            [in_channels + dim, 64, 64, 128], radius=first, max_neighbors=max_neighbors
        )
        self.far = SetAbstraction([128 + dim, 128, 128, 256], radius=second, max_neighbors=max_neighbors)
        self.whole = PointMLP([256 + dim, 256, 512, 1024], plain_last=False)
        self.to_far = PointMLP([1024 + 256, 256, 256], plain_last=False)
        self.to_near = PointMLP([256 + 128, 256, 128], plain_last=False)
        self.to_points = PointMLP([128 + dim + in_channels, 128, 128, 128], plain_last=False)
        self.num_features, self.dropout = 128, dropout
        self.head = self.new_head(out_channels)

    def new_head(self, out_channels: int) -> nn.Module:
        if out_channels == 0:
            return nn.Identity()
        return MLP([self.num_features, 128, out_channels], dropout=self.dropout)

    def reset_parameters(self) -> None:
        # layers of PyG draw more than once while they are made: only a new network draws the same
        fresh = PointNet2Segmentation(self.in_channels, self.out_channels, self.dim)
        self.load_state_dict(fresh.state_dict())

    def forward(self, data: Data) -> Tensor:
        """Logits ``[n, out_channels]`` of a PyG ``Data`` or ``Batch`` with ``x``, ``pos`` and ``batch``."""
        return self.head(self.forward_features(data))

    def forward_features(self, data: Data) -> Tensor:
        """What the head reads, ``[n, 128]``."""
        x, pos, batch = cloud_fields(data, self.dim, self.in_channels)
        sizes = torch.bincount(batch)
        few, fewer = (
            (sizes / part).ceil().long().clamp(max=most)
            for part, most in zip((2, 8), self.centroids, strict=True)
        )
        near, near_pos, near_batch = self.near(x, pos, batch, few)
        far, far_pos, far_batch = self.far(near, near_pos, near_batch, fewer)
        whole = global_max_pool(self.whole(torch.cat([far, far_pos.to(far.dtype)], dim=-1)), far_batch)
        far = self.to_far(torch.cat([whole[far_batch], far], dim=-1))
        back = interpolated(far, far_pos, far_batch, near_pos, near_batch)
        near = self.to_near(torch.cat([back, near], dim=-1))
        back = interpolated(near, near_pos, near_batch, pos, batch)
        own = pos if x is None else torch.cat([pos, x], dim=-1)
        return self.to_points(torch.cat([back, own.to(back.dtype)], dim=-1))


@register_model("pointnet2_segmentation")
def build_pointnet2_segmentation(
    *,
    dim: int,
    in_channels: int,
    out_channels: int,
    shape: Sequence[int] | None = None,
    spacing: float = 1.0,
    pool: None = None,
    **options: Any,
) -> PointNet2Segmentation:
    """PointNet++ for points by name; ``shape`` and ``spacing`` mean nothing to it, options are those of the class.

    Raises:
        ValueError: a pool.
    """
    if pool is not None:
        raise ValueError(f"'pool' must be None for a model with a class per point (got {pool!r})")
    return PointNet2Segmentation(in_channels, out_channels, dim, **options)
