"""What counts as a number in a text: decimal numerals, whatever else Python would read."""

from __future__ import annotations

import pytest

from ccnn_pc.datasets.formats.numerals import number_in, numbers_in

NUMBERS = {"0": 0.0, "+1": 1.0, "-1.5e3": -1500.0, ".5": 0.5, "2.": 2.0, "1E-2": 0.01, "3e38": 3e38}
NONE = [
    "2019_11",
    "1_5",
    "١",
    "infinity",
    "inf",
    "-inf",
    "0x1",
    "1e39",
    "1d5",
    "",
    " ",
    "1 2",
    "1,5",
    "NaN1",
    "1e",
    "e5",
]


def test_numerals() -> None:
    assert {text: number_in(text) for text in NUMBERS} == NUMBERS
    assert numbers_in(list(NUMBERS)).tolist() == list(NUMBERS.values()) and numbers_in([]).shape == (0,)
    assert all(str(number_in(text)) == "nan" for text in ("nan", "NaN", "NAN"))


@pytest.mark.parametrize("text", NONE)
def test_what_is_no_numeral(text: str) -> None:
    with pytest.raises(ValueError, match="number") as one:
        number_in(text)
    with pytest.raises(ValueError, match="number") as many:
        numbers_in(["1", text, "x"])
    assert str(one.value) == str(many.value) and repr(text) in str(one.value)
