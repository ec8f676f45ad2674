"""Objectives and their scores: two classes, steps of sequences, numbers."""

from __future__ import annotations

import math
from functools import partial
from types import SimpleNamespace
from typing import Any

import lightning.pytorch as pl
import pytest
import torch
from torch import Tensor, nn

from ccnn_pc.datasets import AddingProblem, CopyMemory
from ccnn_pc.datasets.series.character_text import IGNORED
from ccnn_pc.training.callbacks import Checkpoints
from ccnn_pc.training.data import Batches, ClassificationData
from ccnn_pc.training.objectives import Classification, Objective, Regression, StepClassification
from ccnn_pc.training.optim import adamw
from ccnn_pc.training.scores import BinaryScores, ErrorScores, RunningScores, StepScores
from ccnn_pc.training.task import SupervisedTask


def taken_in(objective: Objective, answers: Tensor, target: Tensor, *sizes: int) -> dict[str, float]:
    """Scores after batches of these sizes."""
    scores = objective.scores(training=False)
    for part in torch.arange(len(target)).split(list(sizes) or len(target)):
        scores.add(objective.loss(answers[part], target[part]), answers[part], target[part])
    assert scores.count() == len(target)
    return scores.results()


@pytest.mark.parametrize("outputs", [1, 2])
def test_area_is_the_share_of_pairs_in_order(outputs: int) -> None:
    target = torch.randint(0, 2, (60,))
    logit = torch.randint(-4, 5, (60,)).double() / 2  # with ties
    logit[:20] = logit[:20].clamp(0, 1)  # a batch that the metric would take for probabilities
    answers = logit[:, None] if outputs == 1 else torch.stack([torch.randn(60), torch.zeros(60)], 1).double()
    if outputs == 2:
        answers[:, 1] = answers[:, 0] + logit
        logit = answers[:, 1] - answers[:, 0]
    pairs = [(float(p), float(n)) for p in logit[target == 1] for n in logit[target == 0]]
    expected = sum(1.0 if p > n + 1e-9 else 0.5 if abs(p - n) < 1e-9 else 0.0 for p, n in pairs) / len(pairs)
    if outputs == 2:  # differences of rounded numbers: compare what is equal up to rounding
        answers = torch.stack([torch.zeros(60), (logit * 2).round() / 2], 1).double()
    assert taken_in(Classification(2), answers, target, 20, 25, 15)["auc"] == pytest.approx(
        expected, abs=1e-6
    )


def test_area_needs_both_classes_and_more_than_training() -> None:
    objective = Classification(2)
    assert "auc" not in taken_in(objective, torch.randn(4, 1), torch.zeros(4, dtype=torch.long))
    scores = objective.scores(training=True)
    scores.add(torch.tensor(0.0), torch.randn(2, 1), torch.tensor([0, 1]))
    assert "auc" not in scores.results()
    assert "auc" not in taken_in(Classification(3), torch.randn(4, 3), torch.tensor([0, 1, 0, 1]))


def test_areas_of_two_passes_are_apart() -> None:
    scores = Classification(2).scores(training=False)
    for sign in (1.0, -1.0):
        scores.reset()
        scores.add(torch.tensor(0.0), sign * torch.tensor([[-1.0], [1.0]]), torch.tensor([0, 1]))
        assert scores.results()["auc"] == (sign + 1) / 2
    assert not any("roc" in name for name in scores.state_dict())


def test_steps_without_target_are_left_out() -> None:
    answers, target = torch.randn(5, 4, 9), torch.randint(0, 4, (5, 9))
    target[torch.rand(5, 9) < 0.4] = IGNORED
    scored = [(b, t) for b in range(5) for t in range(9) if target[b, t] != IGNORED]
    logs = answers.log_softmax(1)
    loss = -sum(float(logs[b, target[b, t], t]) for b, t in scored) / len(scored)
    right = sum(int(answers[b, :, t].argmax()) == int(target[b, t]) for b, t in scored)
    found = taken_in(StepClassification(4, bits=True), answers, target, 2, 1, 2)
    assert found["loss"] == pytest.approx(loss, rel=1e-5)
    assert found["accuracy"] == pytest.approx(right / len(scored))
    assert found["bits_per_character"] == pytest.approx(loss / math.log(2), rel=1e-5)
    assert "bits_per_character" not in taken_in(StepClassification(4), answers, target)


def test_a_batch_without_any_target_counts_nothing() -> None:
    objective = StepClassification(3)
    answers = torch.randn(4, 3, requires_grad=True)
    loss = objective.loss(answers, torch.full((4,), -100))
    loss.backward()
    assert loss.item() == 0 and answers.grad is not None and answers.grad.count_nonzero() == 0


def test_copy_memory_is_trained_on_all_steps_and_judged_on_the_last() -> None:
    batch = CopyMemory("test", blank=20, count=6).batch(range(6))
    known = nn.functional.one_hot(batch.y, 10).transpose(1, 2) * 20.0
    known[:, :, -1] = 0.0  # a guess of class 0, which is no symbol
    objective = StepClassification(10, last=10)
    found = taken_in(objective, known, objective.target(batch), 4, 2)
    assert found["accuracy"] == pytest.approx(0.9) and found["loss"] == pytest.approx(
        math.log(10) / 40, rel=1e-3
    )
    silent = torch.zeros_like(known)
    silent[:, 0] = 20.0  # says nothing but the blank
    assert taken_in(objective, silent, batch.y)["accuracy"] == 0.0
    assert taken_in(StepClassification(10), silent, batch.y)["accuracy"] == pytest.approx(30 / 40)


def test_samples_of_ragged_series() -> None:
    answers, target = torch.randn(7, 3), torch.tensor([0, 1, 2, IGNORED, 0, 1, 2])
    kept = target != IGNORED
    expected = float(nn.functional.cross_entropy(answers[kept], target[kept]))
    assert taken_in(StepClassification(3), answers, target, 3, 4)["loss"] == pytest.approx(expected, rel=1e-6)


def test_squared_error_of_uneven_batches() -> None:
    answers, target = torch.randn(7, 2), torch.randn(7, 2)
    found = taken_in(Regression(2), answers, target, 4, 3)
    assert found["mse"] == pytest.approx(float((answers - target).square().mean()), rel=1e-6)
    assert found["loss"] == pytest.approx(found["mse"], rel=1e-6)


@pytest.mark.parametrize(
    ("objective", "answers", "message"),
    [
        (Regression(1), (4,), "the shape of the targets"),
        (Regression(1), (4, 2), "the shape of the targets"),
        (StepClassification(3), (4, 3), "give it pool=None"),
        (StepClassification(3), (4, 2, 5), "give it pool=None"),
        (Classification(3), (4, 3, 5), "give it a pool"),
        (Classification(3), (5, 3), "must answer once per item"),
        (Classification(3), (4, 1), "a logit for each of the 3 classes, or one for two of them"),
        (Classification(2), (4, 3), "a logit for each of the 2 classes"),
    ],
)
def test_answers_of_another_shape_are_refused(
    objective: Objective, answers: tuple[int, ...], message: str
) -> None:
    targets = {
        Regression: torch.zeros(4, 1),
        StepClassification: torch.zeros(4, 5, dtype=torch.long),
        Classification: torch.zeros(4, dtype=torch.long),
    }
    with pytest.raises(ValueError, match=message):
        objective.training_loss(torch.randn(answers), targets[type(objective)])


@pytest.mark.parametrize(
    ("make", "answers", "target"),
    [
        (partial(StepClassification, 3, bits=True), torch.randn(4, 3, 5), torch.randint(0, 3, (4, 5))),
        (partial(Regression, 1), torch.randn(4, 1), torch.randn(4, 1)),
    ],
)
def test_scores_survive_a_checkpoint(make: Any, answers: Tensor, target: Tensor) -> None:
    objective = make()
    first, second = (objective.scores(training=True) for _ in range(2))
    first.add(objective.loss(answers[:3], target[:3]), answers[:3], target[:3])
    second.load_state_dict(first.state_dict())
    for scores in (first, second):
        scores.add(objective.loss(answers[3:], target[3:]), answers[3:], target[3:])
    assert (
        first.results() == second.results() == pytest.approx(taken_in(objective, answers, target), rel=1e-6)
    )
    assert second.count() == 4


@pytest.mark.parametrize(("monitor", "best"), [("val/mse", 1), ("val/auc", 2), ("val/bits_per_character", 1)])
def test_best_epoch_follows_the_direction_of_the_score(monitor: str, best: int, tmp_path: Any) -> None:
    keep = Checkpoints(tmp_path, monitor=monitor)
    trainer: Any = SimpleNamespace(
        sanity_checking=False,
        global_step=0,
        is_global_zero=True,
        save_checkpoint=lambda path: path.touch(),
    )
    module: Any = None
    for epoch, score in enumerate([0.5, 0.2, 0.9, 0.2]):
        trainer.current_epoch, trainer.callback_metrics = epoch, {monitor: torch.tensor(score)}
        keep.on_validation_end(trainer, module)
        keep.on_train_epoch_end(trainer, module)
    assert keep.best_epoch == best
    trainer.callback_metrics = {"val/loss": torch.tensor(1.0), "lr": torch.tensor(1.0)}
    keep.on_validation_end(trainer, module)
    with pytest.raises(ValueError, match=rf"'monitor' must be .*\['val/loss'\] \(got '{monitor}'\)"):
        keep.on_train_epoch_end(trainer, module)


@pytest.mark.parametrize(
    "scores", [RunningScores(2), BinaryScores(), StepScores(2, None, -1, True), ErrorScores()]
)
def test_a_monitor_that_there_is_not_is_said_before_training(scores: Any, tmp_path: Any) -> None:
    trainer: Any = SimpleNamespace(is_global_zero=True)
    module: Any = SimpleNamespace(eval_scores=scores)
    assert set(scores.results()) <= set(scores.names)
    for name in scores.names:
        Checkpoints(tmp_path, monitor=f"val/{name}").setup(trainer, module, "fit")
    with pytest.raises(ValueError, match=r"'monitor' must be a score .*'val/loss'.* \(got 'val/foo'\)"):
        Checkpoints(tmp_path / "new", monitor="val/foo").setup(trainer, module, "fit")
    assert not (tmp_path / "new").exists()


class _Linear(nn.Module):
    """The same linear map at every step, or its sum over steps of the product of the channels."""

    def __init__(self, inputs: int, outputs: int, steps: bool) -> None:
        super().__init__()
        self.steps, self.map = steps, nn.Conv1d(inputs if steps else 1, outputs, 1)

    def forward(self, batch: Any) -> Tensor:
        if self.steps:
            return self.map(batch.x)  # type: ignore[no-any-return]
        return self.map(batch.x.prod(dim=1, keepdim=True).sum(-1, keepdim=True))[..., 0]  # type: ignore[no-any-return]


@pytest.mark.parametrize("kind", ["steps", "numbers"])
def test_learns(kind: str, tmp_path: Any) -> None:
    """What a linear map can know: to be silent until the cue; the sum, given the products."""
    steps = kind == "steps"
    make: Any = partial(CopyMemory, blank=10) if steps else partial(AddingProblem, length=10)
    data = ClassificationData(
        partial(make, "train", count=100),
        partial(make, "test", count=20),
        val=partial(make, "val", count=20),
        batches=Batches(20),
    )
    objective: Any = StepClassification if steps else Regression
    network = _Linear(10 if steps else 2, 10 if steps else 1, steps)
    task = SupervisedTask(network, 10 if steps else 1, objective=objective, optimizer=partial(adamw, lr=0.1))
    trainer = pl.Trainer(
        max_epochs=40, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, default_root_dir=tmp_path, num_sanity_val_steps=0,
    )  # fmt: skip
    trainer.fit(task, datamodule=data)
    trainer.test(task, datamodule=data, verbose=False)
    found = task.eval_scores.results()
    assert task.eval_scores.count() == 20
    if steps:  # 19 steps are silent; the 11 of the cue look alike: one silent, ten with one of eight symbols
        guess = math.log(11) / 11 + 10 / 11 * math.log(88 / 10)
        assert found["accuracy"] >= 19 / 30 and found["loss"] == pytest.approx(11 / 30 * guess, rel=0.1)
    else:
        assert found["mse"] < 1e-3 and float(trainer.callback_metrics["test/mse"]) < 1e-3
