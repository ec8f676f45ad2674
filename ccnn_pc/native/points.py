"""The native searches among points: the farthest one by one, the nearest of queries."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

import torch
from torch import Tensor

from ccnn_pc.native.library import call


class _Farthest(ctypes.Structure):
    """``Farthest`` of ``src/common.h``."""

    _fields_ = [
        *((name, ctypes.c_int64) for name in ("points", "wanted", "start", "dim")),
        *((name, ctypes.c_void_p) for name in ("pos", "chosen")),
    ]


@dataclass(frozen=True)
class Ties:
    """When distances are equal; see :mod:`ccnn_pc.ops.neighbors.ties`.

    Squared distances d² are equal up to ``min(slope * d, cap * h²) + relative * d²``, with the least one h² above
    ``beyond``; coordinates of offsets up to ``min(offset_slope, offset_cap * h) + relative * h``.

    Attributes:
        margin: neighbours beyond those wanted that are looked at first.
    """

    slope: float
    cap: float
    relative: float
    beyond: float
    offset_slope: float
    offset_cap: float
    margin: int


class _Neighbours(ctypes.Structure):
    """``Neighbours`` of ``src/common.h``."""

    _fields_ = [
        *(
            (name, ctypes.c_int64)
            for name in ("points", "query_count", "count", "margin", "dim", "own", "threads")
        ),
        *(
            (name, ctypes.c_double)
            for name in ("slope", "cap", "relative", "beyond", "offset_slope", "offset_cap")
        ),
        *((name, ctypes.c_void_p) for name in ("pos", "queries", "index")),
    ]


def native_farthest(pos: Tensor, num_points: int, start: int) -> Tensor:
    """Numbers ``[num_points]`` of points on the CPU; see :func:`ccnn_pc.ops.points.farthest.farthest_points`.

    Args:
        pos: ``[n, D]``, float32 or float64, finite.
        num_points: 1 to n.
        start: the first one, below n.
    """
    pos = pos.contiguous()
    chosen = torch.empty(num_points, dtype=torch.int64)
    problem = _Farthest(len(pos), num_points, start, pos.shape[1], pos.data_ptr(), chosen.data_ptr())
    call("farthest", pos.dtype, problem)
    return chosen


def native_neighbours(pos: Tensor, queries: Tensor, count: int, ties: Ties, own: int = -1) -> Tensor:
    """The nearest points of each query, by comparing it with all; on the CPU.

    Args:
        pos: ``[n, D]``, float64, finite.
        queries: ``[r, D]``, likewise.
        count: how many, 1 to n.
        ties: when distances are equal; then offsets decide, and then numbers.
        own: the first query is this point, the second the next one; -1: queries are other points.

    Returns:
        Numbers ``[r, count]``, int64; a query that is a point comes first.
    """
    pos, queries = pos.contiguous(), queries.contiguous()
    index = torch.empty(len(queries), count, dtype=torch.int64)
    problem = _Neighbours(
        *(len(pos), len(queries), count, ties.margin, pos.shape[1], own, torch.get_num_threads()),
        *(ties.slope, ties.cap, ties.relative, ties.beyond, ties.offset_slope, ties.offset_cap),
        *(tensor.data_ptr() for tensor in (pos, queries, index)),
    )
    call("neighbours", torch.float64, problem)
    return index
