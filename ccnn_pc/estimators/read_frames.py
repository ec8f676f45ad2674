"""Series out of lists of Series and DataFrames of pandas and polars, one for each item."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ccnn_pc.estimators.containers import numbers
from ccnn_pc.estimators.series_items import Series, SeriesRead, numbered
from ccnn_pc.estimators.stamps import as_times


def is_frame(each: Any) -> bool:
    """Whether an item is a Series or a DataFrame."""
    return hasattr(each, "to_numpy") and (hasattr(each, "columns") or hasattr(each, "name"))


def read_frames(data: Sequence[Any], known: Sequence[str] | None) -> SeriesRead:
    """Series whose channels are columns, whatever their order, and whose times stand in a column or in the index.

    Args:
        data: Series of one channel; or DataFrames, all with the same columns. Times are the column time, where there is
            one; else an index of dates, durations or fractions; an index that counts rows, and none: samples.
        known: channels of a fitted estimator; of others (as those of arrays) columns are taken in their order.

    Raises:
        TypeError: values that are no numbers.
        ValueError: other columns, an index that could be times or the numbers of rows, dates in some alone.
    """
    named = [_columns(each) for each in data]
    names = list(named[0])
    if known is not None and names and list(known) != numbered(len(known)):
        if set(names) != set(known):
            raise ValueError(f"'X' must have the columns of fit, {', '.join(known)} (got {', '.join(names)})")
        names = list(known)
    items, units, counted = [], [], True
    for row, (each, columns) in enumerate(zip(data, named, strict=True)):
        if sorted(columns) != sorted(names):
            raise ValueError(
                f"'X' must have the same columns in every item (got {', '.join(names)} and, in X[{row}], "
                f"{', '.join(columns)})"
            )
        times, unit = _times(each, row)
        parts = [each[columns[name]] for name in names] if names else [each]
        counted &= _is_counted(each)
        items.append(
            Series(times, np.column_stack([numbers(part.to_numpy(), f"X[{row}]") for part in parts]))
        )
        units.append(unit)
    if len(set(units)) > 1:
        raise ValueError("'X' must have dates as the times of all series, or of none")
    steps = [len(each.times) - 1 for each in items]
    counts = (min(steps), max(steps)) if counted else None
    return SeriesRead(items, names or numbered(1), dates=units[0], counted=counts)


def _is_counted(each: Any) -> bool:
    """Whether an item has no times: no column of them, and none in its index."""
    if "time" in list(getattr(each, "columns", ())):
        return False
    return not hasattr(each, "index") or each.index.to_numpy().dtype.kind in "iu"


def _columns(each: Any) -> dict[str, Any]:
    """Columns of the channels by name; none of a Series."""
    return {str(name): name for name in getattr(each, "columns", ()) if name != "time"}


def _times(each: Any, row: int) -> tuple[np.ndarray, str | None]:
    name = f"X[{row}]"
    if "time" in list(getattr(each, "columns", ())):
        return as_times(each["time"].to_numpy(), name)
    places = np.arange(len(each), dtype=np.float64)
    if not hasattr(each, "index"):
        return places, None
    index = each.index.to_numpy()
    if index.dtype.kind not in "iu":
        return as_times(index, f"{name}.index")
    if not (np.diff(index) == 1).all():
        raise ValueError(
            f"'{name}.index' must count rows, one by one, or be no integers (got {index[:4].tolist()} ...): "
            "(index, values) gives times, .reset_index(drop=True) leaves them out"
        )
    return places, None
