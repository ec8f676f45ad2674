"""Series as people have them: arrays, lists, pairs of times and values, tables with one observation per row."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from ccnn_pc.datasets.common.broken import DataWarning
from ccnn_pc.datasets.common.placeholders import placeholders
from ccnn_pc.datasets.tables.order_of_rows import restart_in_words, restarts
from ccnn_pc.estimators.containers import numbers
from ccnn_pc.estimators.read_frames import is_frame, read_frames
from ccnn_pc.estimators.read_table import is_table, read_table
from ccnn_pc.estimators.series_items import Channels, Known, Series, SeriesRead, is_plain, numbered
from ccnn_pc.estimators.stamps import as_times


def read_series(
    data: Any, channels: Channels = Channels.AUTO, known: Known | None = None, *, every_stamp: bool = False
) -> SeriesRead:
    """Series of any of these forms.

    Args:
        data: an array ``[N, T]`` of one channel, ``[N, T, C]`` or ``[N, C, T]``, with NaN for what is missing and
            behind the end of shorter series; a list of arrays ``[T_i]``, ``[T_i, C]`` or ``[C, T_i]``, of pairs (times,
            values), of PyG data with times and x, or of Series and DataFrames
            (:func:`~ccnn_pc.estimators.read_frames.read_frames`); or a table (pandas, polars) with the columns id,
            time, variable and value, or id, time and a column for each variable.
        channels: which axis of arrays counts channels.
        known: of a fitted estimator; None: it is being fitted.
        every_stamp: keep stamps at which nothing was observed.

    Raises:
        TypeError: something else.
        ValueError: axes that could be either, other channels than those known, infinite values, a series without any
            value.
    """
    if is_table(data):
        read = read_table(data, None if known is None else known.names)
    elif isinstance(data, (list, tuple)):
        read = _read_list(data, channels, known)
    else:
        read = _read_array(numbers(data, "X"), channels, known)
    if known is not None and len(read.names) != len(known.names):
        single = getattr(data, "ndim", 0) == 2 and len(known.names) in data.shape
        hint = ": one series alone is [X], a list of one" if single else ""
        raise ValueError(
            f"'X' must have {len(known.names)} channels, as in fit (got {len(read.names)}){hint}"
        )
    if known is not None:
        _warn_of_names(read.names, known.names)
    if read.counted is None and read.ids is None:
        warn_of_restarts(read.items)
    cleaned = [_cleaned(each, row, every_stamp) for row, each in enumerate(read.items)]
    read = dataclasses.replace(read, items=[each for each, _ in cleaned], rows=[rows for _, rows in cleaned])
    if known is None:
        _warn_of_blank(read)
    names = read.names if known is None else known.names
    if odd := placeholders(np.concatenate([each.values for each in read.items]), names):
        warnings.warn(f"'X': {odd}", DataWarning, stacklevel=5)
    return read


def _warn_of_names(names: Sequence[str], known: Sequence[str]) -> None:
    """Say that channels are told by their order alone, where fit or X named them."""
    plain = numbered(len(known))
    if len(known) < 2 or (list(names) == plain) is (list(known) == plain):
        return
    said = ", ".join(known if list(names) == plain else names)
    which = "'X' has none, and fit had" if list(names) == plain else "fit had none, and 'X' has"
    warnings.warn(f"channels are taken in their order, for names {which}: {said}", stacklevel=5)


def warn_of_restarts(items: Sequence[Series]) -> None:
    """Warn of series whose samples go back in time, and then lie among those before."""
    series = np.repeat(np.arange(len(items)), [len(each.times) for each in items])
    found = restarts(series, np.concatenate([each.times for each in items]))
    if found is not None:
        said = restart_in_words(found, f"series {found.series} of 'X'")
        warnings.warn(said, DataWarning, stacklevel=5)


def _warn_of_blank(read: SeriesRead) -> None:
    """Say which channels have no value in any series."""
    seen = np.any([np.isfinite(each.values).any(axis=0) for each in read.items], axis=0)
    blank = [name for name, known in zip(read.names, seen, strict=True) if not known]
    if blank:
        warnings.warn(f"'X' has no value of {', '.join(blank)} in any series: leave that out", stacklevel=5)


def _read_array(array: np.ndarray, channels: Channels, known: Known | None) -> SeriesRead:
    if array.ndim in (2, 3) and not array.size:
        raise ValueError(f"'X' must hold at least one series (got an array of shape {list(array.shape)})")
    if array.ndim == 2:
        array = array[:, :, None]
        layout = None
    elif array.ndim == 3:
        layout = _layout(array.shape[1:], channels, known)
        array = array.swapaxes(1, 2) if layout is Channels.FIRST else array
    else:
        raise ValueError(f"'X' must be [N, T], [N, T, C] or [N, C, T] (got shape {list(array.shape)})")
    times = np.arange(array.shape[1], dtype=np.float64)
    items = [Series(times, each) for each in array]
    return SeriesRead(items, numbered(array.shape[2]), layout, counted=_steps(items))


def _steps(items: Sequence[Series]) -> tuple[int, int]:
    """Steps of the shortest and of the longest series."""
    counts = [len(each.times) - 1 for each in items]
    return min(counts), max(counts)


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
    if not is_plain(min(first, last), max(first, last)):
        raise ValueError(
            f"'channels' must be 'first' or 'last' for series of {first} x {last}: either axis could be time "
            f"(got 'auto'); 'first' takes {first} channels, 'last' takes {last}"
        )
    return Channels.FIRST if first < last else Channels.LAST


def _read_list(data: Sequence[Any], channels: Channels, known: Known | None) -> SeriesRead:
    if not data:
        raise ValueError("'X' must hold at least one series (got an empty list)")
    first = data[0]
    if isinstance(first, tuple) and any(np.ndim(part) > 0 for part in first):
        pairs = [_stamped(pair, row) for row, pair in enumerate(data)]
        return SeriesRead([each for each, _ in pairs], _same_channels(pairs), None, None, pairs[0][1])
    if is_frame(first):
        return read_frames(data, None if known is None else known.names)
    if hasattr(first, "times") and hasattr(first, "x"):
        pairs = [_stamped((each.times, each.x), row) for row, each in enumerate(data)]
        masks = [getattr(each, "mask", None) for each in data]
        items = [
            each if mask is None else Series(each.times, np.where(np.asarray(mask), each.values, np.nan))
            for (each, _), mask in zip(pairs, masks, strict=True)
        ]
        return SeriesRead(items, _same_channels(pairs), None, None, pairs[0][1])
    _check_no_pairs(data)
    arrays = [numbers(each, f"X[{row}]") for row, each in enumerate(data)]
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
            count, longest = max(sizes[same[0]]), max(sizes[1 - same[0]])
            if count > longest and known is None:
                raise ValueError(
                    f"'X' must have the same channels in every series, or 'channels' be said, 'first' or 'last', where "
                    f"series have fewer samples than channels (got {count} entries on one axis of all, and up to "
                    f"{longest} on the other)"
                )
        else:
            layout = _layout([max(each) for each in sizes], channels, known)
        arrays = [each.T for each in arrays] if layout is Channels.FIRST else arrays
    counts = {each.shape[1] for each in arrays}
    if len(counts) > 1:
        raise ValueError(f"'X' must have the same channels in every series (got {sorted(counts)})")
    items = [Series(np.arange(len(each), dtype=np.float64), each) for each in arrays]
    return SeriesRead(items, numbered(counts.pop()), layout, counted=_steps(items))


def _check_no_pairs(data: Sequence[Any]) -> None:
    """Lists of two rows whose first rises could be times and values, or two channels.

    Raises:
        ValueError: such lists.
    """
    two = all(
        isinstance(each, list) and len(each) == 2 and np.ndim(each[0]) == np.ndim(each[1]) == 1
        for each in data
    )
    if two and all(len(each[0]) > 2 and bool((np.diff(numbers(each[0], "X")) > 0).all()) for each in data):
        raise ValueError(
            "'X' must hold tuples (times, values), or arrays of channels: lists of two rows whose first rises could be "
            "either; tuple(each) makes a pair of one, numpy.array(each) two channels"
        )


def _stamped(pair: Any, row: int) -> tuple[Series, str | None]:
    if len(pair) != 2:
        raise ValueError(
            f"'X[{row}]' must be a pair (times, values) (got {len(pair)} parts): values may be [n, C]"
        )
    times, dates = as_times(pair[0], f"X[{row}][0]")
    values = numbers(pair[1], f"X[{row}][1]")
    values = values[:, None] if values.ndim == 1 else values
    if times.ndim != 1 or values.ndim != 2 or len(values) != len(times):
        raise ValueError(
            f"'X[{row}]' must be times [n] and values [n] or [n, C] (got {list(times.shape)} and {list(values.shape)})"
        )
    return Series(times, values), dates


def _same_channels(pairs: Sequence[tuple[Series, str | None]]) -> list[str]:
    counts = {each.values.shape[1] for each, _ in pairs}
    if len(counts) > 1:
        raise ValueError(f"'X' must have the same channels in every series (got {sorted(counts)})")
    if len({dates for _, dates in pairs}) > 1:
        raise ValueError("'X' must have dates as the times of all series, or of none")
    return numbered(counts.pop())


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
