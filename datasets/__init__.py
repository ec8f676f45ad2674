"""Data sets, transforms and readers: clouds, meshes, images, sequences (import as ``ccnn_pc.datasets``)."""

from ccnn_pc.datasets.arrays import CloudArrays
from ccnn_pc.datasets.base import PointCloudDataset
from ccnn_pc.datasets.cifar import CIFAR10, CIFAR100
from ccnn_pc.datasets.download import download_modelnet
from ccnn_pc.datasets.download_images import download_images
from ccnn_pc.datasets.grid_data import GridData
from ccnn_pc.datasets.grids import GridArrays, GridDataset
from ccnn_pc.datasets.image_folder import ImageFolder
from ccnn_pc.datasets.images import ImageArrays, Scaling
from ccnn_pc.datasets.labelled import LabelledDataset
from ccnn_pc.datasets.mnist import MNIST
from ccnn_pc.datasets.modelnet import ModelNet
from ccnn_pc.datasets.open_dataset import open_dataset
from ccnn_pc.datasets.point_cloud_data import PointCloudData
from ccnn_pc.datasets.point_cloud_folder import PointCloudFolder
from ccnn_pc.datasets.preprocess import augmentation_transform, preprocessing_transform
from ccnn_pc.datasets.read_shape import Sampling, estimate_normals, read_shape
from ccnn_pc.datasets.shapes import Shapes
from ccnn_pc.datasets.splits import Split, stratified_split
from ccnn_pc.datasets.stl10 import STL10
from ccnn_pc.datasets.transforms import (
    KNN,
    Axis,
    Compose,
    Cutout,
    FarthestPoints,
    FeaturesFrom,
    Frame,
    Jitter,
    Normalize,
    Padding,
    PointDropout,
    RandomCrop,
    RandomFlip,
    RandomMirror,
    RandomMotion,
    RandomPoints,
    RandomRotation,
    RandomScale,
    RandomTransform,
    RandomTranslate,
    ToView,
    View,
    VoxelForm,
    Voxelize,
    fixed_permutation,
)

__all__ = [
    "CIFAR10",
    "CIFAR100",
    "KNN",
    "MNIST",
    "STL10",
    "Axis",
    "CloudArrays",
    "Compose",
    "Cutout",
    "FarthestPoints",
    "FeaturesFrom",
    "Frame",
    "GridArrays",
    "GridData",
    "GridDataset",
    "ImageArrays",
    "ImageFolder",
    "Jitter",
    "LabelledDataset",
    "ModelNet",
    "Normalize",
    "Padding",
    "PointCloudData",
    "PointCloudDataset",
    "PointCloudFolder",
    "PointDropout",
    "RandomCrop",
    "RandomFlip",
    "RandomMirror",
    "RandomMotion",
    "RandomPoints",
    "RandomRotation",
    "RandomScale",
    "RandomTransform",
    "RandomTranslate",
    "Sampling",
    "Scaling",
    "Shapes",
    "Split",
    "ToView",
    "View",
    "VoxelForm",
    "Voxelize",
    "augmentation_transform",
    "download_images",
    "download_modelnet",
    "estimate_normals",
    "fixed_permutation",
    "open_dataset",
    "preprocessing_transform",
    "read_shape",
    "stratified_split",
]
