"""Whether data lie outside of what a model was trained on, and what mends it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from ccnn_pc.domains.points.coverage import CUT
from ccnn_pc.models.trained_on import Channel, Range, Samples, Seen, Spread, TrainedOn

if TYPE_CHECKING:
    from ccnn_pc.nn.conv import KernelConv

#: So many times sparser, denser, longer, larger than ever in training is outside: nearly an order of magnitude.
FACTOR = 9.0
#: Other sizes of pictures than these are another field of view.
SIZE = 1.1
#: Share of samples that stand at the end of their range, in clipped sequences; steps, beyond all of training, of noise.
CLIPPED, ROUGH = 0.01, 1.5
#: So many times more pixels that are not black than ever in training are another kind of picture.
LIT = 1.5
#: Of a reach that was cut in training already.
REACH = 1.5
#: Units of time by their ratio.
_UNITS = {
    60.0: "seconds for minutes, or minutes for hours",
    3600.0: "seconds for hours",
    86400.0: "seconds for days",
    1e3: "milliseconds for seconds",
    1e6: "microseconds for seconds",
    1e9: "nanoseconds for seconds",
}


class SamplingWarning(UserWarning):
    """Data that are sampled, or scaled, as a model's training data never were."""


def outside(
    trained: TrainedOn,
    found: Seen,
    first: Callable[[], KernelConv | None],
    *,
    told: bool,
    pooled: bool,
    lit: bool = False,
) -> Iterator[tuple[str, str]]:
    """Where a batch lies outside of the training: what kind of fault, and a message with both numbers and the remedy.

    Args:
        trained: what the model was trained on.
        found: what the batch holds.
        first: finds the first convolution, or None.
        told: whether somebody said how far the samples of an array are apart.
        pooled: whether there is one answer per item.
        lit: whether points are the pixels of pictures that are not black.
    """
    placed = [
        _size(trained, found, pooled) if not told and Samples.GRID is trained.kind is found.kind else (),
        _spacing(trained, found),
        _lit(trained, found) if lit else (),
        _samples(trained, found) if pooled else (),
        _neighbors(trained, found, found.reach, first) if found.reach is not None else (),
    ]
    valued = [
        _unlike(trained, found), _values(trained, found), _flat(trained, found), _clipped(trained, found),
        _rough(trained, found),
    ]  # fmt: skip
    first_placed = next(itertools.chain.from_iterable(placed), None)  # one cause has one message
    if first_placed is not None:
        yield first_placed
        if first_placed[0] in ("samples", "place", "outlier"):
            return  # which says nothing of values
    yield from itertools.islice(itertools.chain.from_iterable(valued), 1)


def _size(trained: TrainedOn, found: Seen, pooled: bool) -> Iterator[tuple[str, str]]:
    """An array of another size at the spacing of training: another field of view, or the same scene unsaid."""
    if len(trained.shape) == 1 and not pooled:
        return  # a sequence with an answer per sample may have any length
    for axis, (size, sizes) in enumerate(zip(found.shape, trained.shape, strict=True)):
        if sizes.least / SIZE <= size <= sizes.most * SIZE:
            continue
        usual = trained.spacing[axis].median
        step = usual * sizes.median / size
        now, then = (
            " x ".join(f"{n:g}" for n in each) for each in (found.shape, [s.median for s in trained.shape])
        )
        yield (
            "size",
            f"'data' have {now} samples where training had {then}, and nobody said how far apart they are: they are "
            f"read as {size / sizes.median:.3g} times its field of view; of the same scene give spacing={step:.4g} "
            f"(model(x, spacing={step:.4g}); --spacing {step:.4g}), of another one spacing={usual:.4g}",
        )
        return


def _spacing(trained: TrainedOn, found: Seen) -> Iterator[tuple[str, str]]:
    """Samples farther apart, or nearer, than ever; the whole longer, or shorter, than ever."""
    steps = _merged(trained.spacing) if len(found.spacing) != len(trained.spacing) else None
    for axis, here in enumerate(found.spacing):
        there = steps or trained.spacing[axis]
        if (factor := _beyond(here, there)) is None:
            continue
        now = here.most if factor > 1 else here.least
        span, spans = max(r.most for r in found.span), max(s.median for s in trained.span)
        longer = span / spans if spans > 0 else math.nan
        some = found.kind is not Samples.GRID and _beyond(Range(here.least, here.least), there) is None
        text = f"'data' have a sample every {now:.3g} where training had one every {_words(there)}"
        if now == 0 and max(r.most for r in found.span) > 0 and found.kind is Samples.POINTS:
            yield (
                "place",
                f"{text}: every point of an item is there twice or more often; leave the copies out",
            )
            return
        if now == 0:
            yield (
                "place",
                f"{text}: all samples of an item lie at one place; leave it out, or mend its positions",
            )
            return
        if some and found.kind is Samples.SERIES:
            yield "pause", f"{text}, and others one every {here.least:.3g}: {_PAUSE}"
            return
        if longer > FACTOR if factor > 1 else longer < 1 / FACTOR:
            text += f", and span {span:.3g} where it spanned {spans:.3g}: {_units(factor, found.kind)}"
        else:
            much = f"{factor:.3g} times sparser" if factor > 1 else f"{1 / factor:.3g} times denser"
            where = "check 'spacing' (--spacing), or " if found.kind is Samples.GRID else ""
            if found.kind is Samples.POINTS and factor < 1:
                where = "are points far from all others, by which sizes are set? Else "
            text += f", {much}: {where}train on such samplings too"
        yield "spacing", text
        return
    whole, wholes = Range(0.0, max(r.most for r in found.span)), _merged(trained.span)
    if found.kind is not Samples.GRID and (factor := _beyond(whole, wholes, least=False)) is not None:
        text = f"'data' span {whole.most:.3g} where training spanned {_words(wholes)}"
        dense = all(here.most > 0 for here in found.spacing)  # NaN where nothing is known
        cause = _PAUSE if found.kind is Samples.SERIES else _LARGER
        yield "pause" if dense else "span", f"{text}: {cause if dense else _units(factor, found.kind)}"


#: Why items last longer than ever, though they are sampled as densely.
_PAUSE = (
    "is a stamp wrong, or a pause long? Mend it; else cut series into pieces as long as those of training"
)
_LARGER = "cut it into pieces as large as those of training; in another unit, divide positions by its factor"


def _lit(trained: TrainedOn, found: Seen) -> Iterator[tuple[str, str]]:
    """More pixels off the background than ever: that they lie no closer does not make the picture another sampling."""
    if trained.kind is not Samples.POINTS or found.samples.most <= trained.samples.most * LIT:
        return  # networks of whole pictures read points as some of their pixels
    yield (
        "lit",
        f"'data' have pictures of {found.samples.most:.3g} pixels that are not black, where training had "
        f"{_words(trained.samples)}: bring their background to black (noise, blurred or inverted pictures), and "
        "lines to the width of training",
    )


def _samples(trained: TrainedOn, found: Seen) -> Iterator[tuple[str, str]]:
    """Fewer samples than ever: little is left of an item, however they lie."""
    if (
        found.kind is Samples.GRID
        or (factor := _beyond(found.samples, trained.samples)) is None
        or factor > 1
    ):
        return
    yield (
        "samples",
        f"'data' have items of {found.samples.least:.3g} samples where training had {_words(trained.samples)}, "
        f"{1 / factor:.3g} times fewer: leave them out, take more of what there is, or train on so few too",
    )


def _neighbors(
    trained: TrainedOn, found: Seen, here: Range, first: Callable[[], KernelConv | None]
) -> Iterator[tuple[str, str]]:
    """Neighbours that end nearer, or farther, than in training, inside of the window."""
    there = None if trained.neighborhood is None else trained.neighborhood.reach
    if there is not None and there.least <= here.least and here.most <= there.most:
        return
    layer = first()
    if layer is None:
        return
    window = window_reach(layer)
    whole = there is None or there.low >= window
    then = window if there is None else min(there.least, window)
    k = found.k
    said = f"the furthest of {k} neighbours is"
    if here.least < (0.9 * window if whole else then / REACH):
        if here.least * FACTOR < then:
            yield (
                "outlier",
                f"{said} {here.least:.3g} away (k = {k}), and in training it was {then:.3g} (position units): are "
                "points far from all others, by which sizes are set? Leave them out; of far denser clouds take fewer",
            )
            return
        before = f"all of that, as far as {window:.3g}" if whole else f"{then:.3g} far"
        yield (
            "neighbors",
            f"k = {k} cuts the window: {said} {here.least:.3g} away, and in training kernels saw {before} (position "
            "units); take a larger k, which grows with the number of points (KNN(k), .knn(k), .radius(r))",
        )
    elif (
        there is not None
        and trained.neighborhood is not None
        and not whole
        and min(here.most, window) > REACH * min(there.most, window)
    ):
        yield (
            "neighbors",
            f"k = {k} sees farther than in training: {said} {here.most:.3g} away, in training at most {there.most:.3g} "
            f"(k = {trained.neighborhood.k}, position units); take a smaller k, or more points (KNN(k), .knn(k))",
        )


def window_reach(layer: KernelConv) -> float:
    """How far a layer looks, position units: to where its window has ended."""
    extent = layer.extent.detach()
    return min(float(layer.window.reach(extent, CUT)), float(extent.max()))


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


def _clipped(trained: TrainedOn, found: Seen) -> Iterator[tuple[str, str]]:
    """Sequences whose peaks are cut off."""
    for number, (there, now) in enumerate(zip(trained.channels, found.clipped, strict=False)):
        if there.clipped is not None and now > max(CLIPPED, FACTOR * there.clipped.most):
            yield (
                "clipped",
                f"channel {number} of 'data' stands at its largest value in {100 * now:.2g} % of the samples, "
                f"in training in at most {100 * there.clipped.most:.2g} %: clipped; measure again in a wider range",
            )
            return


def _rough(trained: TrainedOn, found: Seen) -> Iterator[tuple[str, str]]:
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
            f"channel {number} of 'data' steps from sample to sample {now / usual.most:.2g} times as far as ever in "
            f"training ({now:.2g} of what noise does, there {_words(usual)}): is it noise, a lower rate, or another "
            "order? Measure again, give spacing, or train on such data too",
        )
        return


#: Channels are alike whose correlation is so near to 1, but for a thousandth of it in what is asked.
_ALIKE = 1e-6
_MEND = "bring it to the units and the normalisation of training (model.preprocessing)"


def _values(trained: TrainedOn, found: Seen) -> Iterator[tuple[str, str]]:
    """A channel that was not observed, whose values are larger than ever, lie elsewhere, or vary less; or all smaller.

    Single channels may be small: a constant one, less its mean, is. One that was constant in an item of training may be
    constant, what is 0 or 1 may be either, and what is never below 0 in series, as how far values are, may be 0.
    """
    channels = list(zip(itertools.count(), trained.channels, found.scale, strict=False))
    smaller = [_beyond(Range(now, now), there.scale) or 1.0 for _, there, now in channels if now > 0]
    for number, there, now in channels:
        factor = _beyond(Range(now, now), there.scale) if now > 0 else None
        mean, deviation = (each[number] if each else math.nan for each in (found.mean, found.deviation))
        what, spread = f"channel {number} of 'data'", _words(there.scale)
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
                f"{what} looks inverted: its mean is {mean:.3g}, in training it was {_words(there.mean)}, and of "
                f"{there.values.least + there.values.most:.3g} - x it would be so; if it is, give that",
            )
        if not flags and there.mean is not None and (shift := _shifted(mean, there)) is not None:
            yield (
                "values",
                f"{what} is shifted by {shift:.3g}: its mean is {mean:.3g}, and in training {_words(there.mean)} of "
                f"every item; take the offset away, and {_MEND}",
            )
        absent = trained.kind is Samples.SERIES and now == there.values.least == 0
        if varied is None or flags or absent or not varied.least > 0 or found.samples.most < 2:
            continue
        if (factor := _beyond(Range(deviation, deviation), varied)) is not None and factor < 1:
            much = "is constant" if deviation < 1e-9 * varied.least else f"varies {1 / factor:.3g} times less"
            text = f"{what} {much} (deviation {deviation:.3g}, in training {_words(varied)}): {_MEND}"
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


def _beyond(here: Range, there: Spread, least: bool = True) -> float | None:
    """How many times the median of training a number is that lies beyond :data:`FACTOR`; None: it does not."""
    low, high = there.bounds(FACTOR)
    if there.median > 0 and high > 0 and here.most > high:
        return here.most / there.median
    if there.median > 0 and low > 0 and least and 0 <= here.least < low:
        return max(here.least, 1e-300) / there.median
    return None


def _merged(spreads: tuple[Spread, ...]) -> Spread:
    """One for all axes."""
    columns = zip(*spreads, strict=True)
    least, low, median, high, most = columns
    return Spread(min(least), min(low), max(median), max(high), max(most))


def _words(spread: Spread) -> str:
    return f"{spread.least:.3g} to {spread.most:.3g}" if spread.most > spread.least else f"{spread.most:.3g}"


def _units(factor: float, kind: Samples) -> str:
    """What makes lengths about ``factor`` times as large, and what mends it.

    Example:
        >>> _units(970.0, Samples.SERIES)
        'another unit, as milliseconds for seconds; divide times by 1000 (--time-unit 0.001)'
    """
    up = max(factor, 1 / factor)
    near = min(_UNITS, key=lambda unit: abs(math.log(up / unit)))
    unit = near if abs(math.log(up / near)) < math.log(2) else float(f"{up:.2g}")
    name = f", as {_UNITS[near]}" if unit == near and factor > 1 else ""
    do = "divide" if factor > 1 else "multiply"
    if kind is Samples.GRID:
        return f"another unit{name}; {do} 'spacing' by {unit:g} (--spacing)"
    if kind is Samples.POINTS:
        return f"another unit; {do} positions by {unit:g}"
    option = f"--time-unit {float(f'{1 / unit if factor > 1 else unit:.3g}'):g}"
    return f"another unit{name}; {do} times by {unit:g} ({option})"
