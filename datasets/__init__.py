"""Data sets, transforms and readers: clouds, meshes, images, sound, volumes, … (import as ``ccnn_pc.datasets``)."""

from typing import TYPE_CHECKING

from ccnn_pc._lazy import lazy

if TYPE_CHECKING:
    from ccnn_pc.datasets.clouds import *
    from ccnn_pc.datasets.common import *
    from ccnn_pc.datasets.images import *
    from ccnn_pc.datasets.open_dataset import open_dataset as open_dataset
    from ccnn_pc.datasets.preprocessing import CloudPreprocessing as CloudPreprocessing
    from ccnn_pc.datasets.preprocessing import ImagePreprocessing as ImagePreprocessing
    from ccnn_pc.datasets.preprocessing import Preprocessing as Preprocessing
    from ccnn_pc.datasets.preprocessing import ScenePreprocessing as ScenePreprocessing
    from ccnn_pc.datasets.preprocessing import SeriesPreprocessing as SeriesPreprocessing
    from ccnn_pc.datasets.preprocessing import SoundPreprocessing as SoundPreprocessing
    from ccnn_pc.datasets.preprocessing import VolumePreprocessing as VolumePreprocessing
    from ccnn_pc.datasets.preprocessing import augmentation_transform as augmentation_transform
    from ccnn_pc.datasets.preprocessing import preprocessing_from_json as preprocessing_from_json
    from ccnn_pc.datasets.preprocessing import preprocessing_transform as preprocessing_transform
    from ccnn_pc.datasets.preprocessing import series_transform as series_transform
    from ccnn_pc.datasets.registry import list_datasets as list_datasets
    from ccnn_pc.datasets.registry import register_dataset as register_dataset
    from ccnn_pc.datasets.scenes import *
    from ccnn_pc.datasets.series import *
    from ccnn_pc.datasets.sound import *
    from ccnn_pc.datasets.tables import *
    from ccnn_pc.datasets.transforms import *
    from ccnn_pc.datasets.volumes import *

lazy(__name__)
