r"""Which of equally distant neighbours come first, decided so that rounding cannot change it.

On a lattice a point has many neighbours at the same distance. Their order, and which of them a table of ``k``
columns keeps, must not depend on the point's place or number, or a network would treat equal surroundings
differently. The rule: nearer first; at equal distance the lexicographically smaller offset ``p_j - q_i``; at
equal offset (duplicates) the smaller index; and a sample that queries itself before everything else.

"Equal" needs a tolerance, since a lattice moved by 0.1 is no exact lattice any more. Stored coordinates carry
an error of at most :math:`\epsilon L` (unit roundoff times largest coordinate of the cloud), so squared
distances carry at most :math:`4\sqrt{D}\,\epsilon L d`, and two of them agree if they differ by at most

.. math:: \min(8\sqrt{D}\,\epsilon L\,d,\; c\,h^2) + 10^{-9} d^2 .

Here :math:`h` is the distance to the query's nearest neighbour that is farther than rounding. Squared
distances on a lattice of spacing :math:`h` differ by at least :math:`h^2`, so the cap (:math:`c = 10^{-2}`
for float32 input, :math:`10^{-6}` for float64) lies far below any true difference: data too coarse for their
type (metres from the Earth's centre in float32) are then still sorted by distance. The last term lets all
backends agree, whose float64 arithmetic differs in the last digits.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ccnn_pc.ops.neighbors.search import Search

SLOPE = 8.0  # tolerance of squared distances, in rounding units times distance
RELATIVE = 1e-9  # part of the tolerance common to all input types, relative to the squared distance
OFFSET_SLOPE = 4.0  # tolerance of one coordinate of an offset, in rounding units
OFFSET_CAP = 1e-2  # largest such tolerance, relative to the nearest neighbour beyond rounding
BEYOND = 4.0  # distances below so many rounding units are rounding
MARGIN = 8  # candidates fetched beyond k: enough to see a tie at the cut
BLOCK = 1 << 18  # candidates treated at once

Fetch = Callable[[Tensor, int], tuple[Tensor, Tensor]]
"""``fetch(part, count)``: the ``count`` nearest of some rows: squared distances, sorted, and indices within
the cloud.

A sample that is its own query has the squared distance -inf and comes first.
"""


def argsort_keys(keys: Tensor) -> Tensor:
    """Permutation that sorts int64 numbers ``[T]``; on CPU by numpy, several times faster than torch."""
    if keys.device.type != "cpu":
        return keys.argsort()
    return torch.from_numpy(keys.numpy().argsort())


def tolerance(d2: Tensor, unit: Tensor, nearest: Tensor, cap: float) -> Tensor:
    """By how much squared distances may differ and still be equal: the formula of this module.

    Args:
        d2: squared distances.
        unit: rounding of a position in the cloud, from :class:`~ccnn_pc.ops.neighbors.search.Search`.
        nearest: squared distance from the query to its nearest neighbour beyond rounding.
        cap: ``c`` of the formula.
    """
    return torch.minimum(SLOPE * unit * d2.sqrt(), cap * nearest) + RELATIVE * d2


def nearest_beyond_rounding(d2: Tensor, unit: Tensor) -> Tensor:
    """The entries of ``d2`` that lie beyond rounding; +inf elsewhere."""
    return torch.where(d2 > (BEYOND * unit).square(), d2, torch.inf)


def tied_columns(d2: Tensor, unit: Tensor, cap: float) -> tuple[Tensor, Tensor, Tensor]:
    """Find ties in sorted rows ``[r, K]``.

    Returns:
        The rows with ties ``[t]``, which of their entries tie with the entry before (bool ``[t, K]``), and
        the squared distance to each such row's nearest neighbour beyond rounding ``[t]`` (0 where there is
        none).
    """
    gap = d2[:, 1:] - d2[:, :-1]
    last = d2[:, -1].clamp(min=0)
    most = SLOPE * unit * last.sqrt() + RELATIVE * last  # upper bound of the tolerance, cheap
    rows = (gap.amin(dim=1) <= most).nonzero()[:, 0]
    if not rows.numel():
        return rows, d2.new_zeros(0, d2.shape[1], dtype=torch.bool), d2[:0, 0]
    some, unit = d2[rows], unit[rows, None]
    nearest = nearest_beyond_rounding(some, unit).amin(dim=1)
    nearest = torch.where(nearest.isinf(), torch.zeros_like(nearest), nearest)
    tied = torch.zeros(some.shape, dtype=torch.bool, device=d2.device)
    tied[:, 1:] = gap[rows] <= tolerance(some[:, 1:], unit, nearest[:, None], cap)
    real = tied.any(dim=1)
    return rows[real], tied[real], nearest[real]


def reorder(
    index: Tensor, tied: Tensor, position: Tensor, offset: Tensor, coordinate: Tensor, spacing: Tensor
) -> None:
    """Sort each run of equal distances by offset, then index, in place.

    Args:
        index: all indices, in order of query and distance ``[N]``; changed in place.
        tied: whether an entry ties with the one before, for the members at ``position``, bool ``[T]``.
        position: positions in ``index`` of the members of runs, ascending ``[T]``.
        offset: ``p_j - q_i`` of the members, float64 ``[T, D]``.
        coordinate: tolerance of one coordinate of an offset ``[T]``.
        spacing: smallest distance around, a guess of a lattice's spacing: a number, maybe infinite.
    """
    member = index[position].long()
    key = (~tied).long().cumsum(0)
    bits = int(key[-1]).bit_length()
    for axis in range(offset.shape[1]):
        key, bits = _refine(key, bits, offset[:, axis], coordinate, spacing)
    key, bits = _append(key, bits, member, int(member.max()).bit_length())
    index[position] = index[position[argsort_keys(key)]]


def _refine(key: Tensor, bits: int, value: Tensor, tolerance: Tensor, spacing: Tensor) -> tuple[Tensor, int]:
    """Make ``value`` decide where ``key`` is equal; values within ``tolerance`` are equal too."""
    if bool(spacing.isfinite()):
        step = (value / spacing).round()
        off = torch.addcmul(value, step, spacing, value=-1).abs_()
        if bool((off <= tolerance * (1 + step.abs())).all()):  # the guessed spacing is itself rounded
            step = (step - step.min()).long()  # all on one lattice: multiples decide, nothing to sort
            return _append(key, bits, step, int(step.max()).bit_length())
    order = value.argsort()
    order = order[key[order].argsort(stable=True)]
    first, second = order[:-1], order[1:]
    later = torch.zeros_like(key)
    later[1:] = ((key[second] != key[first]) | (value[second] - value[first] > tolerance[second])).cumsum(0)
    return torch.empty_like(key).scatter_(0, order, later), int(later[-1]).bit_length()


def _append(key: Tensor, bits: int, rank: Tensor, rank_bits: int) -> tuple[Tensor, int]:
    """Add a less significant number to the key, which is made dense first where it would overflow."""
    if bits + rank_bits > 62:
        key = key.unique(return_inverse=True)[1]
        bits = int(key.max()).bit_length()
    return (key << rank_bits) | rank, bits + rank_bits


def break_ties(
    search: Search, fetch: Fetch, k: int, available: int, rows: Tensor, start: Tensor, unit: Tensor
) -> Tensor:
    """The first ``k`` neighbours of some queries, ties decided.

    Candidates are fetched with a small margin. Where the tie at the cut reaches the last of them, more are
    fetched, until it does not or all points are there.

    Args:
        search: the problem.
        fetch: see :data:`Fetch`; its first argument counts within ``rows``.
        k: columns wanted, at most ``available``.
        available: number of samples in the largest cloud concerned; all others have at least ``k + MARGIN``.
        rows: query numbers ``[r]``.
        start: number of the first sample of each query's cloud ``[r]``.
        unit: rounding of a position in it ``[r]``.

    Returns:
        Global sample indices ``[r, k]``.
    """
    part = torch.arange(len(rows), device=rows.device)
    count = min(available, k + MARGIN)
    d2, found = fetch(part, count)
    open_rows = _decide(search, d2, found, k, rows, start, unit)
    result = found[:, :k]
    more = k // 4 + 16
    while open_rows.numel() and count < available:
        part, left = open_rows, []
        count, more = min(available, k + more), 4 * more
        for some in part.split(max(1, BLOCK // count)):
            d2, found = fetch(some, count)
            left.append(some[_decide(search, d2, found, k, rows[some], start[some], unit[some])])
            result[some] = found[:, :k]
        open_rows = torch.cat(left)
    return result.add_(start[:, None])


def _decide(
    search: Search, d2: Tensor, found: Tensor, k: int, rows: Tensor, start: Tensor, unit: Tensor
) -> Tensor:
    """Reorder ``found`` in place; returns the rows whose tie at the cut includes the last candidate."""
    if d2.shape[1] < 2:
        return rows[:0]
    which, tied, nearest = tied_columns(d2, unit, search.cap)
    if not which.numel():
        return which
    member = tied.clone()
    member[:, :-1] |= tied[:, 1:]
    position = member.view(-1).nonzero()[:, 0]
    row = position // d2.shape[1]
    index, near = found[which], nearest.sqrt()
    coordinate = torch.minimum(OFFSET_SLOPE * unit[which], OFFSET_CAP * near) + RELATIVE * near
    sample = index.view(-1)[position] + start[which][row]
    reorder(
        index.view(-1),
        tied.view(-1)[position],
        position,
        search.pos[sample] - search.query[rows[which][row]],
        coordinate[row],
        torch.where(near > 0, near, torch.inf).min(),
    )
    found[which] = index
    return which[tied[:, k:].all(dim=1)] if d2.shape[1] > k else which[:0]
