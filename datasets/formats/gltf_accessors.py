"""Arrays of a glTF file, by the number of their accessor; every length is checked against what is there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ccnn_pc.datasets.formats.limits import check_unpacked

_KINDS = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_PARTS = {"SCALAR": 1, "VEC3": 3, "VEC4": 4}


def at(holder: dict[str, Any], key: str, kind: type, default: Any) -> Any:
    """``holder[key]``, which must be of a type; ``default`` where it is absent.

    Raises:
        ValueError: it is of another type.

    Example:
        >>> at({"uri": "a.bin"}, "uri", str, None), at({}, "uri", str, None)
        ('a.bin', None)
    """
    found = holder.get(key, default) if isinstance(holder, dict) else default
    if found is not default and not isinstance(found, kind):
        raise ValueError(f"'{key}' of its JSON must be a {kind.__name__} (got {str(found)[:60]!r})")
    return found


def whole(holder: dict[str, Any], key: str, default: int | None = None, below: int | None = None) -> int:
    """``holder[key]``, which must be a whole number from 0 to ``below - 1``.

    Raises:
        ValueError: it is none, or absent without a default.

    Example:
        >>> whole({"mesh": 0}, "mesh", below=1), whole({}, "byteOffset", 0)
        (0, 0)
        >>> whole({"mesh": 1}, "mesh", below=1)
        Traceback (most recent call last):
        ...
        ValueError: 'mesh' of its JSON must be a whole number from 0 to 0 (got 1)
    """
    found = holder.get(key, default)
    if type(found) is not int or found < 0 or (below is not None and found >= below):
        upper = "" if below is None else f" to {below - 1}"
        raise ValueError(f"'{key}' of its JSON must be a whole number from 0{upper} (got {str(found)[:60]})")
    return found


class Accessors:
    """Reads accessors of one file.

    Args:
        document: its JSON.
        buffers: content of each buffer, None where the file has none.
        packed: bytes of the file and of what lies beside it.
    """

    def __init__(self, document: dict[str, Any], buffers: Sequence[bytes | None], packed: int) -> None:
        self._accessors, self._views = (
            at(document, "accessors", list, []),
            at(document, "bufferViews", list, []),
        )
        self._buffers, self.packed = buffers, packed

    def _accessor(self, number: int) -> dict[str, Any]:
        found = self._accessors[whole({"accessor": number}, "accessor", below=len(self._accessors))]
        if not isinstance(found, dict):
            raise ValueError(f"accessor {number} of its JSON must be an object")
        return found

    def has_data(self, attributes: dict[str, Any]) -> bool:
        """Whether the positions are there, and not only as compressed data."""
        return "bufferView" in self._accessor(whole(attributes, "POSITION"))

    def read(self, number: int, *kinds: str) -> np.ndarray:
        """Accessor ``number``, ``[n, parts]``; normalised integers as numbers in [-1, 1].

        Args:
            number: of the accessor.
            kinds: which of SCALAR, VEC3 and VEC4 it may be.

        Raises:
            ValueError: of another type, or not all there.
        """
        accessor = self._accessor(number)
        if accessor.get("type") not in kinds:
            raise ValueError(
                f"accessor {number} must be of type {' or '.join(kinds)} (got {accessor.get('type')!r})"
            )
        count, parts = whole(accessor, "count"), _PARTS[accessor["type"]]
        dtype = self._dtype(accessor)
        check_unpacked(count * parts * 8, self.packed)
        if "bufferView" in accessor:
            values = self._rows(accessor, count, parts, dtype)
        else:
            values = np.zeros((count, parts), dtype)
        if "sparse" in accessor:
            values = self._replaced(values, at(accessor, "sparse", dict, {}), dtype)
        if accessor.get("normalized") is True and dtype.kind != "f":
            return np.maximum(values / float(np.iinfo(dtype).max), -1.0)
        return values

    @staticmethod
    def _dtype(holder: dict[str, Any]) -> np.dtype[Any]:
        kind = _KINDS.get(whole(holder, "componentType"))
        if kind is None:
            raise ValueError(f"'componentType' of its JSON is unknown (got {holder['componentType']})")
        return np.dtype(kind)

    def _rows(self, holder: dict[str, Any], count: int, parts: int, dtype: np.dtype[Any]) -> np.ndarray:
        """``count`` rows of the view that an accessor names, from its offset."""
        view = self._views[whole(holder, "bufferView", below=len(self._views))]
        compressed = [name for name in at(view, "extensions", dict, {}) if "compression" in name]
        buffer = self._buffers[whole(view, "buffer", below=len(self._buffers))]
        if buffer is None:
            needed = (
                f"the glTF extension {compressed[0]}, which is not read" if compressed else "a binary chunk"
            )
            raise ValueError(f"its numbers are not there: it needs {needed}; export it without compression")
        start, size = whole(view, "byteOffset", 0), whole(view, "byteLength")
        if start + size > len(buffer):
            raise ValueError(
                f"it is truncated: a view of {size} bytes from {start} leaves its buffer of {len(buffer)}"
            )
        row = parts * dtype.itemsize
        first, stride = whole(holder, "byteOffset", 0), whole(view, "byteStride", row)
        if stride < row:
            raise ValueError(f"'byteStride' of its JSON must be at least {row} (got {stride})")
        if count and first + (count - 1) * stride + row > size:
            raise ValueError(
                f"it is truncated: {count} rows of {stride} bytes from {first} leave their view of {size}"
            )
        if count == 0:
            return np.empty((0, parts), dtype)
        return np.ndarray((count, parts), dtype, buffer, start + first, (stride, dtype.itemsize)).copy()

    def _replaced(self, values: np.ndarray, sparse: dict[str, Any], dtype: np.dtype[Any]) -> np.ndarray:
        """Rows that a sparse accessor writes over."""
        count = whole(sparse, "count", below=len(values) + 1)
        named, there = at(sparse, "indices", dict, {}), at(sparse, "values", dict, {})
        index = self._rows(named, count, 1, self._dtype(named)).reshape(-1)
        if index.dtype.kind != "u" or (count and index.max() >= len(values)):
            raise ValueError(f"a sparse accessor must name rows from 0 to {len(values) - 1}")
        values[index] = self._rows(there, count, values.shape[1], dtype)
        return values
