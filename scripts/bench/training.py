"""What does a training cost, loading included, with native operators, without them, and in an earlier version?

Contenders take turns, each in a process of its own that trains for a few steps as the command line does:
``modelnet10_tiny``, and character trajectories at random times, on stamps without a lattice. The first steps are left
out. Shapes a second from the median step; seconds of an epoch from the mean step, the steps that an epoch has, and one
validation (where the training has one in each epoch). Prints a table and writes results/bench_training.csv.

    python -m scripts.bench.training --modelnet10 path/to/modelnet10 --characters path/to/character_trajectories
    python -m scripts.bench.training --characters DATA --rounds 1 --before path/to/another/checkout
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from ccnn_pc.native.library import SWITCH
from scripts import ROOT
from scripts.bench.harness import FAILURES, Benchmark, reason

#: Words of the trainings, and whether each epoch ends with a validation.
TRAININGS: dict[str, tuple[tuple[str, ...], bool]] = {
    "modelnet10": (("experiment=modelnet10_tiny",), False),
    "characters": (
        (
            "experiment=chartraj_tiny_irregular",
            "data=chartraj_random",
            "data.train_drop=[0,70]",
            "model.series_interpolation=none",
        ),
        True,
    ),
}
#: Steps at the beginning that are not counted.
WARM_UP = 3
SMALL = ("data.batch_size=4", "trainer.limit_val_batches=1")


def train(words: list[str], steps: int, threads: int, checkout: Path, native: bool) -> dict[str, Any]:
    """What ``epochs.py`` prints of a training with the package in ``checkout``.

    Raises:
        RuntimeError: the training failed; with its last line.
    """
    environment = {**os.environ, "PYTHONPATH": str(checkout), SWITCH: str(int(native))}
    environment["OMP_NUM_THREADS"] = str(threads)
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(ROOT / "scripts" / "bench" / "epochs.py"), str(steps), *words]
        command += [f"threads={threads}", f"run_dir={folder}/run", "trainer.limit_test_batches=1"]
        answer = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=folder)
    if answer.returncode:
        raise RuntimeError((answer.stderr.splitlines() or [f"ended with {answer.returncode}"])[-1])
    found: dict[str, Any] = json.loads(answer.stdout.splitlines()[-1])
    return found


def figures(rounds: list[dict[str, Any]], validates: bool) -> dict[str, Any]:
    """What the rounds of a contender come to."""
    steps = [second for found in rounds for second in found["steps"][WARM_UP - 1 :]]
    batches, items = rounds[0]["batches"], rounds[0]["items"]
    validation = statistics.median(found["validation_s"] for found in rounds) if validates else 0.0
    mean = statistics.fmean(steps)
    return {
        "step_min_ms": round(1e3 * min(steps), 2),
        "step_median_ms": round(1e3 * statistics.median(steps), 2),
        "step_mean_ms": round(1e3 * mean, 2),
        "validation_s": round(validation, 2),
        "items_per_s": round(items / batches / statistics.median(steps), 2),
        "epoch_s": round(batches * mean + validation, 2),
        "steps": len(steps),
    }


def compare(bench: Benchmark, what: str, root: str) -> None:
    """Rows of one training."""
    words, validates = TRAININGS[what]
    chosen = bench.arguments
    contenders = {"native": (ROOT, True), "torch": (ROOT, False)}
    if chosen.before:
        contenders["before"] = (chosen.before.resolve(), False)
    given = [*words, f"data.root={Path(root).resolve()}", *(SMALL if chosen.small else ())]
    steps = WARM_UP + (2 if chosen.small else chosen.steps)
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in contenders}
    failed: dict[str, str] = {}
    for number in range(1, chosen.rounds + 1):
        for name, (checkout, native) in contenders.items():
            if name in failed:
                continue
            try:
                found[name].append(train(given, steps, chosen.threads, checkout, native))
            except FAILURES as error:
                failed[name] = reason(error)
            print(f"  round {number}/{chosen.rounds} {what}: {name}", file=sys.stderr, flush=True)
    for name, rounds in found.items():
        row = {"what": what, "words": " ".join(words), "contender": name, "rounds": len(rounds)}
        row |= {"reason": failed[name]} if name in failed else figures(rounds, validates)
        bench.add(what, row)


def main() -> None:
    """Run the benchmark."""
    bench = Benchmark("training", __doc__, rounds=3, small=True)
    bench.parser.add_argument("--modelnet10", help="folder with train.npz and test.npz")
    bench.parser.add_argument("--characters", help="folder or file of the character trajectories")
    bench.parser.add_argument("--steps", type=int, default=20, help="that count, in each round")
    bench.parser.add_argument(
        "--before", type=Path, help="checkout of an earlier version, to train with as well"
    )
    if not bench.starts(None, "torch", "lightning"):
        return
    roots = {what: root for what in TRAININGS if (root := getattr(bench.arguments, what))}
    if not roots:
        bench.parser.error("give --modelnet10, --characters, or both")
    for what, root in roots.items():
        compare(bench, what, root)
    bench.ends()


if __name__ == "__main__":
    main()
