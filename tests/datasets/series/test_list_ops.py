"""ListOps: values by an evaluator written otherwise, the grammar's distribution, the published layout."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ccnn_pc.datasets import ListOps
from ccnn_pc.datasets.series.list_ops_grammar import CLOSE, OPERATORS, Grammar, evaluate

NAMES = {
    "median": lambda values: int(np.median(values)),
    "modulo": lambda values: sum(values) % 10,
    "max": max,
    "min": min,
}


def by_python(tokens: list[str]) -> int:
    """An expression in Python's own words."""
    calls = {"[MAX": "max([", "[MIN": "min([", "[MED": "median([", "[SM": "modulo(["}
    written = [calls.get(token, "])," if token == CLOSE else f"{token},") for token in tokens]
    return int(eval("".join(written).rstrip(","), {"__builtins__": {}}, NAMES))


def expressions(count: int, grammar: Grammar, seed: int = 0) -> list[list[str]]:
    source = random.Random(seed)
    return [grammar.draw(source) for _ in range(count)]


def test_values_are_those_of_python() -> None:
    for tokens in expressions(1000, Grammar(8, 120)):
        assert evaluate(tokens) == by_python(tokens)


def test_expressions_have_the_wanted_length_and_depth() -> None:
    for tokens in expressions(100, Grammar(500, 2000)):
        assert 500 <= len(tokens) <= 2000
        depth = np.cumsum([(token in OPERATORS) - (token == CLOSE) for token in tokens])
        assert depth.max() <= 9 and depth[-1] == 0 and (depth[:-1] > 0).all()


def test_shares_are_those_of_the_grammar() -> None:
    """Of expressions that are not chosen by length: a quarter are operators, their arguments 2 to 10 alike."""
    found = expressions(20_000, Grammar(1, 2000, depth=3))
    roots = [tokens[0] in OPERATORS for tokens in found]
    assert abs(np.mean(roots) - 0.25) < 4 * (0.25 * 0.75 / 20_000) ** 0.5
    flat = [tokens for tokens in expressions(20_000, Grammar(1, 2000, depth=2)) if tokens[0] in OPERATORS]
    counts = np.bincount([len(tokens) - 2 for tokens in flat], minlength=11)[2:] / len(flat)
    assert np.abs(counts - 1 / 9).max() < 4 * (1 / 9 * 8 / 9 / len(flat)) ** 0.5
    kinds = np.array([[tokens[0] == operator for operator in OPERATORS] for tokens in flat]).mean(axis=0)
    assert np.abs(kinds - 0.25).max() < 4 * (0.25 * 0.75 / len(flat)) ** 0.5
    # digits are uniform, so the maximum of n digits is below 9 with probability 0.9 ** n
    largest = [tokens for tokens in flat if tokens[0] == "[MAX"]
    wanted = np.mean([0.9 ** (len(tokens) - 2) for tokens in largest])
    assert (
        abs(np.mean([evaluate(tokens) < 9 for tokens in largest]) - wanted) < 4 * (0.25 / len(largest)) ** 0.5
    )


def test_the_same_seed_draws_the_same_set_and_parts_are_drawn_apart(tmp_path: Path) -> None:
    options: dict[str, Any] = {
        "grammar": {"shortest": 5, "longest": 30},
        "length": 32,
        "count": 50,
        "cache": tmp_path,
    }
    first, again = (ListOps(split="train", **options).stored.values for _ in range(2))
    other = ListOps(split="val", **options).stored.values
    seeded = ListOps(split="train", task_seed=1, **options).stored.values
    assert np.array_equal(first, again)
    assert not np.array_equal(first[:100], other[:100]) and not np.array_equal(first[:100], seeded[:100])


@pytest.mark.parametrize("token", ["[SM", "]", "x"])
def test_what_is_no_expression_is_refused(token: str) -> None:
    with pytest.raises(ValueError, match="'tokens' must be"):
        evaluate(["[MAX", "1", "]", token])


ROWS = "Source\tTarget\n( ( [MAX 4 ) ] )\t4\n( ( ( [MIN 1 ) 4 ) ] )\t1\n"


def write_tables(folder: Path) -> Path:
    """Twelve short expressions in each part."""
    for split in ("train", "val", "test"):
        rows = [f"( ( [MAX {number % 10} ) ] )\t{number % 10}" for number in range(12)]
        (folder / f"basic_{split}.tsv").write_text("\n".join(["Source\tTarget", *rows]) + "\n")
    return folder


def test_the_published_layout(tmp_path: Path) -> None:
    folder = tmp_path / "listops-1000"
    folder.mkdir()
    for split in ("train", "val", "test"):
        (folder / f"basic_{split}.tsv").write_text(
            ROWS if split == "train" else ROWS.replace("MIN 1", "SM 9")
        )
    train, test = (
        ListOps(tmp_path, split, length=6, encoded=False, cache=tmp_path / "c") for split in ("train", "test")
    )
    assert train.vocabulary == ["<pad>", "<unk>", "<eos>", "4", "]", "1", "[MAX", "[MIN"]
    assert train[0].x.tolist() == [[[0, 0, 6, 3, 4, 2]]] and train.labels.tolist() == [4, 1]
    assert train[1].x.tolist() == [[[0, 7, 5, 3, 4, 2]]]
    assert test[1].x.tolist() == [[[0, 1, 1, 3, 4, 2]]]  # what training does not have is unknown
    cut = ListOps(tmp_path, length=3, encoded=False, cache=tmp_path / "c")
    assert cut[1].x.tolist() == [[[7, 5, 2]]]
    each = ListOps(tmp_path, length=6, cache=tmp_path / "c")[0].x
    assert each.shape == (1, 8, 6) and each.argmax(dim=1).tolist() == [[0, 0, 6, 3, 4, 2]]


def test_damaged_tables_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="without root expressions are drawn"):
        ListOps(tmp_path)
    (tmp_path / "basic_train.tsv").write_text(ROWS + "( [MAX 4 ] )\t12\n")
    with pytest.raises(ValueError, match="basic_train.tsv' line 4 must have an expression and a digit"):
        ListOps(tmp_path, cache=tmp_path / "c")
    (tmp_path / "basic_train.tsv").write_text("a\tb\n")
    with pytest.raises(ValueError, match="line 1 must name the columns Source and Target"):
        ListOps(tmp_path, cache=tmp_path / "c")
