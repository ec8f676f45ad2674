"""Transforms of point clouds, PyG style; random ones take an explicit generator."""

from ccnn_pc.datasets.transforms.attach import KNN, FeaturesFrom
from ccnn_pc.datasets.transforms.augment import (
    Axis,
    Jitter,
    RandomFlip,
    RandomRotation,
    RandomScale,
    RandomTranslate,
)
from ccnn_pc.datasets.transforms.base import Compose, RandomTransform
from ccnn_pc.datasets.transforms.normalize import Frame, Normalize
from ccnn_pc.datasets.transforms.sampling import FarthestPoints, PointDropout, RandomPoints

__all__ = [
    "KNN",
    "Axis",
    "Compose",
    "FarthestPoints",
    "FeaturesFrom",
    "Frame",
    "Jitter",
    "Normalize",
    "PointDropout",
    "RandomFlip",
    "RandomPoints",
    "RandomRotation",
    "RandomScale",
    "RandomTransform",
    "RandomTranslate",
]
