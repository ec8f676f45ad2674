"""Scores of a finished model on labelled data, counted by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch_geometric.data import Batch

from ccnn_pc.training.evaluation import classification_scores, confusion_matrix


class Height(nn.Module):
    """The mean of x, rounded so that some items tie, as one logit or as two."""

    def __init__(self, logits: int) -> None:
        super().__init__()
        self.logits = logits

    def forward(self, batch: Any) -> Tensor:
        x = batch.pos[:, 0].view(batch.num_graphs, -1).mean(dim=1, keepdim=True).mul(2).round()
        return x if self.logits == 1 else torch.cat([-x, torch.zeros_like(x)], dim=1)


@pytest.mark.parametrize("logits", [1, 2])
@pytest.mark.parametrize("to_model", [[0, 1], [1, 0]], ids=["in order", "swapped"])
def test_area_under_the_curve_by_pairs(logits: int, to_model: list[int], blobs: Callable[..., Any]) -> None:
    data, model = blobs(40), Height(logits)
    scores = classification_scores(model, data, torch.tensor(to_model), 2, batch_size=7).results()
    items = [data[i] for i in range(40)]
    level = model(Batch.from_data_list(items))
    height = (level[:, 0] if logits == 1 else level[:, 1] - level[:, 0]).tolist()
    truth = [to_model[int(item.y)] for item in items]
    high, low = ([h for h, t in zip(height, truth, strict=True) if t == side] for side in (1, 0))
    pairs = [(p > q) + 0.5 * (p == q) for p in high for q in low]
    assert any(pair == 0.5 for pair in pairs)
    assert scores["auc"] == pytest.approx(sum(pairs) / len(pairs), abs=1e-6)
    right = [(h > 0) == t for h, t in zip(height, truth, strict=True)]
    assert scores["accuracy"] == pytest.approx(sum(right) / 40)
    confusion = confusion_matrix(model, data, torch.tensor(to_model), 2)
    assert confusion.sum(dim=1).tolist() == [20, 20] and confusion.trace() == sum(right)


def test_no_area_without_items_of_both_classes(blobs: Callable[..., Any]) -> None:
    left = blobs(40).subset(range(0, 40, 2))
    found = classification_scores(Height(1), left, torch.tensor([0, 1]), 2).results()
    assert set(found) == {"loss", "accuracy", "mean_class_accuracy"}
