"""The gradient to a depthwise kernel on grids in C++; for the sums themselves torch has as good an operator."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

import torch
from torch import Tensor

from ccnn_pc.native.library import MAX_DIM, call, state

#: Channels that fill the widest vectors, in bytes.
VECTOR_BYTES = 64


class _Depthwise(ctypes.Structure):
    """``Depthwise`` of ``src/common.h``."""

    _fields_ = [
        *((name, ctypes.c_int64) for name in ("batch", "channels", "threads")),
        *((name, ctypes.c_int64 * 3) for name in ("size", "taps", "origin")),
        *((name, ctypes.c_void_p) for name in ("x", "y", "gradient")),
    ]


def runs_depthwise(x: Tensor) -> bool:
    """Whether the library is there, turned on, and has gradients to depthwise kernels on samples ``[B, *S, C]``."""
    if torch.compiler.is_compiling() or type(x) is not Tensor:  # addresses are asked for
        return False
    fits = x.device.type == "cpu" and x.dim() - 2 <= MAX_DIM and x.numel() > 0
    wide = x.dtype in (torch.float32, torch.float64) and x.shape[-1] * x.element_size() >= VECTOR_BYTES
    return fits and wide and state().runs


def native_depthwise_kernel(x: Tensor, g: Tensor, taps: Sequence[int], origin: Sequence[int]) -> Tensor:
    """``Σ_{b,i} g[b, i] x[b, i + t - origin]`` for every tap t, ``[*K, C]``; the same for any number of threads."""
    x, g = x.contiguous(), g.contiguous()
    gradient = x.new_empty(*taps, x.shape[-1])
    problem = _problem(x, g, gradient, origin)
    call("depthwise_kernel", x.dtype, problem)
    return gradient


def _problem(x: Tensor, g: Tensor, gradient: Tensor, origin: Sequence[int]) -> _Depthwise:
    """The structure, with the axes that are missing in front; it holds addresses only."""
    axes = ((1, x.shape[1:-1]), (1, gradient.shape[:-1]), (0, origin))
    size, taps, places = (
        (ctypes.c_int64 * 3)(*[fill] * (3 - len(origin)), *numbers) for fill, numbers in axes
    )
    addresses = (tensor.data_ptr() for tensor in (x, g, gradient))
    return _Depthwise(len(x), x.shape[-1], torch.get_num_threads(), size, taps, places, *addresses)
