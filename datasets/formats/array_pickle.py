"""Pickles that hold arrays, bytes, lists and dictionaries; code in a pickle is never run."""

from __future__ import annotations

import io
import math
import pickle
import pickletools
from typing import Any

import numpy as np

_KINDS = {"u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f4", "f8", "b1"}


class _Type:
    """Stands in for ``numpy.dtype`` while the pickle is read."""

    def __init__(self, code: Any = None, *_: Any) -> None:
        self.code = code.decode("ascii") if isinstance(code, bytes) else str(code)
        self.order = "|"
        if self.code not in _KINDS:
            raise pickle.UnpicklingError(f"it holds an array of type {self.code!r}")

    def __setstate__(self, state: Any) -> None:
        order = state[1].decode("ascii") if isinstance(state[1], bytes) else state[1]
        if order not in ("|", "<", ">", "=") or state[2] is not None or state[3] is not None:
            raise pickle.UnpicklingError("it holds an array of a structured type")
        self.order = str(order)

    def numpy(self) -> np.dtype[Any]:
        return np.dtype(self.order.replace("|", "=") + self.code)


class _Array:
    """Stands in for ``numpy.ndarray``; its state is checked before an array is made of it."""

    def __init__(self, *_: Any) -> None:
        self.values: np.ndarray | None = None

    def __setstate__(self, state: Any) -> None:
        _, shape, kind, fortran, raw = state
        raw = raw.encode("latin-1") if isinstance(raw, str) else raw
        if not isinstance(kind, _Type) or not isinstance(raw, bytes):
            raise pickle.UnpicklingError("it holds an array of objects")
        dtype = kind.numpy()
        if any(not isinstance(size, int) or size < 0 for size in shape) or (
            math.prod(shape) * dtype.itemsize != len(raw)
        ):
            raise pickle.UnpicklingError(f"it holds an array {tuple(shape)} of {len(raw)} bytes")
        values = np.frombuffer(raw, dtype).reshape(shape, order="F" if fortran else "C")
        self.values = values.astype(dtype.newbyteorder("="), order="C", copy=False)


def _encode(text: Any, encoding: Any = "latin-1") -> bytes:
    """What Python 3 writes for bytes in old protocols."""
    if not isinstance(text, str) or str(encoding).replace("-", "") != "latin1":
        raise pickle.UnpicklingError(f"it encodes text as {encoding!r}")
    return text.encode("latin-1")


def _bytes(*empty: Any) -> bytes:
    """What Python 3 writes for empty bytes in old protocols."""
    if empty:
        raise pickle.UnpicklingError("it calls bytes()")
    return b""


_MULTIARRAY = ("numpy.core.multiarray", "numpy._core.multiarray")
_ALLOWED: dict[tuple[str, str], Any] = {
    **{(module, "_reconstruct"): _Array for module in _MULTIARRAY},
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Type,
    ("_codecs", "encode"): _encode,
    ("__builtin__", "bytes"): _bytes,
    ("builtins", "bytes"): _bytes,
}


class _Restricted(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return _ALLOWED[module, name]


def read_array_pickle(data: bytes, name: str = "data") -> Any:
    """Read a pickle of numpy arrays, numbers, text, bytes, lists, tuples and dictionaries.

    Nothing else is understood: whatever a pickle names is looked up in a table of harmless stand-ins, arrays
    are made from checked shapes and bytes.

    Args:
        data: content of the file, decompressed; pickles of Python 2 are read with bytes for its strings.
        name: of the file, for messages.

    Raises:
        ValueError: it holds or calls anything else, or is damaged; the message names the file.

    Example:
        >>> read_array_pickle(pickle.dumps({b"data": np.arange(3, dtype=np.uint8)}, protocol=2))
        {b'data': array([0, 1, 2], dtype=uint8)}
    """
    try:
        for code, number, _ in pickletools.genops(data):
            if code.name in ("PUT", "BINPUT", "LONG_BINPUT") and int(number or 0) > len(data):
                raise pickle.UnpicklingError(
                    f"it remembers an object {number}"
                )  # memory is taken for all before it
        return _plain(_Restricted(io.BytesIO(data), encoding="bytes").load(), {})
    except Exception as error:  # a damaged pickle may raise nearly anything
        raise ValueError(
            f"'{name}' cannot be read as a pickle of arrays: {error or type(error).__name__}; nothing in it was run; "
            "copy or download it again"
        ) from error


def _plain(value: Any, seen: dict[int, Any]) -> Any:
    """``value`` with arrays in place of their stand-ins; each object once, however often it is named."""
    if isinstance(value, _Array):
        if value.values is None:
            raise pickle.UnpicklingError("it holds an array without values")
        return value.values
    if value is None or isinstance(value, (bool, int, float, str, bytes)):
        return value
    if id(value) not in seen:
        if isinstance(value, dict):
            seen[id(value)] = {key: _plain(each, seen) for key, each in value.items()}
        elif isinstance(value, (list, tuple)):
            seen[id(value)] = type(value)(_plain(each, seen) for each in value)
        else:
            raise pickle.UnpicklingError(f"it holds an object of type {type(value).__name__}")
    return seen[id(value)]
