"""Channels that say what was observed: for networks to which that tells something."""

from __future__ import annotations

import dataclasses

import numpy as np

from ccnn_pc._checks import check_positive


@dataclasses.dataclass(frozen=True)
class ObservationChannels:
    """Channels that go before the values of C variables.

    Args:
        counts: how often a variable has been observed so far.
        indicators: whether it was observed at the stamp (1, else 0).
        gap: a time; how far each stamp is from those at which the variable was observed, see :func:`remoteness`; right
            before the values. None: no such channel.

    Raises:
        ValueError: ``gap`` not above 0.

    Example:
        >>> known = np.array([[True, False, True]])
        >>> [part.tolist() for part in ObservationChannels(counts=True, indicators=True).of(known, np.arange(3))]
        [[[1.0, 1.0, 2.0]], [[1.0, 0.0, 1.0]]]
        >>> [part.tolist() for part in ObservationChannels(gap=1.0).of(known, np.arange(3))]
        [[[0.0, 0.5, 0.0]]]
    """

    counts: bool = False
    indicators: bool = False
    gap: float | None = None

    def __post_init__(self) -> None:
        if self.gap is not None:
            check_positive("gap", self.gap)

    @property
    def per_variable(self) -> int:
        """How many there are of each variable."""
        return int(self.counts) + int(self.indicators) + int(self.gap is not None)

    def of(self, known: np.ndarray, times: np.ndarray) -> list[np.ndarray]:
        """Float32 channels ``[C, n]`` from whether a variable was observed ``[C, n]`` at stamps ``[n]``."""
        parts = []
        if self.counts:
            parts.append(np.cumsum(known, axis=1, dtype=np.float32))
        if self.indicators:
            parts.append(known.astype(np.float32))
        if self.gap is not None:
            parts.append(remoteness(known, times, self.gap))
        return parts

    def before(
        self, values: np.ndarray, known: np.ndarray, times: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Values ``[C, n]`` with these channels before them, and what of all that is known."""
        said = self.of(known, times)
        always = [np.ones_like(known)] * len(said)
        return np.concatenate([*said, values]), np.concatenate([*always, known])


def remoteness(known: np.ndarray, times: np.ndarray, gap: float) -> np.ndarray:
    r"""How far stamps are from those at which a variable was observed, from 0 (there) to 1 (far away).

    .. math:: w(t) = \frac{q}{q + \mathrm{gap}^2}, \qquad q = (t - t_a)(t_b - t)

    with the last time t_a before t at which it was observed and the first t_b after it: straight lines between them
    are off by :math:`q / 2 \, |x''|`. Where one of the two is missing, q is the distance to the other times ``gap``;
    where both are, w is 1.

    Args:
        known: whether a variable was observed ``[C, n]``.
        times: stamps ``[n]``, rising.
        gap: in units of the times; halfway between two observations so far apart w is a fifth.

    Returns:
        ``[C, n]``, float32.

    Example:
        >>> known = np.array([[True, False, False, True, False]])
        >>> remoteness(known, np.array([0.0, 1.0, 4.0, 5.0, 7.0]), 2.0).tolist()
        [[0.0, 0.5, 0.5, 0.0, 0.5]]
    """
    times = np.asarray(times, dtype=np.float64)
    before = np.maximum.accumulate(np.where(known, times, -np.inf), axis=1)
    after = np.minimum.accumulate(np.where(known, times, np.inf)[:, ::-1], axis=1)[:, ::-1]
    left, right = times - before, after - times
    nearest = np.minimum(left, right)
    alone = np.isinf(left) | np.isinf(right)
    far = np.isinf(nearest)
    square = np.where(alone, gap, np.where(alone, 1.0, np.maximum(left, right))) * np.where(far, 1.0, nearest)
    return np.where(far, 1.0, square / (square + gap**2)).astype(np.float32)
