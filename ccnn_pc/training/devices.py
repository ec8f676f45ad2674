"""Several processes that train together, and what the first of them does alone."""

from __future__ import annotations

from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.strategies import DDPStrategy, SingleDeviceStrategy
from lightning.pytorch.strategies.launchers import _MultiProcessingLauncher
from torchmetrics import Metric

from ccnn_pc.training.scores import Scores


def check_strategy(trainer: pl.Trainer) -> None:
    """Training runs on one device, or with copies of the network on several (``ddp``).

    Raises:
        ValueError: shards of the network (``fsdp``, ``deepspeed``), whose weights no process has whole when they are
            tested and saved; processes that are forked or spawned, which take the results along when they end;
            ``sync_batchnorm`` without GPUs.
    """
    strategy = trainer.strategy
    if not isinstance(strategy, (SingleDeviceStrategy, DDPStrategy)) or isinstance(
        strategy.launcher, _MultiProcessingLauncher
    ):
        raise ValueError(
            f"'trainer.strategy' must be auto or ddp (got {type(strategy).__name__}): the whole network is tested and "
            "saved by the process that was started"
        )
    if (
        trainer.world_size > 1
        and strategy.root_device.type == "cpu"
        and getattr(strategy, "_layer_sync", None)
    ):
        raise ValueError(
            "'trainer.sync_batchnorm' must be false on CPUs: torch synchronises norms of GPUs alone"
        )


def evaluate_alone(scores: Scores) -> None:
    """Let the scores be those of this process: each one validates on all items."""
    for metric in scores.modules():
        if isinstance(metric, Metric):
            metric.sync_on_compute = False


def leave_group(trainer: pl.Trainer) -> bool:
    """End the work together after a training; whether this is the process that goes on."""
    first = trainer.is_global_zero
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.barrier()
        torch.distributed.destroy_process_group()
    return first


def alone(trainer: pl.Trainer) -> dict[str, Any]:
    """Settings for one device, where the training had several."""
    return {} if trainer.world_size == 1 else {"devices": 1, "num_nodes": 1, "strategy": "auto"}
