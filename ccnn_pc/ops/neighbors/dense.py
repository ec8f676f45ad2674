"""Nearest neighbours by comparing every query with every sample of its cloud, in blocks of bounded memory.

Squared distances are computed from coordinate differences in float64, not from a matrix product: a product
loses half of the digits, so that duplicates would not lie at distance 0 and ties could not be told from near
misses. The index is packed into the lowest bits of the (non-negative, hence ordered) float64 pattern, so that
selection and sort run once, over plain int64 numbers; what is lost is below the tie tolerance of
:mod:`ccnn_pc.ops.neighbors.ties`.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from ccnn_pc.ops.neighbors.search import Search
from ccnn_pc.ops.neighbors.ties import BLOCK, MARGIN, break_ties

CPU_BLOCK = 1 << 15  # pairs at once: the buffers stay in the cache, and torch runs them on the calling thread
GPU_BLOCK = 1 << 23  # 64 MiB per buffer
_FAR = int(torch.tensor(1e300, dtype=torch.float64).view(torch.int64))  # padding: beyond all points
_SELF = -(1 << 52)  # bit pattern of -inf


def smallest(keys: Tensor, count: int) -> Tensor:
    """The ``count`` smallest numbers of each int64 row, sorted. On CPU the rows are permuted in place."""
    if keys.device.type != "cpu":
        return keys.topk(count, dim=1, largest=False).values
    array = keys.numpy()
    if 2 * count >= array.shape[1]:
        array.sort(axis=1)
        return keys[:, :count]
    array.partition(count - 1, axis=1)
    first = array[:, :count]
    first.sort(axis=1)
    return keys[:, :count]


def squared_distances(samples: Tensor, queries: Tensor) -> Tensor:
    """Squared distances ``[r, n]`` of queries ``[D, r]`` to samples ``[D, r, n]`` (or ``[D, 1, n]``)."""
    difference = samples[0] - queries[0][:, None]
    total = difference * difference
    for axis in range(1, samples.shape[0]):
        torch.sub(samples[axis], queries[axis][:, None], out=difference)
        total.addcmul_(difference, difference)
    return total


def groups(sizes: list[int], queries: list[int], wanted: int, budget: int) -> Iterator[range]:
    """Consecutive clouds that share one padded block.

    They must offer the same number of candidates, ``min(wanted, size)``, fit the budget, and waste less than
    they use.
    """
    first, area = 0, 0
    for c in range(len(sizes) + 1):
        if c < len(sizes) and c > first:
            members = range(first, c + 1)
            padded = len(members) * max(sizes[i] for i in members) * max(queries[i] for i in members)
            alike = min(wanted, sizes[c]) == min(wanted, sizes[first])
            if alike and padded <= min(budget, 2 * (area + sizes[c] * queries[c])):
                area += sizes[c] * queries[c]
                continue
        if c > first:
            yield range(first, c)
        if c < len(sizes):
            first, area = c, sizes[c] * queries[c]


def _padded(flat: Tensor, ptr: list[int], clouds: range) -> tuple[Tensor, Tensor | None]:
    """Coordinates of some clouds, ``[D, b, largest]``, and which entries are real (None: all)."""
    start, stop = ptr[clouds.start], ptr[clouds.stop]
    sizes = [ptr[c + 1] - ptr[c] for c in clouds]
    part = flat[start:stop].t()
    if min(sizes) == max(sizes):
        return part.reshape(part.shape[0], len(clouds), sizes[0]).contiguous(), None
    valid = torch.arange(max(sizes), device=flat.device) < torch.tensor(sizes, device=flat.device)[:, None]
    padded = part.new_zeros(part.shape[0], len(clouds), max(sizes))
    padded[:, valid] = part
    return padded, valid


def knn_dense(search: Search, k: int) -> Iterator[tuple[int, Tensor]]:
    """Neighbours by exhaustive comparison.

    Yields:
        The first query and the global indices ``[r, min(k, cloud size)]`` of its and the following ones'
        neighbours.
    """
    device = search.pos.device
    budget, stage = (CPU_BLOCK, BLOCK) if device.type == "cpu" else (GPU_BLOCK, GPU_BLOCK)
    sizes = search.sizes()
    queries = [b - a for a, b in zip(search.query_ptr[:-1], search.query_ptr[1:], strict=True)]
    for clouds in groups(sizes, queries, k + MARGIN, GPU_BLOCK):
        block = _Block(search, clouds, budget)
        width, available = min(k, sizes[clouds.start]), max(sizes[c] for c in clouds)
        numbers = torch.arange(block.rows.numel(), device=device).split(
            max(1, stage // min(available, k + MARGIN))
        )
        for some in numbers:

            def fetch(
                part: Tensor, count: int, block: _Block = block, some: Tensor = some
            ) -> tuple[Tensor, Tensor]:
                return block.nearest(some[part], count)

            rows, start, unit = block.rows[some], block.start[some], block.unit[some]
            yield int(rows[0]), break_ties(search, fetch, width, available, rows, start, unit)


class _Block:
    """Some clouds, padded to one size, and their queries in one flat list."""

    def __init__(self, search: Search, clouds: range, budget: int) -> None:
        device = search.pos.device
        self.samples, self.valid = _padded(search.pos, search.pos_ptr, clouds)
        self.budget, self.same = budget, search.same
        bounds = [(c - clouds.start, search.query_ptr[c], search.query_ptr[c + 1]) for c in clouds]
        counts = torch.tensor([b - a for _, a, b in bounds], device=device)
        self.rows = torch.arange(bounds[0][1], bounds[-1][2], device=device)
        self.cloud = torch.arange(len(clouds), device=device).repeat_interleave(counts)
        self.start = torch.tensor([search.pos_ptr[c] for c in clouds], device=device)[self.cloud]
        self.unit = search.unit[clouds.start : clouds.stop][self.cloud]
        self.query = search.query[bounds[0][1] : bounds[-1][2]].t().contiguous()
        self.index = torch.arange(self.samples.shape[2], device=device)
        self.mask = (1 << (len(self.index) - 1).bit_length()) - 1

    def keys(self, part: Tensor) -> Tensor:
        """Packed distances and indices of some rows to all samples, ``[r, n]``."""
        first, last = int(self.cloud[part[0]]), int(self.cloud[part[-1]])
        # rows are in order: either all of one cloud, whose samples need no copy for every row, or of several
        samples = self.samples[:, slice(first, last + 1) if first == last else self.cloud[part]]
        keys = squared_distances(samples, self.query[:, part]).view(torch.int64)
        keys.bitwise_and_(~self.mask).bitwise_or_(self.index)
        if self.same:
            own = (self.rows[part] - self.start[part])[:, None]
            keys.scatter_(1, own, own + _SELF)
        if self.valid is not None:
            keys.masked_fill_(~self.valid[self.cloud[part]], _FAR & ~self.mask)
        return keys

    def nearest(self, part: Tensor, count: int) -> tuple[Tensor, Tensor]:
        """Squared distances and indices within the cloud of the ``count`` nearest samples, ``[r, count]``."""
        found = torch.empty(len(part), count, dtype=torch.int64, device=part.device)
        step = max(1, self.budget // len(self.index))
        for low in range(0, len(part), step):
            some = slice(low, min(low + step, len(part)))
            found[some] = smallest(self.keys(part[some]), count)
        return (found & ~self.mask).view(torch.float64), found.bitwise_and_(self.mask)
