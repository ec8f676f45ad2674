"""Numbers that are answered far from all targets of a training, and targets in another unit than the answers."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from ccnn_pc.estimators import SeriesForecaster, SeriesRegressor
from ccnn_pc.models import Model, SamplingWarning, create_model, from_pretrained, save_pretrained
from ccnn_pc.models.shift.outside_answers import of_targets
from ccnn_pc.models.shift.trained_on import Spread
from ccnn_pc.models.task import Task

RANDOM = np.random.default_rng(0)
RATE = RANDOM.uniform(0.2, 0.6, 60)
X = np.sin(RATE[:, None] * np.arange(60) + RANDOM.uniform(0, 6, (60, 1)))
Y = 5000 + 1000 * RATE


def regressor() -> SeriesRegressor:
    return SeriesRegressor(random_state=0).fit(X[:40], Y[:40])


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda y: y / 1000, "0.001 times as large"),
        (lambda y: y - 5000, "shifted by -[45]"),
        (lambda y: 1.8 * (y - 5000) + 32, r"1.8\d* times the answer - 9"),
        (lambda y: -y, "-1 times as large"),
    ],
)
def test_targets_in_another_unit_are_named_with_what_makes_them_of_the_answers(wrong, said: str) -> None:  # type: ignore[no-untyped-def]
    model = regressor()
    assert model.score(X[40:], Y[40:]) > 0.95
    with pytest.warns(
        SamplingWarning, match=rf"follow the answers \(correlation -?[01]\.\d+\), but are {said}"
    ):
        assert model.score(X[40:], wrong(Y[40:])) < 0


def test_targets_that_follow_nothing_are_compared_with_those_of_the_training() -> None:
    there = [Spread(0.0, 1.0, 5.0, 9.0, 10.0)]
    answers = torch.linspace(1, 9, 20)[:, None]
    mixed = answers[torch.randperm(20, generator=torch.Generator().manual_seed(0))]
    assert of_targets(answers, mixed, there) is None  # bad answers, and no fault of the targets
    mixed[3] = -999.0
    said = of_targets(answers, mixed, there, ["height"])
    assert said is not None and "'height' is -999 in targets of 'data'" in said
    assert of_targets(1.8 * answers, answers, there) is None  # those of a training that was too short
    assert of_targets(answers[:3], 9 * answers[:3], there) is None


def test_some_kinds_of_item_alone_are_no_other_unit() -> None:
    there = [Spread(0.0, 1.0, 5.0, 9.0, 10.0)]
    small = torch.linspace(1, 3, 20)[:, None]
    for answers in (0.8 * small + 3, 1.7 * small):  # too near to the middle, too large
        assert of_targets(answers, small, there) is None
    whole = torch.linspace(1, 9, 20)[:, None]
    said = of_targets(whole, whole / 3.281, there)  # inside of all of training as well
    assert said is not None and "0.305 times as large" in said


@pytest.mark.parametrize("sign", [1, -1])
def test_far_is_farther_for_skewed_targets(sign: int) -> None:
    drawn = np.random.default_rng(0)
    for _ in range(100):
        train, test = (torch.from_numpy(sign * drawn.lognormal(size=size))[:, None] for size in (200, 200))
        there = [Spread.of(train)]
        test = test[test.abs() < 50][:, None]  # of one in ten thousand
        assert of_targets(torch.zeros_like(test), test, there) is None
        wrong = torch.cat([test, torch.tensor([[-999.0 * sign]])])
        said = of_targets(torch.zeros_like(wrong), wrong, there)
        assert said is not None and f"is {-999 * sign} in targets" in said


def test_numbers_are_written_as_people_read_them() -> None:
    there = [Spread(-1.732e-08, 1000.0, 5000.0, 11000.0, 12345.0)]
    said = of_targets(torch.zeros(1, 1), torch.full((1, 1), 1e9), there)
    assert said is not None
    assert said.startswith(
        "number 0 is 1000000000 in targets of 'data', and in training lay between 0 and 12340:"
    )


def test_targets_are_known_in_the_unit_of_the_answers() -> None:
    model = regressor()
    (known,) = model.network_.targets
    assert known.least == pytest.approx(Y[:40].min()) and known.most == pytest.approx(Y[:40].max())
    waves = SeriesForecaster(horizon=5, epochs=1, random_state=0).fit(20 + X)
    (known,) = waves.network_.targets
    assert 18.5 < known.least < 20 < known.most < 21.5


def answering(value: float) -> Model:
    model = create_model("ccnn_4_16", dim=1, in_channels=1, num_classes=1, shape=[32]).eval()
    with torch.no_grad():
        for parameter in model.head.parameters():
            parameter.zero_()
        model.head.linear.bias.fill_(value)
    model.targets = (Spread(0.0, 1.0, 5.0, 9.0, 10.0),)
    model.task = Task("regression")
    return model


def test_answers_far_from_all_targets_are_named_once(tmp_path: Path) -> None:
    x = torch.randn(4, 1, 32)
    save_pretrained(answering(-50.0), tmp_path / "model")
    for model in (answering(-50.0), from_pretrained(tmp_path / "model")):
        with pytest.warns(
            SamplingWarning, match="is answered with -50, and in training lay between 0 and 10"
        ):
            model(x)
        with warnings.catch_warnings():
            warnings.simplefilter("error", SamplingWarning)
            model(x)
    with warnings.catch_warnings():
        warnings.simplefilter("error", SamplingWarning)
        answering(15.0)(x)
        classes = answering(-50.0)
        classes.task = Task("classification")
        classes(x)
        normals = answering(-50.0)
        normals.task = Task("regression", error="normals")
        normals(x)
