"""One neighbour problem, checked and in float64: samples, queries, clouds, rounding of positions."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ccnn_pc._autograd import in_torch_func
from ccnn_pc._checks import check_batch, check_positions, check_query_batch

INT32_MAX = 2**31 - 1
#: Coordinates up to which squared distances are numbers in every search.
LARGEST = 1e140


@dataclass(frozen=True)
class Search:
    """Samples and queries of all clouds, ready for a search.

    Attributes:
        pos: sample positions, float64 ``[n, D]``.
        query: query positions, float64 ``[m, D]``; the tensor ``pos`` itself where queries are the samples.
        pos_ptr: cloud ``c`` owns samples ``pos_ptr[c]:pos_ptr[c + 1]``.
        query_ptr: cloud ``c`` owns queries ``query_ptr[c]:query_ptr[c + 1]``.
        same: whether queries are the samples (then each is its own first neighbour).
        unit: float64 ``[B]``, the rounding of one stored coordinate in each cloud: unit roundoff of the
            input type times the largest coordinate.
        cap: largest tie tolerance, as a fraction of the squared distance to the nearest neighbour.
    """

    pos: Tensor
    query: Tensor
    pos_ptr: list[int]
    query_ptr: list[int]
    same: bool
    unit: Tensor
    cap: float

    @property
    def num_clouds(self) -> int:
        return len(self.pos_ptr) - 1

    def to(self, device: torch.device) -> Search:
        """The same problem on another device."""
        pos = self.pos.to(device)
        query = pos if self.same else self.query.to(device)
        return Search(pos, query, self.pos_ptr, self.query_ptr, self.same, self.unit.to(device), self.cap)

    def sizes(self) -> list[int]:
        """Number of samples of each cloud."""
        return [b - a for a, b in zip(self.pos_ptr[:-1], self.pos_ptr[1:], strict=True)]


def pointers(batch: Tensor) -> list[int]:
    """Where each cloud of a sorted batch vector begins, and the end: ``[B + 1]``."""
    counts = torch.bincount(batch)
    return [0, *counts.cumsum(0).tolist()]


def prepare(
    pos: Tensor, batch: Tensor | None, query_pos: Tensor | None, query_batch: Tensor | None
) -> Search:
    """Check positions and batch vectors and put them into a :class:`Search`.

    Raises:
        TypeError: positions that are not float32 or float64, a batch vector that is not integer.
        ValueError: wrong shapes, no points, NaN, infinity or (on a CPU) coordinates beyond 1e140, an unsorted batch
            vector, queries of another dimension, other clouds or another device than the samples; inside of a transform
            of ``torch.func``.
    """
    if in_torch_func():
        raise ValueError(
            "neighbours must be searched outside of torch.func: domain = PointSet(pos, batch).knn(k) before, and "
            "layer(x, domain) or model(x, domain) inside of it"
        )
    check_positions("pos", pos)
    batch = check_batch("batch", batch, pos)
    same = query_pos is None or query_pos is pos
    if query_pos is None or same:
        if query_pos is None and query_batch is not None:
            raise ValueError("'query_batch' must come with 'query_pos' (got query_pos=None)")
        query_pos, query_batch = pos, batch
    else:
        check_positions("query_pos", query_pos, dim=pos.shape[1])
        query_batch = check_query_batch(query_batch, query_pos, int(batch[-1]) + 1)
        if query_pos.device != pos.device:
            raise ValueError(
                f"'query_pos' must be on the device of 'pos', {pos.device} (got {query_pos.device})"
            )
    if pos.shape[0] > INT32_MAX:
        raise ValueError(f"'pos' must hold at most {INT32_MAX} points (got {pos.shape[0]})")
    eps = max(torch.finfo(pos.dtype).eps, torch.finfo(query_pos.dtype).eps) / 2
    samples = pos.detach().double()
    queries = samples if same else query_pos.detach().double()
    pos_ptr = pointers(batch)
    largest = samples.new_zeros(len(pos_ptr) - 1)
    largest.scatter_reduce_(0, batch, samples.abs().amax(dim=1), "amax")
    if not same:
        largest.scatter_reduce_(0, query_batch, queries.abs().amax(dim=1), "amax")
    if largest.device.type == "cpu" and float(largest.max()) > LARGEST:  # nobody waits for a GPU
        raise ValueError(
            f"'pos' must lie within {LARGEST:g} of 0 for squared distances to be numbers (got {float(largest.max()):g})"
        )
    return Search(
        pos=samples,
        query=queries,
        pos_ptr=pos_ptr,
        query_ptr=pos_ptr if same else pointers(query_batch),
        same=same,
        unit=largest * (eps * math.sqrt(pos.shape[1])),
        cap=1e-2 if eps > 1e-10 else 1e-6,
    )
