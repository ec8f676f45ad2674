"""Small tables of observations: what they hold is known to the test."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

Observation = tuple[str, float, str, float]
CLASSES = ("calm", "wild")


def observations(
    series: int = 40, variables: Sequence[str] = ("pulse", "temp"), seed: int = 0
) -> list[Observation]:
    """Series s00, s01 … of 4 to 9 random times: the first variable at all, others at some; odd ones are wild."""
    random = np.random.default_rng(seed)
    found: list[Observation] = []
    for number in range(series):
        for time in np.sort(random.uniform(0, 10, random.integers(4, 10))).round(3):
            for place, name in enumerate(variables):
                if place == 0 or random.random() < 0.6:
                    value = random.normal(5 * place, 1 + 3 * (number % 2))
                    found.append((f"s{number:02d}", float(time), name, round(float(value), 4)))
    return found


def labels_of(rows: Iterable[Observation]) -> dict[str, str]:
    """Calm for even numbers, wild for odd ones."""
    return {row[0]: CLASSES[int(row[0][1:]) % 2] for row in rows}


def write(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]], delimiter: str = ",") -> Path:
    """A file of text."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=delimiter, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
    return path


def write_table(folder: Path, rows: Sequence[Observation], name: str = "table.csv") -> Path:
    """The table, without labels."""
    return write(folder / name, ("id", "time", "variable", "value"), rows)


def write_labels(folder: Path, rows: Sequence[Observation], name: str = "labels.csv") -> Path:
    """The file of labels of all series of a table."""
    return write(folder / name, ("id", "label"), labels_of(rows).items())
