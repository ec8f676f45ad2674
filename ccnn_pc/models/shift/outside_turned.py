"""Values turned round, in sign or in time, as their skewness tells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ccnn_pc.models.shift.beyond import words
from ccnn_pc.models.shift.outside_channels import SOME, called
from ccnn_pc.models.shift.seen import Seen
from ccnn_pc.models.shift.trained_on import Spread, TrainedOn
from ccnn_pc.ops.moments import Side

#: Items that must have been seen to know the side that values lean to; of so many channels one is odd in some item.
_ITEMS, _MANY = 32, 16
#: Share of the items of a batch that may lean as in training did, where all others do not.
_SHARE = 0.2


def turned(trained: TrainedOn, found: Seen, names: Sequence[str] = ()) -> Iterator[tuple[str, str]]:
    """Channels that lean to one side in training, and in a batch to the other.

    The sign of values turns both skewnesses round, time that of steps alone.
    """
    if found.values is None or trained.items < _ITEMS or len(trained.channels) > _MANY and found.items < SOME:
        return
    for number, (there, values) in enumerate(zip(trained.channels, found.values.skewness, strict=False)):
        name = f"{called(number, len(trained.channels), names)} of 'data'"
        steps = found.step_skewness[number] if found.step_skewness else None
        if there.skewness is not None and _opposite(there.skewness, values, found.items):
            yield (
                "sign",
                f"{name} leans to the other side (skewness {words(values)}, in training {words(there.skewness)}): is "
                "its sign turned round? Give -x, or train on such data too",
            )
            return
        if there.step_skewness is not None and steps and _opposite(there.step_skewness, steps, found.items):
            both = there.skewness is not None and there.skewness.median * values.least < 0
            sign = ", or is its sign turned round" if both else ""
            yield (
                "time",
                f"{name} rises as it fell in training (skewness of its steps {words(steps)}, there "
                f"{words(there.step_skewness)}): do samples stand from last to first{sign}? Give them as in "
                "training, or train on such data too",
            )
            return


def _opposite(there: Spread, now: Side, items: int) -> bool:
    """Whether items lean to the other side than nearly all of training did, half as far as these; a few farther.

    Example:
        >>> there = Spread(-0.1, 0.5, 1.0, 1.5, 2.0)
        >>> [_opposite(there, Side(-0.9, -0.2, 0.0), items) for items in (1, 8)]
        [False, True]
        >>> _opposite(there, Side(-0.2, -0.1, 0.0), 8), _opposite(there, Side(-0.9, 0.5, 0.5), 8)
        (False, False)
    """
    if there.median < 0:
        there, now = Spread(*(-each for each in reversed(there))), Side(-now.most, -now.least, 1 - now.above)
    if items >= SOME:
        return there.low > 0 and now.above <= _SHARE and now.least <= -there.low / 2
    return there.least > 0 > now.most and now.least <= -(there.low + there.median) / 2
