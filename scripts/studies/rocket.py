"""MiniRocket and Hydra with a ridge classifier (aeon) beside networks of series, on the same series.

    python -m venv aeon && aeon/bin/pip install -c constraints_aeon.txt -e '.[train,tables,aeon]'
    aeon/bin/python -m scripts.studies.rocket path/to/character_trajectories --runs runs/study_long_table
    python -m scripts.tables.update

They read arrays: every series on the straight lines between its stamps, at the spacing of training, from its first
stamp on, then zeros up to the longest of training (its last values, or all series stretched to one length, are as good
on held-out series). Rows go to ``long_table.csv``, ``chartraj.csv`` and ``chartraj_rates.csv``, beside those of the
networks. Nothing is chosen by validation series; ``_580`` learns from these as well, for it needs none.
"""

from __future__ import annotations

import argparse
import functools
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from hydra.utils import instantiate

from ccnn_pc._files import read_rows, write_rows_atomically
from ccnn_pc.cli.compose import compose_config
from ccnn_pc.datasets import LongCSV
from ccnn_pc.training.versions import git_commit, library_versions
from scripts import RESULTS
from scripts.bench.harness import processor
from scripts.studies import chartraj, long_table, rates

#: What there is of each, by the setting that it has in tables.
CLASSIFIERS = ("minirocket", "hydra")
TABLES = ("long_table", "chartraj", "chartraj_rates")
Series = tuple[np.ndarray, np.ndarray]  # arrays [n, C, L], labels [n]


def classifier(name: str, seed: int) -> Any:
    """A new classifier with aeon's defaults, on one thread."""
    from aeon.classification.convolution_based import HydraClassifier, MiniRocketClassifier

    made = {"minirocket": MiniRocketClassifier, "hydra": HydraClassifier}[name]
    return made(random_state=seed, n_jobs=1)


def on_lines(items: Any, spacing: float, length: int) -> Series:
    """Series on the straight lines between their stamps, ``[n, C, length]``, and their labels.

    Args:
        items: with ``times [n]`` or ``pos [n, 1]``, ``x [n, C]`` and ``y [1]``.
        spacing: distance of the places, from the first stamp of each series to its last; zeros follow.
        length: places; what is longer is cut.
    """
    arrays, labels = [], []
    for item in (items[index] for index in range(len(items))):
        times = (item.pos[:, 0] if item.get("times") is None else item.times).double().numpy()
        times = (times - times[0]) / spacing
        places = np.arange(min(length, int(times[-1] + 1e-6) + 1))
        array = np.zeros((item.x.shape[1], length), dtype=np.float32)
        for channel, values in enumerate(item.x.double().numpy().T):
            array[channel, : len(places)] = np.interp(places, times, values)
        arrays.append(array)
        labels.append(int(item.y))
    return np.stack(arrays), np.array(labels)


def rows_of(
    made: Any, train: Series, asked: dict[str, Callable[[], Series]], warm: Any = None
) -> list[dict[str, Any]]:
    """Fit and ask: a row for each way, with the core minutes of the fit.

    Args:
        made: a classifier of arrays.
        train: what it learns from.
        asked: what it is asked, by name.
        warm: another one, fitted first, so that compiling does not count.
    """
    if warm is not None:
        warm.fit(*train)
    begun = time.process_time()
    made.fit(*train)
    minutes = (time.process_time() - begun) / 60
    common = {
        "core_minutes": round(minutes, 4), "parameters": learned(made), "n_train": len(train[0]), "threads": 1,
        "git_commit": git_commit(), "versions": f"{library_versions()}; aeon {version('aeon')}",
    }  # fmt: skip
    rows = []
    for name, series in asked.items():
        x, y = series()
        right = float((np.asarray(made.predict(x)) == y).mean())
        rows.append({"tested_on": name, "test_accuracy": round(right, 6), "n_test": len(y), **common})
    return rows


def learned(made: Any) -> int | None:
    """Numbers of the linear classifier at the end."""
    steps = getattr(getattr(made, "pipeline_", getattr(made, "clf_", None)), "steps", None)
    if not steps:
        return None
    ridge = steps[-1][1]
    return int(ridge.coef_.size + np.size(ridge.intercept_))


def of_long_table(runs: Path, root: str, seed: int) -> dict[str, tuple[Series, dict[str, Any]]]:
    """Training sets of the long table (70 % of it as our networks, and all of it) with what is asked, by suffix."""
    tables = runs / f"tables{seed}"
    if not (tables / "drop 70.csv").exists():
        long_table.write_tables(root, tables, seed)

    def opened(name: str, split: str | None = None) -> Any:
        place, labels = tables / f"{name}.csv", tables / f"{name}_labels.csv"
        if name == "train":
            return LongCSV(place, split, labels=labels)
        return LongCSV.as_trained(place, known.description(), labels=labels, classes=known.classes)

    known: Any = opened("train", "train")
    length = max(len(known.stored.series(row)) for row in range(len(known.stored)))
    read = functools.partial(on_lines, spacing=known.measured()["spacing"], length=length)
    asked = {
        name.replace("_", "/"): functools.partial(lambda n: read(opened(n)), name)
        for name in long_table.asked()
    }
    return {"": (read(known), asked), "_580": (read(opened("train", None)), asked)}


def of_papers(
    root: str, seed: int, trained: Sequence[str], asked: Mapping[str, Sequence[str]], spacing: float
) -> tuple[Series, dict[str, Any]]:
    """The papers' split as stamps: the training series, and what is asked, by the words of their data."""

    def module(words: Sequence[str]) -> Any:
        config = compose_config([chartraj.SERIES, f"data.root={root}", f"seed={seed}", *words])
        return instantiate(config.data.module, _convert_="all")

    read = functools.partial(on_lines, spacing=spacing, length=-int(-rates.SAMPLES // spacing))
    data = module(trained)
    data.prepare()
    tests = {
        name: functools.partial(lambda w: read(module(w).open_test()), words) for name, words in asked.items()
    }
    return read(data.train_set), tests


def studied(table: str, root: str, runs: Path, seed: int) -> dict[str, tuple[Series, dict[str, Any]]]:
    """Training sets and what is asked, by what follows the name of a classifier in the column ``setting``."""
    if table == "long_table":
        return of_long_table(runs, root, seed)
    if table == "chartraj":
        asked = {"drop 0": (), **{test.name: test.words for test in chartraj.fewer}}
        return {
            "": of_papers(root, seed, (), asked, 1.0),
            "_mixed": of_papers(root, seed, chartraj.MIXED, asked, 1.0),
        }
    everywhere = {rates.rate(step): (f"data.test_every={step}",) for step in rates.ASKED}
    return {
        f"_rate{step}": of_papers(root, seed, (f"data.every={step}",), everywhere, float(step))
        for step in rates.TRAINED
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Fit what is named, for every seed, and write the rows."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("root", help="character trajectories")
    parser.add_argument("--runs", type=Path, required=True, help="folder of the tables of long_table")
    parser.add_argument("--only", nargs="+", choices=CLASSIFIERS, default=list(CLASSIFIERS))
    parser.add_argument("--tables", nargs="+", choices=TABLES, default=list(TABLES))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--results", type=Path, default=RESULTS)
    given = parser.parse_args(arguments)
    warm = {name: [classifier(name, 0)] for name in given.only}
    for table in given.tables:
        place = given.results / f"{table}.csv"
        for seed in given.seeds:
            for suffix, (train, asked) in studied(table, given.root, given.runs, seed).items():
                for name in given.only:
                    first = warm[name].pop() if warm[name] else None
                    key = {"setting": f"{name}{suffix}", "seed": seed}
                    found = rows_of(classifier(name, seed), train, asked, first)
                    rows = [{**key, "machine": processor(), **row} for row in found]
                    if table == "long_table":
                        rows = [{k: v for k, v in row.items() if k != "machine"} for row in rows]
                    old = [
                        row
                        for row in (read_rows(place) if place.exists() else [])
                        if (row["setting"], row["seed"]) != (key["setting"], str(seed))
                    ]
                    write_rows_atomically(place, [*old, *rows])
                    scores = {row["tested_on"]: row["test_accuracy"] for row in rows}
                    print(key, rows[0]["core_minutes"], scores, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
