"""Contenders of ``sequence_models.py``: layers and networks for sequences, continuous, discrete and recurrent."""

from __future__ import annotations

import importlib
import importlib.util
import math
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ccnn_pc.domains import Grid
from ccnn_pc.domains.base import AbstractDomain
from ccnn_pc.kernels import GaussianWindow, MAGNet, NoWindow
from ccnn_pc.models.ccnn import CCNN
from ccnn_pc.nn import ContinuousConv
from ccnn_pc.nn.tap_conv import TapConv

#: Blocks, and width of the kernel networks, of CCNN 4,140 and 6,380 by their channels.
BLOCKS, HIDDEN = {140: 4, 380: 6}, {140: 32, 380: 64}
#: Hidden states of the state-space layer (S4's default), taps and pooling of the local CNN.
STATES, LOCAL_TAPS, POOLING, CLASSES = 64, 5, 2, 10
Step = Callable[[], Tensor]


class LayerOfOneAxis(nn.Module):
    """What a network asks of its first layer where nobody says how data are read: one axis, spacing 1."""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.dim, self.in_channels = 1, in_channels
        self.register_buffer("spacing", torch.ones(1))


class GlobalTaps(LayerOfOneAxis):
    """A number per tap and channel, as many taps as samples, then a mix of channels; through this library's FFT."""

    def __init__(self, in_channels: int, out_channels: int, *, length: int) -> None:
        super().__init__(in_channels)
        self.taps = TapConv(in_channels, in_channels, length, dim=1, causal=True, depthwise=True)
        self.mix = nn.Linear(in_channels, out_channels)

    def forward(self, x: Tensor, domain: AbstractDomain) -> Tensor:
        """``[n, C_in]`` to ``[n, C_out]``."""
        mixed: Tensor = self.mix(self.taps(x, domain))
        return mixed


class StateSpace(LayerOfOneAxis):
    """neural-ssm's linear recurrent unit: a complex diagonal state space, solved by a parallel scan."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels)
        self.unit = importlib.import_module("neural_ssm").LRU(in_channels, out_channels, STATES)

    def forward(self, x: Tensor, domain: Grid) -> Tensor:
        """``[n, C_in]`` to ``[n, C_out]``."""
        y, _ = self.unit(x.unflatten(0, (domain.batch_size, -1)), mode="scan")
        rows: Tensor = y.flatten(0, 1)
        return rows


class LocalTaps(nn.Module):
    """PyTorch's causal depthwise convolution of few taps, then a mix of channels, on ``[B, C, L]``."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.taps = nn.Conv1d(in_channels, in_channels, LOCAL_TAPS, groups=in_channels)
        self.mix = nn.Conv1d(in_channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """``[B, C_in, L]`` to ``[B, C_out, L]``."""
        mixed: Tensor = self.mix(self.taps(functional.pad(x, (LOCAL_TAPS - 1, 0))))
        return mixed


class LocalBlock(nn.Module):
    """CCNN's block with local taps, and pooling after it."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm, self.conv = nn.BatchNorm1d(channels), LocalTaps(channels, channels)
        self.mix = nn.Conv1d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """``[B, C, L]`` to ``[B, C, L / 2]``."""
        y = functional.gelu(self.mix(functional.gelu(self.conv(self.norm(x)))))
        return functional.max_pool1d(x + y, POOLING)


class LocalCNN(nn.Module):
    r"""CCNN's local discrete rival (its appendix D.1.1): so many blocks that the last one sees the whole input.

    .. math:: n = \lceil d \rceil, \qquad \text{length} / 2^d = 5
    """

    def __init__(self, channels: int, *, length: int) -> None:
        super().__init__()
        blocks = math.ceil(math.log(length / LOCAL_TAPS, POOLING))
        self.stem, self.stem_norm = LocalTaps(1, channels), nn.BatchNorm1d(channels)
        self.blocks = nn.Sequential(*[LocalBlock(channels) for _ in range(blocks)])
        self.norm, self.head = nn.BatchNorm1d(channels), nn.Linear(channels, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        """``[B, 1, L]`` to ``[B, CLASSES]``."""
        y = self.blocks(functional.gelu(self.stem_norm(self.stem(x))))
        answers: Tensor = self.head(self.norm(y).mean(-1))
        return answers


def continuous(length: int, hidden: int, width: float | None) -> Callable[[int, int], ContinuousConv]:
    """This library's layer, as long as the input; ``width`` of the window, None: the kernel is never cut."""
    return partial(
        ContinuousConv,
        dim=1,
        causal=True,
        extent=float(length - 1),
        kernel=partial(MAGNet, hidden_channels=hidden, num_layers=3),
        window=NoWindow if width is None else partial(GaussianWindow, width=width),
    )


def layers(length: int, hidden: int = 32) -> dict[str, Callable[[int, int], Any]]:
    """Name -> what makes a layer, called with ``in_channels, out_channels``; state space where it is installed."""
    found: dict[str, Callable[[int, int], Any]] = {
        "ours, global": continuous(length, hidden, None),
        "ours, window 0.075": continuous(length, hidden, 0.075),
        "discrete, global": partial(GlobalTaps, length=length),
        "discrete, local": LocalTaps,
    }
    if importlib.util.find_spec("neural_ssm"):
        found["state space (LRU)"] = StateSpace
    return found


def layer_step(name: str, length: int, channels: int, batch: int) -> tuple[nn.Module, Step]:
    """A layer, and what runs it on noise in its own layout, with gradients to the noise too."""
    layer = layers(length)[name](channels, channels)
    if isinstance(layer, LocalTaps):
        x = torch.randn(batch, channels, length, requires_grad=True)
        return layer, lambda: layer(x)
    rows, grid = torch.randn(batch * length, channels, requires_grad=True), Grid((length,), batch_size=batch)
    return layer, lambda: layer(rows, grid)


def network_step(name: str, length: int, channels: int, batch: int) -> tuple[nn.Module, Step]:
    """A classifier of sequences with one channel, and what computes its loss on noise."""
    conv = layers(length, HIDDEN[channels])[name]
    network: nn.Module
    if conv is LocalTaps:
        network = LocalCNN(channels, length=length)
    else:
        network = CCNN(1, CLASSES, channels=channels, num_blocks=BLOCKS[channels], conv=conv)
    x, labels = torch.randn(batch, 1, length), torch.randint(CLASSES, (batch,))
    return network, lambda: functional.cross_entropy(network(x), labels)
