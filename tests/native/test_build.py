"""The library is built from the sources alone, and a failing compiler fails nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

import ccnn_pc
from ccnn_pc import native
from ccnn_pc.native import library

ROOT = ccnn_pc.__path__[0]


def build(folder, **environment):
    """Build the extension inside of an empty folder; what the build says."""
    source = folder / "ccnn_pc" / "native" / "src"
    shutil.copytree(f"{ROOT}/native/src", source)
    shutil.copy(f"{ROOT}/../setup.py", folder)
    (folder / "setup.cfg").write_text("[metadata]\nname = built\n[options]\npackages = ccnn_pc.native\n")
    command = [sys.executable, "setup.py", "build_ext", "--inplace"]
    return subprocess.run(
        command, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("compiler", ["false", "no-such-compiler"])
def test_without_a_compiler_the_install_goes_on(tmp_path, compiler):
    done = build(tmp_path, CC=compiler, CXX=compiler)
    assert done.returncode == 0, done.stderr
    assert not list(tmp_path.glob("**/*.so"))


@pytest.mark.slow
def test_every_instruction_set_is_built(tmp_path):
    done = build(tmp_path)
    assert done.returncode == 0, done.stderr
    assert "warning" not in done.stderr
    assert len(list(tmp_path.glob("ccnn_pc/native/_operators*.so"))) == 1


def test_a_missing_library_is_a_line(monkeypatch, tmp_path):
    monkeypatch.setattr(library, "path", lambda: tmp_path / "_operators.so")
    library._loaded.cache_clear()
    try:
        assert not native.state().runs
        assert "compiler" in native.state().reason
        with pytest.raises(RuntimeError, match="compiler"):
            native.choose_instruction_set(native.InstructionSet.BASELINE)
        (tmp_path / "_operators.so").write_bytes(b"no library")
        library._loaded.cache_clear()
        assert "does not load" in native.state().reason
    finally:
        library._loaded.cache_clear()


def test_a_library_with_other_structures_is_not_called(monkeypatch):
    """After an update of the sources alone: it would read memory that is not there."""
    library._loaded.cache_clear()
    monkeypatch.setattr(library, "STRUCTURES", library.STRUCTURES + 1)
    try:
        state = library.state()
    finally:
        library._loaded.cache_clear()
    assert not state.runs and "of another version: install this package again" in state.reason
