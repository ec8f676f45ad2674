"""Points that lie otherwise than those of the clouds of a training: single ones, planes, evenness, neighbours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from ccnn_pc.domains.points.coverage import CUT
from ccnn_pc.models.shift.beyond import FACTOR, axis_names, beyond, words
from ccnn_pc.models.shift.seen import Samples, Seen
from ccnn_pc.models.shift.trained_on import TrainedOn
from ccnn_pc.ops.moments import Range

if TYPE_CHECKING:
    from ccnn_pc.nn.conv import KernelConv

#: So many times more pixels that are not black than ever in training are another kind of picture.
LIT = 1.5
#: So many times sparser than the sparsest of training are points, and sums over series: six times fewer on a surface,
#: or feet for metres.
SPARSER = 2.5
#: Points of which distances to the nearest vary so much more than ever lie otherwise; those that vary less lie evenly.
UNEVEN, EVEN = 1.25, 0.25
#: Items that must have been seen to know how axes, and points, lie.
ITEMS = 8
#: So many times farther than ever, and than points are on average, a point lies from its nearest that is far from all.
LONELY, LEAST_LONELY = 1.5, 12.0
#: Items that must have been seen to know how far single points lie.
KNOWN = 32
#: Where clouds have their points that have one far from all others.
END = 0.05
#: Of a reach that was cut in training already.
REACH = 1.5


def few(trained: TrainedOn, found: Seen) -> Iterator[tuple[str, str]]:
    """Clouds with answers for their points, of which all in a batch hold next to nothing: tiles in another unit."""
    most = Range(found.samples.most, found.samples.most)
    if found.kind is Samples.POINTS is trained.kind and (beyond(most, trained.samples) or 1.0) < 1:
        yield (
            "samples",
            f"'data' have clouds, or tiles, of at most {most.most:.4g} points where training had "
            f"{words(trained.samples)}: are positions in another unit (multiply or divide them by its factor), or "
            "points so far apart? Then train on such data too",
        )


def stretched(trained: TrainedOn, found: Seen) -> Iterator[tuple[str, str]]:
    """Clouds with answers for their points that all reach farther along one axis than ever, and along no other."""
    if not found.kind is Samples.POINTS is trained.kind or len(found.span) != len(trained.span):
        return
    pairs = list(zip(found.span, trained.span, strict=True))
    for axis, (here, there) in enumerate(pairs if trained.items >= ITEMS else ()):
        others = [pair for place, pair in enumerate(pairs) if place != axis]
        if any(other.most > REACH * usual.most for other, usual in others):
            continue
        if here.least > there.most and here.most > SPARSER * there.median > 0:
            name = axis_names(len(pairs))[axis]
            yield (
                "place",
                f"'data' reach {words(here)} along {name} where training had {words(there)}, and as far as there along "
                f"the others: is {name} in another unit, as feet for metres (multiply it by 0.3048), or steeper than "
                "ever? Then train on such data too",
            )
            return


def lonely(trained: TrainedOn, found: Seen) -> Iterator[tuple[str, str]]:
    """Clouds with a point farther from all others than ever: it sets their size."""
    there = None if trained.neighborhood is None else trained.neighborhood.lonely
    if there is None or found.lonely is None or trained.items < KNOWN or found.samples.least < ITEMS:
        return
    if found.lonely.most > max(LONELY * there.most, LEAST_LONELY):
        yield (
            "outlier",
            f"'data' have a point {found.lonely.most:.3g} times as far from its nearest one as points are on average, "
            f"and in training at most {there.most:.3g} times: points far from all others set the size of a cloud; "
            "leave them out",
        )


def plane(trained: TrainedOn, found: Seen) -> Iterator[tuple[str, str]]:
    """Clouds that are flat along an axis as none was, and along another as long as ever."""
    if found.kind is not Samples.POINTS or len(found.span) != len(trained.span) or trained.items < ITEMS:
        return
    pairs = list(zip(found.span, trained.span, strict=True))
    apart = any(
        lean.least < END or lean.most > 1 - END for lean in found.lean
    )  # of a point far from all others
    if apart or not any(here.least * SPARSER > there.least for here, there in pairs):
        return
    for axis, (here, there) in enumerate(pairs):
        if here.least * FACTOR < there.least:
            yield (
                "place",
                f"'data' reach {here.least:.3g} along {axis_names(len(pairs))[axis]}, where training had "
                f"{words(there)}: the points of an item lie in a plane, or on a line; give all of it, or leave it out",
            )
            return


def lit(trained: TrainedOn, found: Seen) -> Iterator[tuple[str, str]]:
    """More pixels off the background than ever: that they lie no closer does not make the picture another sampling."""
    if trained.kind is not Samples.POINTS or found.samples.most <= trained.samples.most * LIT:
        return  # networks of whole pictures read points as some of their pixels
    yield (
        "lit",
        f"'data' have pictures of {found.samples.most:.3g} pixels that are not black, where training had "
        f"{words(trained.samples)}: bring their background to black (noise, blurred or inverted pictures), and "
        "lines to the width of training",
    )


def uneven(trained: TrainedOn, found: Seen) -> Iterator[tuple[str, str]]:
    """Clouds whose points all lie less evenly than ever: sums count dense parts more. One of many may be odd."""
    there = None if trained.neighborhood is None else trained.neighborhood.unevenness
    if there is None or found.unevenness is None or trained.items < ITEMS:
        return
    if found.unevenness.least > max(UNEVEN * there.most, EVEN):
        yield (
            "uneven",
            f"'data' have points that lie less evenly than in training: distances to the nearest vary by "
            f"{found.unevenness.least:.2g} of their mean, there by {words(there)}: give more points and let the model "
            "choose among them (FarthestPoints), or train over such samplings too (data.samplings)",
        )


def neighbors(
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
