"""The native operators turned on, and each instruction set that this processor has."""

from __future__ import annotations

import pytest

from ccnn_pc import native
from ccnn_pc.native import InstructionSet, choose_instruction_set


@pytest.fixture
def turned_on(monkeypatch):
    monkeypatch.setenv("CCNN_PC_NATIVE", "1")
    if not native.state().runs:
        pytest.skip(f"the native operators do not run: {native.state().reason}")


@pytest.fixture(params=list(InstructionSet), ids=lambda choice: choice.name)
def instruction_set(request):
    best = choose_instruction_set(InstructionSet.AVX512)
    if request.param > best:
        pytest.skip(f"this processor has {best.name} at most")
    yield choose_instruction_set(request.param)
    choose_instruction_set(best)
