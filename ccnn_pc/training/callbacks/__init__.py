"""What happens around the steps of a training, one idea per file."""

from __future__ import annotations

from ccnn_pc.training.callbacks.begun import Begun
from ccnn_pc.training.callbacks.budget import CoreTime
from ccnn_pc.training.callbacks.checkpoints import Checkpoints
from ccnn_pc.training.callbacks.ema import WeightAverage
from ccnn_pc.training.callbacks.frozen_statistics import FrozenStatistics
from ccnn_pc.training.callbacks.guard import NonFiniteError, NonFiniteGuard
from ccnn_pc.training.callbacks.interrupt import GracefulStop, TrainingInterrupted
from ccnn_pc.training.callbacks.progress import EpochLines, ProgressBar
from ccnn_pc.training.callbacks.pruning import Pruner
from ccnn_pc.training.callbacks.random_state import RandomState
from ccnn_pc.training.callbacks.time_budget import TimeBudget
from ccnn_pc.training.callbacks.windows import WindowWidths

__all__ = [
    "Begun",
    "Checkpoints",
    "CoreTime",
    "EpochLines",
    "FrozenStatistics",
    "GracefulStop",
    "NonFiniteError",
    "NonFiniteGuard",
    "ProgressBar",
    "Pruner",
    "RandomState",
    "TimeBudget",
    "TrainingInterrupted",
    "WeightAverage",
    "WindowWidths",
]
