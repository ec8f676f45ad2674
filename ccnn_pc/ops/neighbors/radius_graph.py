"""All samples within a radius of each query: as many as there are, in blocks of bounded memory."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from ccnn_pc._checks import check_positive
from ccnn_pc.ops.neighbors.search import Search, prepare
from ccnn_pc.ops.neighbors.ties import (
    OFFSET_SLOPE,
    RELATIVE,
    SLOPE,
    argsort_keys,
    nearest_beyond_rounding,
    reorder,
    tolerance,
)

PAIRS = 1 << 22  # pairs compared at once on a GPU
ROWS = 2048  # queries sorted at once: 11 bits of the sort key, the other 52 hold the distance

Found = tuple[Tensor, Tensor, Tensor]
"""Of a run of queries: number within the run, sample within the cloud, squared distance; one entry per
edge."""


def radius(
    pos: Tensor,
    r: float,
    batch: Tensor | None = None,
    *,
    query_pos: Tensor | None = None,
    query_batch: Tensor | None = None,
) -> Tensor:
    r"""Edges from every sample to every query of its cloud at a distance of at most ``r``.

    No number of neighbours is cut off. Points on the sphere itself belong to it, up to the tolerance of
    :mod:`ccnn_pc.ops.neighbors.ties` (so that a lattice keeps its shells when it is moved).

    Args:
        pos: sample positions ``[n, D]``, float32 or float64.
        r: radius in position units, above 0.
        batch: cloud of each sample, int64 ``[n]``, sorted; None is one cloud.
        query_pos: query positions ``[m, D]``; None: the samples, and each is its own first neighbour.
        query_batch: cloud of each query ``[m]``.

    Returns:
        ``edge_index`` int64 ``[2, E]``: row 0 sample, row 1 query; sorted by query, then like a row of
        :func:`ccnn_pc.ops.neighbors.k_nearest.knn`. Memory beyond the result is bounded by the edges of 2048 queries.

    Raises:
        TypeError: positions that are not float32 or float64, a radius that is not a number.
        ValueError: r <= 0, wrong shapes, no points, NaN or infinity, an unsorted batch vector.

    Example:
        >>> radius(torch.tensor([[0.0], [1.0], [3.0]]), 1.5).tolist()
        [[0, 1, 1, 0, 2], [0, 0, 1, 1, 2]]
    """
    check_positive("r", r)
    search = prepare(pos, batch, query_pos, query_batch)
    if pos.device.type not in ("cpu", "cuda"):
        search = search.to(torch.device("cpu"))
    parts = []
    for c, size in enumerate(search.sizes()):
        start, first, stop = search.pos_ptr[c], search.query_ptr[c], search.query_ptr[c + 1]
        samples, unit = search.pos[start : start + size], search.unit[c]
        slack = torch.minimum(SLOPE * unit * r, unit.new_tensor(search.cap * r * r)) + RELATIVE * r * r
        reach = float((r * r + slack).sqrt())
        for low, (row, index, d2) in pairs_within(samples, search.query[first:stop], reach):
            if search.same:
                d2 = torch.where(index == row + low, -torch.inf, d2)
            row, index = _sort(search, row, index, d2, low + first, start, unit)
            parts.append(torch.stack([index + start, row + (low + first)]))
    return torch.cat(parts, dim=1).to(pos.device)


def pairs_within(samples: Tensor, queries: Tensor, reach: float) -> Iterator[tuple[int, Found]]:
    """Pairs at a distance of at most ``reach``, unsorted, for at most :data:`ROWS` queries at a time.

    Args:
        samples: float64 ``[n, D]``.
        queries: float64 ``[m, D]``.
        reach: largest distance.

    Yields:
        The first query of the run, and its pairs.
    """
    return (_by_tree if samples.device.type == "cpu" else _by_comparison)(samples, queries, reach)


def _by_tree(samples: Tensor, queries: Tensor, reach: float) -> Iterator[tuple[int, Found]]:
    tree = cKDTree(samples.numpy())
    for low in range(0, len(queries), ROWS):
        part = queries[low : low + ROWS].numpy()
        found = cKDTree(part).sparse_distance_matrix(tree, reach, output_type="ndarray")
        row, index = (torch.from_numpy(found[name].astype(np.int64)) for name in ("i", "j"))
        yield low, (row, index, torch.from_numpy(found["v"].copy()).square_())


def _by_comparison(samples: Tensor, queries: Tensor, reach: float) -> Iterator[tuple[int, Found]]:
    for low in range(0, len(queries), ROWS):
        part = []
        for some in torch.arange(low, min(low + ROWS, len(queries)), device=queries.device).split(
            max(1, PAIRS // len(samples))
        ):
            d2 = torch.zeros(len(some), len(samples), dtype=torch.float64, device=queries.device)
            for axis in range(samples.shape[1]):
                d2 += (samples[:, axis] - queries[some, axis, None]).square_()
            row, index = (d2 <= reach * reach).nonzero(as_tuple=True)
            part.append((row + (some[0] - low), index, d2[row, index]))
        rows, indices, d2s = zip(*part, strict=True)
        yield low, (torch.cat(rows), torch.cat(indices), torch.cat(d2s))


def _sort(
    search: Search, row: Tensor, index: Tensor, d2: Tensor, first: int, start: int, unit: Tensor
) -> tuple[Tensor, Tensor]:
    """Sort the edges of at most :data:`ROWS` queries by query, distance, offset and index."""
    if not row.numel():
        return row, index
    own = d2 == -torch.inf
    distance = torch.where(own, 0, (d2.clamp(min=0).view(torch.int64) >> 12) + 1)
    order = argsort_keys((row << 52) | distance)
    row, index, d2 = row[order], index[order], d2[order]
    near = torch.full((int(row[-1]) + 1,), torch.inf, dtype=torch.float64, device=row.device)
    near.scatter_reduce_(0, row, nearest_beyond_rounding(d2, unit), "amin")
    near = torch.where(near.isinf(), torch.zeros_like(near), near)
    tied = torch.zeros_like(row, dtype=torch.bool)
    same_row = row[1:] == row[:-1]
    tied[1:] = same_row & (
        d2[1:] - d2[:-1] <= tolerance(d2[1:].clamp(min=0), unit, near[row[1:]], search.cap)
    )
    member = tied.clone()
    member[:-1] |= tied[1:]
    position = member.nonzero()[:, 0]
    if position.numel():
        source, spacing = row[position], near.sqrt()
        coordinate = torch.minimum(OFFSET_SLOPE * unit, 1e-2 * spacing[source]) + RELATIVE * spacing[source]
        offset = search.pos[index[position] + start] - search.query[source + first]
        reorder(
            index,
            tied[position],
            position,
            offset,
            coordinate,
            torch.where(spacing > 0, spacing, torch.inf).min(),
        )
    return row, index
