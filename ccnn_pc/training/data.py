"""Train, validation and test data of one training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch

from ccnn_pc._checks import check_at_least, check_fraction
from ccnn_pc.datasets.common.splits import last_split, stratified_split
from ccnn_pc.training.loader import ResumableLoader, items_of
from ccnn_pc.training.missing_classes import warn_of_missing_classes

KEEP: Any = object()


@dataclass(frozen=True)
class Batches:
    """How items are batched and loaded.

    Args:
        size: items per training batch.
        eval_size: items per validation and test batch (default: ``size``).
        drop_last: leave out an incomplete last training batch (default False).
        num_workers: worker processes per loader.

    Raises:
        ValueError: a number out of range.
    """

    size: int = 16
    eval_size: int | None = None
    drop_last: bool = False
    num_workers: int = 0

    def __post_init__(self) -> None:
        check_at_least("batch_size", self.size, 1)
        check_at_least("num_workers", self.num_workers, 0)
        if self.eval_size is not None:
            check_at_least("eval_size", self.eval_size, 1)


@dataclass(frozen=True)
class Validation:
    """Where validation comes from, if the data have no validation split of their own.

    Args:
        fraction: share of the training split, stratified (default 0.1; 0 = none).
        last: keep the last of each class instead of random ones (default False); see
            :func:`ccnn_pc.datasets.common.splits.last_split`.
        on_test: validate on the *test* split instead, as the released experiments did (default False). The result row
            says so.

    Raises:
        ValueError: ``fraction`` outside [0, 1); ``last`` of nothing.

    Example:
        >>> Validation(fraction=0.25, last=True).rows([0, 0, 0, 0, 1, 1, 1, 1], seed=0)[1].tolist()
        [3, 7]
    """

    fraction: float = 0.1
    last: bool = False
    on_test: bool = False

    def __post_init__(self) -> None:
        check_fraction("fraction", self.fraction)
        if self.last and self.fraction == 0 and not self.on_test:
            raise ValueError(
                "'val_last' must be false where the data set divides itself, or nothing is kept for validation (got "
                "true)"
            )

    def rows(self, labels: Any, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """The rows that training keeps, and those of validation."""
        labels = np.asarray(labels)
        return (
            last_split(labels, self.fraction) if self.last else stratified_split(labels, self.fraction, seed)
        )


class ClassificationData(pl.LightningDataModule):
    """Loaders of labelled data: validation comes from the training split, test is opened at the end.

    Args:
        train: opens the training split, with the training transform; called once.
        test: opens the test split; called by :meth:`check`, or when the test starts.
        val: opens a validation split of its own, or returns None where there is none; then, and by default,
            ``validation`` says where it comes from.
        eval_transform: transform of a drawn validation part (default: that of ``train``).
        validation: how validation is drawn.
        batches: sizes of batches, worker processes.
        seed: of the split and of the order.
        copies: independent samplings of each training shape per epoch (default 1; the released small models
            use 2).
        in_memory: keep the shapes after their ``pre_transform`` in memory.
        name: what result rows call these data.
    """

    def __init__(
        self,
        train: Callable[[], Any],
        test: Callable[[], Any],
        *,
        val: Callable[[], Any] | None = None,
        eval_transform: Any = KEEP,
        validation: Validation = Validation(),
        batches: Batches = Batches(),
        seed: int = 0,
        copies: int = 1,
        in_memory: bool = False,
        name: str = "",
    ) -> None:
        super().__init__()
        self.open_train, self.open_val, self.open_test = train, val, test
        self.eval_transform, self.validation, self.batches = eval_transform, validation, batches
        self.seed, self.in_memory, self.name = seed, in_memory, name
        self.copies = check_at_least("copies", copies, 1)
        self.rows_of_training: Any = None
        self._train_loader: ResumableLoader | None = None
        self._resumed: dict[str, Any] | None = None
        self.train_set: Any = None
        self.val_set: Any = None
        self.test_set: Any = None
        self._test: Any = None  # opened, but not in use

    def prepare(self) -> None:
        """Open the training split and divide it; does nothing the second time."""
        if self.train_set is not None:
            return
        full = self._kept(self.open_train())
        own = None if self.open_val is None or self.validation.on_test else self.open_val()
        if self.validation.on_test:
            self.val_set = self._kept(self.open_test())
        elif own is not None:
            self.val_set = self._kept(own)
        elif self.validation.fraction > 0:
            first, second = self.validation.rows(full.labels, self.seed)
            transform = full.transform if self.eval_transform is KEEP else self.eval_transform
            self.val_set = full.subset(second, transform=transform)
            full, self.rows_of_training = full.subset(first), first
        self.train_set = full if self.copies == 1 else SeveralSamplings([full, *self._other_samplings(full)])

    @property
    def classes(self) -> list[str]:
        """Class names, in the order of the labels."""
        self.prepare()
        return list(self.train_set.classes)

    def class_counts(self) -> list[int]:
        """Training items of each class, validation left out; samples where the data set counts its own.

        A data set with a class per sample has ``class_counts()``; its ``labels`` are what its items are divided by.
        """
        self.prepare()
        parts = self.train_set.parts if isinstance(self.train_set, SeveralSamplings) else [self.train_set]
        return np.sum([_class_counts(part, len(self.classes)) for part in parts], axis=0).tolist()

    def sizes(self) -> dict[str, int]:
        """Number of shapes of each part opened so far."""
        parts = {"train": self.train_set, "val": self.val_set, "test": self.test_set}
        return {name: len(part) for name, part in parts.items() if part is not None}

    def setup(self, stage: str) -> None:
        """Open what Lightning is about to use."""
        if stage == "fit":
            self.prepare()
        if stage == "test" and self.test_set is None:
            self.test_set = (
                self.val_set
                if self.validation.on_test and self.val_set is not None
                else self._kept(self._test or self.open_test())
            )

    def check(self) -> None:
        """Open all parts, so that what would be wrong at the end is wrong at the start; no item is read for it.

        Raises:
            ValueError: another number of classes in the test part than in training; no full batch.
        """
        self.prepare()
        if not self.validation.on_test and self._test is None:
            with torch.random.fork_rng(devices=[]):
                self._test = self.open_test()
            ours, theirs = self.classes, list(self._test.classes)
            if ours != theirs:
                wrong = sorted(set(theirs) ^ set(ours)) or theirs
                raise ValueError(
                    f"'test' must have the classes of training (they differ in {', '.join(wrong)})"
                )
        parts = {"train": self.train_set, "val": self.val_set, "test": self._test}
        warn_of_missing_classes(
            self.classes, {name: part for name, part in parts.items() if part is not None}
        )
        self.train_dataloader()

    def train_dataloader(self) -> ResumableLoader:
        """Shuffled training batches."""
        self._train_loader = ResumableLoader(
            self.train_set,
            self.batches.size,
            seed=self.seed,
            drop_last=self.batches.drop_last,
            num_workers=self.batches.num_workers,
            share=(0, 1) if self.trainer is None else (self.trainer.global_rank, self.trainer.world_size),
        )
        if self._resumed is not None:
            self._train_loader.load_state_dict(self._resumed)
            self._resumed = None
        return self._train_loader

    def state_dict(self) -> dict[str, Any]:
        """Position in the training data, stored in every checkpoint."""
        return {} if self._train_loader is None else {"train": self._train_loader.state_dict()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on at that position (Lightning restores this before it asks for the loader)."""
        self._resumed = state_dict.get("train")

    def val_dataloader(self) -> ResumableLoader | list[Any]:
        """Validation batches in order, always as in epoch 0; an empty list if there is no validation part."""
        return self._in_order(self.val_set) if self.val_set is not None else []

    def test_dataloader(self) -> ResumableLoader:
        """Test batches in order, always as in epoch 0."""
        return self._in_order(self.test_set)

    def _kept(self, dataset: Any) -> Any:
        return dataset.in_memory() if self.in_memory else dataset

    def _other_samplings(self, first: Any) -> list[Any]:
        """The same shapes with other seeds."""
        rows = self.rows_of_training
        found = []
        for number in range(1, self.copies):
            other = self.open_train()
            other.seed = first.seed + number
            found.append(self._kept(other if rows is None else other.subset(rows)))
        return found

    def _in_order(self, dataset: Any) -> ResumableLoader:
        fixed = _FirstEpoch(dataset)
        size = self.batches.eval_size or self.batches.size
        return ResumableLoader(fixed, size, shuffle=False, num_workers=self.batches.num_workers)


def _class_counts(dataset: Any, num_classes: int) -> Any:
    if hasattr(dataset, "class_counts"):
        return dataset.class_counts()
    return np.bincount(np.asarray(dataset.labels), minlength=num_classes)


class SeveralSamplings:
    """Data sets of the same shapes one after the other, each with its own random numbers.

    Args:
        parts: the data sets; classes are those of the first.
    """

    def __init__(self, parts: Sequence[Any]) -> None:
        self.parts = list(parts)
        self.classes = self.parts[0].classes
        self.labels = np.concatenate([np.asarray(part.labels) for part in self.parts])

    def __len__(self) -> int:
        return sum(len(part) for part in self.parts)

    def __getitem__(self, index: int) -> Any:
        for part in self.parts:
            if index < len(part):
                return part[index]
            index -= len(part)
        raise IndexError(f"'index' must be below {len(self)}")

    def __getitems__(self, indices: Sequence[int]) -> list[Any]:
        ends = np.cumsum([len(part) for part in self.parts])
        owner = np.searchsorted(ends, indices, side="right")
        found: list[Any] = [None] * len(indices)
        for number in np.unique(owner):
            rows = np.flatnonzero(owner == number).tolist()
            inside = [int(indices[row] - (ends[number] - len(self.parts[number]))) for row in rows]
            for row, item in zip(rows, items_of(self.parts[number], inside), strict=True):
                found[row] = item
        return found

    def set_epoch(self, epoch: int) -> None:
        """Tell every part."""
        for part in self.parts:
            part.set_epoch(epoch)


class _FirstEpoch:
    """A data set that stays in epoch 0, so that validation sees the same numbers every time."""

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Any:
        return self.dataset[index]

    def __getitems__(self, indices: Sequence[int]) -> list[Any]:
        return items_of(self.dataset, indices)

    @property
    def batches_at_once(self) -> bool:
        return bool(getattr(self.dataset, "batches_at_once", False))

    def batch(self, indices: Sequence[int]) -> Any:
        return self.dataset.batch(indices)

    def set_epoch(self, epoch: int) -> None:
        self.dataset.set_epoch(0)
