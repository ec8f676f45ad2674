"""Settings that Optuna chooses: trials by validation alone, the test part read once, by the best of them."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ccnn_pc.cli.sweep_report import RESULT, report
from ccnn_pc.cli.sweep_words import SweepWords, distributions, run_name
from ccnn_pc.cli.train_all import begun, train_all
from ccnn_pc.cli.words import UsageError
from ccnn_pc.training.callbacks.pruning import PRUNED, open_study
from ccnn_pc.training.scores import FALLING

#: What Optuna knows of a search: trials, and the score of each of their validations.
TRIALS = "trials.log"
#: Why a trial has no score.
NOT_JUDGED = (
    "it was not validated (validation data, or trainer.check_val_every_n_epoch at most trainer.max_epochs)"
)


def search(
    train: Callable[[list[str]], dict[str, Any]], asked: SweepWords, config: Any, folder: Path
) -> dict[str, Any]:
    """Try settings until there are so many trials, then test the best one.

    As many as run at a time are asked for at once. Trials that were interrupted go on first.

    Args:
        train: trains one run, from its words.
        asked: words of the sweep.
        config: of a run with the first settings.
        folder: of the sweep.

    Returns:
        What :func:`~ccnn_pc.cli.sweep_report.report` says of it.

    Raises:
        ImportError: Optuna is missing.
        UsageError: a sweep over seeds, validation on the test split, or a range that is none.
    """
    options, total = asked.options, asked.options.trials or 0
    if "seed" in asked.swept:
        raise UsageError("'seed' must have one value in a search, which would choose the luckiest one")
    if config.data.get("select_on_test"):
        raise UsageError("'data.select_on_test' must be false in a search: the best trial alone is tested")
    monitor = str(config.callbacks.checkpoints.monitor)
    given = config.callbacks.checkpoints.get("higher_is_better")
    falls = monitor.rpartition("/")[2] in FALLING if given is None else not given
    space = distributions(asked.swept)
    before = len(open_study(folder / TRIALS, falls=falls).trials)
    # a sampler that begins again with the same seed would try the same settings again
    study = open_study(folder / TRIALS, sampler=options.sampler, seed=options.seed + before)
    errors: dict[str, str] = {}

    def words(number: int) -> list[str]:
        return [f"{key}={study.trials[number].params[key]}" for key in asked.swept]

    def name(number: int) -> str:
        return run_name(number, total, words(number))

    def run(number: int) -> tuple[str, list[str]]:
        callback = {
            "_target_": "ccnn_pc.training.callbacks.Pruner", "path": (folder / TRIALS).absolute(), "trial": number,
            "monitor": monitor, "kind": options.pruner,
        }  # fmt: skip
        added = [f"+callbacks.pruner.{key}={value}" for key, value in callback.items()]
        return name(number), [*words(number), "test=false", *added]

    since = begun(folder)
    while True:
        unfinished = [trial.number for trial in study.trials if not trial.state.is_finished()]
        batch = unfinished[: options.jobs]
        while len(batch) < options.jobs and len(study.trials) < total:
            batch.append(study.ask(space).number)
        if not batch:
            break
        left = {number: run(number) for number in batch if not (folder / name(number) / RESULT).exists()}
        failed = train_all(train, asked, config.threads, folder, left, total, since)
        for number in batch:
            score = None if number in failed else _score(folder / name(number) / RESULT, monitor)
            if score is None:
                errors[name(number)] = failed.get(number, NOT_JUDGED)
                study.tell(number, state=_state("FAIL"))
            elif study.trials[number].user_attrs.get(PRUNED):
                study.tell(number, state=_state("PRUNED"))
            else:
                study.tell(number, score)
    if any(trial.state == _state("COMPLETE") for trial in study.trials):
        best = study.best_trial.number
        result = json.loads((folder / name(best) / RESULT).read_text(encoding="utf-8"))
        if "n_test" not in result:
            print(f"\nThe best of {len(study.trials)} trials is tested: {name(best)}", file=sys.stderr)
            ended = [f"trainer.max_epochs={result['epochs']}"] * (result["epochs"] < result["max_epochs"])
            _, own = run(best)
            tested = {
                best: (name(best), [*(word for word in own if word != "test=false"), "test=true", *ended])
            }
            failed = train_all(
                train, SweepWords(asked.swept, asked.fixed), None, folder, tested, total, since
            )
            errors |= {name(best): error for error in failed.values()}
    marks = {name(trial.number): trial.state.name.lower() for trial in study.trials}
    return report(folder, {name(trial.number): words(trial.number) for trial in study.trials}, errors, marks)


def _state(name: str) -> Any:
    from optuna.trial import TrialState

    return TrialState[name]


def _score(path: Path, monitor: str) -> float | None:
    found = json.loads(path.read_text(encoding="utf-8")).get(f"val_{monitor.rpartition('/')[2]}")
    return None if found is None else float(found)
