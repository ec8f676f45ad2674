"""``ccnn-pc train -m``: many settings, one run each, a table and a picture of all of them."""

from __future__ import annotations

import dataclasses
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import yaml

from ccnn_pc._files import check_writable_folder, held_alone, write_text_atomically
from ccnn_pc.cli.any_folder import with_found
from ccnn_pc.cli.compose import compose_config, new_run_folder
from ccnn_pc.cli.sweep_report import RESULT, TABLE, report
from ccnn_pc.cli.sweep_words import SweepWords, first_settings, grid, read_sweep, run_name, settings
from ccnn_pc.cli.train_all import begun, train_all
from ccnn_pc.cli.words import UsageError

#: What a folder of a sweep holds besides its runs.
SWEEP = "sweep.yaml"


def sweep(train: Callable[[list[str]], dict[str, Any]], words: Sequence[str]) -> dict[str, Any]:
    """Train every combination of settings, or search the best ones, and report.

    Runs that have finished are not repeated, runs that have begun go on from their checkpoints; both by the same words
    again, or ``resume=``. A run that fails is named at the end, and the others stay.

    Args:
        train: trains one run, from its words.
        words: those of ``ccnn-pc train``, of which some keys have several settings, and those of the sweep.

    Returns:
        The folder, the chosen settings and a row for each run.

    Raises:
        UsageError: words that do not describe a sweep.
        KeyboardInterrupt: stopped; what has begun goes on with the same words.
    """
    asked = read_sweep(words)
    asked = dataclasses.replace(asked, fixed=tuple(with_found(asked.fixed)))
    if asked.resume not in (None, "last"):
        before = _stored(Path(str(asked.resume)))
        if before is None:
            raise UsageError(
                f"'resume' must be 'last' or the folder of a sweep (got {asked.resume}, without {SWEEP})"
            )
        asked = _same(asked, before, Path(str(asked.resume)))
    if not asked.swept:
        raise UsageError("'-m' must come with a key of several settings, as kernel=siren,magnet seed=0,1,2")
    combinations = grid(asked.swept) if asked.options.trials is None else []
    config = compose_config([*asked.fixed, *first_settings(asked.swept)])
    folder = _folder(asked, Path(config.runs) / str(config.name))
    _check(asked, config)
    check_writable_folder("runs", folder)
    with held_alone(folder):
        write_text_atomically(folder / SWEEP, yaml.safe_dump({"words": asked.identity}, allow_unicode=True))
        if asked.options.trials is not None:
            from ccnn_pc.cli.search import search

            return search(train, asked, config, folder)
        count = len(combinations)
        names = {i: run_name(i, count, combination) for i, combination in enumerate(combinations)}
        left = {i: combinations[i] for i, name in names.items() if not (folder / name / RESULT).exists()}
        print(
            f"{count} runs in {folder}"
            + (f", {count - len(left)} finished before" if len(left) < count else ""),
            file=sys.stderr,
        )
        runs = {i: (names[i], own) for i, own in left.items()}
        errors = train_all(train, asked, config.threads, folder, runs, count, begun(folder))
        settings_of = {names[i]: combination for i, combination in enumerate(combinations)}
        return report(folder, settings_of, {names[i]: error for i, error in errors.items()})


def _check(asked: SweepWords, config: Any) -> None:
    """Every setting must be one that a run takes; of combinations only those with the first ones are tried.

    Raises:
        UsageError: what a single run would say of it; several devices.
    """
    if config.trainer.devices not in (1, "1", "auto") and not asked.launcher:
        raise UsageError(
            f"'trainer.devices' must be 1 in a sweep (got {config.trainer.devices}); jobs=2 trains two runs at a time"
        )
    first = first_settings(asked.swept)
    for i, override in enumerate(asked.swept.values()):
        if override.is_discrete_sweep() and override.get_key_element() != "seed":
            for word in settings(override)[1:]:
                compose_config([*asked.fixed, *first[:i], word, *first[i + 1 :]])


def _folder(asked: SweepWords, runs: Path) -> Path:
    """Where a sweep lies: that which is gone on with, or a new one."""
    if asked.resume is not None and asked.resume != "last":
        return Path(asked.resume)
    if asked.options.name is not None:
        folder = runs / asked.options.name
        _same(asked, _stored(folder) or asked.identity, folder)
        return folder
    found = sorted(runs.glob(f"[!.]*/{SWEEP}"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
    for folder in (path.parent for path in found):
        unfinished = not (folder / TABLE).exists() and _stored(folder) == asked.identity
        if asked.resume == "last" or unfinished:
            _same(asked, _stored(folder) or [], folder)
            print(f"Going on with {folder}", file=sys.stderr)
            return folder
    if asked.resume == "last":
        print(f"No sweep in {runs} to go on with: starting a new one", file=sys.stderr)
    return new_run_folder(runs)


def _stored(folder: Path) -> list[str] | None:
    path = folder / SWEEP
    if not path.is_file():
        return None
    try:
        return [str(word) for word in yaml.safe_load(path.read_text(encoding="utf-8"))["words"]]
    except (KeyError, TypeError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(
            f"'{path}' is damaged ({type(error).__name__}); restore it, or name another sweep"
        ) from error


def _same(asked: SweepWords, before: list[str], folder: Path) -> SweepWords:
    """The words of a sweep that is gone on with: none, or those that it was begun with."""
    if not asked.swept and not asked.fixed:
        again = read_sweep(before)
        return SweepWords(again.swept, again.fixed, asked.options, asked.launcher, asked.resume)
    if asked.identity != before:
        raise UsageError(
            f"'-m' must have the words of {folder} to go on with it, {shlex.join(before)} (got "
            f"{shlex.join(asked.identity)}); another sweep has another sweep.name"
        )
    return asked
