"""Nearest neighbours by comparing every query with every sample of its cloud, in C++."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from ccnn_pc.native.points import Ties, native_neighbours
from ccnn_pc.ops.neighbors.search import Search
from ccnn_pc.ops.neighbors.ties import BEYOND, MARGIN, OFFSET_CAP, OFFSET_SLOPE, RELATIVE, SLOPE


def knn_native(search: Search, k: int) -> Iterator[tuple[int, Tensor]]:
    """Neighbours from the native search; the problem must be on the CPU.

    Raises:
        RuntimeError: the native operators were not built.
    """
    for cloud, (size, unit) in enumerate(zip(search.sizes(), search.unit.tolist(), strict=True)):
        start, first, stop = search.pos_ptr[cloud], *search.query_ptr[cloud : cloud + 2]
        ties = Ties(
            slope=SLOPE * unit,
            cap=search.cap,
            relative=RELATIVE,
            beyond=(BEYOND * unit) ** 2,
            offset_slope=OFFSET_SLOPE * unit,
            offset_cap=OFFSET_CAP,
            margin=MARGIN,
        )
        samples, queries = search.pos[start : start + size], search.query[first:stop]
        found = native_neighbours(samples, queries, min(k, size), ties, own=0 if search.same else -1)
        yield first, found.add_(start)
