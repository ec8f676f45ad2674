"""Clouds and layers that several tests share."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import torch
from torch import Tensor

from ccnn_pc.domains import PointSet
from ccnn_pc.kernels import GaussianWindow, MAGNet
from ccnn_pc.nn import ContinuousConv, Quadrature

DOUBLE = torch.float64


def cloud(
    n: int = 40, dim: int = 3, k: int | None = 8, seed: int = 0, sizes: tuple[int, ...] | None = None
) -> PointSet:
    """Points in general position; ``sizes`` makes a ragged batch."""
    generator = torch.Generator().manual_seed(seed)
    sizes = sizes or (n,)
    pos = torch.rand(sum(sizes), dim, dtype=DOUBLE, generator=generator) * 2 - 1
    batch = torch.arange(len(sizes)).repeat_interleave(torch.tensor(sizes))
    points = PointSet(pos, batch)
    return points if k is None else points.knn(k)


def with_quadrature(options: dict[str, Any]) -> dict[str, Any]:
    """Options of a layer, the words of a :class:`Quadrature` made one."""
    words = {field.name for field in dataclasses.fields(Quadrature)} & set(options)
    return {k: v for k, v in options.items() if k not in words} | {
        "quadrature": Quadrature(**{k: options[k] for k in words})
    }


def layer(
    in_channels: int = 3,
    out_channels: int = 4,
    dim: int = 3,
    seed: int = 0,
    width: float = 0.4,
    **options: Any,
) -> ContinuousConv:
    """A float64 layer with random biases, so that a missing term shows."""
    torch.manual_seed(seed)
    options.setdefault("kernel", functools.partial(MAGNet, hidden_channels=6, num_layers=2))
    window = functools.partial(GaussianWindow, width=width)
    conv = ContinuousConv(
        in_channels, out_channels, dim=dim, window=window, **with_quadrature(options)
    ).double()
    with torch.no_grad():
        for name, parameter in conv.named_parameters():
            if name.endswith("bias"):
                parameter.normal_()
    return conv


def features(points: PointSet, channels: int = 3, seed: int = 1, requires_grad: bool = False) -> Tensor:
    """White noise on the samples."""
    x = torch.randn(points.num_samples, channels, dtype=DOUBLE, generator=torch.Generator().manual_seed(seed))
    return x.requires_grad_(requires_grad)
