"""Mixup and cutmix: what items become, what the loss is, and what cannot be mixed; weights of classes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from ccnn_pc.datasets import GridData, SeriesData, collate
from ccnn_pc.training.mixing import Mixing
from ccnn_pc.training.objectives import Classification, classification_loss
from ccnn_pc.training.task import ClassificationTask


def batch(count: int = 6, size: int = 20) -> Any:
    items = [
        GridData(x=torch.full((1, 1, size, size), float(n)), y=torch.tensor([n % 2])) for n in range(count)
    ]
    return collate(items)


def test_mixup_is_a_weighted_sum() -> None:
    torch.manual_seed(0)
    given = batch()
    mixed = Mixing(mixup=0.4)(given)
    wanted = mixed.share * given.x + (1 - mixed.share) * given.x[mixed.order]
    assert torch.allclose(mixed.batch.x, wanted) and 0 <= mixed.share <= 1
    assert torch.equal(given.x, batch().x) and torch.equal(mixed.batch.y, given.y)


def test_cutmix_keeps_its_share_of_the_samples() -> None:
    torch.manual_seed(1)
    for _ in range(5):
        given = batch()
        mixed = Mixing(cutmix=1.0)(given)
        own = mixed.batch.x == given.x
        moved = mixed.order != torch.arange(6)
        assert own[moved].float().mean().item() == pytest.approx(mixed.share, abs=1e-6)
        assert bool((mixed.batch.x[~own] == given.x[mixed.order].expand_as(own)[~own]).all())


def test_the_loss_is_that_of_both_labels_in_their_shares(monkeypatch: pytest.MonkeyPatch) -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(400, 2))
    task = ClassificationTask(
        SimpleNamespaceModel(model),
        2,
        mixup=1.0,
        optimizer=lambda each: torch.optim.SGD(each.parameters(), 0.1),
    )
    given = batch()
    torch.manual_seed(3)
    loss = task.training_step(given, 0)
    torch.manual_seed(3)
    mixed = Mixing(mixup=1.0)(given)
    answers = model(mixed.batch.x)
    losses = [classification_loss(answers, y) for y in (given.y, given.y[mixed.order])]
    assert torch.allclose(loss, mixed.share * losses[0] + (1 - mixed.share) * losses[1])
    assert not Mixing() and bool(Mixing(cutmix=0.1))


class SimpleNamespaceModel(nn.Module):
    """A network that reads batches."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, given: Any) -> torch.Tensor:
        answers: torch.Tensor = self.inner(given.x)
        return answers


def test_what_cannot_be_mixed_is_named() -> None:
    series = [SeriesData(times=torch.arange(3.0), x=torch.zeros(3, 1), y=torch.tensor([0])) for _ in range(2)]
    with pytest.raises(ValueError, match="'mixup' and 'cutmix' must be 0 for items that are no arrays"):
        Mixing(mixup=0.2)(collate(series))
    with pytest.raises(ValueError, match="'mixup' must be"):
        Mixing(mixup=-1)


def test_weights_of_classes_count_in_training_alone() -> None:
    logits, target = torch.tensor([[2.0, 0.0], [0.5, 0.0], [0.0, 1.0]]), torch.tensor([0, 0, 1])
    plain, weighted = (Classification(2, class_counts=[30, 10], class_weights=w) for w in (None, "inverse"))
    assert weighted.class_weights is not None
    each = torch.stack([classification_loss(logits[n : n + 1], target[n : n + 1]) for n in range(3)])
    count = weighted.class_weights[target]
    assert torch.allclose(weighted.training_loss(logits, target), (count * each).sum() / count.sum())
    assert count[2] == pytest.approx(3 * float(count[0]))
    assert torch.equal(weighted.loss(logits, target), plain.loss(logits, target))
    one = torch.tensor([[-2.0], [-0.5], [1.0]])  # the same logits, as one
    assert torch.allclose(
        weighted.training_loss(one, target), weighted.training_loss(logits, target), atol=1e-6
    )
    assert SimpleNamespace(w=Classification(2, class_weights=[1, 3])).w.class_weights.tolist() == [1.0, 3.0]
