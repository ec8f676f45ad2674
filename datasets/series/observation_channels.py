"""Channels that say what was observed: for networks to which that tells something."""

from __future__ import annotations

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class ObservationChannels:
    """Channels that go before the values of C variables.

    Args:
        counts: how often a variable has been observed so far.
        indicators: whether it was observed at the stamp (1, else 0); right before the values.

    Example:
        >>> known = np.array([[True, False, True]])
        >>> [part.tolist() for part in ObservationChannels(counts=True, indicators=True).of(known)]
        [[[1.0, 1.0, 2.0]], [[1.0, 0.0, 1.0]]]
    """

    counts: bool = False
    indicators: bool = False

    @property
    def per_variable(self) -> int:
        """How many there are of each variable."""
        return int(self.counts) + int(self.indicators)

    def of(self, known: np.ndarray) -> list[np.ndarray]:
        """Float32 channels ``[C, n]`` from whether a variable was observed at a stamp ``[C, n]``."""
        parts = []
        if self.counts:
            parts.append(np.cumsum(known, axis=1, dtype=np.float32))
        if self.indicators:
            parts.append(known.astype(np.float32))
        return parts

    def before(self, values: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Values ``[C, n]`` with these channels before them, and what of all that is known."""
        said = self.of(known)
        always = [np.ones_like(known)] * len(said)
        return np.concatenate([*said, values]), np.concatenate([*always, known])
