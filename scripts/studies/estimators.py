"""`SeriesClassifier` and `SeriesRegressor` as they stand, beside aeon's, on the data sets that come with aeon.

Every series loses 0, 30 or 70 % of its samples, all channels at once, in training and test alike. Ours read the others
with their stamps; aeon's read the straight lines between them on the whole grid, of series of unequal length stretched
to the longest. It needs an environment of its own, for aeon wants another numpy than constraints.txt.

    python -m scripts.studies.estimators --seeds 0 1 2 --methods ours minirocket hydra dtw
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ccnn_pc._files import read_rows, write_rows_atomically
from ccnn_pc.estimators import SeriesClassifier, SeriesRegressor
from scripts.bench.harness import processor

CLASSES = (
    *("ACSF1", "ArrowHead", "BasicMotions", "Covid3Month_disc", "GunPoint"),
    *("ItalyPowerDemand", "JapaneseVowels", "OSULeaf", "PickupGestureWiimoteZ", "UnitTest"),
)
NUMBERS = ("CardanoSentiment", "Covid3Month")
DROPS = (0, 30, 70)
METHODS = ("ours", "minirocket", "hydra", "dtw")
KEY = ("data", "drop", "method", "seed")
Pair = tuple[np.ndarray, np.ndarray]


def dropped(series: Sequence[np.ndarray], percent: int, seed: Sequence[int]) -> list[Pair]:
    """Stamps and values ``[n, C]`` of series ``[C, T]`` without so many of their samples.

    Example:
        >>> ((times, values),) = dropped([np.arange(10.0)[None]], 70, [0])
        >>> len(times), bool((values[:, 0] == times).all())
        (3, True)
    """
    found = []
    for row, values in enumerate(series):
        length = values.shape[1]
        order = np.random.default_rng([*seed, row]).permutation(length)
        kept = np.sort(order[int(length * percent / 100) :])
        found.append((kept.astype(np.float64), values[:, kept].T))
    return found


def on_lines(pairs: Sequence[Pair], lengths: Sequence[int]) -> np.ndarray:
    """Straight lines between stamps on the grid of each series, stretched to the longest, ``[N, C, L]``."""
    longest = max(lengths)
    return np.stack(
        [
            np.stack([np.interp(np.linspace(0, length - 1, longest), times, each) for each in values.T])
            for (times, values), length in zip(pairs, lengths, strict=True)
        ]
    )


def load(name: str) -> list[Any]:
    """Series and targets of the training, and of the test."""
    from aeon.datasets import load_classification, load_regression

    read = load_regression if name in NUMBERS else load_classification
    found: list[Any] = []
    for split in ("train", "test"):
        x, y = read(name, split=split)
        found += [[np.asarray(each, dtype=np.float64) for each in x], np.asarray(y)]
    return found


def makers(name: str) -> dict[str, Callable[[int], Any]]:
    """What makes an estimator of a seed, by method."""
    from aeon.classification.convolution_based import HydraClassifier, MiniRocketClassifier
    from aeon.classification.distance_based import KNeighborsTimeSeriesClassifier
    from aeon.regression.convolution_based import HydraRegressor, MiniRocketRegressor
    from aeon.regression.distance_based import KNeighborsTimeSeriesRegressor

    if name in NUMBERS:
        return {
            "ours": lambda seed: SeriesRegressor(random_state=seed),
            "minirocket": lambda seed: MiniRocketRegressor(random_state=seed),
            "hydra": lambda seed: HydraRegressor(random_state=seed),
            "dtw": lambda seed: KNeighborsTimeSeriesRegressor(distance="dtw", n_neighbors=1),
        }
    return {
        "ours": lambda seed: SeriesClassifier(random_state=seed),
        "minirocket": lambda seed: MiniRocketClassifier(random_state=seed),
        "hydra": lambda seed: HydraClassifier(random_state=seed),
        "dtw": lambda seed: KNeighborsTimeSeriesClassifier(distance="dtw", n_neighbors=1),
    }


def run(name: str, drop: int, method: str, seed: int) -> dict[str, Any]:
    """One training and one test: accuracy, or R² of numbers, and processor seconds of both together."""
    x, y, test_x, test_y = load(name)
    sets = [dropped(each, drop, (seed, part)) for part, each in enumerate((x, test_x))]
    if method != "ours":
        longest = max(each.shape[1] for each in (*x, *test_x))
        padded = [[*pairs, (np.arange(longest), np.zeros((longest, x[0].shape[0])))] for pairs in sets]
        lengths = [[*(each.shape[1] for each in part), longest] for part in (x, test_x)]
        sets = [on_lines(pairs, sizes)[:-1] for pairs, sizes in zip(padded, lengths, strict=True)]  # type: ignore[misc]
    estimator = makers(name)[method](seed)
    began = time.process_time()
    estimator.fit(sets[0], y)
    answers = estimator.predict(sets[1])
    seconds = time.process_time() - began
    if name in NUMBERS:
        truth = test_y.astype(np.float64)
        score = 1 - np.square(answers - truth).sum() / np.square(truth - truth.mean()).sum()
    else:
        score = np.mean(answers == test_y)
    return {
        **dict(zip(KEY, (name, drop, method, seed), strict=True)),
        "score": round(float(score), 4),
        "of": "r2" if name in NUMBERS else "accuracy",
        "cpu_s": round(seconds, 2),
        "n_train": len(y),
        "n_test": len(test_y),
        "machine": processor(),
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Rows that are there already are not made again."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--data", nargs="+", choices=[*CLASSES, *NUMBERS], default=[*CLASSES, *NUMBERS])
    parser.add_argument("--out", type=Path, default=Path("results/estimators.csv"))
    given = parser.parse_args(argv)
    warnings.filterwarnings("ignore")
    for seed in given.seeds:
        for name in given.data:
            for method in given.methods:
                for drop in DROPS:
                    rows = read_rows(given.out)
                    key = [name, str(drop), method, str(seed)]
                    if any([row[part] for part in KEY] == key for row in rows):
                        continue
                    row = run(name, drop, method, seed)
                    print(*(row[part] for part in (*KEY, "score", "cpu_s")), flush=True)
                    write_rows_atomically(given.out, [*read_rows(given.out), row])


if __name__ == "__main__":
    main()
