"""Contenders of ``point_conv.py``: one convolution in several forms, of the same parameters, and other operators."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch_geometric.nn.models.schnet import CFConv

from ccnn_pc.domains import PointSet
from ccnn_pc.kernels import GaussianWindow, MAGNet
from ccnn_pc.native import InstructionSet, choose_instruction_set
from ccnn_pc.native.library import SWITCH
from ccnn_pc.nn import Algorithm, ContinuousConv
from ccnn_pc.nn.mixing import ChannelMixing

Step = Callable[[Tensor], Tensor]
#: Makes the forward pass of a layer on some clouds.
Contender = Callable[["BenchConv", PointSet, int], Step]


class BenchConv(ContinuousConv):
    """The layer under test: separable, MAGNet, plain Gaussian window."""

    kernel: MAGNet
    window: GaussianWindow
    mix: ChannelMixing
    bias: nn.Parameter

    def __init__(self, channels: int, hidden: int, layers: int, width: float, omega_0: float) -> None:
        kernel = partial(MAGNet, hidden_channels=hidden, num_layers=layers, omega_0=omega_0)
        window = partial(GaussianWindow, width=width, min_width=0.0)
        super().__init__(channels, channels, dim=3, kernel=kernel, window=window)
        self.sizes: dict[str, Any] = {"hidden": hidden, "layers": layers, "width": width, "omega_0": omega_0}


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


@contextmanager
def switch(value: str) -> Iterator[None]:
    """Turn the native operators on or off for a while."""
    before = os.environ.get(SWITCH)
    os.environ[SWITCH] = value
    try:
        yield
    finally:
        os.environ.pop(SWITCH)
        if before is not None:
            os.environ[SWITCH] = before


def with_instruction_set(wanted: InstructionSet) -> Contender:
    """The native operator with vectors of its own; backward passes follow their forward pass."""

    def native(conv: BenchConv, cloud: PointSet, clouds: int) -> Step:
        if choose_instruction_set(wanted) is not wanted and wanted is not max(InstructionSet):
            raise RuntimeError(f"this processor has no {wanted.name}")

        def run(x: Tensor) -> Tensor:
            choose_instruction_set(wanted)
            with switch("1"):
                return cast(Tensor, conv(x, cloud, algorithm=Algorithm.FAST))

        return run

    return native


def fused(conv: BenchConv, cloud: PointSet, clouds: int) -> Step:
    """Ours, in calls of torch."""

    def run(x: Tensor) -> Tensor:
        with switch("0"):
            return cast(Tensor, conv(x, cloud, algorithm=Algorithm.FAST))

    return run


def messages(conv: BenchConv, cloud: PointSet, clouds: int) -> Step:
    """Ours, as message passing: the definition."""
    return lambda x: conv(x, cloud, algorithm=Algorithm.MESSAGES)


def released(conv: BenchConv, cloud: PointSet, clouds: int) -> Step:
    """CCNN's released formulation with its gather repaired: dense ``[B, N, k, C]`` kernels and features.

    Offsets between all pairs are at hand, as its data loader stores them.
    """
    table = cloud.neighbors.index.long()  # type: ignore[union-attr]
    n, k = len(table) // clouds, table.shape[1]
    local = table.view(clouds, n, k) - torch.arange(clouds, device=table.device)[:, None, None] * n
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
    layer.to(cloud.pos.device)
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


def _other(layer: nn.Module, run: Step) -> Step:
    """The step of an operator with parameters of its own."""

    def once(x: Tensor) -> Tensor:
        layer.zero_grad(set_to_none=True)
        return run(x)

    return once


def kpconv(conv: BenchConv, cloud: PointSet, clouds: int) -> Step:
    """KPConv of torch-pointcloud, 15 kernel points."""
    from torch_pointcloud.layers import KPConv

    channels, reach = conv.in_channels, float(cloud.rel(cloud.edges()).norm(dim=1).max())
    layer = KPConv(3, channels, channels, 15, kp_radius=reach, kp_sigma=reach / 2)
    edge_index = cloud.edges()
    return _other(layer, lambda x: cast(Tensor, layer(x, cloud.pos, edge_index)))


def pointconv(conv: BenchConv, cloud: PointSet, clouds: int) -> Step:
    """PointConv of torch-pointcloud, 16 numbers per edge of a network of H units, and its linear map at the end."""
    from torch_pointcloud.layers import PointConv

    channels, hidden = conv.in_channels, conv.kernel.hidden_channels
    local = nn.Linear(3 + channels, channels)
    weights = nn.Sequential(nn.Linear(3, hidden), nn.ReLU(), nn.Linear(hidden, 16))
    layer = nn.ModuleList([PointConv(local, weights), nn.Linear(16 * channels, channels)])
    edge_index = cloud.edges()
    return _other(layer, lambda x: cast(Tensor, layer[1](layer[0](x, cloud.pos, edge_index))))


def open3d_conv(conv: BenchConv, cloud: PointSet, clouds: int) -> Step:
    """ContinuousConv of Open3D, 4 x 4 x 4 taps."""
    from open3d.ml.torch.layers import ContinuousConv

    channels, edge_index = conv.in_channels, cloud.edges()
    extents = 2 * cloud.rel(edge_index).norm(dim=1).max().float()
    layer = ContinuousConv(channels, channels, kernel_size=[4, 4, 4], radius_search_ignore_query_points=False)
    counts = torch.bincount(edge_index[1], minlength=len(cloud.pos))
    splits = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
    index = edge_index[0].int()

    def run(x: Tensor) -> Tensor:
        found = layer(
            x, cloud.pos, cloud.pos, extents, user_neighbors_index=index, user_neighbors_row_splits=splits
        )
        return cast(Tensor, found)

    return _other(layer, run)


#: The same numbers.
CONTENDERS: dict[str, Contender] = {
    "native": with_instruction_set(max(InstructionSet)),
    "fused": fused,
    "messages": messages,
    "released_repaired": released,
    "pyg_cfconv": cfconv,
    "pyg_cfconv_our_kernel": cfconv_lean,
}
#: Other convolutions on the same edges.
OTHERS: dict[str, Contender] = {
    "torch_pointcloud_kpconv": kpconv,
    "torch_pointcloud_pointconv": pointconv,
    "open3d_continuous_conv": open3d_conv,
}
