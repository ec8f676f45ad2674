"""Values of series in the form in which these were given: arrays, lists, tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ccnn_pc.estimators.panels import indexed_as, is_indexed, plain_table
from ccnn_pc.estimators.read_table import is_table
from ccnn_pc.estimators.series_items import Channels, SeriesRead
from ccnn_pc.estimators.stamps import as_times


def in_form_of(given: Any, items: SeriesRead, values: list[np.ndarray], names: Sequence[str]) -> Any:
    """Values ``[n_i, C]`` of all samples in the form in which series were given.

    Args:
        given: X: an array, a list, or a table. Of a table of a column per variable the rows come back as they stand,
            with all columns, and with what was observed; of one of a row per observation a row for each id and time.
        items: what was read of it, with every stamp.
        values: of the samples, in the order of time.
        names: of the channels.
    """
    if is_indexed(given):
        return indexed_as(given, _table(plain_table(given), items, np.concatenate(values), names))
    given = plain_table(given)
    if is_table(given):
        return _table(given, items, np.concatenate(values), names)
    placed = []
    for rows, each in zip(items.rows, values, strict=True):
        back = np.empty_like(each)
        back[rows] = each
        placed.append(back.T if items.layout is Channels.FIRST else back)
    if isinstance(given, (list, tuple)) and not np.isscalar(given[0]):
        flat = not isinstance(given[0], tuple) and not hasattr(given[0], "times") and np.ndim(given[0]) == 1
        return [each[:, 0] for each in placed] if flat else placed
    found = np.stack(placed)
    return found[..., 0] if np.ndim(given) == 2 else found


def _table(given: Any, items: SeriesRead, values: np.ndarray, names: Sequence[str]) -> Any:
    ids: Sequence[Any] = items.ids or []
    keys = [(name, time) for name, each in zip(ids, items.items, strict=True) for time in each.times.tolist()]
    stamps, _ = as_times(given["time"].to_numpy(), "time")
    lines = list(zip(np.asarray(given["id"].to_numpy()).tolist(), stamps.tolist(), strict=True))
    columns = [str(name) for name in given.columns]
    if not {"variable", "value"} <= set(columns):
        place = {key: row for row, key in enumerate(keys)}
        rows = np.array([place[line] for line in lines])
        own = np.column_stack([np.asarray(given[name].to_numpy(), dtype=np.float64) for name in names])
        filled = np.where(np.isnan(own), values[rows], own)
        return _with(given, dict(zip(names, filled.T, strict=True)))
    first: dict[Any, int] = {}
    for row, line in enumerate(lines):
        first.setdefault(line, row)
    chosen = np.array([first[key] for key in keys])
    part = given[["id", "time"]]
    part = part.iloc[chosen].reset_index(drop=True) if hasattr(part, "iloc") else part[chosen]
    return _with(part, dict(zip(names, values.T, strict=True)))


def _with(table: Any, columns: dict[str, np.ndarray]) -> Any:
    """A table of pandas or polars with other columns of these names."""
    if hasattr(table, "assign"):
        return table.assign(**columns)
    series = type(table["id"])
    return table.with_columns([series(name, values) for name, values in columns.items()])
