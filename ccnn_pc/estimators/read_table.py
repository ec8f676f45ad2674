"""Series out of tables with one observation per row, or one moment per row."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from ccnn_pc.datasets.common.broken import DataWarning
from ccnn_pc.datasets.common.written_alike import written_alike
from ccnn_pc.datasets.tables.order_of_rows import restart_in_words, restarts
from ccnn_pc.estimators.containers import numbers
from ccnn_pc.estimators.series_items import Series, SeriesRead
from ccnn_pc.estimators.stamps import as_times


def is_table(data: Any) -> bool:
    """Whether data are a table of observations: named columns, id and time among them.

    Raises:
        ValueError: a table that has some of its columns, or has them in its index.
    """
    if getattr(data, "columns", None) is None:
        return False
    columns = [str(name) for name in data.columns]
    lacking = [name for name in ("id", "time") if name not in columns]
    if not lacking:
        return True
    index = set(getattr(getattr(data, "index", None), "names", ())) & set(lacking)
    if index or len(lacking) == 1 or {"variable", "value"} <= set(columns):
        raise ValueError(
            f"'X' must have the columns id and time, where it is a table (got {', '.join(columns)}): "
            + ("X.reset_index() makes columns of an index" if index else "rename those that hold them")
        )
    return False


def read_table(data: Any, known: list[str] | None) -> SeriesRead:
    """One sample for each time at which anything was observed, whatever the order of the rows.

    Args:
        data: a table of pandas or polars.
        known: channels of a fitted estimator; None: it is being fitted.

    Raises:
        TypeError: columns that hold no numbers.
        ValueError: rows of no id or variable, variables that are not known, no column for one that is.
    """
    columns = [str(name) for name in data.columns]
    ids = _complete(data, "id")
    stamps, dates = as_times(data["time"].to_numpy(), "time")
    if {"variable", "value"} <= set(columns):
        variables = _complete(data, "variable").astype(str)
        values = numbers(data["value"].to_numpy(), "value")
        names = sorted(set(variables.tolist())) if known is None else known
    else:
        names = [name for name in columns if name not in ("id", "time", "label")] if known is None else known
        missing = [name for name in names if name not in columns]
        if missing or not names:
            raise ValueError(
                f"'X' must have a column for each variable (missing: {', '.join(missing) or 'all'})"
            )
        wide = np.column_stack([numbers(data[name].to_numpy(), name) for name in names])
        ids, stamps = np.repeat(ids, len(names)), np.repeat(stamps, len(names))
        variables, values = np.tile(np.array(names), len(wide)), wide.ravel()
    place = {name: number for number, name in enumerate(names)}
    unknown = sorted(set(variables.tolist()) - set(place))
    if unknown:
        raise ValueError(
            f"'variable' must be one of those of fit, {', '.join(names)} (got {', '.join(unknown)})"
        )
    column = np.array([place[name] for name in variables.tolist()])
    order: dict[Hashable, int] = {}
    number = np.array([order.setdefault(each, len(order)) for each in ids.tolist()])
    values = values.astype(np.float64)
    found = restarts(number, stamps, column)
    if found is not None:
        warnings.warn(
            restart_in_words(found, f"time of id {list(order)[found.series]!r} in 'X'"),
            DataWarning,
            stacklevel=6,
        )
    pair = written_alike(each for each in order if isinstance(each, str))
    if pair is not None:
        warnings.warn(
            f"'X' has the ids {pair[0]!r} and {pair[1]!r}: where these are one and the same, write them alike; they "
            "are read as two",
            DataWarning,
            stacklevel=6,
        )
    items, repeated = [], 0
    for row in range(len(order)):
        mine = number == row
        when, where = np.unique(stamps[mine], return_inverse=True)
        total, count = np.zeros((2, len(when), len(names)))
        seen = ~np.isnan(values[mine])
        np.add.at(total, (where[seen], column[mine][seen]), values[mine][seen])
        np.add.at(count, (where[seen], column[mine][seen]), 1)
        repeated += int(np.maximum(count - 1, 0).sum())
        with np.errstate(invalid="ignore"):
            items.append(Series(when, np.where(count > 0, total / np.maximum(count, 1), np.nan)))
    if repeated:
        warnings.warn(
            f"{repeated} rows of 'X' repeat an id, a time and a variable: each becomes the mean of its rows",
            DataWarning,
            stacklevel=6,
        )
    together = bool((np.diff(number) >= 0).all())
    return SeriesRead(items, names, ids=list(order), dates=dates, together=together, lines=len(data))


def _complete(data: Any, name: str) -> np.ndarray:
    """A column that is known in every row."""
    column = data[name]
    found = np.asarray(column.to_numpy())
    unknown = np.asarray(column.isna() if hasattr(column, "isna") else column.is_null())
    if found.dtype.kind == "f":
        unknown = unknown | np.isnan(found)
    if unknown.any():
        raise ValueError(
            f"'{name}' must be known in every row of X (row {int(unknown.argmax())} has none): leave it out"
        )
    return found


def targets_of_ids(y: Any, read: SeriesRead) -> Any:
    """Targets in the order of the ids of a table.

    Args:
        y: a mapping from ids (a dict, a Series or DataFrame of pandas whose index holds them); or a target per id, in
            the order in which these come first.
        read: the table.

    Raises:
        ValueError: a target per row, several for an id, none for one; a list where rows of an id do not stand together.
    """
    ids: Sequence[Hashable] = read.ids or []
    if not isinstance(y, Mapping) and not (hasattr(y, "index") and hasattr(y, "to_dict")):
        if len(y) == read.lines != len(ids):
            raise ValueError(_per_row(len(y), len(ids)))
        if not read.together and len(y) == len(ids):
            raise ValueError(
                "'y' must be a mapping from ids, as dict(zip(ids, y)), where the rows of an id do not stand together "
                f"in X: their order is not plain (got {type(y).__name__})"
            )
        return y
    if isinstance(y, Mapping):
        given = dict(y)
    else:
        if len(y) == read.lines != len(ids):
            raise ValueError(_per_row(len(y), len(ids)))
        given = dict(zip(y.index.tolist(), list(y.to_numpy()), strict=True))
        if type(y.index).__name__ == "RangeIndex" and y.index.name is None and set(given) == set(ids):
            _warn_of_counts(ids)
        if len(given) < len(y):
            twice = y.index[y.index.duplicated()].tolist()[0]
            raise ValueError(f"'y' must have one target per id of X (got several for {twice!r})")
    missing = [each for each in ids if each not in given]
    if missing:
        raise ValueError(
            f"'y' must have a target for every id of X (got none for {missing[0]!r}); where it stands in the order in "
            "which ids come first, give list(y)"
        )
    return [given[each] for each in ids]


def _warn_of_counts(ids: Sequence[Hashable]) -> None:
    """Say that an index that may count rows is taken for ids, where these come in another order."""
    if list(ids) != list(range(len(ids))):
        warnings.warn(
            f"the index of 'y' is taken for ids of X, which come as {', '.join(map(str, ids[:3]))} ...: where it "
            "counts rows, give list(y); y.rename_axis('id') says that it holds ids",
            stacklevel=6,
        )


def _per_row(rows: int, ids: int) -> str:
    return (
        f"'y' must have one target per id of X, {ids} (got {rows}, as many as X has rows): "
        "X.groupby('id').label.first() makes them of a column"
    )
