"""Frozen batch statistics: from the epoch on that was asked for, and then the two modes are one function."""

from __future__ import annotations

from typing import Any

import lightning.pytorch as pl
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from ccnn_pc.training.callbacks import FrozenStatistics


class Regression(pl.LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
        self.tracked: list[tuple[int, bool, Tensor]] = []

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        norm = self.net[1]
        assert isinstance(norm, nn.BatchNorm1d) and norm.running_mean is not None
        loss: Tensor = self.net(batch[0]).square().mean()
        self.tracked.append((self.current_epoch, norm.training, norm.running_mean.clone()))
        return loss

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        self.net(batch[0])

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


@pytest.mark.parametrize(("after", "first"), [(0.0, 0), (0.5, 2), (0.6, 3), (0.99, 4)])
def test_statistics_are_frozen_from_an_epoch_on(after: float, first: int) -> None:
    module = Regression()
    data = DataLoader(TensorDataset(torch.randn(12, 3)), batch_size=4)
    trainer = pl.Trainer(
        max_epochs=4, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, callbacks=[FrozenStatistics(after)],
    )  # fmt: skip
    before = [p.detach().clone() for p in module.parameters()]
    trainer.fit(module, data, data)
    assert len(module.tracked) == 12
    assert [trains for _, trains, _ in module.tracked] == [epoch < first for epoch, _, _ in module.tracked]
    frozen = [mean for epoch, _, mean in module.tracked if epoch >= first]
    assert all(torch.equal(mean, frozen[0]) for mean in frozen)
    assert not any(torch.equal(p, q) for p, q in zip(before, module.parameters(), strict=True))


@pytest.mark.parametrize("after", [-0.1, 1.0, float("nan")])
def test_bad_shares(after: float) -> None:
    with pytest.raises(ValueError, match="'after'"):
        FrozenStatistics(after)
