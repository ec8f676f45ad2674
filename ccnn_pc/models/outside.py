"""Whether data lie outside of what a model was trained on, and what mends it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from ccnn_pc.domains.points.coverage import CUT
from ccnn_pc.models.trained_on import Range, Samples, Seen, Spread, TrainedOn

if TYPE_CHECKING:
    from ccnn_pc.nn.conv import KernelConv

#: So many times sparser, denser, longer, larger than ever in training is outside: nearly an order of magnitude.
FACTOR = 9.0
#: Other sizes of pictures than these are another field of view.
SIZE = 1.1
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
    trained: TrainedOn, found: Seen, first: Callable[[], KernelConv | None], *, told: bool, pooled: bool
) -> Iterator[tuple[str, str]]:
    """Where a batch lies outside of the training: what kind of fault, and a message with both numbers and the remedy.

    Args:
        trained: what the model was trained on.
        found: what the batch holds.
        first: finds the first convolution, or None.
        told: whether somebody said how far the samples of an array are apart.
        pooled: whether there is one answer per item.
    """
    if not told and Samples.GRID is trained.kind is found.kind:
        yield from _size(trained, found, pooled)
    yield from _spacing(trained, found)
    if found.reach is not None:
        yield from _neighbors(trained, found, found.reach, first)
    yield from _scale(trained, found)


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
        text = f"'data' have a sample every {now:.3g} where training had one every {_words(there)}"
        if longer > FACTOR if factor > 1 else longer < 1 / FACTOR:
            text += f", and span {span:.3g} where it spanned {spans:.3g}: {_units(factor, found.kind)}"
        else:
            much = f"{factor:.3g} times sparser" if factor > 1 else f"{1 / factor:.3g} times denser"
            where = "check 'spacing' (--spacing), or " if found.kind is Samples.GRID else ""
            text += f", {much}: {where}train on such samplings too"
        yield "spacing", text
        return
    whole, wholes = Range(0.0, max(r.most for r in found.span)), _merged(trained.span)
    if found.kind is not Samples.GRID and (factor := _beyond(whole, wholes, least=False)) is not None:
        unit = _units(factor, found.kind)
        yield "span", f"'data' span {whole.most:.3g} where training spanned {_words(wholes)}: {unit}"


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


def _scale(trained: TrainedOn, found: Seen) -> Iterator[tuple[str, str]]:
    """A channel whose values are larger than ever, or all of them smaller; one that is 0 everywhere says nothing.

    Single channels may be as small as they like: a constant one, less its mean, is.
    """
    pairs = list(enumerate(zip(found.scale, (channel.scale for channel in trained.channels), strict=False)))
    factors = [
        (number, now, there, _beyond(Range(now, now), there)) for number, (now, there) in pairs if now > 0
    ]
    smaller = all(factor is not None and factor < 1 for *_, factor in factors)
    for number, now, there, factor in factors:
        if factor is not None and (factor > 1 or smaller):
            much = f"{factor:.3g} times larger" if factor > 1 else f"{1 / factor:.3g} times smaller"
            yield (
                "values",
                f"channel {number} of 'data' is {much} than in training (root mean square {now:.3g}, there "
                f"{_words(there)}): bring it to the units and the normalisation of training (model.preprocessing)",
            )
            return


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
    option = f"--time-unit {1 / unit if factor > 1 else unit:.3g}"
    return f"another unit{name}; {do} times by {unit:g} ({option})"
