"""Kernels of a few impulses, as MiniRocket has them (Dempster, Schmidt and Webb, arXiv 2012.08791)."""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor
from torch.nn import functional

#: Impulses of a kernel, and how many of them count 2 instead of -1.
TAPS, HIGH = 9, 3
#: Most different distances of impulses (MiniRocket, section 3.2).
MOST_DILATIONS = 32


def impulses() -> Tensor:
    """All kernels of nine impulses of which three are 2 and six are -1, ``[84, 9]``."""
    places = list(itertools.combinations(range(TAPS), HIGH))
    weights = torch.full((len(places), TAPS), -1.0)
    for row, high in enumerate(places):
        weights[row, list(high)] = 2.0
    return weights


def distances(length: int, each: int) -> dict[int, int]:
    """Distances of impulses, in samples, and how many thresholds a kernel of that distance has (sum: ``each``).

    Example:
        >>> distances(97, 8)
        {1: 2, 2: 2, 4: 1, 5: 1, 8: 1, 12: 1}
    """
    most = min(each, MOST_DILATIONS)
    largest = math.log2(max((length - 1) / (TAPS - 1), 1.0))
    found: dict[int, int] = {}
    for number in range(each):
        share = (number % most) / max(most - 1, 1)
        distance = int(2 ** (share * largest) + 1e-9)
        found[distance] = found.get(distance, 0) + 1
    return dict(sorted(found.items()))


def at_impulses(x: Tensor, distance: int) -> Tensor:
    """Series ``[B, C, L]`` at the impulses of a kernel that lies at each sample, 0 outside of them: ``[B, C * 9, L]``.

    Example:
        >>> at_impulses(torch.arange(1.0, 4.0)[None, None], 1)[0, 3:6].tolist()
        [[0.0, 1.0, 2.0], [1.0, 2.0, 3.0], [2.0, 3.0, 0.0]]
    """
    around = functional.pad(x, (distance * (TAPS // 2),) * 2)
    return torch.stack(
        [around[..., tap * distance :][..., : x.shape[2]] for tap in range(TAPS)], dim=2
    ).flatten(1, 2)


def shares_of_time(lengths: Tensor, longest: int, reach: int) -> Tensor:
    """What samples count of all times, of those at least ``reach`` inside, and of each third, ``[B, L, 5]``."""
    step = torch.arange(longest, device=lengths.device)
    inside = step < lengths[:, None]
    share = (step + 0.5) / lengths[:, None]
    thirds = [(share >= third / 3) & (share < (third + 1) / 3) for third in range(3)]
    times = torch.stack([inside, (step >= reach) & (step < lengths[:, None] - reach), *thirds], dim=2)
    times = torch.where(
        times.any(dim=1, keepdim=True), times, inside[..., None]
    ).double()  # all, where there are none
    return times / times.sum(dim=1, keepdim=True)
