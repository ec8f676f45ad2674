"""What studies share: trainings in folders of their own, each tested on several things, rows of one table.

A study is a list of :class:`Setting`; :func:`main` trains each of them once per seed, and tests it. A training that has
finished is not repeated, one that was interrupted goes on: give the command again. Rows of a setting and seed replace
older ones.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf

from ccnn_pc._files import read_rows, write_rows_atomically, write_text_atomically
from ccnn_pc.cli.compose import compose_config
from ccnn_pc.cli.run_folder import CONFIG, changed_settings, stored_overrides
from ccnn_pc.cli.train import run_experiment
from ccnn_pc.cli.transfer import Part, transfer_model
from ccnn_pc.domains import Interpolation
from ccnn_pc.models import from_pretrained
from ccnn_pc.training.callbacks import NonFiniteError, TrainingInterrupted
from ccnn_pc.training.evaluation import confusion_matrix
from ccnn_pc.training.run import RESULT
from ccnn_pc.training.scores import mean_class_accuracy, overall_accuracy
from scripts.bench.harness import processor

COST = "cost.json"


@dataclass(frozen=True)
class Test:
    """What a trained network is tested on.

    Attributes:
        name: in the column ``tested_on``.
        words: what changes in the settings of its data.
        weights: what samples of irregular series stand for; "": as in training.
        interpolation: between samples of arrays farther apart than in training, or of irregular series; "": as in
            training.
        sampling: of images and sequences, as ``ccnn-pc transfer`` takes it; "": as in training.
    """

    name: str
    words: tuple[str, ...] = ()
    weights: str = ""
    interpolation: str = ""
    sampling: str = ""


@dataclass(frozen=True)
class Setting:
    """A training.

    Attributes:
        name: in the column ``setting``, and of the folder of its runs.
        words: for ``ccnn-pc train``.
        own: name of the test that the training ends with.
        tests: further ones, of the classes that the network knows.
        limited: the first seed alone, and as many epochs as the limit of the study allows.
        after: name of the setting whose network it begins with; "": none.
    """

    name: str
    words: tuple[str, ...]
    own: str
    tests: tuple[Test, ...] = ()
    limited: bool = False
    after: str = ""


def same_settings(words: Sequence[str]) -> list[str]:
    """What decides about the numbers of a run: without places, threads and limits."""
    return sorted([*changed_settings(words), *(word for word in words if word.startswith("experiment="))])


def train(folder: Path, words: Sequence[str]) -> dict[str, Any]:
    """The result of the run in ``folder``, which is trained to its end where it is not.

    Raises:
        ValueError: it holds a run of other settings.
    """
    before = stored_overrides(folder)
    if before and same_settings(before) != same_settings(words):
        other = sorted(set(same_settings(before)) ^ set(same_settings(words)))
        raise ValueError(
            f"'runs' must be another folder: {folder} holds a run of other settings ({', '.join(other)})"
        )
    if not (folder / RESULT).exists():
        again = [f"resume={folder}"] if (folder / CONFIG).exists() else []
        run_experiment([*words, f"run_dir={folder}", *again])
        _store_cost(folder, {"machine": processor()})
    found: dict[str, Any] = json.loads((folder / RESULT).read_text())
    return found


def _store_cost(folder: Path, cost: dict[str, Any]) -> None:
    write_text_atomically(folder / COST, json.dumps(cost) + "\n")


def cost(folder: Path, result: dict[str, Any]) -> dict[str, Any]:
    """Core seconds of an epoch with its validation (the median), machine and limit of a run."""
    minutes = [
        float(row["core_minutes"]) for row in read_rows(folder / "metrics.csv") if "core_minutes" in row
    ]
    limit = OmegaConf.load(folder / CONFIG).callbacks.core_time.max_core_minutes
    if limit is not None and len(minutes) > 1 and minutes[-1] >= limit:
        minutes = minutes[:-1]  # the limit cut this one short
    epochs = [60 * (b - a) for a, b in zip([0.0, *minutes], minutes, strict=False)]
    stored = json.loads((folder / COST).read_text()) if (folder / COST).exists() else {}
    return {
        "seconds_per_epoch": round(statistics.median(epochs), 2) if epochs else None,
        **stored,
        "limit_core_minutes": limit,
    }


def scores(folder: Path, words: Sequence[str], test: Test) -> dict[str, Any]:
    """Accuracies of a trained network on a test.

    Raises:
        ValueError: the data have other classes than the network.
    """
    config = compose_config([*words, *test.words])
    if test.sampling:
        place = (str(folder / "model"), config.data.root or config.data.name, test.sampling)
        (found,) = transfer_model(*place, (), part=Part("test", seed=config.seed))["results"].values()
        return {
            "test_accuracy": round(found["accuracy"], 6),
            "test_mean_class_accuracy": round(found["mean_class_accuracy"], 6),
            "n_test": found["n"],
        }
    dataset = instantiate(config.data.module, _convert_="all").open_test()
    model: Any = from_pretrained(folder / "model")
    if list(dataset.classes) != list(model.classes):
        raise ValueError(f"'{test.name}' must have the classes of the network (got {dataset.classes})")
    if test.weights:
        model.reading = replace(model.reading, series_weights=test.weights)
    if test.interpolation:
        model.reading = replace(model.reading, **{interpolation_of(config): test.interpolation})
    count = len(model.classes)
    size = int(config.data.batch_size)
    confusion = confusion_matrix(model, dataset, torch.arange(count), count, batch_size=size)
    return {
        "test_accuracy": round(float(overall_accuracy(confusion)), 6),
        "test_mean_class_accuracy": round(float(mean_class_accuracy(confusion)), 6),
        "n_test": int(confusion.sum()),
    }


def interpolation_of(config: Any) -> str:
    """The option of a model that says what its data stand for between samples."""
    return "series_interpolation" if config.data.get("form") == "irregular" else "interpolation"


def rows_of_run(setting: Setting, folder: Path, words: Sequence[str]) -> list[dict[str, Any]]:
    """Train if needed, then test: a row for each test, the training's own first."""
    result = train(folder, words)
    model, config = OmegaConf.load(folder / CONFIG).model, compose_config(words)
    common = {**result, **cost(folder, result)}
    rows = []
    for test in (Test(setting.own), *setting.tests):
        own = test == Test(setting.own)
        found = {} if own else scores(folder, words, test)
        kept = common if own else {key: value for key, value in common.items() if not key.startswith("test_")}
        between = test.interpolation or config.model.get(interpolation_of(config), "")
        lines = interpolation_of(config) == "series_interpolation" and between == Interpolation.LINEAR.value
        weights = "" if lines else test.weights or model.get("series_weights", "")
        place = {
            "setting": setting.name,
            "tested_on": test.name,
            "weights": weights,
            "interpolation": between,
        }
        rows.append({**place, **kept, **found})
    return rows


def store(rows: list[dict[str, Any]], path: Path, order: Sequence[str]) -> None:
    """Put rows of one run into the table, in the order of the settings and seeds."""
    key = (rows[0]["setting"], str(rows[0]["seed"]))
    kept = [row for row in read_rows(path) if (row["setting"], row["seed"]) != key]
    rank = {name: number for number, name in enumerate(order)}
    kept = [*kept, *rows]
    kept.sort(key=lambda row: (rank.get(row["setting"], len(rank)), int(row["seed"])))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_rows_atomically(path, kept)


def main(
    settings: Sequence[Setting],
    *,
    about: str | None,
    results: Path,
    data: bool = True,
    arguments: Sequence[str] | None = None,
) -> int:
    """The command of a study: train, test, store.

    Args:
        settings: of the study.
        about: what it says of itself.
        results: its table.
        data: whether it reads files.
        arguments: of the command; None: those of this process.

    Returns:
        Exit status: 1 if a training failed, 128 + signal if one was interrupted.
    """
    names = [setting.name for setting in settings]
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    if data:
        parser.add_argument("data", help="data.root of the experiments")
    parser.add_argument("--runs", type=Path, required=True, help="folder of the trainings")
    parser.add_argument("--only", nargs="+", metavar="SETTING", choices=names, default=names,
                        help="of " + ", ".join(names))  # fmt: skip
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2], help="default: 0 1 2")
    parser.add_argument("--limit", type=float, default=30.0, metavar="MINUTES",
                        help="core minutes of the settings that are limited (default: %(default)g)")  # fmt: skip
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", dest="words",
                        help="further settings of all trainings")  # fmt: skip
    parser.add_argument("--results", type=Path, default=results)
    chosen = parser.parse_args(arguments)
    failed = 0
    for setting in (setting for setting in settings if setting.name in chosen.only):
        limit = [f"callbacks.core_time.max_core_minutes={chosen.limit:g}"] if setting.limited else []
        for seed in chosen.seeds[:1] if setting.limited else chosen.seeds:
            folder = chosen.runs.resolve() / setting.name / f"seed{seed}"
            root = [f"data.root={Path(chosen.data).resolve()}"] if data else []
            begun = (
                [f"init_from={chosen.runs.resolve() / setting.after / f'seed{seed}' / 'model'}"]
                if setting.after
                else []
            )
            words = [*setting.words, *root, *begun, f"seed={seed}", "threads=1", *limit, *chosen.words]
            try:
                rows = rows_of_run(setting, folder, words)
            except TrainingInterrupted as stopped:
                print(f"Stopped ({stopped}); the same command goes on from here.", file=sys.stderr)
                return 128 + stopped.signum
            except (NonFiniteError, ImportError) as error:
                print(f"{setting.name}, seed {seed}: {error}", file=sys.stderr)
                failed = 1
                continue
            store(rows, chosen.results, names)
            for row in rows:
                found = {k[5:]: f"{v:.4f}" for k, v in row.items() if k.startswith("test_")}
                how = " ".join(row[key] for key in ("weights", "interpolation") if row[key])
                print(f"{setting.name} seed {seed}  {row['tested_on']} {how}  {found}")
    return failed
