"""Operators in C++, where a compiler was there at the install, and in Triton on CUDA; everything works without them.

``src/`` is plain C++17 that knows nothing of torch; :mod:`ccnn_pc.native.library` finds and loads what became of it,
:mod:`ccnn_pc.native.triton` computes the same on CUDA, :mod:`ccnn_pc.native.convolution` makes both an operator.
"""

from ccnn_pc.native.convolution import (
    Edges,
    Family,
    Features,
    is_on,
    native_convolution,
    native_row_convolution,
    runs,
    runs_on,
)
from ccnn_pc.native.library import InstructionSet, State, choose_instruction_set, state

__all__ = [
    "Edges",
    "Family",
    "Features",
    "InstructionSet",
    "State",
    "choose_instruction_set",
    "is_on",
    "native_convolution",
    "native_row_convolution",
    "runs",
    "runs_on",
    "state",
]
