"""Every domain, and layers to put on it: what is tried on the simulated device."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ccnn_pc.domains import AbstractDomain, Boundary, Grid, IrregularSeries, PointSet, Pool, Weights
from ccnn_pc.kernels import MLP, MAGNet
from ccnn_pc.kernels.registry import kernel_factory
from ccnn_pc.nn import (
    BranchedConv,
    CCNNBlock,
    ChannelDropout,
    CKCNNBlock,
    ContinuousConv,
    DepthwiseConv,
    DropPath,
    FlexNetBlock,
    GlobalLayerNorm,
    PooledHead,
    Quadrature,
    S4Block,
    SampleHead,
    TapConv,
)
from ccnn_pc.ops.grids.convolution import Method

CHANNELS = 3
#: Networks of every family, with kinds of data of :mod:`tests.conformance.test_models`.
MODELS = [
    *(("ccnn_4_16", kind) for kind in ("cloud", "volume", "image", "sequence", "series")),
    *(("ckcnn_2_10", kind) for kind in ("cloud", "series")),
    ("ckcnn_released", "sequence"),
    ("flexnet_5", "image"),
    ("smpnet_tcn_6", "sequence"),
    *(("gru_d", kind) for kind in ("sequence", "series")),
    ("ode_rnn", "series"),
    ("dgcnn", "cloud"),
]


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def batch_of(*sizes: int) -> Tensor:
    return torch.arange(len(sizes)).repeat_interleave(torch.tensor(sizes))


def cloud(device: str, **options: Any) -> PointSet:
    """Two clouds; tensors among the options move along."""
    moved: dict[str, Any] = {k: v.to(device) if isinstance(v, Tensor) else v for k, v in options.items()}
    return PointSet(draw(20, 3).to(device), batch_of(12, 8).to(device), **moved)


def voxels(device: str) -> PointSet:
    cells = torch.cartesian_prod(*[torch.arange(3)] * 3)
    pos = torch.cat([cells, cells[:13]]).float() * 0.5
    return PointSet(pos.to(device), batch_of(27, 13).to(device), lattice=0.5).knn(6)


def series(device: str, step: float | None = None, sizes: tuple[int, int] = (9, 6), **options: Any) -> Any:
    """Two series, on a lattice where there is a step."""
    moved: dict[str, Any] = {k: v.to(device) if isinstance(v, Tensor) else v for k, v in options.items()}
    times = torch.cat([draw(n, seed=n).mul(20).sort().values for n in sizes])
    if step is not None:
        times = (times / step).round() * step
    times = times.double()
    return IrregularSeries(times.to(device), batch_of(*sizes).to(device), lattice=step, **moved)


def seen() -> Tensor:
    return torch.cat([draw(15, 2) > 0.3, torch.ones(15, 1, dtype=torch.bool)], dim=1)


CLOUDS: dict[str, Callable[[str], AbstractDomain]] = {
    "k-NN": lambda device: cloud(device).knn(5),
    "one cloud": lambda device: PointSet(draw(10, 3).to(device)).knn(4),
    "queries": lambda device: cloud(device, query_pos=draw(6, 3, seed=1), query_batch=batch_of(4, 2)).knn(3),
    "radius": lambda device: cloud(device, volume=draw(20) + 0.5).radius(0.6),
    "graph": lambda device: cloud(device, edge_index=torch.tensor([[3, 0, 13, 1, 14], [0, 0, 12, 5, 19]])),
    "voxels": voxels,
}
GRIDS: dict[str, Callable[[str], AbstractDomain]] = {
    "sequence": lambda device: Grid((12,), batch_size=2, device=device),
    "sequence by transforms": lambda device: Grid((12,), batch_size=2, device=device, method=Method.FFT),
    "image": lambda device: Grid((5, 6), batch_size=2, device=device, method=Method.DIRECT),
    "circular image": lambda device: Grid((7, 8), boundary=Boundary.CIRCULAR, device=device),
    "smoothed image": lambda device: Grid((6, 6), 0.5, smoothing=0.5, device=device),
    "volume": lambda device: Grid((4, 3, 5), batch_size=2, device=device),
    "occupied image": lambda device: Grid((6, 6), occupied=(draw(1, 6, 6) > 0.4).to(device)),
}
SERIES: dict[str, Callable[[str], AbstractDomain]] = {
    "series": series,
    "times of queries": lambda device: series(
        device, query_times=torch.tensor([1.0, 2.0, 4.0]).double(), query_batch=batch_of(2, 1)
    ),
    "series on a lattice": lambda device: series(device, 1.0),
    "series on a sparse lattice": lambda device: series(device, 0.01),
    "masked series": lambda device: series(device, mask=seen()),
    "weighted series": lambda device: series(device, weights=draw(15).double()),
    **{
        f"series, {weights.value}": functools.partial(series, weights=weights)
        for weights in Weights
        if weights is not Weights.CELL
    },
}
DOMAINS = CLOUDS | GRIDS | SERIES


def conv(dim: int, **options: Any) -> ContinuousConv:
    options.setdefault("kernel", functools.partial(MAGNet, hidden_channels=4))
    return ContinuousConv(CHANNELS, 4, dim=dim, extent=2.0, **options)


def block(kind: Any, dim: int, **options: Any) -> nn.Module:
    made: nn.Module = kind(
        CHANNELS, 4, conv=lambda a, b: ContinuousConv(a, b, dim=dim, extent=2.0), **options
    )
    return made


#: Layers for data of some dimension; those of :data:`GRIDS_ONLY` and :data:`CAUSAL` are not for all domains.
LAYERS: dict[str, Callable[[int], nn.Module]] = {
    "separable": conv,
    "full": lambda dim: conv(dim, separable=False, bias=False),
    "perceptron": lambda dim: conv(dim, kernel=MLP),
    "counted": lambda dim: conv(dim, quadrature=Quadrature(reference_count=16)),
    "causal": lambda dim: conv(dim, causal=True, quadrature=Quadrature(endpoint=0.5)),
    "depthwise": lambda dim: DepthwiseConv(CHANNELS, dim=dim, extent=2.0),
    "taps": lambda dim: TapConv(CHANNELS, 4, 3, dim=dim),
    "branches": lambda dim: BranchedConv(conv(dim), TapConv(CHANNELS, 4, 3, dim=dim)),
    "ccnn": lambda dim: block(CCNNBlock, dim, dropout=0.2),
    "s4": lambda dim: block(S4Block, dim, norm=GlobalLayerNorm),
    "ckcnn": lambda dim: block(CKCNNBlock, dim, norm=nn.LayerNorm),
    "flexnet": lambda dim: block(FlexNetBlock, dim),
    "channel dropout": lambda dim: ChannelDropout(0.3),
    "drop path": lambda dim: DropPath(0.3),
    "norm": lambda dim: GlobalLayerNorm(CHANNELS),
    "sample head": lambda dim: SampleHead(CHANNELS, 4),
    **{
        f"head, {pool.value}": functools.partial(lambda dim, pool: PooledHead(CHANNELS, 4, pool), pool=pool)
        for pool in Pool
    },
}
GRIDS_ONLY, CAUSAL = ("taps", "branches"), ("causal", "head, last")


def kernels() -> dict[str, Callable[[int], nn.Module]]:
    """A layer of every registered kernel."""
    from ccnn_pc.kernels import list_kernels

    def make(dim: int, name: str) -> nn.Module:
        words: dict[str, Any] = {"radius": 1.0} if name.startswith("moving") else {}
        words["num_points" if name == "moving_points_per_filter" else "hidden_channels"] = 4
        return conv(dim, kernel=kernel_factory(name, **words))

    return {f"kernel {name}": functools.partial(make, name=name) for name in list_kernels()}


def cases() -> list[tuple[str, str]]:
    """One layer on every domain, and every layer on one domain of each kind that it is for."""
    found = [(layer, domain) for layer in ("separable", "full") for domain in DOMAINS]
    found += [("counted", domain) for domain in ("k-NN", "occupied image", "voxels")]
    found += [("causal", domain) for domain in ("sequence", "series", "series on a lattice")]
    for layer in (*LAYERS, *kernels()):
        if layer in CAUSAL:
            found += [(layer, "sequence"), (layer, "series")]
        elif layer in GRIDS_ONLY:
            found += [(layer, "sequence"), (layer, "image")]
        else:
            others = ("series",) if layer in LAYERS else ()
            found += [(layer, domain) for domain in ("k-NN", "image", *others)]
    return list(dict.fromkeys(found))


def layer_for(name: str, domain: AbstractDomain) -> nn.Module:
    torch.manual_seed(0)
    return (LAYERS | kernels())[name](domain.dim)


def samples(domain: AbstractDomain) -> Tensor:
    return torch.randn(domain.num_samples, CHANNELS, generator=torch.Generator().manual_seed(1))
