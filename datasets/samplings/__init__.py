"""Samplings of data: what they are called, trainings over several of them, the way back to that of training."""

from ccnn_pc.datasets.samplings.mixtures import (
    ReadOnGrid,
    WithoutLattice,
    mixed_augmentation,
    mixed_transform,
)
from ccnn_pc.datasets.samplings.resampled import Resampled, resampled_clouds
from ccnn_pc.datasets.samplings.sampling import IMAGES, SERIES, SHAPES, Kind, Sampling, usual_count

__all__ = [
    "IMAGES",
    "SERIES",
    "SHAPES",
    "Kind",
    "ReadOnGrid",
    "Resampled",
    "Sampling",
    "WithoutLattice",
    "mixed_augmentation",
    "mixed_transform",
    "resampled_clouds",
    "usual_count",
]
