"""Two processes that train together compute what one does with batches twice as large."""

from __future__ import annotations

import multiprocessing
import os
import socket
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pytest
import torch
from torch import Tensor, nn

from ccnn_pc.training.callbacks import Checkpoints, WeightAverage
from ccnn_pc.training.data import Batches, ClassificationData, Validation
from ccnn_pc.training.devices import evaluate_alone
from ccnn_pc.training.task import ClassificationTask


class Seen(pl.Callback):
    """What a process was given, and what its gradients were, step by step."""

    def __init__(self) -> None:
        self.names: list[list[str]] = []
        self.gradients: list[dict[str, Tensor]] = []

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        self.names.append(list(batch.name))

    def on_before_optimizer_step(self, trainer: Any, pl_module: Any, optimizer: Any) -> None:
        self.gradients.append({n: p.grad.clone() for n, p in pl_module.model.named_parameters()})


def train(make: Callable[[], nn.Module], blobs: Any, folder: Path, size: int, devices: int) -> dict[str, Any]:
    """Two epochs of gradient descent; what was seen, and the scores of training and validation."""
    torch.manual_seed(0)
    model = make()
    model.norm, model.dropout = nn.Identity(), nn.Identity()  # statistics and masks are those of a process
    task = ClassificationTask(model, 2, optimizer=lambda model: torch.optim.SGD(model.parameters(), lr=0.1))
    data = ClassificationData(
        blobs, partial(blobs, 8), validation=Validation(8 / 24), batches=Batches(size), seed=3
    )
    seen, checkpoints = Seen(), Checkpoints(folder)
    trainer = pl.Trainer(
        accelerator="cpu", devices=devices, strategy="ddp" if devices > 1 else "auto", max_epochs=2, logger=False,
        callbacks=[seen, WeightAverage(0.5), checkpoints], enable_progress_bar=False, enable_model_summary=False,
        use_distributed_sampler=False, num_sanity_val_steps=0, default_root_dir=folder,
    )  # fmt: skip
    if devices > 1:
        evaluate_alone(task.eval_scores)
    trainer.fit(task, datamodule=data)
    scores = {name: float(value) for name, value in trainer.callback_metrics.items()}
    return {
        "names": seen.names,
        "gradients": seen.gradients,
        "scores": scores,
        "best": checkpoints.best_epoch,
    }


def process(rank: int, port: int, folder: Path, make: Callable[[], nn.Module], blobs: Any) -> None:
    """One of two, as torchrun starts them."""
    os.environ |= {
        "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "GROUP_RANK": "0",
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "TORCHELASTIC_RUN_ID": "test",
    }  # fmt: skip
    found = train(make, blobs, folder / "two", 4, 2)
    torch.save(found, folder / f"{rank}.pt")


@pytest.mark.skipif(not torch.distributed.is_available(), reason="this torch has no distributed part")
@pytest.mark.skipif(torch.cuda.is_available(), reason="CUDA does not begin in forks")
def test_two_processes_equal_one_of_twice_the_batch(
    tmp_path: Path, network: Callable[[], nn.Module], blobs: Callable[..., Any]
) -> None:
    """Every item once, the gradient of the whole batch, one writer, scores of all items."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    context = multiprocessing.get_context("fork")  # nothing is imported again
    pair = [context.Process(target=process, args=(rank, port, tmp_path, network, blobs)) for rank in (0, 1)]
    for each in pair:
        each.start()
    for each in pair:
        each.join(120)
    assert [each.exitcode for each in pair] == [0, 0]
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=False) for rank in (0, 1))
    alone = train(network, blobs, tmp_path / "one", 8, 1)
    together = [a + b for a, b in zip(first["names"], second["names"], strict=True)]
    assert together == alone["names"] and len(together) == 4
    for ours, theirs, whole in zip(first["gradients"], second["gradients"], alone["gradients"], strict=True):
        for name, gradient in whole.items():
            assert torch.equal(ours[name], theirs[name]), name
            torch.testing.assert_close(ours[name], gradient, rtol=1e-4, atol=1e-6)
    for name in ("train/loss", "train/accuracy", "val/loss", "val/accuracy"):
        assert first["scores"][name] == pytest.approx(alone["scores"][name], rel=1e-5), name
    assert first["best"] == second["best"] == alone["best"]
    states = [
        torch.load(tmp_path / place / "last.ckpt", weights_only=True)["state_dict"]
        for place in ("one", "two")
    ]
    for name, value in states[0].items():
        if name.startswith("model."):
            torch.testing.assert_close(states[1][name], value, rtol=1e-4, atol=1e-6)
    assert sorted(path.name for path in (tmp_path / "two").iterdir()) == ["best.ckpt", "last.ckpt"]
