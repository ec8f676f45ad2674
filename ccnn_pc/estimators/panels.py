"""Tables as sktime and older versions of aeon have them, in the forms that are read here."""

from __future__ import annotations

from typing import Any

import numpy as np


def plain_table(data: Any) -> Any:
    """A table with an index of items and times, or with a series in each cell, in a plain form; all else as it is.

    Args:
        data: a Series or DataFrame of pandas with an index of two levels (item and time, in this order where they are
            not called id and time): it becomes a table with the columns id and time. Or a DataFrame whose cells hold
            Series or arrays, a row per item: it becomes a list of one DataFrame for each row.

    Raises:
        ValueError: an index of more levels.

    Example:
        >>> import pandas as pd
        >>> index = pd.MultiIndex.from_product([["a", "b"], [0, 1]], names=["instances", "timepoints"])
        >>> plain_table(pd.DataFrame({"level": [1.0, 2.0, 3.0, 4.0]}, index=index)).columns.tolist()
        ['id', 'time', 'level']
    """
    if is_indexed(data):
        return _of_index(data)
    return _of_cells(data) if _is_nested(data) else data


def is_indexed(data: Any) -> bool:
    """Whether items and times stand in the index of a table."""
    levels = getattr(getattr(data, "index", None), "nlevels", 1)
    return levels > 1 and not {"id", "time"} <= {str(name) for name in getattr(data, "columns", ())}


def _of_index(data: Any) -> Any:
    names = list(data.index.names)
    if len(names) != 2:
        raise ValueError(
            f"'X' must have an index of two levels, item and time (got {len(names)}: {', '.join(map(str, names))}): "
            "X.reset_index() makes columns of them, and id and time are to be two of these"
        )
    levels = _levels(names)
    table = data if hasattr(data, "columns") else data.to_frame(data.name or "channel_0")
    taken = {"id", "time"} & {str(name) for name in table.columns}
    if taken:
        raise ValueError(
            f"'X' must have id and time in its columns or in its index (got {', '.join(taken)} in its columns, and an "
            "index of two levels): X.reset_index(drop=True) leaves that out, X.drop(columns=...) these"
        )
    flat = table.reset_index(drop=True)
    for place, name in enumerate(("id", "time")):
        flat.insert(place, name, data.index.get_level_values(levels.index(name)))
    return flat


def _levels(names: list[Any]) -> list[str]:
    """What the levels of an index are."""
    return names if set(names) == {"id", "time"} else ["id", "time"]


def indexed_as(data: Any, table: Any) -> Any:
    """The reverse of :func:`plain_table` for a table with an index: columns id and time go back into it."""
    names = list(data.index.names)
    return table.set_index(_levels(names)).rename_axis(names)


def _is_nested(data: Any) -> bool:
    if not hasattr(data, "iloc") or not hasattr(data, "columns") or 0 in data.shape:
        return False
    return all(np.ndim(cell) == 1 for cell in data.iloc[0])


def _of_cells(data: Any) -> list[Any]:
    kind = type(data)
    return [kind(dict(zip(data.columns, row, strict=True))) for row in data.itertuples(index=False)]
