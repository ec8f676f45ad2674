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
        *((name, ctypes.c_int64) for name in ("clouds", "wanted", "dim", "threads")),
        *((name, ctypes.c_void_p) for name in ("first", "start", "pos", "chosen")),
    ]


@dataclass(frozen=True)
class Ties:
    """When distances are equal; see :mod:`ccnn_pc.ops.neighbors.ties`.

    Squared distances d² are equal up to ``min(slope * d, cap * h²) + relative * d²``, with the least one h² above
    ``beyond``; coordinates of offsets up to ``min(offset_slope, offset_cap * h) + relative * h``.

    Attributes:
        slope, beyond, offset_slope: of each cloud, float64 ``[B]``.
        margin: neighbours beyond those wanted that are looked at first.
    """

    slope: Tensor
    cap: float
    relative: float
    beyond: Tensor
    offset_slope: Tensor
    offset_cap: float
    margin: int


class _Neighbours(ctypes.Structure):
    """``Neighbours`` of ``src/common.h``."""

    _fields_ = [
        *((name, ctypes.c_int64) for name in ("clouds", "count", "margin", "dim", "same", "threads")),
        *((name, ctypes.c_double) for name in ("cap", "relative", "offset_cap")),
        *((name, ctypes.c_void_p) for name in ("slope", "beyond", "offset_slope")),
        *((name, ctypes.c_void_p) for name in ("first", "query_first", "pos", "queries", "index")),
    ]


def native_farthest(pos: Tensor, num_points: int, start: Tensor, first: Tensor) -> Tensor:
    """Numbers ``[B, num_points]`` of points in their clouds; see :func:`ccnn_pc.ops.points.farthest.farthest_points`.

    Args:
        pos: ``[n, D]``, float32 or float64, finite, on the CPU.
        num_points: 1 to the number of points of the smallest cloud.
        start: the first one of each cloud, int64 ``[B]``.
        first: where each cloud begins, and the end: int64 ``[B + 1]``.
    """
    pos, start, first = pos.contiguous(), start.contiguous(), first.contiguous()
    chosen = torch.empty(len(start), num_points, dtype=torch.int64)
    problem = _Farthest(
        *(len(start), num_points, pos.shape[1], torch.get_num_threads()),
        *(tensor.data_ptr() for tensor in (first, start, pos, chosen)),
    )
    call("farthest", pos.dtype, problem)
    return chosen


def native_neighbours(
    pos: Tensor, queries: Tensor, count: int, ties: Ties, first: Tensor, query_first: Tensor, *, same: bool
) -> Tensor:
    """The nearest points of each query in its cloud, by comparing it with all; on the CPU.

    Args:
        pos: ``[n, D]``, float64, finite.
        queries: ``[m, D]``, likewise.
        count: how many.
        ties: when distances are equal; then offsets decide, and then numbers.
        first: where the points of each cloud begin, and the end: int64 ``[B + 1]``; no cloud is empty.
        query_first: where its queries begin, and the end.
        same: queries are the points; each comes first among its neighbours.

    Returns:
        Rows of ``pos``, int32 ``[m, count]``; of clouds with fewer points the last one is repeated.
    """
    tensors = [
        t.contiguous() for t in (ties.slope, ties.beyond, ties.offset_slope, first, query_first, pos, queries)
    ]
    index = torch.empty(len(queries), count, dtype=torch.int32)
    problem = _Neighbours(
        *(len(first) - 1, count, ties.margin, pos.shape[1], same, torch.get_num_threads()),
        *(ties.cap, ties.relative, ties.offset_cap),
        *(tensor.data_ptr() for tensor in (*tensors, index)),
    )
    call("neighbours", torch.float64, problem)
    return index
