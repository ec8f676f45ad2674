"""Items whose values lie between other ends than those of a training: raw pictures for normalised ones, below zero."""

from __future__ import annotations

from ccnn_pc.models.shift.trained_on import Channel
from ccnn_pc.ops.moments import Range

#: An end is hard where the items of a training reach it within so much of their range; what lies so much beyond is off.
HARD, OFF = 0.02, 0.25
#: Of the usual range: how far inside of all of training both ends of narrower values are.
INSIDE = 0.05
#: Items of which one end says enough; what raw pictures reach.
SOME, RAW = 4, 0.25


def ends(
    there: Channel, lowest: Range, highest: Range, items: int = 1, normalised: bool = False
) -> str | None:
    """What is otherwise with the ends of values, in words; None: nothing.

    Args:
        there: a channel of the training.
        lowest: least values of the items of a batch.
        highest: their largest values.
        items: how many there are; of some one end says enough.
        normalised: whether pictures were, so that they do not lie between 0 and 1.

    Example:
        >>> from ccnn_pc.models.shift.trained_on import Spread
        >>> usual = Spread(0, 0, 0, 0, 0)
        >>> digits = Channel(*2 * [usual], lowest=Spread(-0.4, -0.4, -0.4, -0.4, -0.4), highest=Spread(2, 2, 2, 3, 3))
        >>> ends(digits, Range(-0.4, -0.4), Range(2.5, 3.0)) is None
        True
        >>> ends(digits, Range(0.0, 0.0), Range(1.0, 1.0))
        'lies between 0 and 1, and every item of training went from -0.4 or below to 2 or above'
        >>> ends(digits, Range(-3.0, -0.4), Range(3.0, 3.0))
        'reaches down to -3, and no item of training below -0.4'
    """
    low, high = there.lowest, there.highest
    if low is None or high is None or not (reach := high.median - low.median) > 0:
        return None
    if normalised and there.values.low < 0 <= lowest.least and RAW < highest.most <= 1:
        return (
            f"lies between {lowest.least:.3g} and {highest.most:.3g}, as pictures do that were not normalised (in "
            f"training from {there.values.least:.3g} to {there.values.most:.3g})"
        )
    inside = INSIDE * reach
    if lowest.least > low.most + inside and highest.most < high.least - inside:
        return (
            f"lies between {lowest.least:.3g} and {highest.most:.3g}, and every item of training went from "
            f"{low.most:.3g} or below to {high.least:.3g} or above"
        )
    every = "in every item, and every item of training went to"
    if items >= SOME and lowest.least > low.most + inside:
        return f"is above {lowest.least:.3g} {every} {low.most:.3g} or below"
    if items >= SOME and highest.most < high.least - inside:
        return f"is below {highest.most:.3g} {every} {high.least:.3g} or above"
    if _hard(low.median - low.least, reach) and lowest.least < low.least - OFF * reach:
        return f"reaches down to {lowest.least:.3g}, and no item of training below {low.least:.3g}"
    if _hard(high.most - high.median, reach) and highest.most > high.most + OFF * reach:
        return f"reaches up to {highest.most:.3g}, and no item of training above {high.most:.3g}"
    return None


def _hard(over: float, reach: float) -> bool:
    return over <= HARD * reach
