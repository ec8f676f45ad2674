"""Training items from which nothing can be learned, whose units are mixed, or whose targets are odd."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from ccnn_pc.datasets.common.broken import DataWarning
from ccnn_pc.datasets.common.placeholders import odd_targets
from ccnn_pc.models.shift.outside_channels import called
from ccnn_pc.models.shift.seen import Samples
from ccnn_pc.models.shift.trained_on import TrainedOn

#: So many times as large are values of some items as those of others where units are mixed: 8 bits beside 0 to 1.
MIXED = 200.0


def warn_of_hollow_items(found: TrainedOn, names: Sequence[str] = (), derived: int = 0) -> None:
    """Warn of items, where most are so, that hold one sample, lie at one place or are constant; and of mixed units.

    Args:
        found: what a network is about to be trained on.
        names: of its channels, where there are some.
        derived: how many channels, the first ones, say what was observed and have no unit.
    """
    for text in (_nothing(found), _mixed(found, names, derived)):
        if text is not None:
            warnings.warn(text, DataWarning, stacklevel=4)


def warn_of_odd_targets(data: Any) -> None:
    """Warn of numbers to be learned that mark what is not known, or outweigh all others; in the training part."""
    data.prepare()
    items = getattr(data.train_set, "parts", [data.train_set])[0]  # of several samplings all have the same
    numbers = getattr(items, "numbers", None)
    text = None if numbers is None else odd_targets(numbers, [f"target {name!r}" for name in data.classes])
    if text is not None:
        warnings.warn(text, DataWarning, stacklevel=3)


def _nothing(found: TrainedOn) -> str | None:
    more = "nothing can be learned from them; are the files right?"
    if found.samples.median < 2:
        return f"most items of the training hold one sample: {more}"
    placed = found.kind is not Samples.GRID
    if placed and found.span and all(axis.median == 0 for axis in found.span):
        return f"most items of the training lie at one place, with all their samples: {more}"
    if found.kind is Samples.POINTS or (
        placed and any(axis.most > 1.001 * axis.least for axis in found.spacing)
    ):
        return None  # where samples lie may say everything
    flat = [
        each.roughness is not None and each.deviation is not None and each.deviation.median == 0
        for each in found.channels
    ]
    return f"most items of the training are constant in all channels: {more}" if flat and all(flat) else None


def _mixed(found: TrainedOn, names: Sequence[str], derived: int) -> str | None:
    for number, channel in enumerate(found.channels):
        varied = channel.deviation
        if (
            number < derived
            or found.kind is Samples.POINTS
            or varied is None
            or not varied.high > MIXED * varied.low > 0
        ):
            continue
        return (
            f"{called(number, len(found.channels), names)} varies by {varied.low:.3g} in some items of the training "
            f"and by {varied.high:.3g} in "
            "others: are units mixed? Bring them to one, or normalise every item"
        )
    return None
