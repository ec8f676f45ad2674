"""Values that are otherwise than those of a training."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence

from ccnn_pc.models.beyond import FACTOR, SIZE, beyond, words
from ccnn_pc.models.seen import Range, Samples, Seen
from ccnn_pc.models.trained_on import Channel, Spread, TrainedOn

#: Share of samples that stand at the end of their range, in clipped sequences; steps, beyond all of training, of noise.
CLIPPED, ROUGH = 0.01, 1.5
#: Channels are alike whose correlation is so near to 1, but for a thousandth of it in what is asked.
_ALIKE = 1e-6
_MEND = "bring it to the units and the normalisation of training (model.preprocessing)"


def values(trained: TrainedOn, found: Seen, names: Sequence[str] = ()) -> Iterator[tuple[str, str]]:
    """What is otherwise, the likeliest cause first; ``names`` of the channels, where there are some."""
    yield from itertools.chain(
        _unlike(trained, found), _values(trained, found, names), _flat(trained, found),
        _clipped(trained, found, names), _rough(trained, found, names),
    )  # fmt: skip


def called(number: int, channels: int, names: Sequence[str] = ()) -> str:
    """A channel as messages call it: by its name, where all have one.

    Example:
        >>> called(1, 2, ["heat", "rain"]), called(1, 3, ["heat", "rain"])
        ("channel 1 ('rain')", 'channel 1')
    """
    return f"channel {number} ({names[number]!r})" if len(names) == channels else f"channel {number}"


def _unlike(trained: TrainedOn, found: Seen) -> Iterator[tuple[str, str]]:
    """Channels of arrays that are copies of one another, as those of grey pictures, where in training they differed."""
    there = [channel.likeness for channel in trained.channels[1:] if channel.likeness is not None]
    if not there or not found.likeness:
        return
    usual, now = min(there, key=lambda spread: spread.high), min(found.likeness)
    if usual.high < 1 - _ALIKE and now > 1 - _ALIKE / 1000:
        yield (
            "likeness",
            f"the {len(found.scale)} channels of 'data' are alike, as in grey pictures (correlation {now:.3g}), and in "
            f"training differed (median {usual.median:.3g}): give pictures in colour, or train on grey ones "
            "(view=grey, model.in_channels=1)",
        )


def _flat(trained: TrainedOn, found: Seen) -> Iterator[tuple[str, str]]:
    """Items of arrays that hold nothing, among others that do, where no item of training was so."""
    there = [channel.deviation.least for channel in trained.channels if channel.deviation is not None]
    if found.flat and any(least > 0 for least in there):
        yield (
            "flat",
            f"{found.flat} of {found.items} items of 'data' are constant in all channels, as silence and empty "
            "pictures are, and in training none was: nothing is in them to answer from; leave them out, or mend them",
        )


def _clipped(trained: TrainedOn, found: Seen, names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Sequences whose peaks are cut off."""
    for number, (there, now) in enumerate(zip(trained.channels, found.clipped, strict=False)):
        if there.clipped is not None and now > max(CLIPPED, FACTOR * there.clipped.most):
            yield (
                "clipped",
                f"{called(number, len(trained.channels), names)} of 'data' stands at its largest value in "
                f"{100 * now:.2g} % of the samples, "
                f"in training in at most {100 * there.clipped.most:.2g} %: clipped; measure again in a wider range",
            )
            return


def _rough(trained: TrainedOn, found: Seen, names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Arrays and series as dense as those of training whose neighbours differ more than ever: noise, or no order."""
    flags = any(
        {c.values.least, c.values.most} <= {0.0, 1.0} for c in trained.channels
    )  # of what was observed
    apart = zip(found.spacing, trained.spacing, strict=False)
    if flags or any(here.most > SIZE * there.most for here, there in apart):
        return
    for number, (there, now) in enumerate(zip(trained.channels, found.roughness, strict=False)):
        usual = there.roughness
        if usual is None or not now > max(ROUGH * usual.most, usual.most + (usual.most - usual.least) / 2):
            continue
        yield (
            "noise",
            f"{called(number, len(trained.channels), names)} of 'data' steps from sample to sample "
            f"{now / usual.most:.2g} times as far as ever in "
            f"training ({now:.2g} of what noise does, there {words(usual)}): is it noise, a lower rate, or another "
            "order? Measure again, give spacing, or train on such data too",
        )
        return


def _values(trained: TrainedOn, found: Seen, names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """A channel that was not observed, whose values are larger than ever, lie elsewhere, or vary less; or all smaller.

    Single channels may be small: a constant one, less its mean, is. One that was constant in an item of training may be
    constant, what is 0 or 1 may be either, and what is never below 0 in series, as how far values are, may be 0.
    """
    channels = list(zip(itertools.count(), trained.channels, found.scale, strict=False))
    smaller = [beyond(Range(now, now), there.scale) or 1.0 for _, there, now in channels if now > 0]
    for number, there, now in channels:
        factor = beyond(Range(now, now), there.scale) if now > 0 else None
        mean, deviation = (each[number] if each else math.nan for each in (found.mean, found.deviation))
        what, spread = f"{called(number, len(trained.channels), names)} of 'data'", words(there.scale)
        if found.mean and math.isnan(mean) and there.scale.low > 0:
            yield (
                "values",
                f"{what} is nowhere observed, and was in nearly every item of training: give its values",
            )
        if factor is not None and (factor > 1 or all(each < 1 for each in smaller)):
            much = f"{factor:.3g} times larger" if factor > 1 else f"{1 / factor:.3g} times smaller"
            text = f"{what} is {much} than in training (root mean square {now:.3g}, there {spread}): {_MEND}"
            yield "values", text
        low, high = _usual(there.values)
        if (
            not low - (high - low) / 2 <= mean <= high + (high - low) / 2
            and low < high
            and math.isfinite(mean)
        ):
            yield (
                "values",
                f"{what} lies around {mean:.3g}, and in training between {low:.3g} and {high:.3g}: {_MEND}",
            )
        varied = there.deviation
        flags = {there.values.least, there.values.most} <= {0.0, 1.0}
        if len(trained.shape) > 1 and there.mean is not None and _turned_round(mean, there):
            yield (
                "values",
                f"{what} looks inverted: its mean is {mean:.3g}, in training it was {words(there.mean)}, and of "
                f"{there.values.least + there.values.most:.3g} - x it would be so; if it is, give that",
            )
        if not flags and there.mean is not None and (shift := _shifted(mean, there)) is not None:
            yield (
                "values",
                f"{what} is shifted by {shift:.3g}: its mean is {mean:.3g}, and in training {words(there.mean)} of "
                f"every item; take the offset away, and {_MEND}",
            )
        absent = trained.kind is Samples.SERIES and now == there.values.least == 0
        if varied is None or flags or absent or not varied.least > 0 or found.samples.most < 2:
            continue
        if (factor := beyond(Range(deviation, deviation), varied)) is not None and factor < 1:
            much = "is constant" if deviation < 1e-9 * varied.least else f"varies {1 / factor:.3g} times less"
            text = f"{what} {much} (deviation {deviation:.3g}, in training {words(varied)}): {_MEND}"
            yield "values", text


def _usual(values: Spread) -> tuple[float, float]:
    """Between which values a channel lies; wild ones count no more than nine times what most do."""
    low = max(values.least, values.median - FACTOR * (values.median - values.low))
    return low, min(values.most, values.median + FACTOR * (values.high - values.median))


def _shifted(mean: float, there: Channel) -> float | None:
    """How far a mean lies off those of training: more than nine times their range, and than a usual deviation; or None.

    Example:
        >>> sound = Channel(*3 * [Spread(0, 0, 1, 2, 3)], None, Spread(-0.1, -0.05, 0, 0.05, 0.1))
        >>> _shifted(0.9, sound), _shifted(5.0, sound)
        (None, 5.0)
    """
    if there.mean is None or there.deviation is None or not math.isfinite(mean):
        return None
    spread, shift = there.mean.most - there.mean.least, mean - there.mean.median
    least = max(FACTOR * spread, there.deviation.median, 1e-3 * abs(there.mean.median))
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
