"""What layers are called with: samples on a domain, PyG's positions and edges, or an array."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ccnn_pc.domains.base import AbstractDomain
from ccnn_pc.domains.grid.grid import Grid
from ccnn_pc.domains.points.point_set import PointSet

#: What PyG's bipartite layers take: of the samples, and of the queries.
Pair = tuple[Tensor, Tensor | None]


def as_domain(
    x: Any, domain: Any, edge_index: Tensor | None, batch: Tensor | tuple[Tensor, Tensor] | None
) -> tuple[Any, AbstractDomain]:
    """Samples and the domain they lie on, from either way to call a layer.

    Args:
        x: samples ``[n, C]``; or a pair of them and of features of the queries, which are not read.
        domain: a domain; or positions ``[n, D]``, or a pair of them, of the samples and of the queries.
        edge_index: for positions: neighbours ``[2, E]``, samples above queries.
        batch: for positions: cloud of each sample, or a pair of them; None: one cloud.

    Raises:
        TypeError: neither a domain nor positions, or edges beside a domain.
        ValueError: positions without edges.

    Example:
        >>> import torch
        >>> pos, edge_index = torch.rand(3, 2), torch.tensor([[0, 1, 2], [1, 1, 0]])
        >>> as_domain(torch.rand(3, 4), pos, edge_index, None)[1]
        PointSet(samples=3, clouds=1, dim=2, edges=3)
    """
    if isinstance(domain, AbstractDomain):
        if edge_index is not None or batch is not None:
            raise TypeError("'edge_index' and 'batch' must be None beside a domain, which has its own")
        return x, domain
    positions = domain if isinstance(domain, tuple) else (domain, None)
    if len(positions) != 2 or not all(isinstance(p, Tensor) for p in positions if p is not None):
        raise TypeError(
            "'domain' must be a PointSet, Grid, IrregularSeries or other domain, or positions with an 'edge_index' "
            f"(got {_kind(domain)}{_hint(domain)})"
        )
    if edge_index is None:
        raise ValueError(
            "'edge_index' must be given beside positions (got None); or search neighbours: PointSet(pos, batch).knn(k)"
        )
    if isinstance(x, tuple):
        x = x[0]
    pos, query_pos = positions
    of_samples, of_queries = batch if isinstance(batch, tuple) else (batch, None)
    if not isinstance(edge_index, Tensor):
        raise TypeError(
            f"'edge_index' must be an integer tensor [2, E] (got {_kind(edge_index)}{_hint(edge_index)})"
        )
    if edge_index.layout is not torch.strided:
        raise TypeError(
            "'edge_index' must have shape [2, E], samples above queries (got a sparse matrix of shape "
            f"{list(edge_index.shape)}; torch_geometric.utils.to_edge_index makes edges of its transpose)"
        )
    edge_index = edge_index.as_subclass(Tensor)  # PyG's EdgeIndex among them
    return x, PointSet(pos, of_samples, query_pos=query_pos, query_batch=of_queries, edge_index=edge_index)


def as_grid(x: Any, dim: int, channels: int, spacing: Sequence[float]) -> tuple[Tensor, Grid]:
    """Samples and grid of an array ``[B, C, *S]`` with as many axes as the layer has, samples ``spacing`` apart.

    Raises:
        TypeError: no tensor.
        ValueError: another number of axes or channels: a domain says where other samples lie.
    """
    if not isinstance(x, Tensor):
        raise TypeError(f"'x' must be a floating tensor (got {_kind(x)}{_hint(x)})")
    if x.dim() != dim + 2 or x.shape[1] != channels:
        raise ValueError(
            f"'x' must have shape [B, {channels}, {', '.join('S' * dim)}] where no 'domain' is given "
            f"(got {list(x.shape)})"
        )
    grid = Grid(x.shape[2:], spacing, len(x), device=x.device)
    return grid.flatten(x), grid


def check_samples(x: Any, domain: AbstractDomain, dim: int, channels: int, like: Tensor) -> None:
    """``x`` must be samples ``[n, channels]`` on a domain of ``dim`` axes, double precision where the layer is.

    Raises:
        TypeError: no floating tensor, or double precision on one side only.
        ValueError: another shape, or another number of axes.
    """
    if not isinstance(x, Tensor) or not x.is_floating_point():
        got = f"{x.dtype}; x.float() makes one" if isinstance(x, Tensor) else f"{_kind(x)}{_hint(x)}"
        raise TypeError(f"'x' must be a floating tensor (got {got})")
    if domain.dim != dim:
        raise ValueError(f"'domain' must have {dim} axes like the layer (got {domain.dim})")
    if x.shape != (domain.num_samples, channels):
        wanted = [domain.num_samples, channels]
        raise ValueError(f"'x' must have shape {wanted}, samples x in_channels (got {list(x.shape)})")
    if (x.dtype is torch.float64) != (like.dtype is torch.float64):
        raise TypeError(
            f"'x' must be {like.dtype} like the layer's parameters (got {x.dtype}): convert one of them, "
            "x.float() or layer.double()"
        )


def plain(buffer: Tensor) -> float | tuple[float, ...]:
    """The shortest numbers that give this buffer: one where all are alike."""
    numbers = tuple(float(str(v)) for v in buffer.detach().cpu().numpy())
    return numbers[0] if len(set(numbers)) == 1 else numbers


def _kind(value: Any) -> str:
    return type(value).__name__


def _hint(value: Any) -> str:
    """How to make what was wanted of what was got."""
    if hasattr(value, "__array__"):
        return "; torch.from_numpy makes a tensor of an array"
    if hasattr(value, "pos") or hasattr(value, "x"):
        return "; of PyG data: conv(data.x, PointSet(data.pos, data.batch).knn(k))"
    return ""
