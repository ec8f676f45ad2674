"""Runs of a sweep, with the launcher and the number of processes that were asked for."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ccnn_pc.cli.compose import config_folders
from ccnn_pc.cli.launch import Runs, launch
from ccnn_pc.cli.sweep_report import RESULT
from ccnn_pc.cli.sweep_words import SweepWords


def begun(folder: Path) -> tuple[int, float]:
    """How many runs of a sweep are finished now, and the time."""
    return len(list(folder.glob(f"*/{RESULT}"))), time.time()


def train_all(
    train: Callable[[list[str]], dict[str, Any]],
    asked: SweepWords,
    threads: int | None,
    folder: Path,
    runs: Mapping[int, tuple[str, Sequence[str]]],
    total: int,
    since: tuple[int, float],
) -> dict[int, str]:
    """Train runs with the launcher that was asked for.

    Args:
        train: trains one run, from its words.
        asked: words of the sweep.
        threads: of a run by itself; None: all cores.
        folder: of the sweep.
        runs: name and own words of each run, by number.
        total: how many runs the sweep has.
        since: what :func:`begun` said at its begin.

    Returns:
        What went wrong, by number.
    """
    jobs = asked.options.jobs
    words = list(asked.launcher)
    if jobs > 1 and not any(word.partition("=")[0] == "hydra/launcher" for word in words):
        words = ["hydra/launcher=joblib", f"hydra.launcher.n_jobs={jobs}", *words]
    alone = not any(word.partition("=")[0] == "hydra/launcher" for word in words)
    most = max(1, (os.cpu_count() or 1) // jobs)
    share = [f"threads={most}"] if jobs > 1 and (threads is None or threads > most) else []
    each = {number: [*asked.fixed, *share, *changed] for number, (_, changed) in runs.items()}
    names = {number: name for number, (name, _) in runs.items()}
    return launch(Runs(train, each, names, folder, alone, total, tuple(config_folders()[:-1]), *since), words)
