"""The native searches among points: the farthest one by one, the nearest of queries."""

from __future__ import annotations

import ctypes

import torch
from torch import Tensor

from ccnn_pc.native.library import call


class _Farthest(ctypes.Structure):
    """``Farthest`` of ``src/common.h``."""

    _fields_ = [
        *((name, ctypes.c_int64) for name in ("points", "wanted", "start", "dim")),
        *((name, ctypes.c_void_p) for name in ("pos", "chosen")),
    ]


class _Nearest(ctypes.Structure):
    """``Nearest`` of ``src/common.h``."""

    _fields_ = [
        *((name, ctypes.c_int64) for name in ("points", "query_count", "count", "dim", "threads")),
        *((name, ctypes.c_void_p) for name in ("pos", "queries", "d2", "index")),
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


def native_nearest(pos: Tensor, queries: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The nearest points of each query, by comparing it with all; on the CPU.

    Args:
        pos: ``[n, D]``, float64, finite.
        queries: ``[r, D]``, likewise.
        count: how many, 1 to n.

    Returns:
        Squared distances ``[r, count]``, sorted, equal ones by number; and numbers, int64.
    """
    pos, queries = pos.contiguous(), queries.contiguous()
    d2 = queries.new_empty(len(queries), count)
    index = torch.empty(len(queries), count, dtype=torch.int64)
    problem = _Nearest(
        *(len(pos), len(queries), count, pos.shape[1], torch.get_num_threads()),
        *(tensor.data_ptr() for tensor in (pos, queries, d2, index)),
    )
    call("nearest", torch.float64, problem)
    return d2, index
