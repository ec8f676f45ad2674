"""Channels that say what was observed: for networks to which that tells something."""

from __future__ import annotations

import numpy as np


def observation_channels(known: np.ndarray, *, counts: bool, indicators: bool) -> list[np.ndarray]:
    """Channels ``[C, n]`` that go before the values of C variables, float32.

    Args:
        known: whether a variable was observed at a stamp ``[C, n]``.
        counts: how often it has been observed so far.
        indicators: whether it was observed at the stamp (1, else 0).

    Example:
        >>> known = np.array([[True, False, True]])
        >>> [part.tolist() for part in observation_channels(known, counts=True, indicators=True)]
        [[[1.0, 1.0, 2.0]], [[1.0, 0.0, 1.0]]]
    """
    parts = []
    if counts:
        parts.append(np.cumsum(known, axis=1, dtype=np.float32))
    if indicators:
        parts.append(known.astype(np.float32))
    return parts
