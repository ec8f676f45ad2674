"""What every model of the registry has."""

from __future__ import annotations

from typing import Any

from torch import nn

from ccnn_pc._checks import check_at_least
from ccnn_pc.nn.conv import ContinuousConv


class Model(nn.Module):
    """A network with what is needed to describe, save and use it.

    Args:
        in_channels: channels of the data.
        out_channels: classes (1: one logit for two classes).
        dim: axes of the positions.

    Attributes:
        config: what :func:`create_model` built this from; empty for a network made by hand.
        classes: names of the classes, in the order of the logits; empty if nobody said.
        preprocessing: how data become inputs, as stored beside the weights.
    """

    def __init__(self, in_channels: int, out_channels: int, dim: int) -> None:
        super().__init__()
        self.in_channels = check_at_least("in_channels", in_channels, 0)
        self.out_channels = check_at_least("out_channels", out_channels, 1)
        self.dim = check_at_least("dim", dim, 1)
        self.config: dict[str, Any] = {}
        self.classes: list[str] = []
        self.preprocessing: dict[str, Any] = {}

    def convolutions(self) -> list[ContinuousConv]:
        """The continuous convolutions, from input to output."""
        return [m for m in self.modules() if isinstance(m, ContinuousConv)]
