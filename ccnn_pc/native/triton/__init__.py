"""The point convolution on CUDA, in Triton; torch operators where Triton is missing.

Triton is imported when the first CUDA tensor arrives, or where its interpreter is asked for (``TRITON_INTERPRET=1``),
with which everything here runs on the CPU.
"""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
import os

import torch
from torch import Tensor

from ccnn_pc.native.library import MAX_DIM, SWITCH, State

#: Features that fit into registers.
MAX_HIDDEN = 128
#: Types of samples; features, windows and the table are float32.
SAMPLES = (torch.float32, torch.bfloat16, torch.float16)


def state() -> State:
    """Whether the operators run on CUDA tensors.

    Example:
        >>> state().runs in (True, False)
        True
    """
    version = _version()
    if version is None:
        return State(False, "triton is not installed: pip install triton")
    reason = f"triton {version}"
    if os.environ.get(SWITCH) == "0":
        return State(False, f"{reason}, turned off by {SWITCH}=0")
    return State(True, reason)


@functools.cache  # looking takes longer than a small layer
def _version() -> str | None:
    return None if importlib.util.find_spec("triton") is None else importlib.metadata.version("triton")


def interpreted() -> bool:
    """Whether Triton's interpreter was asked for: then CPU tensors run here too."""
    return os.environ.get("TRITON_INTERPRET") == "1"


def runs_on(x: Tensor, table: Tensor, dim: int = 0) -> bool:
    """Whether sums of such samples run here, with kernels in ``dim`` axes."""
    here = x.device.type == "cuda" or (x.device.type == "cpu" and interpreted())
    fits = table.dtype is torch.float32 and x.dtype in SAMPLES and table.shape[0] - 1 <= MAX_HIDDEN
    return here and fits and dim <= MAX_DIM and state().runs
