"""Released parameters into our layers: maps of names that several tests share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ccnn_pc.kernels import SIREN, FourierNet, GaborNet, GaussianWindow, MAGNet, SelfMovingPointsPerFilter
from ccnn_pc.models import CCNN, Model
from ccnn_pc.nn import (
    BranchedConv,
    CCNNBlock,
    ContinuousConv,
    FlexNetBlock,
    GlobalLayerNorm,
    PooledHead,
    TapConv,
)

DOUBLE = torch.float64


#: Name of a golden vector -> its file: the fixture ``golden``.
Golden = Callable[[str], Path]


class Released:
    """A golden file; its parameters by their released names, exact in float64."""

    def __init__(self, golden: Golden, name: str) -> None:
        with np.load(golden(name)) as file:
            self.data = dict(file)

    def has(self, name: str) -> bool:
        return f"weights/{name}" in self.data

    def __call__(self, name: str) -> Tensor:
        return torch.from_numpy(self.data[f"weights/{name}"]).double()

    def config(self, name: str) -> str:
        return str(self.data[f"config/{name}"])

    def input(self, name: str = "x") -> Tensor:
        return torch.from_numpy(self.data[f"input/{name}"]).double()

    def output(self, name: str) -> Tensor:
        return torch.from_numpy(self.data[f"output/{name}"]).double()

    def matrix(self, name: str) -> Tensor:
        """A 1x1 convolution's weight ``[out, in]``, from lengths and directions where it is weight-normed."""
        if self.has(f"{name}.weight_v"):
            v = self(f"{name}.weight_v").flatten(1)
            return self(f"{name}.weight_g").flatten(1) * v / v.norm(dim=1, keepdim=True)
        return self(f"{name}.weight").flatten(1)

    def kernel_values(self, *ends: str) -> list[tuple[Tensor, Tensor]]:
        """Pairs of positions ``[*grid, D]`` and kernel values ``[*grid, O]``: on a grid and, with ends, elsewhere."""
        return [
            (self.input(f"positions{end}")[0].movedim(0, -1), self.output(f"kernel{end}")[0].movedim(0, -1))
            for end in ("", *(ends or ("_scatter",)))
        ]


def close(found: Tensor, expected: Tensor, tolerance: float = 1e-9) -> None:
    """Equal up to a part of the largest value."""
    assert found.shape == expected.shape
    error = float((found - expected).detach().abs().max() / expected.abs().max())
    assert error <= tolerance, error


@torch.no_grad()
def load_linear(layer: nn.Module, released: Released, name: str) -> None:
    assert isinstance(layer, nn.Linear)
    name = _inner(released, name)
    setattr(layer, "weight", _like(layer, released.matrix(name)))  # noqa: B010  (also where it is parametrised)
    layer.bias.copy_(released(f"{name}.bias"))


def _inner(released: Released, name: str) -> str:
    """CCNN's code wraps norms and linear layers of clouds once more."""
    wraps = [f"{name}.{inner}" for inner in ("layer_norm", "bn", "lin")]
    return next((wrap for wrap in wraps if released.has(f"{wrap}.weight")), name)


def _like(layer: nn.Linear, weight: Tensor) -> Tensor:
    assert weight.shape == layer.weight.shape
    return weight if nn.utils.parametrize.is_parametrized(layer, "weight") else nn.Parameter(weight)


@torch.no_grad()
def load_kernel(kernel: nn.Module, released: Released, name: str) -> None:
    """MAGNet, SIREN, or self-moving points per filter, from one of the four repositories."""
    if isinstance(kernel, SelfMovingPointsPerFilter):
        coord = released(f"{name}weight_coord")
        if kernel.dim == 2:  # in pictures coordinate 0 runs right, coordinate 1 runs up
            coord = torch.stack([-coord[..., 1], coord[..., 0]], dim=-1)
        kernel.coord.copy_(coord)
        kernel.radius.copy_(released(f"{name}radius").view_as(kernel.radius))
        kernel.weight.copy_(released(f"{name}weights"))
    elif isinstance(kernel, (MAGNet, GaborNet, FourierNet)):
        filters = [f"{name}filters.{level}." for level in range(kernel.num_filters)]
        kernel.weight.copy_(torch.cat([released.matrix(f"{f}linear") for f in filters]))
        kernel.bias.copy_(torch.cat([released(f"{f}linear.bias") for f in filters]))
        if not isinstance(kernel, FourierNet):
            kernel.gamma.copy_(torch.cat([released(f"{f}gamma") for f in filters]))
            kernel.mu.copy_(torch.cat([released(f"{f}mu") for f in filters]))
        stem = "linears" if released.has(f"{name}linears.0.weight") else "linear"
        for level, mix in enumerate(kernel.mixing):
            load_linear(mix, released, f"{name}{stem}.{level}")
        load_linear(kernel.readout, released, f"{name}output_linear")
    else:
        assert isinstance(kernel, SIREN)
        kernel.omega.fill_(float(released.config("omega_0")))
        weight_normed = released.has(f"{name}kernel_net.8.bias")
        places = [0, 4] if weight_normed else [0, 2]
        for layer, place in zip(kernel.hidden, places, strict=True):
            load_linear(layer, released, f"{name}kernel_net.{place}")
        last = "kernel_net.8" if weight_normed else "output_linear"
        load_linear(kernel.readout, released, name + last)


@torch.no_grad()
def load_conv(conv: ContinuousConv, released: Released, name: str = "") -> None:
    """A layer with its window; ``name`` ends in a dot."""
    load_kernel(conv.kernel, released, f"{name}Kernel.")
    if conv.bias is not None:
        conv.bias.copy_(released(f"{name}bias"))
    if conv.mix is not None:
        load_linear(conv.mix, released, f"{name}channel_mixer")
    if not isinstance(conv.window, GaussianWindow):
        return
    if released.has(f"{name}mask_params"):  # FlexConv: rows (mean, width), no guard of the width
        params = released(f"{name}mask_params")
        conv.window.mean.copy_(params[:, 0])
        conv.window.width.copy_(params[:, 1])
        conv.window.min_width = 0.0
    else:
        conv.window.width.copy_(released(f"{name}mask_width_param"))
        conv.window.mean.copy_(released(f"{name}mask_mean_param"))


@torch.no_grad()
def load_norm(norm: nn.Module, released: Released, name: str) -> None:
    assert isinstance(norm, (nn.BatchNorm1d, GlobalLayerNorm))
    name = _inner(released, name)
    norm.weight.copy_(released(f"{name}.weight"))
    norm.bias.copy_(released(f"{name}.bias"))
    if isinstance(norm, nn.BatchNorm1d):
        norm.running_mean.copy_(released(f"{name}.running_mean"))  # type: ignore[union-attr]
        norm.running_var.copy_(released(f"{name}.running_var"))  # type: ignore[union-attr]


@torch.no_grad()
def load_branches(conv: nn.Module, norm: nn.Module, released: Released, prefix: str, number: int) -> None:
    """A convolution ``cconv<n>`` with its norm; SMPConv's has a small branch with a norm of its own."""
    where = f"{prefix}cconv{number}"
    if not isinstance(conv, BranchedConv):
        assert isinstance(conv, ContinuousConv)
        load_conv(conv, released, f"{where}.")
        load_norm(norm, released, f"{prefix}norm{number}")
        return
    load_conv(conv.conv, released, f"{where}.")
    load_norm(conv.norm, released, f"{prefix}norm{number}")
    load_taps(conv.small, released, f"{where}s")
    load_norm(conv.small_norm, released, f"{prefix}norm{number}s")


@torch.no_grad()
def load_taps(conv: TapConv, released: Released, name: str) -> None:
    conv.weight.copy_(released(f"{name}.weight").movedim((1, 0), (-2, -1)))
    if conv.bias is not None:
        conv.bias.copy_(released(f"{name}.bias"))


def load_block(block: nn.Module, released: Released, name: str) -> None:
    """A residual block of two convolutions: CKCNN's, FlexNet's, SMPConv's."""
    assert isinstance(block, FlexNetBlock)
    load_branches(block.conv1, block.norm1, released, f"{name}.", 1)
    load_branches(block.conv2, block.norm2, released, f"{name}.", 2)
    if isinstance(block.shortcut, nn.Linear):
        load_linear(block.shortcut, released, f"{name}.shortcut.0")


def linear_of(model: Model) -> nn.Linear:
    """The map to the answers."""
    assert isinstance(model.head, PooledHead)
    return model.head.linear


def load_ccnn(model: CCNN, released: Released) -> CCNN:
    assert isinstance(model.stem, ContinuousConv)
    load_conv(model.stem, released, "conv1.")
    load_norm(model.stem_norm, released, "norm1")
    for number, block in enumerate(model.blocks):
        assert isinstance(block, CCNNBlock)
        load_conv(block.conv, released, f"blocks.{number}.conv1.")
        load_norm(block.norm, released, f"blocks.{number}.norm1")
        load_linear(block.linear, released, f"blocks.{number}.linear1")
        if isinstance(block.shortcut, nn.Linear):
            load_linear(block.shortcut, released, f"blocks.{number}.shortcut.0")
    load_norm(model.norm, released, "out_norm")
    load_linear(linear_of(model), released, "out_layer")
    return model.eval()
