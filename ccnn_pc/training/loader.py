"""A data loader whose order and position can be stored and restored."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any, Protocol

import torch
from torch.utils.data import DataLoader, Dataset

from ccnn_pc._checks import check_at_least
from ccnn_pc.datasets.common.grid_data import collate


class EpochDataset(Protocol):
    """A sized data set whose random numbers follow from (seed, epoch, index)."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Any: ...

    def set_epoch(self, epoch: int, /) -> None: ...


class _AtEpoch(Dataset[Any]):
    """Items addressed by ``(epoch, index)``, so that worker processes know the epoch without being told."""

    def __init__(self, dataset: EpochDataset) -> None:
        self.dataset = dataset

    def __getitem__(self, key: tuple[int, int]) -> Any:
        epoch, index = key
        self.dataset.set_epoch(epoch)
        return self.dataset[index]

    def __getitems__(self, keys: list[tuple[int, int]]) -> list[Any]:
        self.dataset.set_epoch(keys[0][0])
        return items_of(self.dataset, [index for _, index in keys])


def items_of(dataset: Any, indices: Sequence[int]) -> list[Any]:
    """Items of a data set, at once where it makes them so."""
    at_once = getattr(dataset, "__getitems__", None)
    return [dataset[index] for index in indices] if at_once is None else at_once(indices)


class _WholeBatches(Dataset[Any]):
    """Batches addressed by a list of ``(epoch, index)``, of a data set that makes them at once."""

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset

    def __getitem__(self, keys: list[tuple[int, int]]) -> Any:
        self.dataset.set_epoch(keys[0][0])
        return self.dataset.batch([index for _, index in keys])


def _as_it_is(batch: Any) -> Any:
    return batch


def epoch_order(count: int, seed: int, epoch: int) -> list[int]:
    """Return the order of ``count`` items in one epoch: a permutation that is a function of (seed, epoch).

    Example:
        >>> epoch_order(5, seed=0, epoch=3) == epoch_order(5, seed=0, epoch=3)
        True
        >>> sorted(epoch_order(5, seed=0, epoch=3))
        [0, 1, 2, 3, 4]
    """
    generator = torch.Generator().manual_seed((seed * 1_000_003 + epoch) % (2**63))
    return torch.randperm(count, generator=generator).tolist()


class ResumableLoader:
    """Mini-batches of a data set, from any position of any epoch on.

    The batches of epoch e are a function of (seed, e); the loader holds no random state. ``state_dict`` says
    which batch comes next, so that a run which was killed goes on with the very batch it would have seen.
    Worker processes change the speed only.

    Args:
        dataset: items to batch; told the epoch of every item it is asked for.
        batch_size: items per batch.
        seed: seed of the order.
        shuffle: permute in every epoch (default) or keep the order.
        drop_last: leave out a last incomplete batch (default False).
        num_workers: worker processes (default 0: load in this process).
        share: (rank, world): of several processes that train together each takes every world-th batch; the first ones
            are handed out twice where there are too few for all (default: all batches).
        collate: list of items -> batch (default: :func:`ccnn_pc.datasets.collate`, or ``dataset.batch(indices)``
            where ``dataset.batches_at_once`` says that it gives the same).

    Raises:
        ValueError: if the sizes are below 1, or no batch is left.
    """

    def __init__(
        self,
        dataset: EpochDataset,
        batch_size: int,
        *,
        seed: int = 0,
        shuffle: bool = True,
        drop_last: bool = False,
        num_workers: int = 0,
        share: tuple[int, int] = (0, 1),
        collate: Callable[[Sequence[Any]], Any] = collate,
    ) -> None:
        check_at_least("batch_size", batch_size, 1)
        check_at_least("num_workers", num_workers, 0)
        self.dataset = dataset
        self.batch_size = batch_size
        self.seed = seed
        self.shuffle = shuffle
        self.drop_last = drop_last
        self.num_workers = num_workers
        self.rank, self.world = share
        self.collate = collate
        self.epoch = 0
        self._position = 0
        self._resumed = (-1, 0)  # epoch, and the batch in it that comes first
        if len(self) == 0:
            raise ValueError(
                f"'dataset' must fill at least one batch of {batch_size} (got {len(dataset)} items)"
            )

    @property
    def batch_sampler(self) -> SimpleNamespace:
        """Where Lightning looks for ``sampler.set_epoch``, which it calls before every epoch."""
        return SimpleNamespace(sampler=self)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order comes next."""
        self.epoch = epoch

    def batches(self) -> list[list[int]]:
        """Return the indices of every batch of the present epoch."""
        count = len(self.dataset)
        order = epoch_order(count, self.seed, self.epoch) if self.shuffle else list(range(count))
        found = [order[i : i + self.batch_size] for i in range(0, count, self.batch_size)]
        if self.drop_last and len(found[-1]) < self.batch_size:
            found.pop()
        return [found[(i * self.world + self.rank) % len(found)] for i in range(len(self))]

    def __len__(self) -> int:
        count = len(self.dataset)
        batches = count // self.batch_size if self.drop_last else -(-count // self.batch_size)
        return -(-batches // self.world)

    def __iter__(self) -> Iterator[Any]:
        resumed, self._resumed = self._resumed, (-1, 0)
        start = resumed[1] if resumed[0] == self.epoch else 0
        self._position = start
        keys = [[(self.epoch, index) for index in batch] for batch in self.batches()[start:]]
        at_once = self.collate == collate and getattr(self.dataset, "batches_at_once", False)
        choice: dict[str, Any] = (
            {
                "dataset": _WholeBatches(self.dataset),
                "sampler": keys,
                "batch_size": None,
                "collate_fn": _as_it_is,
            }
            if at_once
            else {"dataset": _AtEpoch(self.dataset), "batch_sampler": keys, "collate_fn": self.collate}
        )
        loader = DataLoader(
            num_workers=self.num_workers,
            generator=torch.Generator(),  # its own: iterating must not consume the global random numbers
            **choice,
        )
        for batch in loader:
            self._position += 1
            yield batch

    def state_dict(self) -> dict[str, int]:
        """Return how many batches of which epoch were handed out, and what the order depends on."""
        return {"epoch": self.epoch, "position": self._position, **self._identity()}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on at the stored batch when the stored epoch is run; other epochs are whole.

        Raises:
            ValueError: if the data set, the batch size or the seed is another one than that of the stored
                run.
        """
        for name, value in {**self._identity(), "devices": self.world}.items():
            before = state.get(name, 1 if name == "devices" else None)
            if before != value:
                raise ValueError(f"'{name}' must be {before} to resume this run in mid-epoch (got {value})")
        self._resumed = (state["epoch"], state["position"])

    def _identity(self) -> dict[str, int]:
        found = {"items": len(self.dataset), "batch_size": self.batch_size, "seed": self.seed}
        return found if self.world == 1 else {**found, "devices": self.world}
