"""`SeriesImputer` and `SeriesForecaster` as they stand, beside other ways; ``results/values.csv``.

    python -m scripts.studies.values path/to/character_trajectories --seeds 0 1 2
    python -m scripts.tables.update

200 character trajectories train, 100 others are asked. *Imputation*: of all of them 30, 70 or 90 % of the samples are
left out, all channels at once; asked are the samples that were left out. *Forecasts*: 0 or 70 % are left out, a series
ends at a random moment, and the 10 steps after its last sample are asked. scikit-learn's imputers have a row for each
series, a column for each channel of each step. Errors are counted in standard deviations of the training.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.interpolate import PchipInterpolator

from ccnn_pc._files import read_rows, write_rows_atomically
from ccnn_pc.datasets import CharacterTrajectories
from ccnn_pc.estimators import SeriesForecaster, SeriesImputer
from scripts import RESULTS
from scripts.bench.harness import processor
from scripts.studies.estimators import Pair, dropped

TRAIN, ASKED, HORIZON = 200, 100, 10
#: Per cent of the samples that are left out, by task.
DROPS = {"imputation": (30, 70, 90), "forecast": (0, 70)}
#: Steps before the end that the ridge regression reads.
LAGS = 20
KEY = ("task", "drop", "method", "seed")
Values = list[np.ndarray]  # [n, 3] of each series
Times = list[np.ndarray]  # [n]
Method = Callable[[list[Pair], list[Pair], Times, int], Values]


def trajectories(root: str, seed: int) -> tuple[Values, Values]:
    """Series that train, and others that are asked."""
    data: Any = CharacterTrajectories(root, None, form="irregular", normalize="none")
    rows = np.random.default_rng(seed).permutation(len(data))[: TRAIN + ASKED]
    found = [data[int(row)].x.double().numpy() for row in rows]
    return found[:TRAIN], found[TRAIN:]


def each_channel(curve: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]) -> Method:
    """A method that draws a curve through the samples of a channel, and learns nothing."""

    def method(train: list[Pair], asked: list[Pair], times: Times, seed: int) -> Values:
        return [
            np.stack([curve(when, known, channel) for channel in values.T], axis=1)
            for (known, values), when in zip(asked, times, strict=True)
        ]

    return method


def pchip(when: np.ndarray, known: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Monotone cubics, constant beyond both ends."""
    if len(known) < 2:
        return np.full(len(when), values[0])
    return np.asarray(PchipInterpolator(known, values)(np.clip(when, known[0], known[-1])))


def last_value(when: np.ndarray, known: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The value before."""
    return values[np.maximum(np.searchsorted(known, when, side="right") - 1, 0)]


def line_on(when: np.ndarray, known: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The line through the last two samples."""
    slope = (values[-1] - values[-2]) / (known[-1] - known[-2])
    return values[-1] + slope * (when - known[-1])


def on_rows(pairs: list[Pair], length: int) -> np.ndarray:
    """Series as rows of values at all steps, ``[N, length * C]``, NaN where there is none."""
    rows = np.full((len(pairs), length, pairs[0][1].shape[1]), np.nan)
    for row, (times, values) in zip(rows, pairs, strict=True):
        row[times.astype(int)] = values
    return rows.reshape(len(pairs), -1)


def by_rows(imputer: Callable[[int], Any]) -> Method:
    """An imputer of scikit-learn."""

    def method(train: list[Pair], asked: list[Pair], times: Times, seed: int) -> Values:
        length = 1 + int(max(each.max() for each in (*(when for when, _ in (*train, *asked)), *times)))
        filled = imputer(seed).fit(on_rows(train, length)).transform(on_rows(asked, length))
        return [
            row[when.astype(int)]
            for row, when in zip(filled.reshape(len(asked), length, -1), times, strict=True)
        ]

    return method


def nearest_rows(seed: int) -> Any:
    """scikit-learn's KNNImputer."""
    from sklearn.impute import KNNImputer

    return KNNImputer(weights="distance", keep_empty_features=True)


def iterated_ridge(seed: int) -> Any:
    """scikit-learn's IterativeImputer: a Bayesian ridge regression for each column."""
    from sklearn.experimental import enable_iterative_imputer  # noqa: F401
    from sklearn.impute import IterativeImputer

    return IterativeImputer(n_nearest_features=20, random_state=seed, keep_empty_features=True)


def imputer(train: list[Pair], asked: list[Pair], times: Times, seed: int) -> Values:
    """Ours."""
    return list(SeriesImputer(random_state=seed).fit(train).predict(asked, times))


def forecaster(train: list[Pair], asked: list[Pair], times: Times, seed: int) -> Values:
    """Ours."""
    return list(SeriesForecaster(horizon=HORIZON, random_state=seed).fit(train).predict(asked, times))


def ridge(train: list[Pair], asked: list[Pair], times: Times, seed: int) -> Values:
    """A linear map from the last steps, on straight lines, to the next ones, of all channels at once."""
    from sklearn.linear_model import RidgeCV

    def on_lines(known: np.ndarray, values: np.ndarray, when: np.ndarray) -> np.ndarray:
        return np.stack([np.interp(when, known, channel) for channel in values.T], axis=-1)

    back, ahead = np.arange(1 - LAGS, 1), np.arange(1, HORIZON + 1)
    rows, wanted = [], []
    for known, values in train:
        ends = known[(known >= LAGS - 1) & (known + HORIZON <= known[-1])]
        rows.append(on_lines(known, values, ends[:, None] + back).reshape(len(ends), LAGS * values.shape[1]))
        wanted.append(
            on_lines(known, values, ends[:, None] + ahead).reshape(len(ends), HORIZON * values.shape[1])
        )
    model = RidgeCV(np.logspace(-4, 4, 9)).fit(np.concatenate(rows), np.concatenate(wanted))
    read = np.stack([on_lines(known, values, known[-1] + back).ravel() for known, values in asked])
    return list(model.predict(read).reshape(len(asked), HORIZON, -1))


METHODS: dict[str, dict[str, Method]] = {
    "imputation": {
        "ours": imputer,
        "lines": each_channel(np.interp),
        "pchip": each_channel(pchip),
        "last": each_channel(last_value),
        "knn": by_rows(nearest_rows),
        "iterative": by_rows(iterated_ridge),
    },
    "forecast": {
        "ours": forecaster,
        "last": each_channel(last_value),
        "line": each_channel(line_on),
        "ridge": ridge,
    },
}


def ended(pairs: list[Pair], lengths: Sequence[int], seed: int) -> list[Pair]:
    """Series until a random moment, two samples at least, with the horizon still to come."""
    random, found = np.random.default_rng([seed, 2]), []
    for (times, values), length in zip(pairs, lengths, strict=True):
        kept = max(int((times <= random.integers(length // 3, length - HORIZON)).sum()), 2)
        found.append((times[:kept], values[:kept]))
    return found


def run(root: str, task: str, drop: int, method: str, seed: int) -> dict[str, Any]:
    """One training, one asking."""
    train, asked = trajectories(root, seed)
    known, given = (
        dropped(each, drop, (seed, part))
        for part, each in enumerate(([x.T for x in train], [x.T for x in asked]))
    )
    if task == "forecast":
        given = ended(given, [len(each) for each in asked], seed)
        times = [pair[0][-1] + np.arange(1.0, HORIZON + 1) for pair in given]
    else:
        times = [
            np.setdiff1d(np.arange(float(len(x))), pair[0]) for x, pair in zip(asked, given, strict=True)
        ]
    began = time.process_time()
    answers = METHODS[task][method](known, given, times, seed)
    seconds = time.process_time() - began
    unit = np.concatenate([values for _, values in known]).std(axis=0)
    errors = np.concatenate(
        [(found - x[when.astype(int)]) / unit for found, x, when in zip(answers, asked, times, strict=True)]
    )
    return {
        **dict(zip(KEY, (task, drop, method, seed), strict=True)),
        "rmse": round(float(np.sqrt(np.square(errors).mean())), 4),
        "mae": round(float(np.abs(errors).mean()), 4),
        "cpu_s": round(seconds, 2),
        "n_train": len(train),
        "n_asked": len(asked),
        "machine": processor(),
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Rows that are there already are not made again."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("root", help="character trajectories")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--methods", nargs="+", help="default: all")
    parser.add_argument("--out", type=Path, default=RESULTS / "values.csv")
    given = parser.parse_args(argv)
    warnings.filterwarnings("ignore")
    for seed in given.seeds:
        for task, methods in METHODS.items():
            for method in methods:
                for drop in DROPS[task] if method in (given.methods or methods) else ():
                    rows = read_rows(given.out) if given.out.exists() else []
                    key = [task, str(drop), method, str(seed)]
                    if any([row[part] for part in KEY] == key for row in rows):
                        continue
                    row = run(given.root, task, drop, method, seed)
                    print(*(row[part] for part in (*KEY, "rmse", "mae", "cpu_s")), flush=True)
                    write_rows_atomically(
                        given.out, [*(read_rows(given.out) if given.out.exists() else []), row]
                    )


if __name__ == "__main__":
    main()
