"""Damaged copies of valid files, and what a call makes of them: right, or refused by an error that names the file."""

from __future__ import annotations

import os
import pickle
import random
import re
import resource
import signal
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

#: What a call may take: bytes beyond what the process had, seconds on the clock.
MEMORY = 2 << 30
SECONDS = 60
#: Numbers that take the place of a number of a text.
NUMBERS = (b"-1", b"0", b"1e39", b"nan", b"inf", b"0.5", b"99999999999", b"x", b"", b"1_0", b"1,5")
#: What an error may be.
CLEAR = (ValueError, TypeError, OSError)


def damages(valid: bytes, seed: int, count: int) -> Iterator[tuple[str, bytes]]:
    """``count`` seeded damages, ``(name, bytes)``: cuts, lost and repeated blocks, flipped bits, other numbers."""
    for number in range(count):
        draw = random.Random(f"{seed}-{number}")
        kind = draw.choice((_cut, _lost, _repeated, _flipped, _zeroed, _inserted, _renumbered, _renumbered))
        yield f"{kind.__name__[1:]}-{seed}-{number}", kind(valid, draw)


def _span(valid: bytes, draw: random.Random) -> tuple[int, int]:
    start = draw.randrange(max(len(valid), 1))
    return start, min(len(valid), start + draw.choice((1, 2, 4, 16, 64)))


def _cut(valid: bytes, draw: random.Random) -> bytes:
    return valid[: draw.randrange(len(valid) + 1)]


def _lost(valid: bytes, draw: random.Random) -> bytes:
    start, end = _span(valid, draw)
    return valid[:start] + valid[end:]


def _repeated(valid: bytes, draw: random.Random) -> bytes:
    start, end = _span(valid, draw)
    return valid[:end] + valid[start:end] * draw.choice((1, 3)) + valid[end:]


def _flipped(valid: bytes, draw: random.Random) -> bytes:
    damaged = bytearray(valid)
    for _ in range(draw.choice((1, 1, 3, 10))):
        damaged[draw.randrange(len(damaged))] ^= 1 << draw.randrange(8)
    return bytes(damaged)


def _zeroed(valid: bytes, draw: random.Random) -> bytes:
    start, end = _span(valid, draw)
    return valid[:start] + bytes(end - start) + valid[end:]


def _inserted(valid: bytes, draw: random.Random) -> bytes:
    start, _ = _span(valid, draw)
    return valid[:start] + draw.randbytes(draw.choice((1, 2, 8))) + valid[start:]


def _renumbered(valid: bytes, draw: random.Random) -> bytes:
    """Another number for one of the text; other bytes where there is none."""
    found = list(re.finditer(rb"[-+]?\d+(\.\d+)?([eE][-+]?\d+)?", valid))
    if not found:
        return _flipped(valid, draw)
    one = draw.choice(found)
    return valid[: one.start()] + draw.choice(NUMBERS) + valid[one.end() :]


@dataclass(frozen=True)
class Outcome:
    """What a call did: ``answered`` with a value, ``refused`` with an error, or ``crashed``, ``hung``, ``memory``."""

    kind: str
    value: Any = None
    error: str = ""


def outcome(call: Callable[[], Any]) -> Outcome:
    """What ``call`` does, in a fork of this process with bounded memory and time; its value must be picklable."""
    with tempfile.TemporaryFile() as file:
        sys.stdout.flush()
        sys.stderr.flush()
        child = os.fork()
        if child == 0:
            try:
                _bounded()
                pickle.dump(_tried(call), file)
                file.flush()
            finally:
                os._exit(0)
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            return Outcome("hung" if os.WTERMSIG(status) == signal.SIGALRM else "crashed", error=str(status))
        file.seek(0)
        content = file.read()
        return pickle.loads(content) if content else Outcome("crashed", error="no result")


def _bounded() -> None:
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(SECONDS)
    with open("/proc/self/statm") as statm:
        used = int(statm.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))


def _tried(call: Callable[[], Any]) -> Outcome:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return Outcome("answered", call())
    except MemoryError as error:
        return Outcome("memory", error=repr(error))
    except CLEAR as error:
        return Outcome("refused", error=f"{type(error).__name__}: {error}")
    except BaseException as error:
        kind = "memory" if "can't allocate memory" in str(error) else "crashed"
        return Outcome(kind, error=f"{type(error).__name__}: {error}")


def finite(value: Any) -> bool:
    """Whether every number of arrays, tensors and what holds them is finite."""
    if isinstance(value, torch.Tensor):
        return bool(torch.isfinite(value).all()) if value.is_floating_point() else True
    if isinstance(value, np.ndarray):
        return bool(np.isfinite(value).all()) if value.dtype.kind == "f" else True
    if isinstance(value, float):
        return bool(np.isfinite(value))
    if isinstance(value, dict):
        return all(map(finite, value.values()))
    return all(map(finite, value)) if isinstance(value, (list, tuple)) else True


def right_or_clear(
    call: Callable[[], Any], name: str, right: Callable[[Any], bool] = finite, *, must_fail: bool = False
) -> None:
    """Fails unless ``call`` answers what is ``right``, or refuses in one line that has ``name`` in it.

    Args:
        call: What is tried, in a process of its own.
        name: The file or argument that an error must name.
        right: Whether a value is true; every number finite by default (masks of missing values say otherwise).
        must_fail: No answer can be true.
    """
    found = outcome(call)
    if found.kind == "answered":
        assert not must_fail, f"answered {found.value!r}, where an error naming {name!r} was wanted"
        assert right(found.value), f"a wrong answer: {found.value!r}"
        return
    assert found.kind == "refused", f"{found.kind}: {found.error}"
    assert name in found.error, f"{name!r} is not named: {found.error}"
    assert "\n" not in found.error.strip(), f"more than one line: {found.error}"
