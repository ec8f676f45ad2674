"""Arrays as sequences of tokens: what peers share that read one sample after the other."""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ccnn_pc._checks import check_at_least, check_fraction
from ccnn_pc.models.base import Model
from ccnn_pc.models.names import register_model
from ccnn_pc.models.reading import Input


class SequencePeer(Model, abc.ABC):
    r"""A network of layers over the samples of an array in raster order; subclasses make the layers.

    .. math:: y = W_2\, \frac1L \sum_l \mathrm{Norm}(h_l), \qquad h = \mathrm{layers}(W_1 x)

    Args:
        in_channels: channels of the data.
        out_channels: classes (1: one logit for two classes).
        dim: axes of the arrays.
        channels: width.
        layers: that are made when they are asked for, after the embedding.
        patch: samples along an axis that one token holds (default 1); they divide the sizes of the data.
        dropout: share of the features that layers drop.

    Shapes:
        * ``model(x)`` with ``x [B, C, *shape]``, or PyG ``Data`` that hold it: ``[B, out_channels]``.

    Raises:
        ValueError: sizes below 1, data that do not fit.
    """

    first_layers = ("embedding",)

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        dim: int,
        channels: int,
        layers: Iterable[nn.Module],
        *,
        patch: int = 1,
        dropout: float = 0.0,
    ) -> None:
        check_at_least("in_channels", in_channels, 1)
        super().__init__(in_channels, out_channels, dim)
        self.num_features = check_at_least("channels", channels, 1)
        self.patch = check_at_least("patch", patch, 1)
        check_fraction("dropout", dropout)
        self.embedding = nn.Linear(in_channels * patch**dim, channels)
        self.layers = nn.Sequential(*layers)
        self.norm = nn.LayerNorm(channels)
        self.head = self.new_head(out_channels)

    def positions(self, shape: Sequence[int], like: Tensor) -> Tensor | float:
        """What is added to the tokens, ``[L, channels]`` (default: nothing)."""
        return 0.0

    def forward(self, data: Input) -> Tensor:
        """Logits ``[B, out_channels]``; see the class."""
        return self.head(self.forward_features(data))

    def forward_features(self, data: Input) -> Tensor:
        """The mean over the tokens, ``[B, channels]``."""
        tokens, shape = self.tokens(data if isinstance(data, Tensor) else data.x)
        h = self.embedding(tokens)
        return self.norm(self.layers(h + self.positions(shape, h))).mean(dim=1)

    def tokens(self, x: Tensor | None) -> tuple[Tensor, list[int]]:
        """Tokens in raster order ``[B, L, C patch^dim]``, and how many along each axis.

        Raises:
            ValueError: another shape, or sizes that patches do not divide.
        """
        if x is None or x.dim() != self.dim + 2 or x.shape[1] != self.in_channels:
            axes = ", ".join("DHW"[-self.dim :] if self.dim < 4 else f"{self.dim} axes")
            raise ValueError(
                f"'x' must have shape [B, {self.in_channels}, {axes}] for this model "
                f"(got {None if x is None else list(x.shape)})"
            )
        if any(size % self.patch for size in x.shape[2:]):
            raise ValueError(
                f"'patch' must divide the sizes of 'x' (got {self.patch} and {list(x.shape[2:])})"
            )
        for axis in range(2, self.dim + 2):
            x = x.unflatten(axis + axis - 2, (-1, self.patch))
        places, within = range(2, 2 * self.dim + 2, 2), range(3, 2 * self.dim + 2, 2)
        shape = [x.shape[axis] for axis in places]
        return x.permute(0, *places, 1, *within).reshape(len(x), -1, self.embedding.in_features), shape


def register_sequence_peer(name: str, kind: Callable[..., SequencePeer]) -> None:
    """Enter a peer; ``shape`` and ``spacing`` of the data mean nothing to it, all options are those of the class."""

    @register_model(name)
    def build(
        *,
        dim: int,
        in_channels: int,
        out_channels: int,
        shape: Sequence[int] | None = None,
        spacing: float | Sequence[float] = 1.0,
        **options: Any,
    ) -> SequencePeer:
        return kind(in_channels, out_channels, dim, **options)


def sine_positions(shape: Sequence[int], channels: int, like: Tensor) -> Tensor:
    r"""Sines and cosines of the place along each axis, ``[L, channels]``: axes share the channels evenly.

    .. math:: p_{l, 2i} = \sin(l\, 10^{-4 \cdot 2i / c}), \qquad p_{l, 2i + 1} = \cos(l\, 10^{-4 \cdot 2i / c})

    Vaswani et al. (arXiv:1706.03762), section 3.5, with c channels per axis.

    Example:
        >>> sine_positions([4, 3], 8, torch.zeros(1)).shape
        torch.Size([12, 8])
    """
    each = channels // len(shape) // 2
    rates = 10.0 ** (-4 * torch.arange(each, device=like.device) / max(each, 1))
    parts = []
    for size in shape:
        phase = torch.arange(size, device=like.device)[:, None] * rates
        parts.append(torch.stack([phase.sin(), phase.cos()], dim=-1).flatten(1))
    found = like.new_zeros(*shape, channels)
    for axis, part in enumerate(parts):
        view = part.view(*(part.shape[0] if a == axis else 1 for a in range(len(shape))), -1)
        found[..., 2 * each * axis : 2 * each * (axis + 1)] = view.to(like)
    return found.flatten(0, -2)
