"""Point clouds and meshes."""

from typing import TYPE_CHECKING

from ccnn_pc._lazy import lazy

if TYPE_CHECKING:
    from ccnn_pc.datasets.clouds.arrays import CloudArrays
    from ccnn_pc.datasets.clouds.data import PointCloudData
    from ccnn_pc.datasets.clouds.dataset import PointCloudDataset
    from ccnn_pc.datasets.clouds.download import download_modelnet
    from ccnn_pc.datasets.clouds.folder import PointCloudFolder
    from ccnn_pc.datasets.clouds.modelnet import ModelNet
    from ccnn_pc.datasets.clouds.part_shapes import PartShapes
    from ccnn_pc.datasets.clouds.parts import PartDataset
    from ccnn_pc.datasets.clouds.read_shape import Sampling, estimate_normals, read_shape
    from ccnn_pc.datasets.clouds.shapenet_part import ShapeNetPart
    from ccnn_pc.datasets.clouds.shapes import Shapes

__all__ = [
    "CloudArrays",
    "ModelNet",
    "PartDataset",
    "PartShapes",
    "PointCloudData",
    "PointCloudDataset",
    "PointCloudFolder",
    "Sampling",
    "ShapeNetPart",
    "Shapes",
    "download_modelnet",
    "estimate_normals",
    "read_shape",
]

lazy(__name__)
