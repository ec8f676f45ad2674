"""Moments of the values of items in C++, one call for all of them."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from ccnn_pc.native.library import call

#: Numbers of each channel and item.
ROWS = 14
_TYPES = {"f": torch.float32, "d": torch.float64}  # dtype.name takes microseconds


class _Moments(ctypes.Structure):
    """``Moments`` of ``src/common.h``."""

    _fields_ = [
        *((name, ctypes.c_int64) for name in ("channels", "items", "row_stride", "channel_stride")),
        *((name, ctypes.c_int64) for name in ("observed_row_stride", "observed_channel_stride")),
        *((name, ctypes.c_void_p) for name in ("first", "x", "observed", "found", "ends", "faintest")),
    ]


def native_moments(
    x: npt.NDArray[Any], first: npt.NDArray[np.int64], observed: npt.NDArray[np.bool_] | None
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], int]:
    """Moments of the channels of items, their least and most, and an item: all of :class:`ccnn_pc.ops.moments.Moments`.

    Args:
        x: ``[n, C]``, in any order of memory; what is neither float32 nor float64 is read as float64.
        first: where the rows of each item begin, and the end: int64 ``[B + 1]``.
        observed: which values count ``[n, C]``; None: all.
    """
    x = x if x.dtype.char in _TYPES else x.astype(np.float64)
    first = np.ascontiguousarray(first)
    channels, items = x.shape[1], len(first) - 1
    found, ends, faintest = np.empty((ROWS, channels, items)), np.empty((3, ROWS, channels)), ctypes.c_int64()
    mask = (0, 0) if observed is None else observed.strides
    problem = _Moments(
        *(channels, items, *(stride // x.itemsize for stride in x.strides), *mask),
        *(None if each is None else _address(each) for each in (first, x, observed, found, ends)),
        ctypes.addressof(faintest),
    )
    call("moments", _TYPES[x.dtype.char], problem)
    return found, ends, faintest.value


def _address(array: npt.NDArray[Any]) -> int:
    address: int = array.__array_interface__["data"][0]  # array.ctypes takes ten times as long
    return address
