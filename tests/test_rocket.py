"""What MiniRocket and Hydra are given beside networks of series, and the rows that come of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from ccnn_pc.datasets import SeriesData
from scripts.studies import rocket


class Nearest:
    """The class of the nearest training series."""

    def fit(self, x: np.ndarray, y: np.ndarray) -> None:
        self.x, self.y = x, y

    def predict(self, x: np.ndarray) -> np.ndarray:
        distance = ((x[:, None] - self.x[None]) ** 2).sum(axis=(2, 3))
        return self.y[distance.argmin(axis=1)]


def item(times: list[float], label: int) -> SeriesData:
    stamps = torch.tensor(times, dtype=torch.float64)
    x = torch.stack([2 * stamps, 1 - stamps], dim=1).float()
    return SeriesData(times=stamps, x=x, y=torch.tensor([label]))


def test_lines_are_read_at_the_spacing_of_training_and_zeros_follow() -> None:
    items = [item([1.0, 1.5, 3.0], 1), item([0.0, 0.25], 0), item([float(n) for n in range(9)], 1)]
    x, y = rocket.on_lines(items, 0.5, 6)
    assert x.shape == (3, 2, 6) and y.tolist() == [1, 0, 1]
    assert x[0].tolist() == [[2, 3, 4, 5, 6, 0], [0, -0.5, -1, -1.5, -2, 0]]
    assert x[1].tolist() == [[0] * 6, [1, 0, 0, 0, 0, 0]]
    assert x[2, 0].tolist() == [0, 1, 2, 3, 4, 5]  # cut


def test_a_row_for_each_way_of_asking(monkeypatch: Any) -> None:
    monkeypatch.setattr(rocket, "version", lambda name: "0")
    train = (np.eye(4, dtype=np.float32)[:, None], np.arange(4))
    half = (train[0], np.array([0, 1, 3, 2]))
    rows = rocket.rows_of(Nearest(), train, {"all": lambda: train, "half": lambda: half})
    assert [(row["tested_on"], row["test_accuracy"], row["n_test"]) for row in rows] == [
        ("all", 1.0, 4),
        ("half", 0.5, 4),
    ]
    assert all(
        row["n_train"] == 4 and row["core_minutes"] >= 0 and "aeon 0" in row["versions"] for row in rows
    )
