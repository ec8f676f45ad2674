"""Nearest neighbours through scipy's k-d tree, one tree per cloud, and the search by cloud that it shares."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from ccnn_pc.ops.neighbors.search import Search
from ccnn_pc.ops.neighbors.ties import BLOCK, MARGIN, break_ties

Find = Callable[[Tensor, int], tuple[Tensor, Tensor]]
"""``find(queries [r, D], count)``: squared distances ``[r, count]``, sorted, and indices within the cloud."""


def search_by_cloud(search: Search, k: int, build: Callable[[Tensor], Find]) -> Iterator[tuple[int, Tensor]]:
    """Neighbours by a finder that is built for one cloud at a time.

    Args:
        search: the problem.
        k: columns wanted.
        build: makes the finder from a cloud's samples ``[n, D]``.

    Yields:
        The first query and the global indices ``[r, min(k, cloud size)]`` of its and the following ones'
        neighbours.
    """
    device = search.pos.device
    for c, size in enumerate(search.sizes()):
        start, first, stop = search.pos_ptr[c], search.query_ptr[c], search.query_ptr[c + 1]
        find = build(search.pos[start : start + size])
        for some in torch.arange(first, stop, device=device).split(max(1, BLOCK // min(size, k + MARGIN))):

            def fetch(
                part: Tensor, count: int, find: Find = find, some: Tensor = some, start: int = start
            ) -> tuple[Tensor, Tensor]:
                rows = some[part]
                d2, index = find(search.query[rows], count)
                return self_first(d2, index, rows - start) if search.same else (d2, index)

            starts, unit = torch.full_like(some, start), search.unit[c].expand(len(some))
            yield int(some[0]), break_ties(search, fetch, min(k, size), size, some, starts, unit)


def self_first(d2: Tensor, index: Tensor, own: Tensor) -> tuple[Tensor, Tensor]:
    """Put each sample itself first, at distance -inf, where it is among the candidates.

    Where it is not, all candidates are duplicates of it: a tie, for which more are fetched.
    """
    first = index[:, 0] == own
    d2[first, 0] = -torch.inf
    later = (~first).nonzero()[:, 0]
    if later.numel():
        moved = torch.where(index[later] == own[later, None], -torch.inf, d2[later])
        moved, order = moved.sort(dim=1, stable=True)
        d2[later], index[later] = moved, index[later].gather(1, order)
    return d2, index


def tree_finder(samples: Tensor) -> Find:
    """A finder that asks a k-d tree, with as many threads as torch uses."""
    tree = cKDTree(samples.numpy())

    def find(queries: Tensor, count: int) -> tuple[Tensor, Tensor]:
        distance, index = tree.query(
            queries.numpy(), k=np.arange(1, count + 1), workers=torch.get_num_threads()
        )
        return torch.from_numpy(distance).square_(), torch.from_numpy(index)

    return find


def knn_kdtree(search: Search, k: int) -> Iterator[tuple[int, Tensor]]:
    """Neighbours from k-d trees; the problem must be on the CPU. See :func:`search_by_cloud`."""
    return search_by_cloud(search, k, tree_finder)
