"""Whether data lie outside of what a model was trained on, and what mends it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from ccnn_pc.models.shift.outside_places import places
from ccnn_pc.models.shift.outside_values import values
from ccnn_pc.models.shift.seen import Seen
from ccnn_pc.models.shift.trained_on import TrainedOn

if TYPE_CHECKING:
    from ccnn_pc.nn.conv import KernelConv


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
    sums: bool = False,
    names: Sequence[str] = (),
    normalised: bool = False,
) -> Iterator[tuple[str, str]]:
    """Where a batch lies outside of the training: what kind of fault, and a message with both numbers and the remedy.

    Args:
        trained: what the model was trained on.
        found: what the batch holds.
        first: finds the first convolution, or None.
        told: whether somebody said how far the samples of an array are apart.
        pooled: whether there is one answer per item.
        lit: whether points are the pixels of pictures that are not black.
        sums: whether series are sums over their samples, with no lines between them.
        names: of the channels, where there are some.
        normalised: whether values are pictures less their mean, over their deviation.
    """
    placed = next(
        places(trained, found, first, told=told, pooled=pooled, lit=lit, sums=sums), None
    )  # one cause, one message
    if placed is not None:
        yield placed
        if placed[0] in ("samples", "place", "outlier", "axes"):
            return  # which says nothing of values
    yield from itertools.islice(values(trained, found, names, normalised), 1)
