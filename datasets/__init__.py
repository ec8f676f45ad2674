"""Point clouds and meshes for training: data sets, transforms, readers (import as ``ccnn_pc.datasets``)."""

from ccnn_pc.datasets.arrays import CloudArrays
from ccnn_pc.datasets.base import PointCloudDataset
from ccnn_pc.datasets.download import download_modelnet
from ccnn_pc.datasets.modelnet import ModelNet
from ccnn_pc.datasets.open_dataset import open_dataset
from ccnn_pc.datasets.point_cloud_data import PointCloudData
from ccnn_pc.datasets.point_cloud_folder import PointCloudFolder
from ccnn_pc.datasets.preprocess import preprocessing_transform
from ccnn_pc.datasets.read_shape import Sampling, estimate_normals, read_shape
from ccnn_pc.datasets.shapes import Shapes
from ccnn_pc.datasets.splits import Split, stratified_split
from ccnn_pc.datasets.transforms import (
    KNN,
    Axis,
    Compose,
    FarthestPoints,
    FeaturesFrom,
    Frame,
    Jitter,
    Normalize,
    PointDropout,
    RandomFlip,
    RandomPoints,
    RandomRotation,
    RandomScale,
    RandomTransform,
    RandomTranslate,
)

__all__ = [
    "KNN",
    "Axis",
    "CloudArrays",
    "Compose",
    "FarthestPoints",
    "FeaturesFrom",
    "Frame",
    "Jitter",
    "ModelNet",
    "Normalize",
    "PointCloudData",
    "PointCloudDataset",
    "PointCloudFolder",
    "PointDropout",
    "RandomFlip",
    "RandomPoints",
    "RandomRotation",
    "RandomScale",
    "RandomTransform",
    "RandomTranslate",
    "Sampling",
    "Shapes",
    "Split",
    "download_modelnet",
    "estimate_normals",
    "open_dataset",
    "preprocessing_transform",
    "read_shape",
    "stratified_split",
]
