"""The harness itself: it must see what it is there to see."""

import os
import time

import numpy as np
import pytest

from tests.bad_inputs import damage
from tests.bad_inputs.damage import damages, outcome, right_or_clear

pytestmark = pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="needs /proc")


def test_damages_are_seeded_and_differ_from_the_file():
    valid = b"3\n0.5 1.5 2.5\n1 2 3\n4 5 6\n" * 20
    once, again = list(damages(valid, 1, 200)), list(damages(valid, 1, 200))
    assert once == again
    assert len({content for _, content in once}) > 150
    assert len({name.split("-")[0] for name, _ in once}) == 7


def test_an_answer_comes_back():
    assert outcome(lambda: np.arange(3)).value.tolist() == [0, 1, 2]


def test_other_errors_are_crashes():
    assert outcome(lambda: [][1]).kind == "crashed"
    assert outcome(lambda: os.kill(os.getpid(), 9)).kind == "crashed"


def test_memory_is_bounded():
    assert outcome(lambda: np.ones(1 << 30)).kind == "memory"


def test_time_is_bounded(monkeypatch):
    monkeypatch.setattr(damage, "SECONDS", 1)
    assert outcome(lambda: time.sleep(30)).kind == "hung"


def _fails(message):
    raise ValueError(message)


@pytest.mark.parametrize(
    "call",
    [
        lambda: _fails("no name"),
        lambda: _fails("a.off\nsecond line"),
        lambda: np.array([np.nan]),
        lambda: {"b.off": 1}["a.off"],
    ],
)
def test_what_is_unclear_fails(call):
    with pytest.raises(AssertionError):
        right_or_clear(call, "a.off")


def test_what_is_clear_passes():
    right_or_clear(lambda: _fails("'a.off' is cut"), "a.off")
    right_or_clear(lambda: np.ones(3), "a.off")
    with pytest.raises(AssertionError):
        right_or_clear(lambda: np.ones(3), "a.off", must_fail=True)
