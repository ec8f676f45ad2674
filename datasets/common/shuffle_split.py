"""The 70/15/15 split of the published experiments on series, from numpy's frozen stream alone."""

from __future__ import annotations

import numpy as np

from ccnn_pc.datasets.common.splits import Split


def stratified_shuffle(labels: np.ndarray, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """``count`` random items with every class in its share, and the others; both in random order.

    The same draws, in the same order, as scikit-learn's ``train_test_split(stratify=labels, random_state=seed)``
    makes (``RandomState(seed)``: places left over by rounding, then one permutation per class, then one of each
    part), so that published splits can be rebuilt without that package.

    Args:
        labels: class index of every item ``[n]``.
        count: items of the first part, with at least one place for every class in both.
        seed: of the draw.

    Raises:
        ValueError: a class of one item, or a part smaller than the number of classes.

    Example:
        >>> first, second = stratified_shuffle(np.array([0] * 6 + [1] * 4), 5, seed=0)
        >>> np.bincount(np.array([0] * 6 + [1] * 4)[first]).tolist(), len(second)
        ([3, 2], 5)
    """
    labels = np.asarray(labels)
    present, number = np.unique(labels, return_inverse=True)
    sizes = np.bincount(number)
    rest = len(labels) - count
    if len(labels) == 0 or sizes.min() < 2 or min(count, rest) < len(present):
        raise ValueError(
            "'labels' must have at least two items of every class, and as many items in both parts as there "
            f"are classes (got {len(labels)} items, {len(present)} classes, parts of {count} and {rest})"
        )
    random = np.random.RandomState(seed)  # noqa: NPY002  (frozen stream)
    first_sizes = _shares(sizes, count, random)
    second_sizes = _shares(sizes - first_sizes, rest, random)
    parts: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    for each, (first, second) in enumerate(zip(first_sizes, second_sizes, strict=True)):
        members = np.flatnonzero(number == each)[random.permutation(sizes[each])]
        parts[0].append(members[:first])
        parts[1].append(members[first : first + second])
    shuffled = [random.permutation(np.concatenate(part)) for part in parts]
    return shuffled[0], shuffled[1]


def _shares(sizes: np.ndarray, total: int, random: np.random.RandomState) -> np.ndarray:
    """``total`` places for classes in proportion to their sizes: rounded down, the rest by largest remainder."""
    exact = sizes / sizes.sum() * total
    shares = np.floor(exact)
    left, missing = exact - shares, int(total - shares.sum())
    for remainder in np.unique(left)[::-1]:
        if missing <= 0:
            break
        equal = np.flatnonzero(left == remainder)
        taken = min(len(equal), missing)
        shares[random.choice(equal, size=taken, replace=False)] += 1  # ties are broken at random
        missing -= taken
    return shares.astype(np.int64)


def published_rows(labels: np.ndarray, split: Split | None, seeds: tuple[int, int] = (0, 1)) -> np.ndarray:
    """Rows of the published split: 70 % training (first seed), the rest halved (second seed); None: all rows.

    Neural CDE, CKConv, FlexConv and SMPConv divide their series so. Sorted, because the loader shuffles.

    Example:
        >>> labels = np.arange(100) % 5
        >>> [len(published_rows(labels, split)) for split in Split]
        [70, 15, 15]
    """
    if split is None:
        return np.arange(len(labels))
    train, rest = stratified_shuffle(labels, int(0.7 * len(labels)), seeds[0])
    if split is Split.TRAIN:
        return np.sort(train)
    val, test = stratified_shuffle(np.asarray(labels)[rest], int(0.5 * len(rest)), seeds[1])
    return np.sort(rest[val if split is Split.VAL else test])
