"""Samples that are left out at random: the published draws, or draws of each series' own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from ccnn_pc._checks import check_at_least
from ccnn_pc.datasets.common.seeding import seeded_generator

#: Seed of the draws in the published experiments (Neural CDE, CKConv).
DROP_SEED = 56789


def check_percent(name: str, percent: float) -> float:
    """``percent`` must be in [0, 100).

    Raises:
        ValueError: it is not.
    """
    if not 0 <= percent < 100:
        raise ValueError(f"'{name}' must be in [0, 100) per cent (got {percent})")
    return float(percent)


def percent_range(name: str, percent: float | Sequence[float]) -> tuple[float, float]:
    """A smallest and a largest percentage, from both or from one number.

    Raises:
        ValueError: not in [0, 100), not two, or not in order.

    Example:
        >>> percent_range("percent", 30), percent_range("percent", [0, 70])
        ((30.0, 30.0), (0.0, 70.0))
    """
    if not isinstance(percent, Sequence):
        return (check_percent(name, percent),) * 2
    if len(percent) != 2 or percent[0] > percent[1]:
        raise ValueError(f"'{name}' must be one number, or the smallest and the largest (got {percent})")
    return check_percent(name, percent[0]), check_percent(name, percent[1])


def drawn_percent(limits: tuple[float, float], generator: torch.Generator | None) -> float:
    """A random number between two limits; none is drawn where they are the same."""
    low, high = limits
    return low if low == high else low + (high - low) * float(torch.rand((), generator=generator))


def dropped_samples(length: int, percent: float, generator: torch.Generator | None) -> torch.Tensor:
    """Which ``int(length · percent / 100)`` of ``length`` samples go, int64: the first of a random permutation.

    Example:
        >>> len(dropped_samples(182, 30, torch.Generator().manual_seed(0)))
        54
    """
    return torch.randperm(length, generator=generator)[: int(length * percent / 100)]


class SeriesDrops:
    """The same share of every series of a data set, all channels of a sample at once.

    Args:
        percent: in [0, 100).
        count: series of the whole data set.
        length: samples of each on its grid.
        drop_seed: of one generator that goes through all series in their order, as published (default 56789);
            None: the samples are a function of (``seed``, row) alone.
        seed: see ``drop_seed``.

    Raises:
        ValueError: ``percent`` out of range, or a seed below 0.

    Example:
        >>> drops = SeriesDrops(50, count=3, length=10)
        >>> [int(drops.kept(row).sum()) for row in range(3)]
        [5, 5, 5]
    """

    def __init__(
        self, percent: float, count: int, length: int, drop_seed: int | None = DROP_SEED, seed: int = 0
    ) -> None:
        self.percent, self.length, self.seed = check_percent("drop", percent), length, seed
        self._packed: np.ndarray | None = None
        if drop_seed is not None:
            generator = torch.Generator().manual_seed(check_at_least("drop_seed", drop_seed, 0))
            self._packed = np.stack([np.packbits(self._draw(generator)) for _ in range(count)])

    def _draw(self, generator: torch.Generator) -> np.ndarray:
        kept = np.ones(self.length, dtype=bool)
        kept[dropped_samples(self.length, self.percent, generator).numpy()] = False
        return kept

    def kept(self, row: int) -> np.ndarray:
        """Which samples of a series stay, boolean ``[length]``."""
        if self._packed is None:
            return self._draw(seeded_generator(self.seed, row))
        return np.unpackbits(self._packed[row], count=self.length).astype(bool)
