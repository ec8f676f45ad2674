"""Loss, scores, penalties."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import lightning.pytorch as pl
import pytest
import torch
from torch import nn
from torch_geometric.data import Batch
from torchmetrics.functional.classification import multiclass_accuracy

from ccnn_pc.models import create_model
from ccnn_pc.nn import kernel_penalty
from ccnn_pc.training.objectives import classification_loss
from ccnn_pc.training.optim import adamw
from ccnn_pc.training.scores import RunningScores, mean_class_accuracy, overall_accuracy
from ccnn_pc.training.task import ClassificationTask


def test_smoothed_loss_is_the_cross_entropy_with_smoothed_targets() -> None:
    logits, target, s = torch.randn(7, 4, dtype=torch.float64), torch.tensor([0, 1, 2, 3, 0, 1, 2]), 0.2
    wanted = (1 - s) * nn.functional.one_hot(target, 4) + s / 4
    expected = -(wanted * logits.log_softmax(1)).sum(1).mean()
    assert torch.allclose(classification_loss(logits, target, s), expected)


def test_scores_agree_with_torchmetrics() -> None:
    logits, target = torch.randn(60, 5), torch.randint(0, 5, (60,))
    scores = RunningScores(5)
    for part in range(0, 60, 25):
        piece = slice(part, part + 25)
        scores.add(nn.functional.cross_entropy(logits[piece], target[piece]), logits[piece], target[piece])
    found = scores.results()
    assert found["loss"] == pytest.approx(float(nn.functional.cross_entropy(logits, target)), rel=1e-5)
    for key, average in (("accuracy", "micro"), ("mean_class_accuracy", "macro")):
        expected = multiclass_accuracy(logits, target, num_classes=5, average=average)  # type: ignore[arg-type]
        assert found[key] == pytest.approx(float(expected), abs=1e-6)


def test_scores_survive_a_checkpoint() -> None:
    first, second = RunningScores(2), RunningScores(2)
    first.add(torch.tensor(0.5), torch.eye(2), torch.tensor([0, 0]))
    second.load_state_dict(first.state_dict())
    for scores in (first, second):
        scores.add(torch.tensor(1.0), torch.eye(2), torch.tensor([0, 1]))
    assert first.results() == second.results() == {
        "loss": 0.75, "accuracy": 0.75, "mean_class_accuracy": pytest.approx((2 / 3 + 1) / 2)
    }  # fmt: skip


def test_accuracies_of_absent_classes() -> None:
    confusion = torch.tensor([[2, 2, 0], [0, 0, 0], [0, 0, 6]])
    assert overall_accuracy(confusion) == 0.8 and mean_class_accuracy(confusion) == 0.75


def clouds(count: int = 3) -> Batch:
    data = pytest.importorskip("torch_geometric.data").Data
    make = [data(x=torch.randn(20, 6), pos=torch.rand(20, 3), y=torch.tensor([i % 2])) for i in range(count)]
    return Batch.from_data_list(make)


def test_kernel_penalty_is_added_with_its_weight() -> None:
    batch = clouds()
    model = create_model("ccnn_4_16", dim=3, in_channels=6, out_channels=2, num_neighbors=5).eval()
    make = partial(ClassificationTask, model, 2, optimizer=adamw)
    plain = make().training_step(batch, 0)
    with kernel_penalty() as penalty:
        model(batch)
    assert float(penalty.total()) > 0
    weighted = make(kernel_penalty=0.5).training_step(batch, 0)
    assert torch.allclose(weighted, plain + 0.5 * penalty.total(), rtol=1e-5)


def test_aliasing_penalty_is_added_with_its_weight(network: Callable[..., nn.Module], blobs: Any) -> None:
    batch, model = Batch.from_data_list([blobs()[i] for i in range(4)]), network().eval()
    plain = ClassificationTask(model, 2, optimizer=adamw).training_step(batch, 0)
    task = ClassificationTask(
        model, 2, optimizer=adamw, aliasing_penalty=0.25, aliasing=lambda m, b: torch.tensor(8.0)
    )
    assert torch.allclose(task.training_step(batch, 0), plain + 2.0)
    with pytest.raises(ValueError, match="'aliasing' must be given"):
        ClassificationTask(model, 2, optimizer=adamw, aliasing_penalty=0.25)


@pytest.mark.parametrize("outputs", [1, 2])
def test_learns_two_classes_with_one_logit_or_two(
    outputs: int, network: Callable[..., nn.Module], blobs: Callable[..., Any], tmp_path: Any
) -> None:
    from ccnn_pc.training.data import Batches, ClassificationData, Validation

    open_blobs = partial(blobs, 160)
    data = ClassificationData(open_blobs, open_blobs, validation=Validation(0.25), batches=Batches(10))
    task = ClassificationTask(network(outputs), 2, optimizer=partial(adamw, lr=0.05), label_smoothing=0.05)
    trainer = pl.Trainer(
        max_epochs=30, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, default_root_dir=tmp_path, num_sanity_val_steps=0,
    )  # fmt: skip
    trainer.fit(task, datamodule=data)
    assert float(trainer.callback_metrics["val/accuracy"]) >= 0.8
    assert float(trainer.callback_metrics["train/accuracy"]) >= 0.8


class _Constant(nn.Module):
    """The same logits for every cloud: a model that sees nothing."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(outputs))

    def forward(self, batch: Any) -> torch.Tensor:
        return self.logits.expand(len(batch.y), -1)


@pytest.mark.parametrize(("outputs", "counts"), [(3, [6, 3, 1]), (2, [8, 2]), (1, [8, 2])])
def test_adjusted_logits_count_classes_equally(outputs: int, counts: list[int]) -> None:
    # a model that sees nothing should find all classes equally likely, however frequent they are: gradient 0 at 0
    batch = Batch(y=torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts)))
    gradients = {}
    for tau in (0.0, 1.0):
        model = _Constant(outputs)
        task = ClassificationTask(
            model, len(counts), optimizer=adamw, logit_adjustment=tau, class_counts=counts
        )
        task.training_step(batch, 0).backward()
        assert model.logits.grad is not None
        gradients[tau] = float(model.logits.grad.abs().max())
    assert gradients[1.0] < 1e-6 < 0.1 < gradients[0.0]


@pytest.mark.parametrize("counts", [None, [3], [3, 0]])
def test_adjustment_needs_counts(counts: list[int] | None, network: Callable[..., nn.Module]) -> None:
    with pytest.raises(ValueError, match="'class_counts' must hold a positive number for each of 2 classes"):
        ClassificationTask(network(), 2, optimizer=adamw, logit_adjustment=1.0, class_counts=counts)


@pytest.mark.parametrize(
    "change",
    [{"label_smoothing": 1.0}, {"kernel_penalty": -1.0}, {"logit_adjustment": -1.0}, {"num_classes": 1}],
)
def test_refuses(change: dict[str, Any], network: Callable[..., nn.Module]) -> None:
    with pytest.raises(ValueError, match=f"'{next(iter(change))}' must be"):
        ClassificationTask(network(), **({"num_classes": 2, "optimizer": adamw} | change))  # type: ignore[arg-type]
