"""Series as people have them: arrays, lists, pairs of times and values, tables with one observation per row."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Hashable, Sequence
from typing import Any, NamedTuple

import numpy as np


class Channels(enum.Enum):
    """Which axis of ``[N, ., .]`` counts channels; AUTO: the shorter one, where it is shorter than half the other."""

    AUTO = "auto"
    FIRST = "first"
    LAST = "last"


class Series(NamedTuple):
    """One series: stamps ``[n]``, in order, and values ``[n, C]``, NaN where none was observed; float64."""

    times: np.ndarray
    values: np.ndarray


@dataclasses.dataclass(frozen=True)
class SeriesRead:
    """Series that were read.

    Attributes:
        items: the series.
        names: of the channels.
        layout: which axis was taken for the channels; None: it was never in question.
        ids: of the series of a table, in the order of their first rows; None: no table.
        dates: unit in which dates were counted; None: times are numbers.
        rows: which samples of each series, as it was given, were kept, in the order of time.
    """

    items: list[Series]
    names: list[str]
    layout: Channels | None = None
    ids: list[Hashable] | None = None
    dates: str | None = None
    rows: list[np.ndarray] = dataclasses.field(default_factory=list)

    def __len__(self) -> int:
        return len(self.items)


@dataclasses.dataclass(frozen=True)
class Known:
    """What a fitted estimator knows of its channels.

    Attributes:
        names: of the channels.
        layout: that of the arrays it was fitted on.
    """

    names: list[str]
    layout: Channels | None


def read_series(
    data: Any, channels: Channels = Channels.AUTO, known: Known | None = None, *, every_stamp: bool = False
) -> SeriesRead:
    """Series of any of these forms.

    Args:
        data: an array ``[N, T]`` of one channel, ``[N, T, C]`` or ``[N, C, T]``, with NaN for what is missing and
            behind the end of shorter series; a list of arrays ``[T_i]``, ``[T_i, C]`` or ``[C, T_i]``, of pairs (times,
            values), or of PyG data with times and x; or a table (pandas, polars) with the columns id, time, variable
            and value, or id, time and a column for each variable.
        channels: which axis of arrays counts channels.
        known: of a fitted estimator; None: it is being fitted.
        every_stamp: keep stamps at which nothing was observed.

    Raises:
        TypeError: something else.
        ValueError: axes that could be either, other channels than those known, infinite values, a series without any
            value.
    """
    if is_table(data):
        read = _read_table(data, None if known is None else known.names)
    elif isinstance(data, (list, tuple)):
        read = _read_list(data, channels, known)
    else:
        read = _read_array(_numbers(data, "X"), channels, known)
    if known is not None and len(read.names) != len(known.names):
        raise ValueError(f"'X' must have {len(known.names)} channels, as in fit (got {len(read.names)})")
    cleaned = [_cleaned(each, row, every_stamp) for row, each in enumerate(read.items)]
    return dataclasses.replace(read, items=[each for each, _ in cleaned], rows=[rows for _, rows in cleaned])


def is_table(data: Any) -> bool:
    """Whether data are a table of observations: named columns, id and time among them."""
    columns = getattr(data, "columns", None)
    return columns is not None and {"id", "time"} <= {str(name) for name in columns}


def _numbers(values: Any, name: str) -> np.ndarray:
    found = np.asarray(values)
    if found.dtype.kind == "c":
        raise ValueError(f"Complex data not supported: '{name}' must be real numbers")
    if found.dtype.kind not in "fiub":
        try:
            found = found.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise TypeError(f"'{name}' must hold numbers (got {found.dtype}: {error})") from error
    return found


def _read_array(array: np.ndarray, channels: Channels, known: Known | None) -> SeriesRead:
    if array.ndim == 2:
        array = array[:, :, None]
        layout = None
    elif array.ndim == 3:
        layout = _layout(array.shape[1:], channels, known)
        array = array.swapaxes(1, 2) if layout is Channels.FIRST else array
    else:
        raise ValueError(f"'X' must be [N, T], [N, T, C] or [N, C, T] (got shape {list(array.shape)})")
    times = np.arange(array.shape[1], dtype=np.float64)
    return SeriesRead([Series(times, each) for each in array], _numbered(array.shape[2]), layout)


def _layout(sizes: Sequence[int], channels: Channels, known: Known | None) -> Channels:
    """Which of two axes counts channels."""
    if channels is not Channels.AUTO:
        return channels
    first, last = sizes
    if known is not None:
        fits = [
            way for way, size in ((Channels.FIRST, first), (Channels.LAST, last)) if size == len(known.names)
        ]
        if not fits:
            raise ValueError(
                f"'X' must have {len(known.names)} channels, as in fit (got arrays of {first} x {last})"
            )
        return fits[0] if len(fits) == 1 or known.layout is None else known.layout
    if min(first, last) > 1 and max(first, last) < 2 * min(first, last):
        raise ValueError(
            f"'channels' must be 'first' or 'last' for series of {first} x {last}: either axis could be time "
            "(got 'auto')"
        )
    return Channels.FIRST if first < last else Channels.LAST


def _read_list(data: Sequence[Any], channels: Channels, known: Known | None) -> SeriesRead:
    if not data:
        raise ValueError("'X' must hold at least one series (got an empty list)")
    first = data[0]
    if isinstance(first, tuple) and len(first) == 2:
        pairs = [_stamped(pair, row) for row, pair in enumerate(data)]
        return SeriesRead([each for each, _ in pairs], _same_channels(pairs), None, None, pairs[0][1])
    if hasattr(first, "times") and hasattr(first, "x"):
        pairs = [_stamped((each.times, each.x), row) for row, each in enumerate(data)]
        masks = [getattr(each, "mask", None) for each in data]
        items = [
            each if mask is None else Series(each.times, np.where(np.asarray(mask), each.values, np.nan))
            for (each, _), mask in zip(pairs, masks, strict=True)
        ]
        return SeriesRead(items, _same_channels(pairs), None, None, pairs[0][1])
    arrays = [_numbers(each, f"X[{row}]") for row, each in enumerate(data)]
    if any(each.ndim != arrays[0].ndim or each.ndim not in (0, 1, 2) for each in arrays):
        raise ValueError(
            f"'X' must be a list of arrays [T] or [T, C], or of pairs (times, values) (got shapes "
            f"{', '.join(str(list(each.shape)) for each in arrays[:3])} ...)"
        )
    if arrays[0].ndim == 0:
        raise ValueError(
            "Expected 2D array, got 1D array instead. Reshape your data: 'X' must hold series, [N, T]"
        )
    layout = None
    if arrays[0].ndim == 1:
        arrays = [each[:, None] for each in arrays]
    else:
        sizes = [{each.shape[axis] for each in arrays} for axis in (0, 1)]
        same = [axis for axis in (0, 1) if len(sizes[axis]) == 1]
        if not same:
            raise ValueError("'X' must have the same channels in every series (got arrays of no common size)")
        if len(same) == 1 and channels is Channels.AUTO:
            layout = (Channels.FIRST, Channels.LAST)[same[0]]
        else:
            layout = _layout([max(each) for each in sizes], channels, known)
        arrays = [each.T for each in arrays] if layout is Channels.FIRST else arrays
    counts = {each.shape[1] for each in arrays}
    if len(counts) > 1:
        raise ValueError(f"'X' must have the same channels in every series (got {sorted(counts)})")
    items = [Series(np.arange(len(each), dtype=np.float64), each) for each in arrays]
    return SeriesRead(items, _numbered(counts.pop()), layout)


def _stamped(pair: tuple[Any, Any], row: int) -> tuple[Series, str | None]:
    times, dates = _as_times(np.asarray(pair[0]), f"X[{row}][0]")
    values = _numbers(pair[1], f"X[{row}][1]")
    values = values[:, None] if values.ndim == 1 else values
    if times.ndim != 1 or values.ndim != 2 or len(values) != len(times):
        raise ValueError(
            f"'X[{row}]' must be times [n] and values [n] or [n, C] (got {list(times.shape)} and {list(values.shape)})"
        )
    return Series(times, values), dates


def _as_times(times: np.ndarray, name: str) -> tuple[np.ndarray, str | None]:
    """Stamps as float64; dates in seconds since 1970."""
    if times.dtype.kind == "M":
        return (times - np.datetime64(0, "s")) / np.timedelta64(1, "s"), "seconds"
    return _numbers(times, name).astype(np.float64), None


def _same_channels(pairs: Sequence[tuple[Series, str | None]]) -> list[str]:
    counts = {each.values.shape[1] for each, _ in pairs}
    if len(counts) > 1:
        raise ValueError(f"'X' must have the same channels in every series (got {sorted(counts)})")
    if len({dates for _, dates in pairs}) > 1:
        raise ValueError("'X' must have dates as the times of all series, or of none")
    return _numbered(counts.pop())


def _numbered(count: int) -> list[str]:
    return [f"channel_{number}" for number in range(count)]


def _read_table(data: Any, known: list[str] | None) -> SeriesRead:
    """One sample for each time at which anything was observed, whatever the order of the rows."""
    columns = [str(name) for name in data.columns]
    ids, times = (np.asarray(data[name].to_numpy()) for name in ("id", "time"))
    stamps, dates = _as_times(times, "time")
    if {"variable", "value"} <= set(columns):
        variables = np.asarray(data["variable"].to_numpy()).astype(str)
        values = _numbers(data["value"].to_numpy(), "value")
        names = sorted(set(variables)) if known is None else known
    else:
        names = [name for name in columns if name not in ("id", "time", "label")] if known is None else known
        missing = [name for name in names if name not in columns]
        if missing or not names:
            raise ValueError(
                f"'X' must have a column for each variable (missing: {', '.join(missing) or 'all'})"
            )
        wide = np.column_stack([_numbers(data[name].to_numpy(), name) for name in names])
        ids, stamps = np.repeat(ids, len(names)), np.repeat(stamps, len(names))
        variables, values = np.tile(np.array(names), len(wide)), wide.ravel()
    place = {name: number for number, name in enumerate(names)}
    unknown = sorted(set(variables) - set(place))
    if unknown:
        raise ValueError(
            f"'variable' must be one of those of fit, {', '.join(names)} (got {', '.join(unknown)})"
        )
    column = np.array([place[name] for name in variables])
    order: dict[Hashable, int] = {}
    number = np.array([order.setdefault(each, len(order)) for each in ids.tolist()])
    items = []
    for row in range(len(order)):
        mine = number == row
        when, where = np.unique(stamps[mine], return_inverse=True)
        total, count = np.zeros((2, len(when), len(names)))
        seen = np.isfinite(values[mine].astype(np.float64)) | np.isinf(values[mine].astype(np.float64))
        np.add.at(total, (where[seen], column[mine][seen]), values[mine][seen])
        np.add.at(count, (where[seen], column[mine][seen]), 1)
        with np.errstate(invalid="ignore"):
            items.append(Series(when, np.where(count > 0, total / np.maximum(count, 1), np.nan)))
    return SeriesRead(items, names, None, list(order), dates)


def _cleaned(series: Series, row: int, every_stamp: bool) -> tuple[Series, np.ndarray]:
    """In order of time, without stamps at which nothing was observed; and which rows of the series these are.

    Raises:
        ValueError: infinite values, stamps that are not finite, no value at all.
    """
    times, values = series
    values = np.asarray(values, dtype=np.float64)
    if np.isinf(values).any() or np.abs(np.nan_to_num(values)).max(initial=0.0) > np.finfo(np.float32).max:
        raise ValueError(
            f"'X' must be finite, with NaN for what is missing (series {row} contains infinity or a value too large "
            "for float32)"
        )
    kept = ~np.isnan(values).all(axis=1)
    if not np.isfinite(times).all():
        raise ValueError(f"'X' must have finite times (series {row} has others)")
    if not kept.any():
        raise ValueError(
            f"'X' must hold a value in every series (got NaN alone in series {row}): leave it out"
        )
    rows = np.arange(len(times)) if every_stamp else np.flatnonzero(kept)
    rows = rows[np.argsort(times[rows], kind="stable")]
    return Series(times[rows], values[rows]), rows
