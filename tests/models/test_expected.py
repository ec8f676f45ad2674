"""What the commands say of answers that are less certain than those to the validation data."""

import warnings
from typing import Any

import pytest
import torch

from ccnn_pc.models import Certainty, SamplingWarning, Task, create_model
from ccnn_pc.models.shift.expected import Expected

LOGITS = torch.tensor([[4.0, 0.0], [0.0, 4.0], [4.0, 0.0], [0.2, 0.0]]).repeat(25, 1)
LABELS = torch.tensor([0, 1, 0, 1]).repeat(25)


def model() -> Any:
    made = create_model("ccnn_4_16", in_channels=1, out_channels=2, dim=1, shape=[8])
    made.certainty = Certainty.of(LOGITS, LABELS)
    return made


def warned(expected: Expected, accuracy: float | None = None) -> list[str]:
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", SamplingWarning)
        expected.warn(accuracy)
    return [str(each.message) for each in said]


def test_answers_as_certain_as_ever_are_expected_to_be_as_good() -> None:
    expected = Expected(model())
    expected(None, LOGITS[:50])
    expected(None, LOGITS[50:])
    assert expected.share == 0.75 and not warned(expected) and not warned(expected, 0.7)
    assert expected.sentence() == (
        "about 75% of these 100 answers are likely to be right, by how certain they are (validation data: 75%)"
    )


def test_less_certain_answers_are_named_with_both_shares() -> None:
    expected = Expected(model())
    expected(None, LOGITS / 40)
    (text,) = warned(expected)
    assert "0% of 100 are likely to be right (75% on validation data)" in text
    (text,) = warned(expected, 0.9)
    assert "less certain" in text


def test_labels_that_do_not_agree_with_certain_answers_are_named() -> None:
    expected = Expected(model())
    expected(None, LOGITS)
    (text,) = warned(expected, 0.2)
    assert "labels of 'data' agree with 20% of 100 answers" in text and "75% on validation data" in text


def test_rows_of_predict_tell_the_same() -> None:
    chances = LOGITS.double().softmax(1).tolist()
    rows = [{"probabilities": {"a": a, "b": b}} for a, b in chances]
    assert Expected(model()).of_rows([*rows, {"error": "broken"}]).share == 0.75
    certain = [{"probabilities": {"a": 1.0, "b": 0.0}}]
    assert Expected(model()).of_rows(certain).share == 1


@pytest.mark.parametrize("change", ["unknown", "numbers", "features"])
def test_other_models_say_nothing(change: str) -> None:
    made = model()
    if change == "unknown":
        made.certainty = None
    elif change == "numbers":
        made.task = Task("regression")
    else:
        made = create_model("ccnn_4_16", in_channels=1, out_channels=0, dim=1, shape=[8])
    expected = Expected(made)
    expected(None, LOGITS)
    assert expected.share is None and expected.sentence() is None and not warned(expected)


def test_where_axes_explain_it_nothing_more_is_said() -> None:
    made = model()
    expected = Expected(made)
    expected(None, LOGITS / 40)
    made.warned |= {"axes"}  # while it was asked
    assert not warned(expected) and not warned(expected, 0.2)
