"""Copy memory and the adding problem: synthetic tests of long memory, drawn on the spot."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from ccnn_pc._checks import check_at_least
from ccnn_pc._choices import choice
from ccnn_pc.datasets.common.seeding import seeded_generator
from ccnn_pc.datasets.common.splits import Split
from ccnn_pc.datasets.registry import register_dataset
from ccnn_pc.datasets.series.sequence_tasks import SequenceTask, one_hot


def _generator(split: Split | str, task_seed: int) -> torch.Generator:
    number = list(Split).index(choice("split", split, Split))
    return seeded_generator(check_at_least("task_seed", task_seed, 0), number)


@register_dataset("copy_memory", sample={"blank": 20, "count": 12})
class CopyMemory(SequenceTask):
    """Ten symbols, a long pause, then a cue: repeat the symbols (CKConv §5.1; Arjovsky et al. 2016).

    The input ``[L]``, L = blank + 2 · memory, is ``memory`` symbols of 1 to 8, ``blank - 1`` zeros, then ``memory + 1``
    times the cue 9; the target is 0 everywhere, the symbols in the last ``memory`` places.

    Args:
        split: TRAIN (10,000 sequences), VAL or TEST (1,000 each), drawn independently of each other.
        blank: T of the papers: 100, 200, 1000, 3000, 6000.
        memory: symbols to keep (default 10).
        count: another number of sequences.
        encoded: symbols as ten channels of 0 and 1, ``x [1, 10, L]`` (default), or as one channel of numbers
            ``[1, 1, L]``.
        task_seed: of the sequences.
        options: transform, pre_transform, seed: see :class:`LabelledDataset`.

    An item has ``y [1, L]``, int64; a batch ``[B, L]``. A model answers at every step: ``pool=None``.

    Example:
        >>> item = CopyMemory("test", blank=5, memory=2, count=1, encoded=False)[0]
        >>> item.x[0, 0, 2:].tolist(), item.y[0, :-2].tolist()
        ([0.0, 0.0, 0.0, 0.0, 9.0, 9.0, 9.0], [0, 0, 0, 0, 0, 0, 0])
        >>> bool((item.y[0, -2:] == item.x[0, 0, :2]).all())
        True
    """

    symbols = 10

    def __init__(
        self,
        split: Split | str = Split.TRAIN,
        *,
        blank: int = 1000,
        memory: int = 10,
        count: int | None = None,
        encoded: bool = True,
        task_seed: int = 0,
        **options: Any,
    ) -> None:
        usual = 10_000 if choice("split", split, Split) is Split.TRAIN else 1_000
        count = check_at_least("count", usual if count is None else count, 1)
        self.blank, self.memory = check_at_least("blank", blank, 1), check_at_least("memory", memory, 1)
        self.encoded = encoded
        generator = _generator(split, task_seed)
        self._kept = torch.randint(1, 9, (count, memory), generator=generator, dtype=torch.int8)
        super().__init__([str(symbol) for symbol in range(self.symbols)], count, **options)

    def raw(self, rows: np.ndarray) -> Tensor:
        kept = self._kept[torch.from_numpy(rows)].long()
        pause = kept.new_zeros(len(kept), self.blank - 1)
        symbols = torch.cat([kept, pause, kept.new_full((len(kept), self.memory + 1), 9)], dim=1)
        return one_hot(symbols, self.symbols) if self.encoded else symbols[:, None].float()

    def targets(self, rows: np.ndarray) -> Tensor:
        kept = self._kept[torch.from_numpy(rows)].long()
        return torch.cat([kept.new_zeros(len(kept), self.blank + self.memory), kept], dim=1)


@register_dataset("adding", sample={"length": 20, "count": 12})
class AddingProblem(SequenceTask):
    """Add the two marked numbers of a long sequence (CKConv §5.1; Hochreiter & Schmidhuber 1997).

    ``x [1, 2, L]``: numbers from U(0, 1), and marks: 1 at one place of each half, else 0. ``y [1, 1]``, float32: the
    sum of the two marked numbers. Always answering 1 has a mean squared error of 1/6.

    Args:
        split: TRAIN (50,000 sequences), VAL or TEST (1,000 each), drawn independently of each other.
        length: L: 200, 500, 1000, 3000, 6000 in the papers.
        count: another number of sequences.
        task_seed: of the sequences.
        options: transform, pre_transform, seed: see :class:`LabelledDataset`.

    Raises:
        ValueError: fewer than two samples.

    Example:
        >>> item = AddingProblem("test", length=6, count=1)[0]
        >>> torch.allclose((item.x[:, 0] * item.x[:, 1]).sum(1), item.y[0]), item.x[0, 1].sum().item()
        (True, 2.0)
    """

    def __init__(
        self,
        split: Split | str = Split.TRAIN,
        *,
        length: int = 200,
        count: int | None = None,
        task_seed: int = 0,
        **options: Any,
    ) -> None:
        usual = 50_000 if choice("split", split, Split) is Split.TRAIN else 1_000
        count = check_at_least("count", usual if count is None else count, 1)
        self.length = check_at_least("length", length, 2)
        # numbers of one sequence are drawn when it is asked for: 50 000 x 6000 of them would take 1.2 GB
        self._keys = (task_seed, list(Split).index(choice("split", split, Split)))
        check_at_least("task_seed", task_seed, 0)
        super().__init__(["sum"], count, **options)

    def raw(self, rows: np.ndarray) -> Tensor:
        x = torch.zeros(len(rows), 2, self.length)
        half = self.length // 2
        for place, row in enumerate(rows):
            generator = seeded_generator(*self._keys, int(row))
            x[place, 0] = torch.rand(self.length, generator=generator)
            first = torch.randint(half, (1,), generator=generator)
            second = half + torch.randint(self.length - half, (1,), generator=generator)
            x[place, 1, torch.cat([first, second])] = 1.0
        return x

    def targets(self, rows: np.ndarray) -> Tensor:
        return self.raw(rows).prod(dim=1).sum(dim=1, keepdim=True)
