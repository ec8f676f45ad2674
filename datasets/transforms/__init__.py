"""Transforms of point clouds and grids, PyG style; random ones take an explicit generator."""

from typing import TYPE_CHECKING

from ccnn_pc._lazy import lazy

if TYPE_CHECKING:
    from ccnn_pc.datasets.transforms.attach import KNN, FeaturesFrom
    from ccnn_pc.datasets.transforms.augment import (
        Axis,
        Jitter,
        RandomFlip,
        RandomRotation,
        RandomScale,
        RandomTranslate,
    )
    from ccnn_pc.datasets.transforms.axes import PermutedAxes
    from ccnn_pc.datasets.transforms.base import Compose, RandomTransform
    from ccnn_pc.datasets.transforms.cells import JitteredCells, LitCells, ScatteredCells, UnevenCells
    from ccnn_pc.datasets.transforms.hide import HideFuture, HideValues
    from ccnn_pc.datasets.transforms.image import Cutout, Padding, RandomCrop, RandomMirror, RandomMotion
    from ccnn_pc.datasets.transforms.many import WorksOnMany
    from ccnn_pc.datasets.transforms.normalize import Frame, Normalize
    from ccnn_pc.datasets.transforms.resample import (
        CellMeans,
        CoarserGrid,
        EveryNth,
        InverseDensity,
        OccupiedCells,
    )
    from ccnn_pc.datasets.transforms.sampling import (
        EvenedPoints,
        FarthestPoints,
        PointDropout,
        RandomPoints,
        Subset,
        UnevenPoints,
    )
    from ccnn_pc.datasets.transforms.series import AsSeries, DropSamples, RandomStamps
    from ccnn_pc.datasets.transforms.view import ToView, View, fixed_permutation
    from ccnn_pc.datasets.transforms.voxels import VoxelForm, Voxelize

__all__ = [
    "KNN",
    "AsSeries",
    "Axis",
    "CellMeans",
    "CoarserGrid",
    "Compose",
    "Cutout",
    "DropSamples",
    "EvenedPoints",
    "EveryNth",
    "FarthestPoints",
    "FeaturesFrom",
    "Frame",
    "HideFuture",
    "HideValues",
    "InverseDensity",
    "Jitter",
    "JitteredCells",
    "LitCells",
    "Normalize",
    "OccupiedCells",
    "Padding",
    "PermutedAxes",
    "PointDropout",
    "RandomCrop",
    "RandomFlip",
    "RandomMirror",
    "RandomMotion",
    "RandomPoints",
    "RandomRotation",
    "RandomScale",
    "RandomStamps",
    "RandomTransform",
    "RandomTranslate",
    "ScatteredCells",
    "Subset",
    "ToView",
    "UnevenCells",
    "UnevenPoints",
    "View",
    "VoxelForm",
    "Voxelize",
    "WorksOnMany",
    "fixed_permutation",
]

lazy(__name__)
