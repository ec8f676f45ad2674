"""Whether a number lies beyond those of a training, and spreads in words."""

from __future__ import annotations

from collections.abc import Sequence

from ccnn_pc.models.shift.trained_on import Spread
from ccnn_pc.ops.moments import Range, Side

#: So many times sparser, denser, longer, larger than ever in training is outside: nearly an order of magnitude.
FACTOR = 9.0
#: Of values that hardly differ from item to item.
CLOSE = 2.5
#: Other sizes of pictures, and other distances of samples, than these are others.
SIZE = 1.1


def beyond(here: Range, there: Spread, least: bool = True, factor: float = FACTOR) -> float | None:
    """How many times the median of training a number is that lies beyond :data:`FACTOR`; None: it does not."""
    low, high = there.bounds(factor)
    if there.median > 0 and high > 0 and here.most > high:
        return here.most / there.median
    if there.median > 0 and low > 0 and least and 0 <= here.least < low:
        return max(here.least, 1e-300) / there.median
    return None


def farther(there: Spread, known: bool) -> float:
    """How many times beyond all of training is outside, where enough items are ``known``: as they differ themselves.

    Example:
        >>> farther(Spread(1, 1, 1, 1.1, 1.2), True), farther(Spread(1, 2, 4, 8, 16), True)
        (2.5, 4.0)
        >>> farther(Spread(0, 1, 2, 3, 4), True), farther(Spread(1, 1, 1, 1, 1), False)
        (9.0, 9.0)
    """
    if not known or not there.least > 0:
        return FACTOR
    return min(FACTOR, max(CLOSE, there.most / there.median, there.median / there.least))


def merged(spreads: tuple[Spread, ...]) -> Spread:
    """One for all axes."""
    columns = zip(*spreads, strict=True)
    least, low, median, high, most = columns
    return Spread(min(least), min(low), max(median), max(high), max(most))


def words(spread: Spread | Range | Side) -> str:
    """The least and the largest."""
    return f"{spread.least:.3g} to {spread.most:.3g}" if spread.most > spread.least else f"{spread.most:.3g}"


def axis_names(axes: int) -> Sequence[str]:
    """x, y, z; of more axes their numbers."""
    return "xyz" if axes <= 3 else [str(axis) for axis in range(axes)]
