"""Whether a number lies beyond those of a training, and spreads in words."""

from __future__ import annotations

from ccnn_pc.models.seen import Range
from ccnn_pc.models.trained_on import Spread

#: So many times sparser, denser, longer, larger than ever in training is outside: nearly an order of magnitude.
FACTOR = 9.0
#: Other sizes of pictures, and other distances of samples, than these are others.
SIZE = 1.1


def beyond(here: Range, there: Spread, least: bool = True) -> float | None:
    """How many times the median of training a number is that lies beyond :data:`FACTOR`; None: it does not."""
    low, high = there.bounds(FACTOR)
    if there.median > 0 and high > 0 and here.most > high:
        return here.most / there.median
    if there.median > 0 and low > 0 and least and 0 <= here.least < low:
        return max(here.least, 1e-300) / there.median
    return None


def merged(spreads: tuple[Spread, ...]) -> Spread:
    """One for all axes."""
    columns = zip(*spreads, strict=True)
    least, low, median, high, most = columns
    return Spread(min(least), min(low), max(median), max(high), max(most))


def words(spread: Spread | Range) -> str:
    """The least and the largest."""
    return f"{spread.least:.3g} to {spread.most:.3g}" if spread.most > spread.least else f"{spread.most:.3g}"
