"""Nearest neighbours by comparing every query with every sample of its cloud, in C++."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from torch import Tensor

from ccnn_pc.native.points import native_nearest
from ccnn_pc.ops.neighbors.kdtree import Find, search_by_cloud
from ccnn_pc.ops.neighbors.search import Search


def _finder(samples: Tensor) -> Find:
    return partial(native_nearest, samples)


def knn_native(search: Search, k: int) -> Iterator[tuple[int, Tensor]]:
    """Neighbours from the native search; the problem must be on the CPU. See :func:`search_by_cloud`.

    Raises:
        RuntimeError: the native operators were not built.
    """
    return search_by_cloud(search, k, _finder)
