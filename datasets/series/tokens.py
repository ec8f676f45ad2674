"""Sequences of tokens: numbers of a vocabulary, padded in front to one length."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ccnn_pc._checks import check_at_least
from ccnn_pc.datasets.common.cache import check_labels, check_stored
from ccnn_pc.datasets.common.grids import GridDataset
from ccnn_pc.datasets.series.sequence_tasks import one_hot

#: Begin every vocabulary: what stands in front of shorter sequences, what is rare, what ends a sequence.
PAD, UNKNOWN, END = "<pad>", "<unk>", "<eos>"
SPECIAL = (PAD, UNKNOWN, END)


def vocabulary_of(texts: Iterable[Sequence[str]], at_least: int = 1) -> list[str]:
    """The special tokens, then all that occur at least so often, the most frequent first, of equal ones by their names.

    Example:
        >>> vocabulary_of(["abba", "cab"], at_least=2)
        ['<pad>', '<unk>', '<eos>', 'a', 'b']
    """
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(text)
    kept = [token for token, count in counts.items() if count >= at_least]
    return [*SPECIAL, *sorted(kept, key=lambda token: (-counts[token], token))]


@dataclasses.dataclass
class TokenSequences:
    """Sequences one after the other, as numbers of a vocabulary; sequence i is ``values[offset[i]:offset[i + 1]]``.

    Attributes:
        values: uint16.
        offset: ``[n + 1]``, int64.
        label: ``[n]``, int64.
        classes: names of the classes.
        vocabulary: the tokens; the first three are special.
    """

    values: np.ndarray
    offset: np.ndarray
    label: np.ndarray
    classes: list[str]
    vocabulary: list[str]

    def __len__(self) -> int:
        return len(self.label)

    @classmethod
    def of(
        cls,
        texts: Sequence[Sequence[str]],
        labels: Sequence[int],
        classes: Sequence[str],
        vocabulary: Sequence[str],
    ) -> TokenSequences:
        """Tokens as numbers; those that the vocabulary does not have are unknown."""
        number = {token: place for place, token in enumerate(vocabulary)}
        unknown = number[UNKNOWN]
        values = [np.fromiter((number.get(t, unknown) for t in text), np.uint16, len(text)) for text in texts]
        offset = np.zeros(len(texts) + 1, dtype=np.int64)
        np.cumsum([len(each) for each in values], out=offset[1:])
        flat = np.concatenate(values) if values else np.zeros(0, np.uint16)
        return cls(flat, offset, np.asarray(labels, dtype=np.int64), list(classes), list(vocabulary))

    def save(self, folder: Path) -> None:
        """Write into an existing folder."""
        np.savez(folder / "tokens.npz", **dataclasses.asdict(self))

    @classmethod
    def load(cls, folder: Path) -> TokenSequences:
        """Read what :meth:`save` wrote.

        Raises:
            ValueError: the arrays do not fit together.
        """
        with np.load(Path(folder) / "tokens.npz") as stored:
            arrays: dict[str, Any] = {key: stored[key] for key in stored.files}
        for key in ("classes", "vocabulary"):
            arrays[key] = arrays[key].tolist()
        found = cls(**arrays)
        check_stored(found.offset, [found.values], [found.label])
        check_labels(found.label, found.classes)
        return found

    def padded(self, rows: np.ndarray, length: int) -> np.ndarray:
        """Sequences ``[len(rows), length]``, int64: cut behind ``length - 1`` tokens, ended, padded in front."""
        found = np.full((len(rows), length), SPECIAL.index(PAD), dtype=np.int64)
        for to, row in zip(found, rows, strict=True):
            first = int(self.offset[row])
            last = min(int(self.offset[row + 1]), first + length - 1)
            to[-1] = SPECIAL.index(END)
            to[length - 1 - (last - first) : length - 1] = self.values[first:last]
        return found


class TokenDataset(GridDataset):
    """Labelled sequences of tokens.

    Args:
        stored: the sequences.
        length: of an item; longer ones are cut.
        encoded: a channel of 0 and 1 for each token, ``x [1, V, length]``; False: their numbers as they are, one
            channel ``[1, 1, length]`` (CCNN's released code).
        options: transform, pre_transform, seed: see :class:`LabelledDataset`.
    """

    _what = "sequences"

    def __init__(self, stored: TokenSequences, *, length: int, encoded: bool, **options: Any) -> None:
        self.stored, self.encoded = stored, encoded
        self.length = check_at_least("length", length, 2)
        super().__init__(stored.classes, stored.label, **options)

    @property
    def vocabulary(self) -> list[str]:
        """The tokens, in the order of their numbers."""
        return self.stored.vocabulary

    @property
    def shape(self) -> tuple[int, int]:
        """Channels and length of an item, ``(C, L)``."""
        return (len(self.vocabulary) if self.encoded else 1, self.length)

    def raw(self, rows: np.ndarray) -> Tensor:
        tokens = torch.from_numpy(self.stored.padded(rows, self.length))
        return one_hot(tokens, len(self.vocabulary)) if self.encoded else tokens[:, None].float()
