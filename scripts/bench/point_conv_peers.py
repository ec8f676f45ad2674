"""Contenders of ``point_conv.py``: the same convolution, written four ways, with the same parameters."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import cast

import torch
from torch import Tensor, nn
from torch_geometric.nn.models.schnet import CFConv

from ccnn_pc.domains import PointSet
from ccnn_pc.kernels import GaussianWindow, MAGNet
from ccnn_pc.nn import Algorithm, ContinuousConv
from ccnn_pc.nn.mixing import ChannelMixing

Step = Callable[[Tensor], Tensor]


class BenchConv(ContinuousConv):
    """The layer under test: separable, MAGNet of three layers, plain Gaussian window."""

    kernel: MAGNet
    window: GaussianWindow
    mix: ChannelMixing
    bias: nn.Parameter

    def __init__(self, channels: int, hidden: int, width: float) -> None:
        kernel = partial(MAGNet, hidden_channels=hidden, num_layers=3)
        window = partial(GaussianWindow, width=width, min_width=0.0)
        super().__init__(channels, channels, dim=3, kernel=kernel, window=window)


class PlainMAGNet(nn.Module):
    """MAGNet times window as the papers' code computes it: filter by filter, Gaussians through ``[E, H, D]``."""

    def __init__(self, conv: BenchConv) -> None:
        super().__init__()
        self.conv = conv

    def forward(self, rel: Tensor) -> Tensor:
        """Kernel values ``[E, C]`` at offsets ``[E, D]``."""
        kernel, width = self.conv.kernel, self.conv.kernel.hidden_channels
        parameters = (kernel.gamma, kernel.mu, kernel.weight, kernel.bias)
        filters = [
            torch.exp(-0.5 * ((rel[:, None, :] - mu) * gamma).square().sum(-1))
            * torch.sin(rel @ weight.t() + bias)
            for gamma, mu, weight, bias in zip(*(p.split(width) for p in parameters), strict=True)
        ]
        z = filters[0]
        for values, mix in zip(filters[1:], kernel.mixing, strict=True):
            z = values * mix(z)
        window = torch.exp(-0.5 * (rel / self.conv.window.width).square().sum(-1, keepdim=True))
        inside = (rel.abs() <= 1).all(-1, keepdim=True)  # the support: extent 1
        return cast(Tensor, kernel.readout(z) * (window * inside))


class WindowedKernel(nn.Module):
    """Our MAGNet times window, with its lean filters, as a plain module."""

    def __init__(self, conv: BenchConv) -> None:
        super().__init__()
        self.conv = conv

    def forward(self, rel: Tensor) -> Tensor:
        """Kernel values ``[E, C]`` at offsets ``[E, D]``."""
        inside = (rel.abs() <= 1).all(-1, keepdim=True)
        return self.conv.kernel(rel) * (self.conv.window(rel) * inside)


def fused(conv: BenchConv, cloud: PointSet, clouds: int) -> Step:
    """Ours."""
    return lambda x: conv(x, cloud, algorithm=Algorithm.FAST)


def messages(conv: BenchConv, cloud: PointSet, clouds: int) -> Step:
    """Ours, as message passing: the definition."""
    return lambda x: conv(x, cloud, algorithm=Algorithm.MESSAGES)


def released(conv: BenchConv, cloud: PointSet, clouds: int) -> Step:
    """CCNN's released formulation with its gather repaired: dense ``[B, N, k, C]`` kernels and features.

    Offsets between all pairs are at hand, as its data loader stores them.
    """
    table = cloud.neighbors.index.long()  # type: ignore[union-attr]
    n, k = len(table) // clouds, table.shape[1]
    local = table.view(clouds, n, k) - torch.arange(clouds)[:, None, None] * n
    pos = cloud.pos.view(clouds, n, 3)
    all_rel = pos[:, None, :, :] - pos[:, :, None, :]
    kernel = PlainMAGNet(conv)

    def run(x: Tensor) -> Tensor:
        dense = x.view(clouds, n, -1)
        channels = dense.shape[-1]
        rel = torch.gather(all_rel, 2, local[..., None].expand(-1, -1, -1, 3))
        values = kernel(rel.reshape(-1, 3)).view(clouds, n, k, channels)
        x_j = torch.gather(
            dense[:, None].expand(-1, n, -1, -1), 2, local[..., None].expand(-1, -1, -1, channels)
        )
        y = (values * x_j).sum(2) + conv.bias
        return conv.mix(y).flatten(0, 1)

    return run


def _cfconv(conv: BenchConv, cloud: PointSet, kernel: nn.Module) -> Step:
    channels = conv.in_channels
    layer = CFConv(channels, channels, channels, kernel, cutoff=1e9)  # the cosine cut-off is 1 everywhere
    with torch.no_grad():
        layer.lin1.weight.copy_(torch.eye(channels))
    layer.lin1.weight.requires_grad_(False)
    layer.lin2 = _Biased(conv)
    edge_index = cloud.edges()
    rel = cloud.rel(edge_index)
    distance = rel.norm(dim=1)
    return lambda x: layer(x, edge_index, distance, rel)


class _Biased(nn.Module):
    """The layer's bias and mixing in the place of CFConv's second linear map."""

    def __init__(self, conv: BenchConv) -> None:
        super().__init__()
        self.conv = conv

    def forward(self, x: Tensor) -> Tensor:
        return self.conv.mix(x + self.conv.bias)


def cfconv(conv: BenchConv, cloud: PointSet, clouds: int) -> Step:
    """PyG's CFConv with the kernel network as the papers' code computes it."""
    return _cfconv(conv, cloud, PlainMAGNet(conv))


def cfconv_lean(conv: BenchConv, cloud: PointSet, clouds: int) -> Step:
    """PyG's CFConv with our kernel network."""
    return _cfconv(conv, cloud, WindowedKernel(conv))


CONTENDERS: dict[str, Callable[[BenchConv, PointSet, int], Step]] = {
    "fused": fused,
    "messages": messages,
    "released_repaired": released,
    "pyg_cfconv": cfconv,
    "pyg_cfconv_our_kernel": cfconv_lean,
}
