"""Numbers of a file to rows of the classes and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ccnn_pc.datasets import ClassTable


@pytest.mark.parametrize("shift", [0, -5, 10**6])
@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.int64])
def test_rows_and_numbers(shift: int, kind: type) -> None:
    """Also of negative and of large numbers, which are no places of an array."""
    table = ClassTable({9 + shift: "b", 7 + shift: "a", 8 + shift: "b"}, ignored=(5 + shift,))
    values = np.array([7, 9, 8, 5, 7]) + shift
    if np.iinfo(kind).min <= values.min() and values.max() <= np.iinfo(kind).max:
        rows = table.rows(values.astype(kind))
        assert rows.tolist() == [1, 0, 0, -100, 1] and rows.dtype == np.int64
    assert table.numbers(np.array([0, 1])).tolist() == [9 + shift, 7 + shift]
    assert ClassTable.from_json(table.to_json()) == table


def test_all_that_is_known_comes_back() -> None:
    table = ClassTable({2: "ground", 1: "other"})
    numbers = np.random.default_rng(0).integers(1, 3, 100).astype(np.uint8)
    assert (table.numbers(table.rows(numbers)) == numbers).all()


@pytest.mark.parametrize("shift", [0, -10, 10**6])
def test_unknown_numbers_name_file_and_field(shift: int) -> None:
    table = ClassTable({2: "ground", 1: "other"}, ignored=(0,))
    with pytest.raises(ValueError, match=rf"'a.laz': field 'class' .* {9 + shift} \(2 points\).*ignores 0"):
        table.rows(np.array([1, 2, 9 + shift, 9 + shift]), source="a.laz", field="class")
    with pytest.raises(ValueError, match="must hold whole numbers"):
        table.rows(np.array([1.0]))
    for rows in ([2], [-1], [-100]):
        with pytest.raises(ValueError, match=r"'rows' must be whole numbers in \[0, 2\)"):
            table.numbers(np.array(rows))


@pytest.mark.parametrize(
    "names, ignored, message",
    [
        ({"1": "a", 1: "b", 2: "c"}, (), "each number once .got 1 as 'a' and 'b'"),
        ({1: "a", 2: "b"}, (2,), "not hold a number that has a name .got 2, which is 'b'"),
        ({1: "a", 2: "b"}, (3, "3"), "got 3 twice"),
        ({1: "a", 2: " "}, (), "give every number a name"),
        ({1: "a", 2: "a"}, (), "two classes or more"),
        ({}, (), "two classes or more .got none"),
        ({1.5: "a", 2: "b"}, (), "whole numbers .got 1.5"),
        ({"one": "a", 2: "b"}, (), "whole numbers .got 'one'"),
        (["a", "b"], (), "must map numbers"),
    ],
)
def test_tables_that_contradict_themselves(names: Any, ignored: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ClassTable(names, ignored)


def test_json_with_other_keys() -> None:
    with pytest.raises(ValueError, match="got names, colours"):
        ClassTable.from_json({"names": {"1": "a"}, "colours": []})
