"""Moments of the values of items, and of the steps between them, channel by channel; on the host, in float64."""

from __future__ import annotations

import enum
import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ccnn_pc.native.library import state
from ccnn_pc.native.moments import ROWS, native_moments

#: Values that NumPy looks at together: some copies of them in float64 fit into a cache.
_AT_ONCE = 1 << 17

Array = npt.NDArray[np.float64]
Values = npt.NDArray[np.floating[Any]]
Pointer = npt.NDArray[np.int64]


class Range(NamedTuple):
    """The least and the largest of a number among the items of a batch."""

    least: float
    most: float


class Side(NamedTuple):
    """The least and the largest of a number among the items of a batch, and the share of them above 0."""

    least: float
    most: float
    above: float


class Row(enum.IntEnum):
    r"""What is known of a channel of an item; NaN where nothing was observed, but 0 samples with a root of 0.

    ROOT is the root mean square, SKEWNESS :math:`\overline{(x - \bar x)^3} / \sigma^3`, NaN of constants. Of the steps
    from each value to the next: mean, mean square, the largest, at least 0, the share of those that are 0, and skewness
    about 0. ROUGHNESS, :math:`\sqrt{\overline{(x_{i+1} - x_i)^2} / 2 \sigma^2}`, is 1 of white noise and less of all
    that is smooth.
    """

    SAMPLES = 0
    ROOT = 1
    MEAN = 2
    DEVIATION = 3
    LOW = 4
    HIGH = 5
    SPAN = 6
    SKEWNESS = 7
    STEP = 8
    STEP_SQUARE = 9
    STEP_MOST = 10
    SAME = 11
    STEP_SKEWNESS = 12
    ROUGHNESS = 13


class Moments(NamedTuple):
    """Numbers of items ``[14, C, B]``, one :class:`Row` each.

    ``ends`` are the least and the most of the items, and the share of them above 0, ``[3, 14, C]``; ``faintest`` is the
    item that has least in all channels together, but something.
    """

    items: Array
    ends: Array
    faintest: int

    def of(self, row: Row) -> Array:
        """A number of each channel and item ``[C, B]``."""
        found: Array = self.items[row]
        return found

    def ranges(self, row: Row) -> tuple[Range, ...]:
        """The least and the most of each channel."""
        return tuple(map(Range, *self.ends[:2, row].tolist()))

    def sides(self, row: Row) -> tuple[Side, ...]:
        """The least and the most of each channel, and how many are above 0."""
        return tuple(map(Side, *self.ends[:, row].tolist()))


def moments(x: Values, pointer: Pointer, observed: npt.NDArray[np.bool_] | None = None) -> Moments:
    """Moments of what was observed of ``[n, C]`` in each item, from row ``pointer[b]`` to ``pointer[b + 1]``.

    Summed in float64 about the mean: constants have no deviation, however large they are.

    Example:
        >>> found = moments(np.array([[1.0], [3.0], [5.0]]), np.array([0, 2, 3]))
        >>> found.of(Row.MEAN).tolist(), found.of(Row.DEVIATION).tolist(), found.ranges(Row.HIGH)
        ([[2.0, 5.0]], [[1.0, 0.0]], (Range(least=3.0, most=5.0),))
    """
    if state().runs:
        return Moments(*native_moments(x, pointer, observed))
    items = _moments(x, pointer, observed)
    total = np.square(items[Row.ROOT]).sum(axis=0)
    faintest = np.where(total > 0, total, math.inf).argmin()  # of nothing there is no item
    above = (items > 0).sum(axis=2) / (items == items).sum(axis=2)
    ends = [*(end.reduce(items, axis=2) for end in (np.fmin, np.fmax)), above]
    return Moments(items, np.stack(ends), int(faintest))


def ranges(numbers: Array) -> tuple[Range, ...]:
    """The least and the most of each row, of what is a number.

    Example:
        >>> ranges(np.array([[2.0, np.nan, 1.0]]))
        (Range(least=1.0, most=2.0),)
    """
    return tuple(map(Range, *(end.reduce(numbers, axis=1).tolist() for end in (np.fmin, np.fmax))))


def _moments(x: Values, pointer: Pointer, observed: npt.NDArray[np.bool_] | None) -> Array:
    """What :func:`ccnn_pc.native.moments.native_moments` computes, with NumPy."""
    items, channels = len(pointer) - 1, x.shape[1]
    if x.size > _AT_ONCE and items > 1:
        parts = []
        for ends in (pointer[: items // 2 + 1], pointer[items // 2 :]):
            part = slice(ends[0], ends[-1])
            parts.append(_moments(x[part], ends - ends[0], None if observed is None else observed[part]))
        return np.concatenate(parts, axis=2)
    rows = pointer[1:] - pointer[:-1]
    some = rows > 0
    found = np.full((ROWS, channels, items), math.nan)
    found[[Row.SAMPLES, Row.ROOT]] = 0
    if some.any():
        mask = None if observed is None else observed.T
        found[:, :, some] = _of_filled(x.T.astype(np.float64), pointer[:-1][some], rows[some], mask)
    return found


def _of_filled(wide: Array, start: Pointer, rows: Pointer, observed: npt.NDArray[np.bool_] | None) -> Array:
    """Of items that have samples, values ``[C, n]`` -> ``[14, C, B]``."""
    if observed is not None:
        return np.stack([_of_observed(*each, start) for each in zip(wide, observed, strict=True)], axis=1)
    low, high = np.minimum.reduceat(wide, start, axis=1), np.maximum.reduceat(wide, start, axis=1)
    mean = low + _means(wide - np.repeat(low, rows, axis=1), start, rows)
    off = wide - np.repeat(mean, rows, axis=1)
    steps = np.diff(wide, axis=1, prepend=wide[:, :1])
    steps[:, start] = 0
    square, step_square = off * off, steps * steps  # powers of a thousand numbers take longer
    some = np.maximum(rows - 1, 1)
    numbers = (square, rows), (square * off, rows), (step_square, some), (step_square * steps, some)
    variance, third, step, step_third = (_means(each, start, count) for each, count in numbers)
    found = np.full((ROWS, *mean.shape), math.nan)
    found[Row.SAMPLES] = rows
    found[Row.ROOT : Row.SKEWNESS] = (
        np.sqrt(variance + mean * mean),
        mean,
        np.sqrt(variance),
        low,
        high,
        high - low,
    )
    found[Row.SKEWNESS] = third / variance**1.5
    first, last = wide[:, start], wide[:, start + rows - 1]
    found[Row.STEP] = np.where(rows > 1, (last - first) / some, math.nan)
    found[Row.STEP_SQUARE] = step
    found[Row.STEP_MOST] = np.maximum(np.maximum.reduceat(steps, start, axis=1), 0)
    found[Row.SAME] = (np.add.reduceat(steps == 0, start, axis=1, dtype=np.int64) - 1) / some
    found[Row.STEP_SKEWNESS] = step_third / step**1.5
    found[Row.ROUGHNESS] = np.sqrt(step / np.where(variance > 0, 2 * variance, math.nan))
    return found


def _of_observed(wide: Array, observed: npt.NDArray[np.bool_], start: Pointer) -> Array:
    """Of a channel ``[n]`` that was not observed everywhere, ``[14, B]``."""
    count = np.add.reduceat(observed, start, dtype=np.int64)
    pointer = np.concatenate([[0], count.cumsum()])
    return _moments(wide[observed][:, None], pointer, None)[:, 0]


def _means(values: Array, start: Pointer, count: Pointer) -> Array:
    found: Array = np.add.reduceat(values, start, axis=1) / count
    return found
