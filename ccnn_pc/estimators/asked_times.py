"""Times at which values of series are asked for: where they lie among its stamps."""

from __future__ import annotations

from typing import Any

import numpy as np

from ccnn_pc.estimators.panels import plain_table
from ccnn_pc.estimators.series_items import Series, SeriesRead
from ccnn_pc.estimators.stamps import as_times, has_zone

#: Steps of a pause, and behind the ends of a series, that are read where a time in it is asked for.
_STEPS = 1000


def with_stamps(series: Series, times: np.ndarray, step: float) -> tuple[Series, np.ndarray]:
    """A series that has stamps at ``times [q]`` as well, and which samples these are.

    Pauses in which one of them lies get stamps ``step`` apart, as hidden ones had in training, and so does what lies
    between an end and the farthest of them: an answer in a pause is the same whatever else is asked for.
    """
    when = np.union1d(series.times, np.concatenate([times, *_in_pauses(series.times, times, step)]))
    values = np.full((len(when), series.values.shape[1]), np.nan)
    place = np.searchsorted(when, series.times)
    for row, at in enumerate(place):  # what was observed at one time by several samples counts once, the last
        values[at] = np.where(np.isfinite(series.values[row]), series.values[row], values[at])
    return Series(when, values), np.searchsorted(when, times)


def farthest(series: Series, times: np.ndarray) -> float:
    """How far the farthest of ``times`` lies from a value of each channel that has some."""
    found = 0.0
    for channel in np.isfinite(series.values).T:
        known = series.times[channel]
        if len(known) and len(times):
            place = np.searchsorted(known, times)
            near = (np.abs(times - known[np.clip(side, 0, len(known) - 1)]) for side in (place - 1, place))
            found = max(found, float(np.minimum(*near).max()))
    return found


def _in_pauses(stamps: np.ndarray, times: np.ndarray, step: float) -> list[np.ndarray]:
    """Times ``step`` apart, at most so many, in each pause, and behind each end, where one of ``times`` lies.

    Example:
        >>> _in_pauses(np.array([0.0, 1.0, 5.0]), np.array([2.5, 6.5]), 1.0)
        [array([2., 3., 4.]), array([6.])]
    """
    if not len(times):
        return []
    ends = np.concatenate([[min(times.min(), stamps[0])], stamps, [max(times.max(), stamps[-1])]])
    found = []
    for place in np.unique(np.searchsorted(stamps, times[~np.isin(times, stamps)])):
        begin, end = ends[place], ends[place + 1]
        count = min(int((end - begin) / step * (1 - 1e-9)), _STEPS)
        steps = step * np.arange(1, count + 1)
        found.append(end - steps[::-1] if place == 0 else begin + steps)
    return found


def _zone_of(data: Any) -> bool | None:
    """Whether the dates of X have a zone; None: it has none."""
    data = plain_table(data)
    if hasattr(data, "columns"):
        return has_zone(data["time"]) if "time" in list(data.columns) else None
    first: Any = data[0] if isinstance(data, (list, tuple)) and len(data) else None
    if isinstance(first, tuple):
        return has_zone(first[0])
    if "time" in list(getattr(first, "columns", ())):
        return has_zone(first["time"])
    return has_zone(first.index) if hasattr(first, "to_numpy") and hasattr(first, "index") else None


def times_of(times: Any, data: Any, items: SeriesRead, dates: str | None) -> tuple[list[np.ndarray], bool]:
    """Times of each series, and whether all have the same."""
    if not hasattr(times, "__len__") or getattr(times, "shape", None) == ():
        raise ValueError(
            f"'times' must be [q], or a list of arrays (got {times!r}): [{times!r}] asks for one time"
        )
    nested = len(times) > 0 and np.ndim(times[0]) > 0
    if nested and len(times) != len(items):
        raise ValueError(f"'times' must be a list of one array per series, {len(items)} (got {len(times)})")
    found = [_seconds(each, dates) for each in (times if nested else [times])]
    zones = {_zone_of(data), has_zone(times[0] if nested else times)} if dates is not None else set()
    if {True, False} <= zones:
        raise ValueError(
            "'times' must have a time zone where those of X have one, and none where they have none (got one alone): "
            "tz_localize gives a zone, tz_convert('UTC').tz_localize(None) takes it away"
        )
    return (found, False) if nested else (found * len(items), True)


def _seconds(times: Any, dates: str | None) -> np.ndarray:
    array, unit = as_times(times, "times")
    if unit != dates:
        raise ValueError(
            "'times' must be of the kind of those of X: dates, or numbers (got "
            f"{'numbers' if unit is None else 'dates'})"
        )
    if array.ndim != 1 or not np.isfinite(array).all():
        raise ValueError(f"'times' must be finite, [q] (got shape {list(array.shape)})")
    return array
