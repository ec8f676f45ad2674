"""Text character by character: Penn Treebank, or any plain text files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ccnn_pc._checks import check_at_least
from ccnn_pc._choices import choice
from ccnn_pc.datasets.common.splits import Split
from ccnn_pc.datasets.registry import register_dataset
from ccnn_pc.datasets.series.sequence_tasks import SequenceTask, one_hot

_PTB = {Split.TRAIN: "train", Split.VAL: "valid", Split.TEST: "test"}
#: Target of a step that is not scored: what ``torch.nn.functional.cross_entropy`` ignores by default.
IGNORED = -100


@register_dataset("character_text", recognises=lambda path: (path / "ptb.train.txt").is_file())
class CharacterText(SequenceTask):
    """Windows of a text; the target of a step is the next character (Bai et al. 2018; CKConv §5.1).

    Read at ``root``: ``ptb.{train,valid,test}.txt`` or ``ptb.char.*``, ``{train,valid,test}.txt``; or one text file,
    whose first 90 % train and whose last 5 % test. Characters count over all parts.

    A window starts ``scored`` characters after the one before it and has ``length`` characters, the last ``scored`` of
    which are scored (their context is at least ``length - scored`` characters long). The text is cut into ``streams``
    pieces of equal length; items go through all of them in turn, so that batches in order of size ``streams`` are those
    of the published experiments.

    Args:
        root: folder, or a text file.
        split: TRAIN, VAL or TEST.
        length: characters of a window (default 400).
        scored: steps of it with a target (default 320).
        streams: pieces of the text (default 1).
        encoded: one channel of 0 and 1 per character, ``x [1, V, L]`` (default), or their numbers ``[1, 1, L]``.
        options: transform, pre_transform, seed: see :class:`LabelledDataset`.

    An item has ``y [1, L]``, int64, -100 where nothing is scored. Bits per character = cross entropy / ln 2.

    Raises:
        FileNotFoundError: no such files.
        ValueError: a text shorter than one window, or one that is not UTF-8.
    """

    _what = "windows"

    def __init__(
        self,
        root: str | os.PathLike[str],
        split: Split | str = Split.TRAIN,
        *,
        length: int = 400,
        scored: int = 320,
        streams: int = 1,
        encoded: bool = True,
        **options: Any,
    ) -> None:
        self.length = check_at_least("length", length, 1)
        self.scored, self.streams = check_at_least("scored", scored, 1), check_at_least("streams", streams, 1)
        if scored > length:
            raise ValueError(f"'scored' must be at most 'length' ({length}; got {scored})")
        self.encoded = encoded
        split, texts = choice("split", split, Split), read_texts(root)
        points = np.unique(np.concatenate(list(texts.values())))
        symbols = np.searchsorted(points, texts[split])
        each = len(symbols) // self.streams
        windows = (each - 1 - length) // scored + 1 if each > length else 0
        if windows < 1:
            raise ValueError(
                f"'{root}' must have at least {self.streams * (length + 1)} characters in its part "
                f"'{split.value}' (got {len(symbols)}): give a smaller 'length' or 'streams'"
            )
        self._text = torch.from_numpy(
            symbols[: each * self.streams].reshape(self.streams, each).astype(np.int32)
        )
        super().__init__([chr(point) for point in points], windows * self.streams, **options)

    def _windows(self, rows: np.ndarray, ahead: int) -> Tensor:
        window, stream = (torch.from_numpy(part) for part in np.divmod(rows, self.streams))
        steps = (window * self.scored)[:, None] + torch.arange(ahead, ahead + self.length)
        return self._text[stream[:, None], steps].long()

    def raw(self, rows: np.ndarray) -> Tensor:
        symbols = self._windows(rows, 0)
        return one_hot(symbols, len(self.classes)) if self.encoded else symbols[:, None].float()

    def targets(self, rows: np.ndarray) -> Tensor:
        following = self._windows(rows, 1)
        following[:, : self.length - self.scored] = IGNORED
        return following


def read_texts(root: str | os.PathLike[str]) -> dict[Split, np.ndarray]:
    """Code points of each part, int32.

    Raises:
        FileNotFoundError: no such files.
        ValueError: a file that is not UTF-8, or empty.
    """
    root = Path(root)
    if root.is_file():
        points = _points(root)
        cuts = [int(0.9 * len(points)), int(0.95 * len(points))]
        return dict(zip(Split, np.split(points, cuts), strict=True))
    for pattern in ("ptb.{}.txt", "ptb.char.{}.txt", "{}.txt"):
        paths = {split: root / pattern.format(name) for split, name in _PTB.items()}
        if all(path.is_file() for path in paths.values()):
            return {split: _points(path) for split, path in paths.items()}
    raise FileNotFoundError(
        f"'root' must be a text file, or a folder with ptb.train.txt, ptb.valid.txt and ptb.test.txt "
        f"(found none at '{root}')"
    )


def _points(path: Path) -> np.ndarray:
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"'{path}' must be text in UTF-8 ({error})") from error
    if not text:
        raise ValueError(f"'{path}' is empty (0 bytes)")
    return np.frombuffer(text.encode("utf-32-le"), dtype=np.int32)
