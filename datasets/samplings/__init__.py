"""Samplings of data: what they are called, trainings over several of them."""

from ccnn_pc.datasets.samplings.mixtures import (
    ReadOnGrid,
    WithoutLattice,
    mixed_augmentation,
    mixed_transform,
)
from ccnn_pc.datasets.samplings.sampling import Kind, Sampling, usual_count

__all__ = [
    "Kind",
    "ReadOnGrid",
    "Sampling",
    "WithoutLattice",
    "mixed_augmentation",
    "mixed_transform",
    "usual_count",
]
