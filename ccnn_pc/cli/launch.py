"""Runs handed to one of Hydra's launchers: one after the other, in several processes, on a cluster."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra import compose, initialize
from hydra._internal.callbacks import Callbacks
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.plugins import Plugins
from hydra.errors import HydraException
from hydra.types import HydraContext

from ccnn_pc.cli.words import UsageError

#: Name of a configuration that holds the number of a run, and what Hydra needs to know of launchers.
_NAME = "ccnn_pc_launched"


@dataclass(frozen=True)
class Runs:
    """What a launcher calls, wherever it does: the runs of a sweep by their number.

    Attributes:
        train: trains one, from its words.
        words: of each run, by its number.
        folder: of the sweep; runs that are not alone say there in ``logs/`` what they do.
        names: of each run.
        alone: whether runs follow each other in this process; then an interruption ends the sweep.
        total: how many runs the sweep has.
        configs: folders of a user's own configuration files.
        done: how many of them had been finished before.
        began: when.
    """

    train: Callable[[list[str]], dict[str, Any]]
    words: Mapping[int, Sequence[str]]
    names: Mapping[int, str]
    folder: Path
    alone: bool
    total: int
    configs: tuple[Path, ...] = ()
    done: int = 0
    began: float = field(default_factory=time.time)

    def __call__(self, config: Any) -> dict[str, Any]:
        """Train a run; what went wrong is the answer, not an exception: the others go on."""
        from ccnn_pc.cli.compose import use_config_folder
        from ccnn_pc.cli.run_folder import CONFIG
        from ccnn_pc.training.callbacks import TrainingInterrupted

        for own in reversed(self.configs):
            use_config_folder(own)
        number = int(config.run)
        folder = self.folder / self.names[number]
        place = f"{'resume' if (folder / CONFIG).exists() else 'run_dir'}={folder}"  # a cluster may begin it twice
        began = time.time()
        if self.alone:
            print(f"\n--- run {self.names[number]} ({self.left()})", file=sys.stderr, flush=True)
        for module in filter(None, os.environ.get("CCNN_PC_IMPORTED", "").split(",")):
            if module not in sys.modules:
                sys.path.insert(0, "")
                importlib.import_module(module)
        with contextlib.nullcontext() if self.alone else self.logged(number):
            try:
                result = self.train([*self.words[number], place])
            except TrainingInterrupted as stopped:
                if self.alone:
                    raise KeyboardInterrupt from stopped
                return {"error": f"{stopped}, checkpoint saved"}
            except Exception as error:
                message = " ".join(str(error).split()) or type(error).__name__
                print(f"error: {message}", file=sys.stderr, flush=True)
                return {"error": message}
        if not self.alone:
            score = next((f"{key} {value}" for key, value in result.items() if key.startswith("val_")), "")
            spent = f"{(time.time() - began) / 60:.1f} minutes"
            print(f"{self.names[number]}: {score} after {spent} ({self.left()})", file=sys.stderr, flush=True)
        return {}

    def left(self) -> str:
        """How many runs are done, and how long the others will take."""
        from ccnn_pc.training.run import RESULT

        done = len(list(self.folder.glob(f"*/{RESULT}")))
        now = done - self.done
        rate = "" if now < 1 else (
            f", about {(time.time() - self.began) / now * (self.total - done) / 60:.1f} minutes left"
        )  # fmt: skip
        return f"{done} of {self.total} done{rate}"

    @contextlib.contextmanager
    def logged(self, number: int) -> Iterator[None]:
        """What a run says goes to a file."""
        folder = self.folder / "logs"
        folder.mkdir(exist_ok=True)
        with (
            open(folder / f"{self.names[number]}.txt", "a", encoding="utf-8") as log,
            contextlib.redirect_stderr(log),
            contextlib.redirect_stdout(log),
        ):
            yield


def launch(runs: Runs, words: Sequence[str]) -> dict[int, str]:
    """Train runs with Hydra's launcher.

    Args:
        runs: the runs.
        words: of Hydra: its launcher (``hydra/launcher=joblib``, ``submitit_slurm`` …) and that one's settings.

    Returns:
        What went wrong, by the number of the run. Where a task was killed, or has used up its time, all runs without a
        result are named, for launchers say no more of the others.

    Raises:
        UsageError: no such launcher, or no such setting of it; the message is Hydra's.
    """
    numbers = sorted(runs.words)
    if not numbers:
        return {}
    ConfigStore.instance().store(_NAME, {"run": 0})
    fixed = [
        f"hydra.sweep.dir='{runs.folder / '.hydra'}'",
        "hydra.sweep.subdir=${hydra.job.num}",
        "hydra.output_subdir=null",
        "hydra.job.name=ccnn-pc",
        "hydra/job_logging=none",
        "hydra/hydra_logging=none",
    ]
    before = GlobalHydra.instance().hydra
    GlobalHydra.instance().clear()
    try:
        with initialize(config_path=None, version_base="1.3"):
            config = compose(_NAME, [*fixed, *words], return_hydra_config=True)
            context = HydraContext(
                config_loader=GlobalHydra.instance().config_loader(), callbacks=Callbacks()
            )
            launcher = Plugins.instance().instantiate_launcher(
                hydra_context=context, task_function=runs, config=config
            )
            try:
                answers = launcher.launch([[f"run={number}"] for number in numbers], initial_job_idx=0)
            except Exception as error:  # of the launcher: what goes wrong in a run is its answer
                return _without_result(runs, error)
    except HydraException as error:
        raise UsageError(
            "; ".join(line.strip() for line in str(error).splitlines() if line.strip())
        ) from error
    finally:
        GlobalHydra.instance().hydra = before
    found = {number: answer.return_value for number, answer in zip(numbers, answers, strict=True)}
    return {number: answer["error"] for number, answer in found.items() if "error" in answer}


def _without_result(runs: Runs, error: Exception) -> dict[int, str]:
    """Runs that have left no result, with what the launcher says."""
    from ccnn_pc.training.run import RESULT

    said = (str(error).splitlines() or [type(error).__name__])[0]
    told = f"no result: a task has ended early ({said}); others may still run, after which the same command goes on"
    return {
        number: told
        for number in sorted(runs.words)
        if not (runs.folder / runs.names[number] / RESULT).exists()
    }
