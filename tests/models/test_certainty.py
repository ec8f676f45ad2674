"""Shares of right answers that are expected without labels."""

import json
import math
from pathlib import Path

import pytest
import torch

from ccnn_pc.models import Certainty, create_model, from_pretrained, save_pretrained
from ccnn_pc.models.shift.certainty import entropies


def answers(n: int, scale: float, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits of a calibrated classifier of three classes, and labels drawn from its probabilities."""
    generator = torch.Generator().manual_seed(seed)
    logits = scale * torch.randn(n, 3, generator=generator, dtype=torch.float64)
    return logits, torch.multinomial(logits.softmax(1), 1, generator=generator)[:, 0]


def test_validation_data_are_expected_to_be_what_they_are() -> None:
    logits, labels = answers(500, 3.0)
    certainty = Certainty.of(logits, labels)
    right = float((logits.argmax(1) == labels).double().mean())
    assert certainty.accuracy == certainty.expected(logits) == pytest.approx(right)


def test_all_right_or_all_wrong() -> None:
    logits = torch.tensor([[2.0, 0.0], [0.0, 1.0]])
    assert Certainty.of(logits, torch.tensor([0, 1])).expected(logits) == 1
    assert Certainty.of(logits, torch.tensor([1, 0])).expected(logits) == 0


def test_less_certain_answers_are_expected_to_be_right_less_often() -> None:
    """Of answers of a known shape: evidence for the right class that is as strong as ever, or weaker, or none."""

    def seen(strength: float, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
        generator = torch.Generator().manual_seed(seed)
        labels = torch.randint(3, (6000,), generator=generator)
        signal = strength * torch.nn.functional.one_hot(labels, 3) + torch.randn(6000, 3, generator=generator)
        return 2 * signal, labels

    certainty = Certainty.of(*seen(3.0, 0))
    found = []
    for strength in (3.0, 2.5, 2.0, 1.0, 0.0):
        logits, labels = seen(strength, 1)
        right = float((logits.argmax(1) == labels).double().mean())
        found.append((right, certainty.expected(logits)))
    assert found == sorted(found, reverse=True)
    for right, expected in found[:3]:  # of weak evidence it is too hopeful
        assert expected == pytest.approx(right, abs=0.015)


def test_entropies() -> None:
    assert entropies(torch.zeros(1, 4)).tolist() == pytest.approx([math.log(4)])
    one, two = torch.tensor([[1.5]]), torch.tensor([[0.0, 1.5]])
    assert entropies(one).tolist() == pytest.approx(entropies(two).tolist())


def test_what_chance_makes_is_no_difference() -> None:
    certainty = Certainty(0.95, 0.5, 400)
    assert (
        not certainty.differs(0.95, 1000)
        and not certainty.differs(0.90, 1000)
        and certainty.differs(0.80, 1000)
    )
    assert not certainty.differs(0.0, 19) and certainty.differs(0.0, 20) and not certainty.differs(0.0, 0)
    assert not Certainty(1.0, 0.5, 20).differs(0.9, 40)  # none of twenty was wrong: one of ten may be


def test_it_is_stored_with_the_model(tmp_path: Path) -> None:
    model = create_model("ccnn_4_16", in_channels=1, out_channels=2, dim=1, shape=[8])
    assert from_pretrained(save_pretrained(model, tmp_path / "none")).certainty is None
    model.certainty = Certainty.of(*answers(50, 1.0))
    folder = save_pretrained(model, tmp_path / "some")
    assert from_pretrained(folder).certainty == model.certainty
    description = json.loads((folder / "config.json").read_text())
    for wrong in ({"accuracy": 0.5}, {**description["certainty"], "accuracy": 1.5}):
        (folder / "config.json").write_text(json.dumps({**description, "certainty": wrong}))
        with pytest.raises(ValueError, match="accuracy"):
            from_pretrained(folder)
    model.set_head(model.num_features)
    assert model.certainty is None


def test_bad_answers() -> None:
    with pytest.raises(ValueError, match=r"'labels' must have as many rows"):
        Certainty.of(torch.zeros(3, 2), torch.zeros(2, dtype=torch.int64))
    with pytest.raises(ValueError, match=r"'items' must be at least 1"):
        Certainty.of(torch.zeros(0, 2), torch.zeros(0, dtype=torch.int64))
