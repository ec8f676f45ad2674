"""Trainings that are killed anywhere go on as if nobody had."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from scripts.kill_runs import killed_trainings

#: Trainings that are killed; `CCNN_PC_KILLS=100` for more.
COUNT = int(os.environ.get("CCNN_PC_KILLS", "10"))


@pytest.mark.slow
@pytest.mark.timeout(120 * COUNT)
def test_killed_trainings_end_like_one_that_nobody_killed(tmp_path: Path) -> None:
    found = list(killed_trainings(tmp_path, COUNT, seed=0))
    assert len(found) == COUNT
    assert [(one.number, one.kills, one.problems) for one in found if one.problems] == []
