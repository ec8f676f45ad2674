"""Data sets, transforms and readers: clouds, meshes, images, sequences (import as ``ccnn_pc.datasets``)."""

from ccnn_pc.datasets.arrays import CloudArrays
from ccnn_pc.datasets.base import PointCloudDataset
from ccnn_pc.datasets.character_text import CharacterText
from ccnn_pc.datasets.character_trajectories import CharacterTrajectories
from ccnn_pc.datasets.cifar import CIFAR10, CIFAR100
from ccnn_pc.datasets.download import download_modelnet
from ccnn_pc.datasets.download_images import download_images
from ccnn_pc.datasets.grid_data import GridData
from ccnn_pc.datasets.grids import GridArrays, GridDataset
from ccnn_pc.datasets.image_folder import ImageFolder
from ccnn_pc.datasets.images import ImageArrays, Scaling
from ccnn_pc.datasets.labelled import LabelledDataset
from ccnn_pc.datasets.long_columns import LongColumns
from ccnn_pc.datasets.long_csv import LongCSV
from ccnn_pc.datasets.memory_tasks import AddingProblem, CopyMemory
from ccnn_pc.datasets.mnist import MNIST
from ccnn_pc.datasets.modelnet import ModelNet
from ccnn_pc.datasets.open_dataset import open_dataset
from ccnn_pc.datasets.oscillations import Oscillations
from ccnn_pc.datasets.physionet2019 import PhysioNet2019
from ccnn_pc.datasets.point_cloud_data import PointCloudData
from ccnn_pc.datasets.point_cloud_folder import PointCloudFolder
from ccnn_pc.datasets.preprocess import augmentation_transform, preprocessing_transform, series_transform
from ccnn_pc.datasets.read_shape import Sampling, estimate_normals, read_shape
from ccnn_pc.datasets.series import SeriesDataset, SeriesForm
from ccnn_pc.datasets.series_data import SeriesData
from ccnn_pc.datasets.series_scaling import Normalization
from ccnn_pc.datasets.shapes import Shapes
from ccnn_pc.datasets.shuffle_split import published_rows
from ccnn_pc.datasets.speech_commands import SpeechCommands
from ccnn_pc.datasets.splits import Split, stratified_split
from ccnn_pc.datasets.spoken_digits import SpokenDigits
from ccnn_pc.datasets.stl10 import STL10
from ccnn_pc.datasets.transforms import (
    KNN,
    AsSeries,
    Axis,
    Compose,
    Cutout,
    DropSamples,
    EveryNth,
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
    RandomStamps,
    RandomTransform,
    RandomTranslate,
    Subset,
    ToView,
    View,
    VoxelForm,
    Voxelize,
    fixed_permutation,
)
from ccnn_pc.datasets.write_long_csv import write_long_csv

__all__ = [
    "CIFAR10",
    "CIFAR100",
    "KNN",
    "MNIST",
    "STL10",
    "AddingProblem",
    "AsSeries",
    "Axis",
    "CharacterText",
    "CharacterTrajectories",
    "CloudArrays",
    "Compose",
    "CopyMemory",
    "Cutout",
    "DropSamples",
    "EveryNth",
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
    "LongCSV",
    "LongColumns",
    "ModelNet",
    "Normalization",
    "Normalize",
    "Oscillations",
    "Padding",
    "PhysioNet2019",
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
    "RandomStamps",
    "RandomTransform",
    "RandomTranslate",
    "Sampling",
    "Scaling",
    "SeriesData",
    "SeriesDataset",
    "SeriesForm",
    "Shapes",
    "SpeechCommands",
    "Split",
    "SpokenDigits",
    "Subset",
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
    "published_rows",
    "read_shape",
    "series_transform",
    "stratified_split",
    "write_long_csv",
]
