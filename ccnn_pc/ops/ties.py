r"""Which of equally distant neighbours come first, decided so that rounding cannot change it.

On a lattice a point has many neighbours at the same distance. Their order, and which of them a table of ``k``
columns keeps, must not depend on the point's place or number, or a network would treat equal surroundings
differently. The rule: nearer first; at equal distance the lexicographically smaller offset ``p_j - q_i``; at equal
offset (duplicates) the smaller index; and a sample that queries itself before everything else.

"Equal" needs a tolerance, since a lattice moved by 0.1 is no exact lattice any more. Stored coordinates carry an error
of at most :math:`\epsilon L` (unit roundoff times largest coordinate of the cloud; twice that where the position is
the rounded result of one operation), so squared distances carry :math:`8\sqrt{D}\,\epsilon L d`, and two of them agree
if they differ by at most

.. math:: \min(16\sqrt{D}\,\epsilon L\,d,\; c\,h^2) + 10^{-9} d^2 .

Here :math:`h` is the distance to the query's nearest neighbour that is farther than rounding. Squared distances on a
lattice of spacing :math:`h` differ by at least :math:`h^2`, so the cap (:math:`c = 10^{-2}` for float32 input,
:math:`10^{-6}` for float64) lies far below any true difference: data too coarse for their type (metres from the
Earth's centre in float32) are then still sorted by distance. The last term lets all backends agree, whose float64
arithmetic differs in the last digits.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

SLOPE = 16.0  # tolerance of squared distances, in rounding units times distance
RELATIVE = 1e-9  # part of the tolerance common to all input types, relative to the squared distance
OFFSET_SLOPE = 8.0  # tolerance of one coordinate of an offset, in rounding units

Fetch = Callable[[Tensor, int], tuple[Tensor, Tensor]]
"""``fetch(rows, count)``: the ``count`` nearest of these rows: squared distances (sorted) and indices."""


def sort_rows(keys: Tensor) -> Tensor:
    """Sort int64 rows; on CPU in place through numpy, whose vectorised sort is several times faster than torch's."""
    if keys.device.type != "cpu":
        return keys.sort(dim=1).values
    keys.numpy().sort(axis=1)
    return keys


def may_tie(d2: Tensor, unit: Tensor) -> Tensor:
    """Rows in which two consecutive squared distances may be equal (an upper bound of the tolerance; cheap).

    Args:
        d2: sorted squared distances ``[r, K]``, -inf for a sample itself.
        unit: rounding of a position ``[r]`` or one number.

    Returns:
        bool ``[r]``.
    """
    if d2.shape[1] < 2:
        return torch.zeros(d2.shape[0], dtype=torch.bool, device=d2.device)
    last = d2[:, -1].clamp(min=0)
    tolerance = SLOPE * unit * last.sqrt() + RELATIVE * last
    return (d2[:, 1:] - d2[:, :-1]).amin(dim=1) <= tolerance


def _nearest(d2: Tensor, unit: Tensor) -> Tensor:
    """Squared distance to the nearest neighbour beyond rounding ``[r]``, 0 where there is none."""
    floor = (4.0 * unit).square()[:, None]
    nearest = torch.where((d2 > floor) & d2.isfinite(), d2, torch.inf).amin(dim=1)
    return torch.where(nearest.isinf(), torch.zeros_like(nearest), nearest)


def _rank(values: Tensor, tolerance: Tensor) -> Tensor:
    """Rank of each value in its row, equal where sorted neighbours differ by at most ``tolerance`` ``[r, 1]``."""
    ordered, order = values.sort(dim=1)
    rank = torch.zeros_like(order)
    rank[:, 1:] = ((ordered[:, 1:] - ordered[:, :-1]) > tolerance).cumsum(dim=1)
    return torch.empty_like(order).scatter_(1, order, rank)


def _lattice_rank(values: Tensor, spacing: Tensor, tolerance: Tensor) -> tuple[Tensor | None, int]:
    """Ranks and their number of bits where all values are multiples of ``spacing`` (no sort needed), else None."""
    if not bool(spacing.isfinite()):
        return None, 0
    step = (values / spacing).round()
    if not bool((torch.addcmul(values, step, spacing, value=-1).abs() <= tolerance).all()):
        return None, 0
    step = step - step.amin(dim=1, keepdim=True)
    bits = int(step.max()).bit_length()
    return (step.long(), bits) if bits <= 16 else (None, 0)


def _append(key: Tensor, bits: int, rank: Tensor, rank_bits: int) -> tuple[Tensor, int]:
    """Add a less significant rank to the sort key; the key is made dense first where it would overflow."""
    if bits + rank_bits > 62:
        key = _rank(key, torch.zeros((), dtype=key.dtype, device=key.device))
        bits = key.shape[1].bit_length()
    return (key << rank_bits) | rank, bits + rank_bits


def order_rows(d2: Tensor, index: Tensor, offset: Tensor, unit: Tensor, cap: float) -> tuple[Tensor, Tensor]:
    """Sort candidates by the rule of this module.

    Args:
        d2: squared distances ``[r, K]``, sorted; -inf for a sample itself, +inf for padding.
        index: indices ``[r, K]`` int64.
        offset: ``p_j - q_i`` in float64 ``[r, K, D]``.
        unit: rounding of a position ``[r]``.
        cap: largest tolerance as a fraction of the nearest neighbour's squared distance.

    Returns:
        The sorted indices ``[r, K]`` and the number of each column's group of equal distances ``[r, K]``.
    """
    rows, columns = d2.shape
    nearest = _nearest(d2, unit)
    before, later = d2[:, :-1], d2[:, 1:]
    tolerance = torch.minimum(SLOPE * unit[:, None] * later.sqrt(), cap * nearest[:, None]) + RELATIVE * later
    farther = ((later - before) > tolerance) | ((later == torch.inf) & (before < torch.inf))
    group = torch.zeros(rows, columns, dtype=torch.long, device=d2.device)
    group[:, 1:] = farther.cumsum(dim=1)
    spacing = nearest.sqrt()
    coordinate = torch.minimum(OFFSET_SLOPE * unit, 1e-2 * spacing) + RELATIVE * spacing
    lattice = torch.where(spacing > 0, spacing, torch.inf).min()
    column_bits = columns.bit_length()
    key, bits = group, column_bits
    for axis in range(offset.shape[2]):
        rank, rank_bits = _lattice_rank(offset[:, :, axis], lattice, coordinate[:, None])
        if rank is None:
            rank, rank_bits = _rank(offset[:, :, axis], coordinate[:, None]), column_bits
        key, bits = _append(key, bits, rank, rank_bits)
    index_bits = int(index.max()).bit_length()
    key, _ = _append(key, bits, index, index_bits)
    return sort_rows(key) & ((1 << index_bits) - 1), group


def settle(
    rows: Tensor,
    k: int,
    available: int,
    fetch: Fetch,
    offset: Callable[[Tensor, Tensor], Tensor],
    unit: Tensor,
    cap: float,
) -> Tensor:
    """The first ``k`` neighbours of rows with ties, fetching more candidates until none is left out at the cut.

    Args:
        rows: row numbers ``[r]``, handed to ``fetch`` and ``offset``.
        k: columns wanted, at most ``available``.
        available: number of samples of the cloud.
        fetch: see :data:`Fetch`.
        offset: ``offset(rows, index)`` gives ``p_j - q_i`` ``[r, K, D]``.
        unit: rounding of a position ``[r]``.
        cap: see :func:`order_rows`.

    Returns:
        Indices ``[r, k]``.
    """
    result = torch.empty(rows.shape[0], k, dtype=torch.long, device=rows.device)
    todo = torch.arange(rows.shape[0], device=rows.device)
    count = min(available, k + k // 2 + 32)
    while todo.numel():
        step = max(1, 2_000_000 // count)
        left = []
        for part in todo.split(step):
            d2, index = fetch(rows[part], count)
            ordered, group = order_rows(d2, index, offset(rows[part], index), unit[part], cap)
            result[part] = ordered[:, :k]
            if count < available:
                left.append(part[group[:, k - 1] == group[:, -1]])
        todo = torch.cat(left) if left else todo[:0]
        count = min(available, 2 * count)
    return result
