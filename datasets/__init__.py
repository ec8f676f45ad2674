"""Data sets, transforms and readers: clouds, meshes, images, sequences (import as ``ccnn_pc.datasets``)."""

from ccnn_pc.datasets.clouds.arrays import CloudArrays
from ccnn_pc.datasets.clouds.data import PointCloudData
from ccnn_pc.datasets.clouds.dataset import PointCloudDataset
from ccnn_pc.datasets.clouds.download import download_modelnet
from ccnn_pc.datasets.clouds.folder import PointCloudFolder
from ccnn_pc.datasets.clouds.modelnet import ModelNet
from ccnn_pc.datasets.clouds.read_shape import Sampling, estimate_normals, read_shape
from ccnn_pc.datasets.clouds.shapes import Shapes
from ccnn_pc.datasets.common.grid_data import GridData
from ccnn_pc.datasets.common.grids import GridArrays, GridDataset
from ccnn_pc.datasets.common.labelled import LabelledDataset, as_label
from ccnn_pc.datasets.common.seeding import seeded_generator
from ccnn_pc.datasets.common.shuffle_split import published_rows
from ccnn_pc.datasets.common.splits import Split, stratified_split
from ccnn_pc.datasets.images.arrays import ImageArrays, Scaling
from ccnn_pc.datasets.images.cifar import CIFAR10, CIFAR100
from ccnn_pc.datasets.images.download import download_images
from ccnn_pc.datasets.images.folder import ImageFolder
from ccnn_pc.datasets.images.mnist import MNIST
from ccnn_pc.datasets.images.stl10 import STL10
from ccnn_pc.datasets.open_dataset import open_dataset
from ccnn_pc.datasets.preprocessing import (
    CloudPreprocessing,
    ImagePreprocessing,
    Preprocessing,
    SeriesPreprocessing,
    augmentation_transform,
    preprocessing_from_json,
    preprocessing_transform,
    series_transform,
)
from ccnn_pc.datasets.registry import list_datasets, register_dataset
from ccnn_pc.datasets.series.character_text import CharacterText
from ccnn_pc.datasets.series.character_trajectories import CharacterTrajectories
from ccnn_pc.datasets.series.data import SeriesData
from ccnn_pc.datasets.series.dataset import SeriesDataset, SeriesForm
from ccnn_pc.datasets.series.memory_tasks import AddingProblem, CopyMemory
from ccnn_pc.datasets.series.oscillations import Oscillations
from ccnn_pc.datasets.series.physionet2019 import PhysioNet2019
from ccnn_pc.datasets.series.scaling import Normalization
from ccnn_pc.datasets.series.speech_commands import SpeechCommands
from ccnn_pc.datasets.series.spoken_digits import SpokenDigits
from ccnn_pc.datasets.tables.long_csv import LongCSV
from ccnn_pc.datasets.tables.observations import LongColumns
from ccnn_pc.datasets.tables.write_long_csv import write_long_csv
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
    "CloudPreprocessing",
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
    "ImagePreprocessing",
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
    "Preprocessing",
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
    "SeriesPreprocessing",
    "Shapes",
    "SpeechCommands",
    "Split",
    "SpokenDigits",
    "Subset",
    "ToView",
    "View",
    "VoxelForm",
    "Voxelize",
    "as_label",
    "augmentation_transform",
    "download_images",
    "download_modelnet",
    "estimate_normals",
    "fixed_permutation",
    "list_datasets",
    "open_dataset",
    "preprocessing_from_json",
    "preprocessing_transform",
    "published_rows",
    "register_dataset",
    "read_shape",
    "seeded_generator",
    "series_transform",
    "stratified_split",
    "write_long_csv",
]
