"""Single channels whose values are otherwise than those of a training: missing, larger, elsewhere, constant."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ccnn_pc.models.shift.beyond import FACTOR, beyond, farther, words
from ccnn_pc.models.shift.outside_ends import ends
from ccnn_pc.models.shift.seen import Samples, Seen
from ccnn_pc.models.shift.trained_on import Channel, Spread, TrainedOn
from ccnn_pc.ops.moments import Range

#: Items of a batch that say something together.
SOME = 4
#: Items that must have been seen to know how much they differ.
_ITEMS = 32
#: Of so many channels one is odd in some item of any data: all items of a batch must be.
_MANY = 16
#: Items with so many times fewer samples than ever have other values, for they show less.
_SHORTER = 1.5
#: Of a deviation of training: nothing varies.
_CONSTANT = 1e-9
_MEND = "bring it to the units and the normalisation of training (model.preprocessing)"


class _Asked(NamedTuple):
    """A channel of a batch beside that of the training, and what both are known from."""

    there: Channel
    scale: Range
    mean: Range
    deviation: Range
    lowest: Range
    highest: Range
    items: int
    known: bool
    many: bool

    def some(self, differ: bool) -> str:
        return " in some items" if self.items > 1 and differ else ""


def channels(
    trained: TrainedOn, found: Seen, names: Sequence[str] = (), normalised: bool = False
) -> Iterator[tuple[str, str]]:
    """What is otherwise with a channel, the likeliest cause first; arguments as of ``outside``.

    Single channels may be small: a constant one, less its mean, is. One that was constant in an item of training may be
    constant, what is 0 or 1 may be either, and what is never below 0 in series, as how far values are, may be 0. Items
    are judged one by one, so that none hides among others; of many channels all together.
    """
    now = found.values
    if now is None:
        return
    known = trained.items >= _ITEMS and found.samples.least * _SHORTER >= trained.samples.least
    faint = [
        (here, there.scale) for here, there in zip(now.faintest, trained.channels, strict=False) if here > 0
    ]
    smaller = bool(faint) and all(
        (beyond(Range(here, here), there, factor=farther(there, known)) or 1.0) < 1 for here, there in faint
    )
    for number, there in enumerate(trained.channels[: len(now.scale)]):
        scale, mean, deviation, lowest, highest = (
            row[number] for row in (now.scale, now.mean, now.deviation, now.lowest, now.highest)
        )
        asked = _Asked(
            there, scale, mean, deviation, lowest, highest, found.items, known, len(now.scale) > _MANY
        )
        absent = trained.kind is Samples.SERIES and asked.scale.least == there.values.least == 0
        free = is_flag(there) or absent or found.samples.most < 2
        texts = [
            _missing(asked, every=True) if number in found.unseen else None,
            _missing(asked, every=False) if trained.kind is Samples.SERIES and not asked.many else None,
            None if free else _less(asked, constant=True),
            _larger(asked),
            _smaller(asked, now.faintest[number]) if smaller and now.faintest[number] > 0 else None,
            _elsewhere(asked, arrays=len(trained.shape) > 1),
            None if free else _less(asked, constant=False),
            None if free or not known else ends(there, asked.lowest, asked.highest, found.items, normalised),
        ]
        for text in filter(None, texts):
            mend = "" if text.endswith(("values", "away", "that")) else f": {_MEND}"
            yield "values", f"{called(number, len(trained.channels), names)} of 'data' {text}{mend}"


def called(number: int, channels: int, names: Sequence[str] = ()) -> str:
    """A channel as messages call it: by its name, where all have one.

    Example:
        >>> called(1, 2, ["heat", "rain"]), called(1, 3, ["heat", "rain"])
        ("channel 1 ('rain')", 'channel 1')
    """
    return f"channel {number} ({names[number]!r})" if len(names) == channels else f"channel {number}"


def is_flag(there: Channel) -> bool:
    """Whether a channel is 0 or 1 and nothing between, so that its squares are itself.

    Example:
        >>> flags, halves = Spread(0, 0, 0, 1, 1), Spread(0.4, 0.4, 0.5, 0.6, 0.6)
        >>> root = Spread(*(each**0.5 for each in halves))
        >>> is_flag(Channel(flags, root, mean=halves)), is_flag(Channel(flags, halves, mean=halves))
        (True, False)
    """
    if not {*there.values} <= {0.0, 1.0}:
        return False
    if there.mean is None:
        return True
    return all(math.isclose(there.scale[end] ** 2, there.mean[end], rel_tol=0.01) for end in (0, -1))


def _missing(asked: _Asked, *, every: bool) -> str | None:
    """A channel that ``every`` item of a batch lacks, or some of several: these have no deviation."""
    usual, some = asked.there.scale, asked.known and asked.scale.least == 0 < asked.deviation.least
    if every and (usual.low if asked.items >= SOME else usual.least) > 0:
        return "is nowhere observed, and was in nearly every item of training: give its values"
    if some and not every and usual.least > 0:
        return "is nowhere observed in some items, and was in every item of training: give its values"
    return None


def _less(asked: _Asked, *, constant: bool) -> str | None:
    """A channel that varies less than ever, or is constant."""
    varied, low = asked.there.deviation, asked.deviation.most if asked.many else asked.deviation.least
    if varied is None or not varied.least > 0 or (low < _CONSTANT * varied.least) is not constant:
        return None
    every = asked.known and asked.deviation.most < varied.least
    if (beyond(Range(low, low), varied, factor=farther(varied, every)) or 1.0) >= 1:
        return None
    much = "is constant" if constant else f"varies {varied.median / low:.3g} times less"
    return f"{much}{asked.some(asked.deviation.most > 2 * low)} (deviation {low:.3g}, in training {words(varied)})"


def _larger(asked: _Asked) -> str | None:
    scale, usual = asked.scale, asked.there.scale
    if (factor := beyond(scale, usual, least=False, factor=farther(usual, asked.known))) is None:
        return None
    some = asked.some(scale.least < scale.most / 2)
    much = f"{factor:.3g} times larger"
    return f"is {much} than in training{some} (root mean square {scale.most:.3g}, there {words(usual)})"


def _smaller(asked: _Asked, here: float) -> str | None:
    usual, some = asked.there.scale, asked.some(asked.scale.most > 2 * here)
    much = f"{usual.median / here:.3g} times smaller"
    return f"is {much} than in training{some} (root mean square {here:.3g}, there {words(usual)})"


def _elsewhere(asked: _Asked, *, arrays: bool) -> str | None:
    """A mean that lies where none did: of the items, or of many channels the nearest of them."""
    there = asked.there
    low, high = _usual(there.values)
    sides: list[float] = [
        each for each in dict.fromkeys((asked.mean.least, asked.mean.most)) if math.isfinite(each)
    ]
    if asked.many and sides:
        sides = [min(sides, key=lambda each: abs(each - there.values.median))]
    some = asked.some(asked.mean.most - asked.mean.least > abs(high - low) / 4)
    for here in sides:
        if low < high and not low - (high - low) / 2 <= here <= high + (high - low) / 2:
            return f"lies around {here:.3g}{some}, and in training between {low:.3g} and {high:.3g}"
        if there.mean is None:
            continue
        if arrays and _turned_round(here, there):
            return (
                f"looks inverted{some}: its mean is {here:.3g}, in training it was {words(there.mean)}, and of "
                f"{there.values.least + there.values.most:.3g} - x it would be so; if it is, give that"
            )
        shift = None if is_flag(there) else _shifted(here, there, asked.known and not asked.many)
        if shift is not None:
            return (
                f"is shifted by {shift:.3g}{some}: its mean is {here:.3g}, and in training {words(there.mean)} of "
                "every item; take the offset away"
            )
    return None


def _usual(values: Spread) -> tuple[float, float]:
    """Between which values a channel lies; wild ones count no more than nine times what most do."""
    low = max(values.least, values.median - FACTOR * (values.median - values.low))
    return low, min(values.most, values.median + FACTOR * (values.high - values.median))


def _shifted(mean: float, there: Channel, known: bool = False) -> float | None:
    """How far a mean lies off those of training: far beyond them, and more than a usual deviation; or None.

    Far is nine times their range, or, where enough items are ``known``, twice more beyond its end, of wild ones four
    times what most have.

    Example:
        >>> sound = Channel(*3 * [Spread(0, 0, 1, 2, 3)], None, Spread(-0.1, -0.05, 0, 0.05, 0.1))
        >>> _shifted(0.9, sound), _shifted(5.0, sound), _shifted(1.2, sound), _shifted(1.2, sound, known=True)
        (None, 5.0, None, 1.2)
    """
    if there.mean is None or there.deviation is None or not math.isfinite(mean):
        return None
    width, shift = there.mean.most - there.mean.least, mean - there.mean.median
    far = FACTOR * width
    if known:
        end = there.mean.most if shift > 0 else there.mean.least
        far = abs(end - there.mean.median) + max(2 * width, 4 * (there.mean.high - there.mean.low))
    least = max(far, there.deviation.median, 1e-3 * abs(there.mean.median))
    return shift if abs(shift) > least > 0 else None


def _turned_round(mean: float, there: Channel) -> bool:
    """Whether bright is dark, or empty full: a mean far from those of training that would be among them inverted.

    Example:
        >>> scale, mean = Spread(0.2, 0.2, 0.3, 0.4, 0.4), Spread(0.05, 0.1, 0.1, 0.1, 0.2)
        >>> volumes = Channel(Spread(0, 0, 0, 1, 1), scale, scale, None, mean)
        >>> _turned_round(0.9, volumes), _turned_round(0.3, volumes), _turned_round(0.6, volumes)
        (True, False, False)
    """
    if there.mean is None:
        return False
    least, most = there.mean.least, there.mean.most
    far = not 2 * least - most <= mean <= 2 * most - least
    return far and least <= there.values.least + there.values.most - mean <= most
