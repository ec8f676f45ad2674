"""Values of each item of a batch, channel by channel: how large, where, how far they vary, between which ends."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

#: Values that are looked at together: some copies of them in float64 fit into a cache.
_AT_ONCE = 1 << 17

Array = npt.NDArray[np.float64]
Columns = npt.NDArray[np.floating[Any]]
Pointer = npt.NDArray[np.int64]


class Range(NamedTuple):
    """The least and the largest of a number among the items of a batch."""

    least: float
    most: float


class ItemValues(NamedTuple):
    """Of each channel, over the items of a batch; NaN where it was observed in none.

    Attributes:
        scale: root mean square; 0 where nothing was observed.
        mean, deviation: of an item.
        lowest, highest: the least and the largest value of an item.
        faintest: root mean squares of the channels in the item that has least in all of them together.
    """

    scale: tuple[Range, ...]
    mean: tuple[Range, ...]
    deviation: tuple[Range, ...]
    lowest: tuple[Range, ...]
    highest: tuple[Range, ...]
    faintest: tuple[float, ...]


class Moments(NamedTuple):
    """Of each channel and item ``[C, B]``; NaN where nothing was observed, but 0 for the root mean square."""

    root: Array
    mean: Array
    deviation: Array
    low: Array
    high: Array


def on_host(x: Tensor) -> Any:
    """A tensor as an array; half precision as float32."""
    x = x.detach().cpu()
    return (x.float() if x.dtype in (torch.float16, torch.bfloat16) else x).numpy()


def moments(columns: Columns, pointer: Pointer, observed: npt.NDArray[np.bool_] | None = None) -> Moments:
    """Moments of what was observed of columns ``[C, n]`` in each item, from ``pointer[b]`` to ``pointer[b + 1]``.

    Summed in float64 from the least value of the item: constants have no deviation, however large they are.

    Example:
        >>> found = moments(np.array([[1.0, 3.0, 5.0]]), np.array([0, 2, 3]))
        >>> found.mean.tolist(), found.deviation.tolist(), found.high.tolist()
        ([[2.0, 5.0]], [[1.0, 0.0]], [[3.0, 5.0]])
    """
    items = len(pointer) - 1
    if columns.size > _AT_ONCE and items > 1:
        parts = []
        for ends in (pointer[: items // 2 + 1], pointer[items // 2 :]):
            part = slice(ends[0], ends[-1])
            parts.append(
                moments(columns[:, part], ends - ends[0], None if observed is None else observed[:, part])
            )
        return Moments(*(np.concatenate(each, axis=1) for each in zip(*parts, strict=True)))
    rows = pointer[1:] - pointer[:-1]
    some = rows > 0
    found = np.full((5, len(columns), items), math.nan)
    found[0] = 0
    if some.any():
        found[:, :, some] = _of_filled(columns.astype(np.float64), pointer[:-1][some], rows[some], observed)
    return Moments(*found)


def item_values(found: Moments) -> ItemValues:
    """The least and the most among the items.

    Example:
        >>> found = item_values(moments(np.array([[1.0, 3.0, 5.0, 5.0]]), np.array([0, 2, 4])))
        >>> found.mean, found.deviation, found.highest
        ((Range(least=2.0, most=5.0),), (Range(least=0.0, most=1.0),), (Range(least=3.0, most=5.0),))
    """
    per_item = np.stack(found)
    least, most = (end.reduce(per_item, axis=2).tolist() for end in (np.fmin, np.fmax))  # of what is a number
    scale, mean, deviation, low, high = (tuple(map(Range, *ends)) for ends in zip(least, most, strict=True))
    total = np.square(found.root).sum(axis=0)
    place = np.where(total > 0, total, math.inf).argmin()  # of nothing there is no item
    return ItemValues(scale, mean, deviation, low, high, tuple(found.root[:, place].tolist()))


def _of_filled(wide: Array, start: Pointer, rows: Pointer, observed: npt.NDArray[np.bool_] | None) -> Array:
    """Of items that have samples, ``[5, C, B]``."""
    least = most = wide
    if observed is not None:
        least, most = (np.where(observed, wide, end) for end in (math.inf, -math.inf))
    low, high = np.minimum.reduceat(least, start, axis=1), np.maximum.reduceat(most, start, axis=1)
    off, count = wide - np.repeat(low, rows, axis=1), rows
    if observed is not None:
        off, count = np.where(observed, off, 0.0), np.add.reduceat(observed, start, axis=1, dtype=np.int64)
    mean, square = (np.add.reduceat(each, start, axis=1) / count for each in (off, off * off))
    deviation, mean = np.sqrt(np.maximum(square - mean * mean, 0)), mean + low
    found = np.stack([np.hypot(deviation, mean), mean, deviation, low, high])
    if observed is not None:
        found[:, count == 0] = math.nan
        found[0, count == 0] = 0
    return found
