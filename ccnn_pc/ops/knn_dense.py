"""Nearest neighbours by comparing every query with every sample of its cloud, in blocks of bounded memory.

Squared distances are computed from coordinate differences in float64, not from a matrix product: a product loses half
of the digits, so that duplicates would not lie at distance 0 and ties could not be told from near misses. The index is
packed into the lowest bits of the (non-negative, hence ordered) float64 pattern, so that selection and sort run once,
over plain int64 numbers; what is lost is below the tie tolerance of :mod:`ccnn_pc.ops.ties`.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from ccnn_pc.ops.search import Search
from ccnn_pc.ops.ties import may_tie, settle, sort_rows

CPU_BLOCK = 1 << 15  # pairs per block: three buffers stay in the cache, torch runs them on the calling thread
GPU_BLOCK = 1 << 23  # 64 MiB per buffer
MARGIN = 4  # candidates beyond k: enough to see a tie at the cut
_LAST = torch.iinfo(torch.int64).max
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
    return sort_rows(keys[:, :count].clone())


def squared_distances(samples: Tensor, queries: Tensor) -> Tensor:
    """Squared distances ``[b, m, n]`` of ``samples [D, b, n]`` and ``queries [D, b, m]``."""
    difference = samples[0][:, None, :] - queries[0][:, :, None]
    total = difference * difference
    for axis in range(1, samples.shape[0]):
        torch.sub(samples[axis][:, None, :], queries[axis][:, :, None], out=difference)
        total.addcmul_(difference, difference)
    return total


def groups(sizes: list[int], queries: list[int], wanted: int, budget: int) -> Iterator[range]:
    """Consecutive clouds that share one padded block.

    They must offer the same number of candidates, ``min(wanted, size)``, fit the budget, and waste less than they use.
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


def knn_dense(search: Search, k: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Neighbours by exhaustive comparison.

    Yields:
        Query rows ``[r]`` and the global indices ``[r, min(k, cloud size)]`` of their neighbours.
    """
    device = search.pos.device
    budget = CPU_BLOCK if device.type == "cpu" else GPU_BLOCK
    sizes = search.sizes()
    queries = [b - a for a, b in zip(search.query_ptr[:-1], search.query_ptr[1:], strict=True)]
    for clouds in groups(sizes, queries, k + MARGIN, budget):
        samples, valid = _padded(search.pos, search.pos_ptr, clouds)
        query, valid_query = (samples, valid) if search.same else _padded(search.query, search.query_ptr, clouds)
        shape = (len(clouds), query.shape[2])
        sample_start = torch.tensor([search.pos_ptr[c] for c in clouds], device=device)[:, None].expand(shape)
        query_start = torch.tensor([search.query_ptr[c] for c in clouds], device=device)[:, None]
        rows = query_start + torch.arange(shape[1], device=device)
        unit = search.unit[clouds.start : clouds.stop, None].expand(shape)
        real = torch.ones(shape, dtype=torch.bool, device=device) if valid_query is None else valid_query
        available = min(sizes[c] for c in clouds)
        step = max(1, budget // (len(clouds) * samples.shape[2]))
        for first in range(0, shape[1], step):
            part = slice(first, min(first + step, shape[1]))
            keys, mask = _keys(samples, query[:, :, part], valid, first if search.same else None)
            keep = real[:, part].reshape(-1)
            block = _Block(search, keys[keep] if valid_query is not None else keys, mask)
            block.place(rows[:, part].reshape(-1)[keep], sample_start[:, part].reshape(-1)[keep])
            yield block.rows, block.nearest(min(k, available), available, unit[:, part].reshape(-1)[keep])


def _keys(samples: Tensor, query: Tensor, valid: Tensor | None, diagonal: int | None) -> tuple[Tensor, int]:
    """Packed keys ``[b * m, n]`` and the bit mask of the index in them."""
    count = samples.shape[2]
    mask = (1 << (count - 1).bit_length()) - 1
    keys = squared_distances(samples, query).view(torch.int64)
    index = torch.arange(count, device=keys.device)
    keys.bitwise_and_(~mask).bitwise_or_(index)
    if diagonal is not None:  # queries are the samples diagonal, diagonal + 1, ...
        own = index[diagonal : diagonal + query.shape[2]]
        keys[:, :, diagonal : diagonal + query.shape[2]].diagonal(dim1=1, dim2=2).copy_(own + _SELF)
    if valid is not None:
        keys.masked_fill_(~valid[:, None, :], _LAST)
    return keys.view(-1, count), mask


class _Block:
    """Rows of packed keys and what is needed to settle their ties."""

    def __init__(self, search: Search, keys: Tensor, mask: int) -> None:
        self.search, self.keys, self.mask = search, keys, mask

    def place(self, rows: Tensor, start: Tensor) -> None:
        """Say which queries the rows are and where the samples of their clouds begin."""
        self.rows, self.start = rows, start

    def unpack(self, keys: Tensor) -> tuple[Tensor, Tensor]:
        return (keys & ~self.mask).view(torch.float64), keys & self.mask

    def fetch(self, part: Tensor, count: int) -> tuple[Tensor, Tensor]:
        return self.unpack(smallest(self.keys[part], count))

    def offset(self, part: Tensor, index: Tensor) -> Tensor:
        sample = self.search.pos[index + self.start[part, None]]
        return sample - self.search.query[self.rows[part], None, :]

    def nearest(self, k: int, available: int, unit: Tensor) -> Tensor:
        """Global indices ``[r, k]``."""
        top = smallest(self.keys, min(available, k + MARGIN))
        d2, index = self.unpack(top[:, : k + 1])
        ties = may_tie(d2, unit).nonzero()[:, 0]
        index = index[:, :k]
        if ties.numel():
            # padded clouds of a block have different sizes; columns beyond a row's own cloud never come first
            index[ties] = settle(ties, k, available, self.fetch, self.offset, unit[ties], self.search.cap)
        return index + self.start[:, None]
