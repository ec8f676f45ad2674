"""Kills trainings at seeded times, goes on with them, and compares what comes out with a training that nobody killed.

``python -m scripts.kill_runs --count 100 --seed 0``: each training of a few seconds is sent SIGKILL, SIGTERM or SIGINT
once or twice, anywhere between its start and its end, then resumed with the same words and ``resume=last``. It must end
with the weights of the uninterrupted one, in one run folder, with no broken file on the way.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file

#: Seconds after which a training that does not end is killed, and counted as one that hangs.
LIMIT = 300.0
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
WORDS = (
    "experiment=shapes_quickstart",
    "data.num_points=24",
    "data.num_neighbors=6",
    "data.batch_size=8",
    "data.val_fraction=0.25",
    "model.name=ccnn_4_16",
    "model.dropout=0.2",
    "+data.module.train.per_class=4",
    "+data.module.test.per_class=2",
    "data.eval_num_points=24",
    "data.eval_num_neighbors=6",
    "trainer.check_val_every_n_epoch=1",
    "trainer.max_epochs=6",
    "trainer.accelerator=cpu",
    "callbacks.checkpoints.every_n_steps=2",
    "threads=1",
    "callbacks=ema",
)


@dataclass(frozen=True)
class Killed:
    """What became of a training that was killed.

    Attributes:
        number: of the training.
        kills: signals and the seconds after which they came.
        problems: what was not as it must be.
    """

    number: int
    kills: str
    problems: str


def train(
    folder: Path, runs: str, *more: str, after: float | None = None, signum: int = signal.SIGKILL
) -> str:
    """Train in a fork, and send it a signal after so many seconds; what was said, and the exit status."""
    errors = folder / f"{runs}.txt"
    child = os.fork()
    if child == 0:
        _train_and_leave(folder, [*WORDS, f"runs={runs}", *more], errors)
    deadline, status = time.monotonic() + (LIMIT if after is None else after), None
    while status is None:
        found, code = os.waitpid(child, os.WNOHANG)
        if found:
            status = os.waitstatus_to_exitcode(code)
        elif time.monotonic() > deadline:
            os.kill(child, signum)
            signum, deadline = signal.SIGKILL, time.monotonic() + LIMIT
        else:
            time.sleep(0.002)
    return f"{errors.read_text() if errors.exists() else ''}\nexit status {status}"


def _train_and_leave(folder: Path, words: list[str], errors: Path) -> None:
    from ccnn_pc.cli.app import main as run

    status = 1
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.chdir(folder)
        os.environ["CCNN_PC_CACHE"] = str(folder / "cache")
        with open(errors, "w") as file:
            os.dup2(file.fileno(), 2)
            os.dup2(file.fileno(), 1)
        run(["train", *words])
        status = 0
    except SystemExit as left:
        status = left.code if isinstance(left.code, int) else 1
    except KeyboardInterrupt:
        status = 130
    finally:
        os._exit(status)


def broken_files(folder: Path) -> Iterator[str]:
    """Files under their final names that cannot be read."""
    import yaml
    from PIL import Image

    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.name.endswith(".part"):
            continue
        try:
            if path.suffix == ".ckpt":
                torch.load(path, map_location="cpu", weights_only=True)
            elif path.suffix == ".safetensors":
                load_file(path)
            elif path.suffix == ".json":
                json.loads(path.read_text())
            elif path.suffix == ".yaml":
                yaml.safe_load(path.read_text())
            elif path.suffix == ".png":
                with Image.open(path) as picture:
                    picture.load()
            elif path.suffix == ".csv":
                with open(path, newline="") as file:
                    rows = list(csv.DictReader(file))
                if not rows or any(None in row or None in row.values() for row in rows):
                    raise ValueError("rows are cut")
        except Exception as error:
            yield f"{path.name}: {type(error).__name__} {error}"


def outcome(folder: Path, reference: Path, number: int, seed: int, seconds: float) -> Killed:
    """Kill the training of one number, resume it, compare it."""
    draw = random.Random(f"{seed}-{number}")
    runs, kills, problems = f"killed_{number}", [], []
    for attempt in range(draw.choice((1, 1, 2))):
        signum, after = draw.choice(SIGNALS), draw.uniform(0.05, 1.05) * seconds
        kills.append(f"{signal.Signals(signum).name} {after:.1f} s")
        said = train(folder, runs, *(["resume=last"] if attempt else []), after=after, signum=signum)
        problems += [f"after a kill: {one}" for one in broken_files(folder / runs)]
        if "Traceback" in said and signum != signal.SIGINT:
            problems.append(f"a traceback: {said[-300:]}")
    said = train(folder, runs, "resume=last")
    problems += broken_files(folder / runs)
    made = [path for path in (folder / runs / "shapes_quickstart").glob("[!.]*") if path.name != "latest"]
    if not said.endswith("exit status 0"):
        problems.append(f"did not resume: {said[-500:]}")
    elif len(made) != 1:
        problems.append(f"{len(made)} run folders")
    else:
        for file in ("checkpoints/last.ckpt", "checkpoints/best.ckpt"):
            ours, theirs = (
                torch.load(path / file, map_location="cpu", weights_only=True)["state_dict"]
                for path in (made[0], reference)
            )
            if any(not torch.equal(ours[name], theirs[name]) for name in theirs):
                problems.append(f"other weights in {file}")
        ours, theirs = (load_file(path / "model" / "model.safetensors") for path in (made[0], reference))
        if any(not torch.equal(ours[name], theirs[name]) for name in theirs):
            problems.append("other weights in the model")
        for name in ("curves.png", "confusion.png", "result.json", "metrics.csv"):
            if not (made[0] / name).is_file():
                problems.append(f"no {name}")
    shutil.rmtree(folder / runs, ignore_errors=True)
    return Killed(number, "; ".join(kills), "; ".join(problems))


def killed_trainings(folder: Path, count: int, seed: int, first: int = 0) -> Iterator[Killed]:
    """An uninterrupted training, then so many that are killed."""
    import lightning.pytorch  # noqa: F401  (forks have it already)
    import matplotlib.figure  # noqa: F401

    import ccnn_pc.cli.compose
    import ccnn_pc.cli.train
    import ccnn_pc.training.run  # noqa: F401

    torch.set_num_threads(1)
    said = train(folder, "whole")
    if not said.endswith("exit status 0"):
        raise RuntimeError(f"the training that nobody killed failed: {said}")
    began = time.monotonic()
    train(folder, "timed")  # with everything in the cache
    seconds = time.monotonic() - began
    reference = (folder / "whole" / "shapes_quickstart" / "latest").resolve()
    for number in range(first, first + count):
        yield outcome(folder, reference, number, seed, seconds)


def main() -> None:
    """Print one line per training, and how many were right."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first training")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        right = 0
        for killed in killed_trainings(Path(place), options.count, options.seed, options.first):
            right += not killed.problems
            print(f"{killed.number:>4}  {killed.kills:<40} {killed.problems or 'right'}", flush=True)
        print(f"{right} of {options.count} right")


if __name__ == "__main__":
    main()
