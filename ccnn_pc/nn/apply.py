"""Layers of torch, of PyG and of this library, called alike: features ``[n, C]`` and the domain they lie on."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch_geometric.nn import inits
from torch_geometric.nn.aggr import Aggregation

from ccnn_pc._choices import choice
from ccnn_pc.domains.base import AbstractDomain
from ccnn_pc.domains.pooling import Pool

#: Makes a norm of so many channels: torch's, PyG's or ours.
NormFactory = Callable[[int], nn.Module]
#: What reduces samples to one row per cloud: a choice, PyG's functions and aggregations.
Pooling = Pool | Callable[..., Tensor]


class Composite(nn.Module):
    """A module that is drawn anew by drawing its children anew."""

    def reset_parameters(self) -> None:
        """Draw new initial values of all children, in the order in which they were made."""
        for child in self.children():
            inits.reset(child)


def apply_layer(layer: nn.Module, x: Tensor, domain: AbstractDomain) -> Tensor:
    """Features ``[n, C]`` through a layer that asks for a domain (ours), a batch vector (PyG's norms) or neither.

    Which one is read off the signature of its ``forward``: a parameter called ``domain``, or one called ``batch``.

    Raises:
        ValueError: a training batch of one row for a batch norm, which has no variance.

    Example:
        >>> import torch
        >>> from torch_geometric.nn import GraphNorm
        >>> from ccnn_pc.domains import PointSet
        >>> x, cloud = torch.rand(9, 4), PointSet(torch.rand(9, 3), torch.tensor([0] * 4 + [1] * 5))
        >>> norms = nn.BatchNorm1d(4), nn.LayerNorm(4), GraphNorm(4), nn.Identity()
        >>> [tuple(apply_layer(norm, x, cloud).shape) for norm in norms]
        [(9, 4), (9, 4), (9, 4), (9, 4)]
    """
    if isinstance(layer, _BatchNorm):
        if layer.training and len(x) == 1:
            raise ValueError(
                "'x' must have more than one row to train a batch norm (got 1); call .eval() to predict"
            )
        return layer(x)
    asks = _asks_for(type(layer).forward)
    if "domain" in asks:
        return layer(x, domain)
    if "batch" not in asks:
        return layer(x)
    batch, clouds = domain.segments()
    if "batch_size" in asks:
        return layer(x, batch=batch, batch_size=clouds)
    return layer(x, batch=batch)


@functools.cache
def _asks_for(forward: Callable[..., Any]) -> frozenset[str]:
    return frozenset(inspect.signature(forward).parameters) & {"domain", "batch", "batch_size"}


def check_pooling(name: str, pool: Pooling | str) -> Pooling:
    """A choice of :class:`Pool`, or a callable that reduces as PyG's do.

    Raises:
        ValueError: no such choice.
    """
    return pool if callable(pool) else choice(name, pool, Pool)


def pooled_channels(pool: Pooling, channels: int) -> int:
    """Channels per cloud of so many channels per sample."""
    if isinstance(pool, Pool):
        return channels * pool.width
    count: Any = getattr(pool, "get_out_channels", None)
    return channels if count is None else int(count(channels))


def apply_pool(pool: Pooling, x: Tensor, domain: AbstractDomain) -> Tensor:
    """One row per cloud, by a choice, or by one of PyG's aggregations or functions.

    Example:
        >>> import torch
        >>> from torch_geometric.nn import MaxAggregation, global_max_pool
        >>> from ccnn_pc.domains import PointSet
        >>> x, cloud = torch.rand(9, 4), PointSet(torch.rand(9, 3), torch.tensor([0] * 4 + [1] * 5))
        >>> one, *others = (apply_pool(p, x, cloud) for p in (Pool.MAX, MaxAggregation(), global_max_pool))
        >>> [one.equal(other) for other in others]
        [True, True]
    """
    if isinstance(pool, Pool):
        return domain.pool(x, pool)
    batch, clouds = domain.segments()
    if isinstance(pool, Aggregation):
        return pool(x, batch, dim_size=clouds)
    return pool(x, batch, clouds)
