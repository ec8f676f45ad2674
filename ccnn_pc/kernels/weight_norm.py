"""Weight normalisation of kernel networks: length and direction of every row learned apart (CKConv)."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize


def add_weight_norm_(layers: Iterable[nn.Module]) -> None:
    r"""Make the weights of linear layers products of lengths and directions; their values stay.

    .. math:: W_o = g_o\, v_o / \|v_o\|

    (Salimans and Kingma 2016, as in CKConv's kernel networks.) Each row costs one number more.

    Args:
        layers: linear layers, changed in place.

    Raises:
        TypeError: something that is no linear layer.

    Example:
        >>> layer = nn.Linear(3, 2)
        >>> before = layer.weight.detach().clone()
        >>> add_weight_norm_([layer])
        >>> bool(torch.allclose(layer.weight, before)), sum(p.numel() for p in layer.parameters())
        (True, 10)
    """
    for layer in layers:
        if not isinstance(layer, nn.Linear):
            raise TypeError(f"'layers' must be linear layers (got {type(layer).__name__})")
        parametrizations.weight_norm(layer)


@torch.no_grad()
def scale_weight_(layer: nn.Linear, factor: float) -> None:
    """Multiply a linear layer's weight, also one that is computed from lengths and directions."""
    if parametrize.is_parametrized(layer, "weight"):
        scaled: Tensor = layer.weight * factor
        setattr(layer, "weight", scaled)  # noqa: B010  (the parametrisation takes a plain tensor)
    else:
        layer.weight.mul_(factor)
