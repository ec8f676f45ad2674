"""The published split: scikit-learn's draws, without scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest

from ccnn_pc.datasets.common.shuffle_split import published_rows, stratified_shuffle
from ccnn_pc.datasets.common.splits import Split

LABELS = np.repeat(np.arange(4), [11, 11, 7, 9])  # two classes of one size: ties are drawn

#: scikit-learn 1.9.1: train_test_split(range(38), train_size=0.7, random_state=0, stratify=LABELS)
FIRST = [15, 26, 31, 7, 25, 1, 24, 21, 22, 13, 37, 2, 12, 10, 30, 6, 16, 34, 14, 9, 4, 20, 11, 35, 36, 28]
SECOND = [17, 8, 33, 0, 5, 18, 27, 32, 3, 23, 29, 19]


def test_draws_are_those_of_scikit_learn() -> None:
    first, second = stratified_shuffle(LABELS, 26, seed=0)
    assert first.tolist() == FIRST and second.tolist() == SECOND


def test_against_scikit_learn_where_it_is_installed() -> None:
    selection = pytest.importorskip("sklearn.model_selection")
    random = np.random.default_rng(1)
    for seed in range(20):
        labels = np.concatenate([np.repeat(np.arange(7), 6), random.integers(0, 7, int(seed) * 13)])
        rows = np.arange(len(labels))
        wanted = selection.train_test_split(rows, train_size=0.7, random_state=seed, stratify=labels)
        found = stratified_shuffle(labels, int(0.7 * len(labels)), seed)
        assert all(np.array_equal(a, b) for a, b in zip(wanted, found, strict=True))


@pytest.mark.parametrize("count", [40, 100, 2858])
def test_parts_are_disjoint_and_stratified(count: int) -> None:
    labels = np.random.default_rng(0).permutation(np.arange(count) % 4)
    parts = [published_rows(labels, split) for split in Split]
    assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(count))
    assert len(parts[0]) == int(0.7 * count) and abs(len(parts[1]) - len(parts[2])) <= 1
    for part in parts:
        shares = np.bincount(labels[part], minlength=4)
        assert shares.max() - shares.min() <= 2
    assert np.array_equal(published_rows(labels, None), np.arange(count))


def test_too_few_items() -> None:
    with pytest.raises(ValueError, match="at least two items of every class"):
        stratified_shuffle(np.array([0, 0, 1]), 2, seed=0)
    with pytest.raises(ValueError, match="parts of 1 and 9"):
        stratified_shuffle(np.arange(10) % 2, 1, seed=0)
