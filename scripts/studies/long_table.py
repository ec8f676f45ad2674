"""A table of 580 character trajectories, 1 000 others asked with fewer samples; ``results/long_table.csv``.

    python -m scripts.studies.long_table path/to/character_trajectories --runs runs/study_long_table
    python -m scripts.studies.long_table DATA --runs FOLDER --only lines --seeds 0
    python -m scripts.tables.update

What somebody gets who writes such a table and says ``ccnn-pc train data=long_csv data.root=train.csv``: nothing else is
set but what a setting names. 70 % of the series train. A training that has finished is not repeated.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ccnn_pc._files import read_rows, write_rows_atomically
from ccnn_pc.cli.evaluate import evaluate_model
from ccnn_pc.cli.train import run_experiment
from ccnn_pc.datasets import CharacterTrajectories, DropSamples, EveryNth, write_long_csv
from scripts import RESULTS

#: What is added to the words of a training with defaults.
SETTINGS: dict[str, tuple[str, ...]] = {"lines": (), "sums": ("model.series_interpolation=none",)}
TRAIN, ASKED = 580, 1000
#: What is left of the others: every n-th sample, or all but so many per cent. Choices were made by the first two
#: rates and the first four drops.
RATES, DROPS = (3, 5, 1, 2, 4, 8), (20, 40, 60, 75, 30, 50, 70)
STEP = 0.005  # seconds


class _Items(list[Any]):
    """Series with the names of their classes."""

    classes: Sequence[str] = ()


def write_tables(root: str, folder: Path, seed: int) -> None:
    """``train.csv`` with labels, and a table for each way of asking, of series that are drawn by ``seed``."""
    data: Any = CharacterTrajectories(root, None, form="irregular", spacing=STEP, normalize="none")
    order = np.random.default_rng(seed).permutation(len(data))
    folder.mkdir(parents=True, exist_ok=True)

    def write(name: str, rows: np.ndarray, transform: Any = None) -> None:
        items = _Items()
        items.classes = data.classes
        generator = torch.Generator().manual_seed(seed)
        for row in np.sort(rows):
            item = data[int(row)]
            item.name = f"{row:04d}"
            items.append(item if transform is None else transform(item, generator))
        write_long_csv(items, folder / f"{name}.csv", folder / f"{name}_labels.csv")

    write("train", order[:TRAIN])
    others = order[TRAIN : TRAIN + ASKED]
    for step in RATES:
        write(f"rate 1_{step}", others, EveryNth(step))
    for percent in DROPS:
        write(f"drop {percent}", others, DropSamples(percent))


def asked() -> list[str]:
    """The names of the ways of asking."""
    return [*(f"rate 1_{step}" for step in RATES), *(f"drop {percent}" for percent in DROPS)]


def rows_of(setting: str, seed: int, tables: Path, run: Path) -> list[dict[str, Any]]:
    """Train and ask: a row for each way."""
    words = [
        "data=long_csv",
        f"data.root={tables / 'train.csv'}",
        f"data.labels={tables / 'train_labels.csv'}",
        f"name=long_table_{setting}",
        "threads=1",
        f"seed={seed}",
        f"run_dir={run}",
        *([f"resume={run}"] if run.exists() else []),
    ]
    result = run_experiment([*words, *SETTINGS[setting]])
    kept = ("epochs", "parameters", "core_minutes", "n_train", "threads", "git_commit", "versions")
    common = {"setting": setting, "seed": seed, **{key: result[key] for key in kept if key in result}}
    rows = []
    for name in asked():
        table = tables / f"{name}.csv"
        found = evaluate_model(str(run / "model"), table, labels=tables / f"{name}_labels.csv", batch_size=32)
        rows.append(
            {
                **common,
                "tested_on": name.replace("_", "/"),
                "test_accuracy": round(found["accuracy"], 4),
                "n_test": found["n"],
            }
        )
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    """Train what is named, for every seed, and write the rows."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("root", help="character trajectories")
    parser.add_argument("--runs", type=Path, required=True, help="folder of tables and runs")
    parser.add_argument("--only", nargs="+", choices=SETTINGS, default=list(SETTINGS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    given = parser.parse_args(arguments)
    results = RESULTS / "long_table.csv"
    for seed in given.seeds:
        tables = given.runs / f"tables{seed}"
        if not (tables / "drop 70.csv").exists():
            write_tables(given.root, tables, seed)
        for setting in given.only:
            rows = rows_of(setting, seed, tables, given.runs / f"{setting}{seed}")
            old = [
                row
                for row in (read_rows(results) if results.exists() else [])
                if (row["setting"], row["seed"]) != (setting, str(seed))
            ]
            write_rows_atomically(results, [*old, *rows])
            print(setting, seed, {row["tested_on"]: row["test_accuracy"] for row in rows}, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
