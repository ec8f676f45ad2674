"""The compiled library: where it is, whether it is used, and the structures that its functions take."""

from __future__ import annotations

import ctypes
import enum
import functools
import os
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import torch

#: Environment variable: ``0`` turns the native operators off.
SWITCH = "CCNN_PC_NATIVE"
#: Number of the structures that the library's functions take: one more whenever ``src/common.h`` changes them.
STRUCTURES = 3
#: Axes that the operators know.
MAX_DIM = 3


class InstructionSet(enum.IntEnum):
    """Vectors that the library was compiled for; the widest that the processor has is taken."""

    BASELINE = 0
    AVX2 = 1
    AVX512 = 2


@dataclass(frozen=True)
class State:
    """Whether the native operators run, and why or why not."""

    runs: bool
    reason: str


class Kernel(ctypes.Structure):
    """``Description`` of ``src/common.h``."""

    _fields_ = [
        ("family", ctypes.c_int),
        ("hidden", ctypes.c_int),
        ("layers", ctypes.c_int),
        ("parameters", ctypes.c_void_p * 5),
    ]


class Problem(ctypes.Structure):
    """``Problem`` of ``src/common.h``."""

    _fields_ = [
        *(
            (name, ctypes.c_int64)
            for name in ("samples", "queries", "channels_in", "channels_out", "row_count")
        ),
        *((name, ctypes.c_int32) for name in ("dim", "hidden", "full", "causal", "threads", "wide_index")),
        ("tolerance", ctypes.c_double),
        ("kernel", Kernel),
        *(
            (name, ctypes.c_void_p)
            for name in (
                *("mean", "precision", "pos", "query", "index", "row", "start", "length"),
                *("x", "table", "y", "moments"),
            )
        ),
    ]


class Gradients(ctypes.Structure):
    """``Gradients`` of ``src/common.h``."""

    _fields_ = [
        ("parameter_count", ctypes.c_int64),
        *(
            (name, ctypes.c_void_p)
            for name in ("y", "moments", "x", "table", "parameters", "window", "pos", "query")
        ),
    ]


def path() -> Path:
    """Where the library is once it is built: beside this file."""
    return Path(__file__).with_name(f"_operators{sysconfig.get_config_var('EXT_SUFFIX')}")


@functools.cache
def _loaded() -> tuple[ctypes.CDLL | None, str]:
    if not path().exists():
        return None, "not built: install a C++17 compiler (g++ or clang++), then this package again"
    try:
        library = ctypes.CDLL(str(path()))
    except OSError as error:
        return None, f"{path().name} does not load ({error}): build it again"
    if not hasattr(library, "ccnn_structures") or library.ccnn_structures() != STRUCTURES:
        return None, f"{path().name} is of another version: install this package again"
    library.ccnn_use_openmp(_openmp())
    return library, f"{path().name}, {InstructionSet(library.ccnn_instruction_set()).name}"


def _openmp() -> ctypes.c_void_p:
    """OpenMP's entry for parallel regions in the runtime that torch loaded; null where it has another one."""
    try:
        return ctypes.cast(ctypes.CDLL(None).GOMP_parallel, ctypes.c_void_p)
    except (AttributeError, OSError, TypeError):  # TypeError: Windows has no handle of everything
        return ctypes.c_void_p()


def state() -> State:
    """Whether the native operators run here.

    Example:
        >>> state().runs in (True, False)
        True
    """
    library, reason = _loaded()
    if library is not None and os.environ.get(SWITCH) == "0":
        return State(False, f"{reason}, turned off by {SWITCH}=0: unset it")
    return State(library is not None, reason)


def choose_instruction_set(wanted: InstructionSet) -> InstructionSet:
    """Take ``wanted``, or the widest below it that the processor has; for tests and measurements.

    Raises:
        RuntimeError: there is no library.
    """
    return InstructionSet(_library().ccnn_choose(int(wanted)))


def _library() -> ctypes.CDLL:
    library, reason = _loaded()
    if library is None:
        raise RuntimeError(f"the native operators are {reason}")
    return library


def call(name: str, dtype: torch.dtype, *structures: ctypes.Structure) -> None:
    """Run one of the library's functions.

    Raises:
        MemoryError: what the function needs is not to be had.
    """
    suffix = {torch.float32: "float", torch.float64: "double"}[dtype]
    if getattr(_library(), f"ccnn_{name}_{suffix}")(*map(ctypes.byref, structures)):
        raise MemoryError(f"the native operator {name!r} found no memory")
