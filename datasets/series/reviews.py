"""Film reviews character by character: the task "Text" of Long Range Arena."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ccnn_pc._choices import choice
from ccnn_pc.datasets.common.cache import cached, fingerprint
from ccnn_pc.datasets.common.splits import Split
from ccnn_pc.datasets.registry import is_found, register_dataset
from ccnn_pc.datasets.series.tokens import SPECIAL, TokenDataset, TokenSequences, vocabulary_of

CLASSES = ["neg", "pos"]
#: Characters that occur less often in the training part are unknown.
AT_LEAST = 15


@register_dataset("reviews", recognises=lambda path: is_found(find_reviews, path), own_validation=False)
class Reviews(TokenDataset):
    """Whether a film review is favourable, character by character (Maas et al. 2011; Tay et al. 2021).

    Read at ``root`` (or in its folder ``aclImdb``): ``{train,test}/{pos,neg}/*.txt``, in the order of their names.
    Characters are numbered by their frequency in the training part, behind three special tokens; those that occur less
    than 15 times there are unknown. Or the ``vocabulary`` is given.

    Args:
        root: folder.
        split: TRAIN or TEST (25,000 each).
        length: of an item, with padding in front and an end (default 4096).
        encoded: see :class:`~ccnn_pc.datasets.series.tokens.TokenDataset`.
        vocabulary: characters that are known, in their order; None: those of the training part.
        cache: folder of processed data; None: the usual one.
        options: transform, pre_transform, seed: see :class:`LabelledDataset`.

    Raises:
        FileNotFoundError: no such files.
        ValueError: a review that is not UTF-8; a split that there is not.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        split: Split | str = Split.TRAIN,
        *,
        length: int = 4096,
        encoded: bool = True,
        vocabulary: str | None = None,
        cache: str | os.PathLike[str] | None = None,
        **options: Any,
    ) -> None:
        part = choice("split", split, Split)
        if part is Split.VAL:
            raise ValueError(
                "'split' must be train or test: reviews have no validation part of their own (got val)"
            )
        training = find_reviews(root, Split.TRAIN)
        files = training if part is Split.TRAIN else find_reviews(root, part)
        settings = {
            "version": 1, "source": fingerprint([*training, *files]), "part": part.value, "vocabulary": vocabulary,
        }  # fmt: skip
        known = None if vocabulary is None else [*SPECIAL, *dict.fromkeys(vocabulary)]
        stored = cached(cache, "reviews", settings, lambda: read(files, training, known), TokenSequences.load)
        super().__init__(stored, length=length, encoded=encoded, **options)


def find_reviews(root: str | os.PathLike[str], split: Split = Split.TRAIN) -> list[Path]:
    """The reviews of a part, unfavourable ones first, by name.

    Raises:
        FileNotFoundError: there are none of one class.
    """
    for folder in (Path(root), Path(root) / "aclImdb"):
        found = [sorted((folder / split.value / name).glob("*.txt")) for name in CLASSES]
        if all(found):
            return [path for each in found for path in each if not path.name.startswith(".")]
    raise FileNotFoundError(
        f"'root' must be a folder with train/pos, train/neg, test/pos and test/neg of reviews (*.txt), as aclImdb has "
        f"(got '{root}')"
    )


def read(files: list[Path], training: list[Path], vocabulary: list[str] | None = None) -> TokenSequences:
    """The reviews of some files; without a vocabulary characters are numbered by those of the training part."""
    texts = [_text(path) for path in files]
    if vocabulary is None:
        vocabulary = vocabulary_of(texts if files == training else map(_text, training), AT_LEAST)
    return TokenSequences.of(texts, [CLASSES.index(path.parent.name) for path in files], CLASSES, vocabulary)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"'{path}' must be text in UTF-8 ({error})") from error
