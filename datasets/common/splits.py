"""Validation from training data: stratified, seeded."""

from __future__ import annotations

import enum
from collections.abc import Sequence

import numpy as np
import torch


class Split(enum.Enum):
    """Part of a data set. VAL is taken from the training data; TEST is read once, at the end."""

    TRAIN = "train"
    VAL = "val"
    TEST = "test"


def stratified_split(
    labels: np.ndarray | torch.Tensor, fraction: float, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Split indices into two parts, the second with ``fraction`` of every class.

    A class of n gives ``round(fraction · n)`` to the second part, but at least one if it has two, and never
    its last.

    Args:
        labels: class index of every item.
        fraction: in (0, 1).
        seed: of the draw.

    Returns:
        Two sorted int64 arrays: the rest, and the drawn part.

    Raises:
        ValueError: ``fraction`` not in (0, 1).

    Example:
        >>> rest, drawn = stratified_split(np.array([0] * 10 + [1] * 20), 0.1)
        >>> len(rest), len(drawn)
        (27, 3)
    """
    if not 0.0 < fraction < 1.0:
        raise ValueError(f"'fraction' must be in (0, 1) (got {fraction})")
    labels = np.asarray(labels)
    random = np.random.default_rng(seed)
    drawn = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        count = min(max(int(np.floor(fraction * len(members) + 0.5)), 1), len(members) - 1)
        drawn[random.permutation(members)[:count]] = True
    return np.flatnonzero(~drawn), np.flatnonzero(drawn)


def last_split(labels: np.ndarray | torch.Tensor, fraction: float) -> tuple[np.ndarray, np.ndarray]:
    """Split indices into two parts, the second with the last ``fraction`` of every class in stored order.

    Collections of CAD models are stored by name, and neighbours in name often come from one source and look alike: a
    random part of them has near-duplicates in the rest and is judged too kindly. The test splits of ModelNet are the
    last of each class too.

    Args:
        labels: class index of every item.
        fraction: in (0, 1).

    Returns:
        Two sorted int64 arrays: the rest, and the last ones. Counts as in :func:`stratified_split`.

    Raises:
        ValueError: ``fraction`` not in (0, 1).

    Example:
        >>> rest, last = last_split(np.array([0, 0, 1, 0, 1]), 0.3)
        >>> rest.tolist(), last.tolist()
        ([0, 1, 2], [3, 4])
    """
    if not 0.0 < fraction < 1.0:
        raise ValueError(f"'fraction' must be in (0, 1) (got {fraction})")
    labels = np.asarray(labels)
    drawn = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        count = min(max(int(np.floor(fraction * len(members) + 0.5)), 1), len(members) - 1)
        drawn[members[len(members) - count :]] = True
    return np.flatnonzero(~drawn), np.flatnonzero(drawn)


def split_rows(labels: np.ndarray, split: Split, validation_fraction: float, seed: int) -> np.ndarray:
    """Rows of ``split``; for TRAIN and VAL ``labels`` are those of the whole training data.

    Raises:
        ValueError: VAL with a fraction of 0.
    """
    if split is Split.TEST or (split is Split.TRAIN and validation_fraction == 0):
        return np.arange(len(labels))
    if validation_fraction == 0:
        raise ValueError("'validation_fraction' must be above 0 for a validation split (got 0)")
    rest, drawn = stratified_split(labels, validation_fraction, seed)
    return rest if split is Split.TRAIN else drawn


def grouped_split(
    labels: np.ndarray | torch.Tensor, groups: Sequence[str], fraction: float, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Split indices into two parts such that no group is in both, the second with about ``fraction`` of every class.

    Groups are tried in a random order; one goes to the second part where that brings its classes nearer to their share.

    Args:
        labels: class index of every item.
        groups: name of the group of every item: a patient, a speaker.
        fraction: in (0, 1).
        seed: of the order.

    Returns:
        Two sorted int64 arrays: the rest, and the drawn part; each has a group at least.

    Raises:
        ValueError: ``fraction`` not in (0, 1); fewer than two groups.

    Example:
        >>> rest, drawn = grouped_split(np.zeros(6), ["a", "a", "b", "b", "c", "c"], 0.3)
        >>> len(rest), len(drawn)
        (4, 2)
    """
    if not 0.0 < fraction < 1.0:
        raise ValueError(f"'fraction' must be in (0, 1) (got {fraction})")
    names, number = np.unique(np.asarray(groups), return_inverse=True)
    if len(names) < 2:
        raise ValueError(f"'groups' must be at least two, to be divided (got {len(names)})")
    _, label = np.unique(np.asarray(labels), return_inverse=True)
    counts = np.zeros((len(names), label.max() + 1))
    np.add.at(counts, (number, label), 1)
    wanted, taken = fraction * counts.sum(axis=0), np.zeros(counts.shape[1])
    drawn = np.zeros(len(names), dtype=bool)
    order = np.random.default_rng(seed).permutation(len(names))
    for group in order:
        nearer = np.square(taken + counts[group] - wanted).sum() < np.square(taken - wanted).sum()
        if nearer and drawn.sum() < len(names) - 1:
            drawn[group], taken = True, taken + counts[group]
    if not drawn.any():
        drawn[min(order, key=lambda group: counts[group].sum())] = True
    return np.flatnonzero(~drawn[number]), np.flatnonzero(drawn[number])
