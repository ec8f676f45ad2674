r"""Points along a space-filling curve: those that lie close in space lie close in memory.

A cell's number on the Z-order curve is its coordinates' bits in turn,

.. math:: z = \sum_b \sum_d \mathrm{bit}_b(c_d)\, 2^{D b + d}

(G. M. Morton, A computer oriented geodetic data base, IBM 1966). Queries that are worked off in this order read
the same samples, which then stay in cache.
"""

from __future__ import annotations

import torch
from torch import Tensor

#: Bits of all axes together; 2^60 cells are numbers that int64 holds.
BITS = 60


def z_order(pos: Tensor, batch: Tensor, bits: int = 10) -> Tensor:
    """The order of points along the Z-order curve, one cloud after the other, equal cells as given.

    Args:
        pos: positions ``[n, D]``, finite.
        batch: cloud of each point, int64 ``[n]``.
        bits: cells per axis, as a power of two; at most ``60 / D`` count.

    Returns:
        point numbers, int64 ``[n]``.

    Example:
        >>> pos = torch.tensor([[0.9, 0.9], [0.1, 0.1], [0.9, 0.1], [0.2, 0.1]])
        >>> z_order(pos, torch.zeros(4, dtype=torch.long), bits=1).tolist()
        [1, 3, 2, 0]
    """
    if not len(pos):
        return batch
    dim, low = pos.shape[1], pos.amin(0)
    bits = min(bits, BITS // dim)
    size = (pos.amax(0) - low).max().clamp(min=torch.finfo(pos.dtype).tiny)
    cell = ((pos - low) / size * (1 << bits)).long().clamp(max=(1 << bits) - 1)
    number = torch.zeros_like(batch)
    for bit in range(bits):
        for axis in range(dim):
            number |= ((cell[:, axis] >> bit) & 1) << (dim * bit + axis)
    order = number.argsort(stable=True)
    return order[batch[order].argsort(stable=True)]
