"""Samples that lie otherwise than those of a training: where, how densely, how many."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from ccnn_pc.models.shift import outside_clouds as clouds
from ccnn_pc.models.shift.beyond import FACTOR, SIZE, axis_names, beyond, merged, words
from ccnn_pc.models.shift.outside_clouds import ITEMS, REACH, SPARSER
from ccnn_pc.models.shift.outside_stamps import PAUSE, longest_is_usual, stamps
from ccnn_pc.models.shift.outside_units import named_unit, ratio
from ccnn_pc.models.shift.seen import Samples, Seen
from ccnn_pc.models.shift.trained_on import TrainedOn
from ccnn_pc.ops.moments import Range

if TYPE_CHECKING:
    from ccnn_pc.nn.conv import KernelConv

#: So many times fewer points than in the smallest cloud of training are another sampling, 1.7 times sparser.
FEWER = 3.0


def places(
    trained: TrainedOn,
    found: Seen,
    first: Callable[[], KernelConv | None],
    *,
    told: bool,
    pooled: bool,
    lit: bool,
    sums: bool,
) -> Iterator[tuple[str, str]]:
    """What is otherwise, the likeliest cause first; arguments as of :func:`ccnn_pc.models.shift.outside.outside`."""
    yield from itertools.chain(
        _size(trained, found, pooled) if not told and Samples.GRID is trained.kind is found.kind else (),
        _axes(trained, found),
        _scattered(trained, found),
        clouds.lonely(trained, found) if pooled else (),
        itertools.chain(clouds.few(trained, found), clouds.stretched(trained, found)) if not pooled else (),
        _samples(trained, found) if pooled and _short(trained, found) else (),
        stamps(trained, found),
        _unit(trained, found),
        clouds.plane(trained, found) if pooled and not _fewer(trained, found) else (),
        _spacing(trained, found, pooled, sums),
        clouds.lit(trained, found) if lit else (),
        _samples(trained, found) if pooled else (),
        clouds.uneven(trained, found) if pooled else (),
        clouds.neighbors(trained, found, found.reach, first) if found.reach is not None else (),
    )


def _size(trained: TrainedOn, found: Seen, pooled: bool) -> Iterator[tuple[str, str]]:
    """An array of another size at the spacing of training: another field of view, or the same scene unsaid."""
    if len(trained.shape) == 1 and not pooled:
        return  # a sequence with an answer per sample may have any length
    for axis, (size, sizes) in enumerate(zip(found.shape, trained.shape, strict=True)):
        if sizes.least / SIZE <= size <= sizes.most * SIZE:
            continue
        usual = trained.spacing[axis].median
        step = usual * sizes.median / size
        series = len(trained.shape) == 1 and size > sizes.most
        longer = "; of longer series the mean over windows answers (evaluate --windows)" if series else ""
        now, then = (
            " x ".join(f"{n:g}" for n in each) for each in (found.shape, [s.median for s in trained.shape])
        )
        yield (
            "size",
            f"'data' have {now} samples where training had {then}, and nobody said how far apart they are: they are "
            f"read as {size / sizes.median:.3g} times its field of view; of the same scene give spacing={step:.4g} "
            f"(model(x, spacing={step:.4g}); --spacing {step:.4g}), of another one spacing={usual:.4g}{longer}",
        )
        return


def _axes(trained: TrainedOn, found: Seen) -> Iterator[tuple[str, str]]:
    """Clouds flatter than ever along one axis and longer along another, or with their points at the other end."""
    count = len(found.span)
    if found.kind is not Samples.POINTS or len(trained.span) != count or trained.items < ITEMS:
        return
    names = axis_names(count)
    for a, b in itertools.permutations(range(count), 2):
        short, long = found.span[a], found.span[b]
        flat = trained.span[b]
        if not (short.most < trained.span[a].least <= long.least and long.least > flat.most):
            continue
        if flat.least / REACH <= short.least and short.most <= REACH * flat.most:
            yield (
                "axes",
                f"'data' reach {short.most:.3g} along {names[a]} and {long.most:.3g} along {names[b]}, where training "
                f"had {words(trained.span[a])} and {words(flat)}: are these axes swapped? Exchange them",
            )
            return
    leans = () if trained.neighborhood is None else trained.neighborhood.lean
    for axis, (here, there) in enumerate(zip(found.lean, leans, strict=False)):
        width = there.most - there.least
        far = here.least > there.most + width or here.most < there.least - width
        if far and there.least <= 1 - here.most and 1 - here.least <= there.most:
            yield (
                "axes",
                f"'data' look turned round along {names[axis]}: their points lie at {words(here)} of its length on "
                f"average, in training at {words(there)}: does it point the other way? If so, give -{names[axis]}",
            )
            return


def _scattered(trained: TrainedOn, found: Seen) -> Iterator[tuple[str, str]]:
    """Points of pictures and volumes, where training saw whole arrays alone."""
    arrays = trained.kind is Samples.GRID and trained.arrays.samplings is not None
    if not arrays or found.kind is not Samples.POINTS:
        return
    whole = all(sampling.startswith("pixels") for sampling in trained.arrays.samplings or ())
    share = found.samples.least / trained.samples.median
    if whole and share < 1 / SIZE:
        yield (
            "scattered",
            f"'data' are {found.samples.least:.4g} samples that lie anywhere, and training had whole arrays of "
            f"{trained.samples.median:.4g} alone: sums, and what is read between them, are others; train over such "
            "samplings too (data.samplings=[pixels,scattered:0.5]), or see what it costs with ccnn-pc transfer --to "
            "scattered:0.5",
        )


def _unit(trained: TrainedOn, found: Seen) -> Iterator[tuple[str, str]]:
    """As many samples as ever, and an item is sampled more sparsely and longer than ever, or densely and shorter."""
    alike = found.kind is trained.kind is not Samples.GRID and len(found.span) == len(trained.span)
    if not alike or trained.items < ITEMS or not trained.spacing:
        return
    least, most = trained.samples.least / REACH, trained.samples.most * REACH
    pairs = list(zip((*found.spacing, *found.span), (*trained.spacing, *trained.span), strict=False))
    larger = all(here.most > SPARSER * there.most > 0 for here, there in pairs)
    smaller = all(0 < here.least < there.least / SPARSER for here, there in pairs)
    if least <= found.samples.least and found.samples.most <= most and (larger or smaller):
        (here, there), (span, _) = pairs[0], pairs[-1]
        now = here.most if larger else here.least
        yield (
            "spacing",
            f"'data' have a sample every {now:.3g} where training had one every {words(there)}, and span "
            f"{span.most:.3g} where it spanned {trained.span[-1].median:.3g}: "
            f"{named_unit(ratio(here, there, now / there.median), found.kind)}",
        )


def _spacing(trained: TrainedOn, found: Seen, pooled: bool, sums: bool) -> Iterator[tuple[str, str]]:
    """Samples farther apart, or nearer, than ever; the whole longer, or shorter, than ever."""
    steps = merged(trained.spacing) if len(found.spacing) != len(trained.spacing) else None
    for axis, here in enumerate(found.spacing):
        there = steps or trained.spacing[axis]
        factor = beyond(here, there)
        summed = {Samples.POINTS: not (pooled and _fewer(trained, found)), Samples.SERIES: sums}
        alike = found.kind is trained.kind and summed.get(found.kind, False)
        all_sparser = alike and here.least > SPARSER * there.most > 0
        if factor is None and all_sparser:
            factor = here.least / there.median
        if factor is None:
            continue
        now = here.most if factor > 1 else here.least
        span, spans = max(r.most for r in found.span), max(s.median for s in trained.span)
        longer = span / spans if spans > 0 else math.nan
        some = (
            found.kind is not Samples.GRID
            and not all_sparser
            and beyond(Range(here.least, here.least), there) is None
        )
        text = f"'data' have a sample every {now:.3g} where training had one every {words(there)}"
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
            unit = factor > 1 and longest_is_usual(trained, found)
            cause = f"are these in {named_unit(factor, found.kind)}? Or {PAUSE}" if unit else PAUSE
            yield "pause", f"{text}, and others one every {here.least:.3g}: {cause}"
            return
        if longer > FACTOR if factor > 1 else longer < 1 / FACTOR:
            unit_of = named_unit(ratio(here, there, factor), found.kind)
            text += f", and span {span:.3g} where it spanned {spans:.3g}: {unit_of}"
        else:
            much = f"{factor:.3g} times sparser" if factor > 1 else f"{1 / factor:.3g} times denser"
            where = "check 'spacing' (--spacing), or " if found.kind is Samples.GRID else ""
            if found.kind is Samples.SERIES and factor > 1 and sums:
                where = "read straight lines between them (--interpolation linear), or "
            if found.kind is Samples.POINTS and factor > 1:
                where = "are positions in another unit? Else "
            if found.kind is Samples.POINTS and factor < 1:
                where = "are points far from all others, by which sizes are set? Else "
            text += f", {much}: {where}train on such samplings too"
        yield "spacing", text
        return
    whole, wholes = Range(0.0, max(r.most for r in found.span)), merged(trained.span)
    if found.kind is not Samples.GRID and (factor := beyond(whole, wholes, least=False)) is not None:
        text = f"'data' span {whole.most:.3g} where training spanned {words(wholes)}"
        dense = all(here.most > 0 for here in found.spacing)  # NaN where nothing is known
        cause = PAUSE if found.kind is Samples.SERIES else _LARGER
        yield "pause" if dense else "span", f"{text}: {cause if dense else named_unit(factor, found.kind)}"


#: Why clouds are larger than ever, though their points lie as densely.
_LARGER = "cut it into pieces as large as those of training; in another unit, divide positions by its factor"


def _samples(trained: TrainedOn, found: Seen) -> Iterator[tuple[str, str]]:
    """Fewer samples than ever: little is left of an item, however they lie."""
    if found.kind is Samples.GRID or not _fewer(trained, found):
        return
    factor = found.samples.least / trained.samples.median
    how = f" (data.samplings=[points,even:{found.samples.least:.0f}])" if found.kind is Samples.POINTS else ""
    yield (
        "samples",
        f"'data' have items of {found.samples.least:.3g} samples where training had {words(trained.samples)}, "
        f"{1 / factor:.3g} times fewer: leave them out, take more of what there is, or train on so few too{how}",
    )


def _short(trained: TrainedOn, found: Seen) -> bool:
    """Whether series end far before those of training do."""
    series = found.kind is trained.kind is Samples.SERIES and bool(trained.span)
    return series and found.span[0].most * SPARSER < trained.span[0].least


def _fewer(trained: TrainedOn, found: Seen) -> bool:
    """Whether an item has fewer samples than ever: a third of the points of clouds, a ninth of others."""
    clouds = found.kind is trained.kind is Samples.POINTS
    least = trained.samples.bounds(FACTOR)[0] * (FACTOR / FEWER if clouds else 1)
    return found.samples.least < least
