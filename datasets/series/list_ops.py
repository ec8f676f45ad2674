"""ListOps of Long Range Arena: its files, or expressions of its grammar that are drawn on the spot."""

from __future__ import annotations

import csv
import os
import random
from pathlib import Path
from typing import Any

from ccnn_pc._checks import check_at_least
from ccnn_pc._choices import choice
from ccnn_pc.datasets.common.cache import cached, fingerprint
from ccnn_pc.datasets.common.seeding import seeded_generator
from ccnn_pc.datasets.common.splits import Split
from ccnn_pc.datasets.registry import register_dataset
from ccnn_pc.datasets.series.list_ops_grammar import CLOSE, DIGITS, OPERATORS, Grammar, evaluate
from ccnn_pc.datasets.series.tokens import SPECIAL, TokenDataset, TokenSequences, vocabulary_of

#: Of the published set.
COUNTS = {Split.TRAIN: 96_000, Split.VAL: 2_000, Split.TEST: 2_000}
#: What drawn expressions are made of, in an order that does not depend on what was drawn.
VOCABULARY = [*SPECIAL, *DIGITS, *OPERATORS, CLOSE]
_PARENTHESES = ("(", ")")


@register_dataset(
    "list_ops", recognises=lambda path: any(_table_of(path, split) is not None for split in Split)
)
class ListOps(TokenDataset):
    """The value, 0 to 9, of nested lists of digits under MAX, MIN, MED and SM (sum modulo 10).

    Read at ``root`` (or in its folder ``listops-1000``): ``basic_{train,val,test}.tsv`` with
    the columns Source and Target. Parentheses, which say nothing, are left out; tokens are numbered by how often they
    occur in the training part, behind three special ones. Without ``root`` expressions are drawn
    (:class:`~ccnn_pc.datasets.series.list_ops_grammar.Grammar`), another for each part and ``task_seed``.

    Args:
        root: folder; None: drawn.
        split: TRAIN (96,000 of the published set), VAL or TEST (2,000 each).
        length: of an item, with padding in front and an end (default 2048).
        encoded: see :class:`~ccnn_pc.datasets.series.tokens.TokenDataset`.
        grammar: of drawn expressions, or its fields; None: the published one.
        count: of drawn expressions; None: as many as are published.
        task_seed: of drawn expressions.
        cache: folder of processed data; None: the usual one.
        options: transform, pre_transform, seed: see :class:`LabelledDataset`.

    Raises:
        FileNotFoundError: no such files.
        ValueError: a damaged file, or numbers out of range.

    Example:
        >>> few = ListOps(split="test", grammar={"shortest": 3, "longest": 9}, length=10, count=2)
        >>> few[0].x.shape, [few.vocabulary[int(number)] for number in few.stored.values[:3]]
        (torch.Size([1, 18, 10]), ['[MAX', '4', '6'])
    """

    def __init__(
        self,
        root: str | os.PathLike[str] | None = None,
        split: Split | str = Split.TRAIN,
        *,
        length: int = 2048,
        encoded: bool = True,
        grammar: Grammar | dict[str, int] | None = None,
        count: int | None = None,
        task_seed: int = 0,
        cache: str | os.PathLike[str] | None = None,
        **options: Any,
    ) -> None:
        part = choice("split", split, Split)
        if root is None:
            form = grammar if isinstance(grammar, Grammar) else Grammar(**(grammar or {}))
            number = check_at_least("count", COUNTS[part] if count is None else count, 1)
            check_at_least("task_seed", task_seed, 0)
            settings = {
                "version": 1,
                "grammar": str(form),
                "count": number,
                "seed": task_seed,
                "part": part.value,
            }
            stored = cached(
                cache, "list_ops", settings, lambda: drawn(form, number, part, task_seed), TokenSequences.load
            )
        else:
            if grammar is not None or count is not None:
                raise ValueError(
                    "'grammar' and 'count' must be None for expressions that are read from files"
                )
            tables = {each: _table_of(Path(root), each) for each in Split}
            path, training = tables[part], tables[Split.TRAIN]
            if path is None or training is None:
                raise FileNotFoundError(
                    f"'root' must be a folder with basic_train.tsv and basic_{part.value}.tsv of ListOps "
                    f"(got '{root}'); without root expressions are drawn"
                )
            settings = {"version": 1, "source": fingerprint([training, path]), "part": part.value}
            stored = cached(cache, "list_ops", settings, lambda: read(path, training), TokenSequences.load)
        super().__init__(stored, length=length, encoded=encoded, **options)


def drawn(grammar: Grammar, count: int, split: Split, task_seed: int) -> TokenSequences:
    """Expressions and their values."""
    seed = seeded_generator(task_seed, list(Split).index(split)).initial_seed()
    source = random.Random(seed)
    texts = [grammar.draw(source) for _ in range(count)]
    return TokenSequences.of(texts, [evaluate(text) for text in texts], DIGITS, VOCABULARY)


def read(path: Path, training: Path) -> TokenSequences:
    """The expressions of one table; tokens are numbered by those of the training part.

    Raises:
        ValueError: a table that is damaged; the message names file and line.
    """
    texts, labels = _rows(path)
    trained = texts if path == training else _rows(training)[0]
    return TokenSequences.of(texts, labels, DIGITS, vocabulary_of(trained))


def _rows(path: Path) -> tuple[list[list[str]], list[int]]:
    texts, labels = [], []
    with path.open(newline="", encoding="utf-8") as lines:
        rows = csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        if next(rows, None) != ["Source", "Target"]:
            raise ValueError(f"'{path}' line 1 must name the columns Source and Target")
        for row in rows:
            if len(row) != 2 or row[1] not in DIGITS:
                raise ValueError(
                    f"'{path}' line {rows.line_num} must have an expression and a digit (got {row[-1:]!r})"
                )
            texts.append([token for token in row[0].split() if token not in _PARENTHESES])
            labels.append(int(row[1]))
    if not texts:
        raise ValueError(f"'{path}' must hold expressions (got none)")
    return texts, labels


def _table_of(root: Path, split: Split) -> Path | None:
    """The table of a part, if it is there."""
    for folder in (root, root / "listops-1000"):
        path = folder / f"basic_{split.value}.tsv"
        if path.is_file():
            return path
    return None
