"""Precisions and norms that the trainer's configuration offers: every kind of data trains and is tested with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import pytest
import torch
from torch import nn

from ccnn_pc.datasets import GridData, PointCloudData, SeriesData
from ccnn_pc.models import create_model
from ccnn_pc.training.callbacks import NonFiniteGuard
from ccnn_pc.training.data import Batches, ClassificationData, Validation
from ccnn_pc.training.optim import adamw
from ccnn_pc.training.task import ClassificationTask

DEVICES = [
    "cpu",
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")),
]


class Signs:
    """Noise around plus or minus one: the class is the sign."""

    classes = ("minus", "plus")
    transform = None

    def __init__(self, kind: str, rows: Sequence[int] = range(24)) -> None:
        self.kind, self.rows = kind, np.asarray(rows)

    @property
    def labels(self) -> np.ndarray:
        return self.rows % 2

    def subset(self, rows: Any, transform: Any = None) -> Signs:
        return Signs(self.kind, self.rows[rows])

    def set_epoch(self, epoch: int) -> None:
        """The same in all."""

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Any:
        row = int(self.rows[index])
        draw = torch.Generator().manual_seed(row)
        y, values = torch.tensor([row % 2]), 2.0 * (row % 2) - 1 + torch.randn(20, 2, generator=draw)
        if self.kind == "clouds":
            return PointCloudData(x=values, pos=torch.rand(20, 3, generator=draw) * 2 - 1, y=y)
        if self.kind == "series":
            return SeriesData(x=values, times=torch.rand(20, generator=draw).sort().values * 20, y=y)
        sides = (20,) if self.kind == "sequences" else (4, 5)
        return GridData(x=values.t().reshape(1, 2, *sides), y=y)


def network(kind: str) -> nn.Module:
    sizes: dict[str, Any] = {
        "clouds": {"dim": 3, "num_points": 20, "num_neighbors": 8},
        "sequences": {"dim": 1, "shape": (20,)},
        "images": {"dim": 2, "shape": (4, 5)},
        "series": {"dim": 1, "shape": (20,)},
    }
    return create_model("ccnn_4_16", in_channels=2, out_channels=2, **sizes[kind])


@pytest.fixture
def accuracy(tmp_path: Path) -> Callable[..., tuple[float, nn.Module]]:
    def train(kind: str, **options: Any) -> tuple[float, nn.Module]:
        """Accuracy on the test part after 12 steps, and the network."""
        torch.manual_seed(0)
        data = ClassificationData(
            partial(Signs, kind), partial(Signs, kind), validation=Validation(0.25), batches=Batches(6)
        )
        task = ClassificationTask(network(kind), 2, optimizer=partial(adamw, lr=0.02), kernel_penalty=1e-6)
        trainer = pl.Trainer(
            max_epochs=4, logger=False, enable_checkpointing=False, enable_progress_bar=False,
            enable_model_summary=False, default_root_dir=tmp_path, callbacks=[NonFiniteGuard()], **options,
        )  # fmt: skip
        trainer.fit(task, datamodule=data)
        trainer.test(task, datamodule=data, verbose=False)
        return task.eval_scores.results()["accuracy"], task.model

    return train


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("precision", ["bf16-mixed", "16-mixed"])
@pytest.mark.parametrize("kind", ["clouds", "sequences", "images", "series"])
def test_coarse_types_train(kind: str, precision: Any, device: str, accuracy: Any) -> None:
    """Parameters stay float32 and finite, and what can be learned is learned (16-mixed is bfloat16 on a CPU)."""
    found, model = accuracy(kind, precision=precision, accelerator=device)
    assert found > 0.9
    assert all(p.dtype is torch.float32 and bool(p.isfinite().all()) for p in model.parameters())


@pytest.mark.parametrize("device", DEVICES)
def test_synchronised_batch_norm(device: str, accuracy: Any) -> None:
    """On one device it is batch norm: to the bit, where sums have the same order in every run."""
    plain, one = accuracy("clouds", accelerator=device)
    same, other = accuracy("clouds", accelerator=device, sync_batchnorm=True)
    assert plain == same
    if (
        device != "cpu"
    ):  # PyG adds atomically there, and biases before batch norm have no gradient but rounding
        return
    for name, value in one.state_dict().items():
        assert torch.equal(value, other.state_dict()[name]), name
