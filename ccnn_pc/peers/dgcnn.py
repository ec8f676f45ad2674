"""Dynamic graph CNN (Wang et al., arXiv:1801.07829), for comparison: ``dgcnn``.

Built from PyTorch Geometric's own layers and this library's neighbour search (pyg-lib is not needed):
``model(data)`` with a PyG ``Data`` or ``Batch`` -> logits ``[B, out_channels]``.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric.data import Data
from torch_geometric.nn import MLP, EdgeConv, global_max_pool, global_mean_pool

from ccnn_pc._checks import check_at_least
from ccnn_pc._precision import at_least_single
from ccnn_pc.models.base import Model
from ccnn_pc.models.names import register_model
from ccnn_pc.ops.neighbors.k_nearest import Backend, knn
from ccnn_pc.peers.clouds import PointMLP, cloud_fields


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

    first_layers = ("convs.0.nn.lins.0",)

    def __init__(
        self, in_channels: int, out_channels: int, dim: int = 3, *, k: int = 20, dropout: float = 0.5
    ):
        super().__init__(in_channels, out_channels, dim)
        self.k = check_at_least("k", k, 1)
        widths = [in_channels + dim, 64, 64, 128, 256]
        self.convs = nn.ModuleList(EdgeConv(self._mlp([2 * a, b])) for a, b in pairwise(widths))
        self.embed = self._mlp([sum(widths[1:]), 1024])
        self.num_features, self.dropout = 2048, dropout
        self.head = self.new_head(out_channels)

    def new_head(self, out_channels: int) -> nn.Module:
        if out_channels == 0:
            return nn.Identity()
        widths = [self.num_features, 512, 256, out_channels]
        return MLP(widths, dropout=self.dropout, act=nn.LeakyReLU(0.2))

    def reset_parameters(self) -> None:
        # layers of PyG draw more than once while they are made: only a new network draws the same
        self.load_state_dict(DGCNN(self.in_channels, self.out_channels, self.dim).state_dict())

    @staticmethod
    def _mlp(widths: list[int]) -> MLP:
        return PointMLP(widths, act=nn.LeakyReLU(0.2), plain_last=False, bias=False)

    def forward(self, data: Data) -> Tensor:
        """Logits ``[B, out_channels]`` of a PyG ``Data`` or ``Batch`` with ``x``, ``pos`` and ``batch``."""
        return self.head(self.forward_features(data))

    def forward_features(self, data: Data) -> Tensor:
        """What the head reads, ``[B, 2048]``: the largest and the mean of all points."""
        x, pos, batch = cloud_fields(data, self.dim, self.in_channels)
        x = pos if x is None else torch.cat([pos, x], dim=-1)
        levels = []
        for conv in self.convs:
            places = x.detach().to(at_least_single(x.dtype))
            graph = knn(places, self.k, batch, backend=Backend.DENSE)
            x = conv(x, graph.to_edge_index())
            levels.append(x)
        x = self.embed(torch.cat(levels, dim=-1))
        return torch.cat([global_max_pool(x, batch), global_mean_pool(x, batch)], dim=-1)


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
