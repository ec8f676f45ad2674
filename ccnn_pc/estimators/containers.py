"""What X is packed in: lists, arrays of objects, batches and data sets; numbers out of anything that holds them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import Tensor


def unpacked(data: Any, what: str) -> Any:
    """Arrays and tables as they are; all else that holds items, as PyG's batches and data sets do, as a list.

    Args:
        data: X.
        what: of which it holds several, for messages.

    Raises:
        TypeError: one thing that holds no items: a name, a mapping, PyG data, nothing; or names in place of items.

    Example:
        >>> ragged = np.empty(2, dtype=object)
        >>> ragged[0], ragged[1] = np.zeros(3), np.zeros(4)
        >>> [each.shape for each in unpacked(ragged, "series")]
        [(3,), (4,)]
    """
    if hasattr(data, "collect") and hasattr(data, "collect_schema"):
        raise TypeError(f"'X' must be a table in memory (got {type(data).__name__}): X.collect() makes one")
    if hasattr(data, "to_data_list"):
        return data.to_data_list()
    if isinstance(data, Tensor):
        return data.detach().cpu().numpy()
    whole = hasattr(data, "columns") or hasattr(data, "shape") or hasattr(data, "__array__")
    if whole and not _is_ragged(data):
        return data
    text, single = isinstance(data, (str, bytes)), hasattr(data, "num_nodes")
    listed = hasattr(data, "__len__") and hasattr(data, "__getitem__") and not isinstance(data, Mapping)
    if text or single or not listed:
        hint = "read the files first" if text else "[X] is a list of one" if single else "list(...) makes one"
        raise TypeError(f"'X' must be an array or a list of {what} (got {type(data).__name__}): {hint}")
    items = data if isinstance(data, (list, tuple)) else [data[number] for number in range(len(data))]
    if len(items) and isinstance(items[0], (str, bytes)):
        raise TypeError(f"'X' must hold {what} (got text, {items[0]!r}): read the files first")
    return items


def _is_ragged(data: Any) -> bool:
    """Whether an array holds items that numpy could not make one array of."""
    shape = getattr(data, "shape", ())
    objects = getattr(getattr(data, "dtype", None), "kind", None) == "O"
    return objects and len(shape) == 1 and any(np.ndim(each) > 0 for each in data)


def numbers(values: Any, name: str) -> np.ndarray:
    """An array of numbers, out of arrays, tensors, tables and nested lists.

    Raises:
        TypeError: other things than numbers.
        ValueError: complex numbers.
    """
    if isinstance(values, Tensor):
        values = values.detach().cpu()
    found = np.asarray(values)
    if found.dtype.kind == "c":
        raise ValueError(f"Complex data not supported: '{name}' must be real numbers")
    if found.dtype.kind not in "fiub":
        try:
            found = found.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise TypeError(
                f"'{name}' must hold numbers (got {found.dtype}: {error}): leave out what is none, or make numbers of "
                "it, a column of 0 and 1 for each word"
            ) from error
    return found
