"""Transforms of many items at once: far fewer calls than one by one, and the same numbers."""

from __future__ import annotations

import abc
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias, TypeGuard

import torch
from torch import Tensor

Generators: TypeAlias = Sequence["torch.Generator | None"]


class WorksOnMany(abc.ABC):
    """Mixin of transforms of many items at once: each gets the very numbers that it gets alone, in far fewer calls.

    Example:
        >>> from ccnn_pc.datasets import Jitter, PointCloudData
        >>> items = [PointCloudData(pos=torch.zeros(2, 3)) for _ in range(8)]
        >>> seeds = [torch.Generator().manual_seed(seed) for seed in range(8)]
        >>> together = Jitter().many(items, seeds)
        >>> alone = Jitter()(PointCloudData(pos=torch.zeros(2, 3)), torch.Generator().manual_seed(5))
        >>> torch.equal(together[5].pos, alone.pos)
        True
    """

    @abc.abstractmethod
    def many(self, items: Sequence[Any], generators: Generators) -> list[Any]:
        """The transformed items, each with its own generator; they may be changed in place, as in ``forward``."""

    def forward(self, data: Any, generator: torch.Generator | None = None) -> Any:
        """The transformed data."""
        return self.many([data], [generator])[0]


def works_on_many(transform: Any) -> TypeGuard[WorksOnMany]:
    """Whether ``many`` does what ``forward`` does: a subclass may have another ``forward``."""
    return isinstance(transform, WorksOnMany) and type(transform).forward is WorksOnMany.forward


def alike(items: Sequence[Any], generators: Generators, *keys: str) -> Iterator[tuple[list[Any], Generators]]:
    """Groups of items whose tensors ``keys`` can be stacked (or that all lack them), and their generators."""
    groups: dict[Any, list[int]] = {}
    for row, item in enumerate(items):
        values = [item.get(key) for key in keys]
        shapes = (
            (value.shape, value.dtype, value.device) if isinstance(value, Tensor) else type(value)
            for value in values
        )
        groups.setdefault(tuple(shapes), []).append(row)
    for rows in groups.values():
        yield [items[row] for row in rows], [generators[row] for row in rows]


def stacked(items: Sequence[Any], key: str) -> Tensor:
    """One tensor attribute of items of :func:`alike`, ``[B, ...]``."""
    return torch.stack([item[key] for item in items])


def assign(items: Sequence[Any], key: str, values: Tensor) -> None:
    """Each item gets its row of ``values [B, ...]``."""
    for item, value in zip(items, values.unbind(), strict=True):
        item[key] = value
