"""Weight normalisation of kernel networks: length and direction of every row learned apart (CKConv)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn.utils import parametrizations, parametrize


class _Linear(nn.Linear):
    """A linear layer that pickles with its parametrisation, which torch's own refuse."""

    def __reduce_ex__(self, protocol: Any) -> Any:
        own = (
            "_load_state_dict_pre_hooks"  # the parametrisation's local function, which rebuilding sets again
        )
        return _unpickled, ({name: value for name, value in vars(self).items() if name != own},)


def _unpickled(state: dict[str, Any]) -> nn.Linear:
    layer = _Linear(state["in_features"], state["out_features"], device="meta")
    parametrizations.weight_norm(layer)
    vars(layer).update(state)
    return layer


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
        layer.__class__ = _Linear
        parametrizations.weight_norm(layer)


@contextmanager
def plain_weights(network: nn.Module) -> Iterator[None]:
    """Weights can be drawn in place, also normalised ones: lengths and directions follow at the end.

    Example:
        >>> layer = nn.Linear(3, 2)
        >>> add_weight_norm_([layer])
        >>> with plain_weights(layer):
        ...     _ = layer.weight.fill_(2.0)
        >>> layer.weight.unique().tolist()
        [2.0]
    """
    with torch.no_grad(), parametrize.cached():  # a computed weight is one tensor until the end
        yield
        for layer in network.modules():
            if parametrize.is_parametrized(layer, "weight"):
                setattr(layer, "weight", layer.weight)  # noqa: B010  (the parametrisation takes a plain tensor)


@torch.no_grad()
def scale_weight_(layer: nn.Linear, factor: float) -> None:
    """Multiply a linear layer's weight, also one that is computed from lengths and directions."""
    with plain_weights(layer):
        layer.weight.mul_(factor)
