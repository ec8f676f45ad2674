"""Nearest neighbours by comparing every query with every sample of its cloud, in C++."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from ccnn_pc.native.points import Ties, native_neighbours
from ccnn_pc.ops.neighbors.search import Search
from ccnn_pc.ops.neighbors.ties import BEYOND, MARGIN, OFFSET_CAP, OFFSET_SLOPE, RELATIVE, SLOPE


def knn_native(search: Search, k: int) -> Iterator[tuple[int, Tensor]]:
    """Neighbours from the native search; the problem must be on the CPU.

    Raises:
        RuntimeError: the native operators were not built.
    """
    unit = search.unit
    ties = Ties(
        slope=SLOPE * unit,
        cap=search.cap,
        relative=RELATIVE,
        beyond=(BEYOND * unit) ** 2,
        offset_slope=OFFSET_SLOPE * unit,
        offset_cap=OFFSET_CAP,
        margin=MARGIN,
    )
    first, query_first = torch.tensor(search.pos_ptr), torch.tensor(search.query_ptr)
    table = native_neighbours(search.pos, search.query, k, ties, first, query_first, same=search.same)
    sizes = search.sizes()
    if min(sizes) >= k:
        yield 0, table
        return
    for size, begin, end in zip(sizes, search.query_ptr[:-1], search.query_ptr[1:], strict=True):
        yield begin, table[begin:end, : min(k, size)]
