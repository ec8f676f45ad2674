"""Checks and centring of what a PointSet is made of."""

from __future__ import annotations

import torch
from torch import Tensor

from ccnn_pc._checks import check_batch, check_same_length
from ccnn_pc.ops.neighbors.graph import Graph
from ccnn_pc.ops.neighbors.k_nearest import Neighbors


def centers(pos: Tensor, batch: Tensor, num_clouds: int) -> Tensor:
    """Mean of each cloud, float64 ``[B, D]``."""
    total = torch.zeros(num_clouds, pos.shape[1], dtype=torch.float64, device=pos.device)
    total = total.index_add(0, batch, pos.detach().double())
    return total / torch.bincount(batch, minlength=num_clouds)[:, None]


def centered(pos: Tensor, center: Tensor, batch: Tensor) -> Tensor:
    """Positions relative to the centre of their cloud, subtracted in float64, in the type they came in."""
    return (pos.double() - center[batch]).to(pos.dtype)


def check_query_batch(query_batch: Tensor | None, query_pos: Tensor, num_clouds: int) -> Tensor:
    """Cloud of each query: like ``batch``, with the same clouds.

    Raises:
        TypeError: not an integer tensor.
        ValueError: wrong length, unsorted, or other clouds than the samples'.
    """
    if query_batch is None and num_clouds > 1:
        raise ValueError(
            f"'query_batch' must say which of the {num_clouds} clouds each query belongs to (got None)"
        )
    clouds = check_batch("query_batch", query_batch, query_pos)
    if int(clouds[-1]) + 1 != num_clouds:
        raise ValueError(
            f"'query_batch' must have queries in each of the {num_clouds} clouds (got {int(clouds[-1]) + 1})"
        )
    return clouds


def check_neighbors(neighbors: Neighbors | Graph, num_samples: int, num_queries: int) -> None:
    """``neighbors`` must have a row for each query and name samples that exist.

    Raises:
        ValueError: otherwise.
    """
    index, start, _ = neighbors.flat()
    if len(start) != num_queries:
        raise ValueError(
            f"'neighbors' must have one row for each of the {num_queries} queries (got {len(start)})"
        )
    if len(index) and int(index.max()) >= num_samples:
        raise ValueError(f"'neighbors' must name samples below {num_samples} (got {int(index.max())})")


def check_volume(volume: Tensor | None, pos: Tensor) -> Tensor | None:
    """``volume`` must be positive, one for each row of ``pos``.

    Raises:
        ValueError: otherwise.
    """
    if volume is None:
        return None
    check_same_length("volume", volume, "pos", pos)
    if volume.dim() != 1 or not bool((torch.isfinite(volume) & (volume > 0)).all()):
        raise ValueError(
            f"'volume' must be positive and finite, one per sample (got shape {list(volume.shape)})"
        )
    return volume.to(pos)


def check_on_lattice(
    pos: Tensor, query_pos: Tensor, batch: Tensor, query_batch: Tensor, spacing: Tensor, slack: float = 1e-2
) -> None:
    """Positions of a cloud must differ by whole multiples of ``spacing`` ``[D]``, up to a small part of it.

    Raises:
        ValueError: otherwise.
    """
    first = torch.searchsorted(batch, torch.arange(int(batch[-1]) + 1, device=batch.device))
    for name, where, cloud in (("pos", pos, batch), ("query_pos", query_pos, query_batch)):
        steps = (where - pos[first[cloud]]).detach().double() / spacing.to(where.device)
        off = (steps - steps.round()).abs().amax(dim=1)
        if bool((off > slack).any()):
            row = int(off.argmax())
            raise ValueError(
                f"'{name}' must lie on a lattice of spacing {spacing.tolist()} (got row {row}, "
                f"{float(off[row]):.3f} steps off)"
            )
