"""Images, also as sequences of their pixels."""

from typing import TYPE_CHECKING

from ccnn_pc._lazy import lazy

if TYPE_CHECKING:
    from ccnn_pc.datasets.images.arrays import ImageArrays, Scaling
    from ccnn_pc.datasets.images.cifar import CIFAR10, CIFAR100
    from ccnn_pc.datasets.images.contours import Contours
    from ccnn_pc.datasets.images.download import download_images
    from ccnn_pc.datasets.images.folder import ImageFolder
    from ccnn_pc.datasets.images.mnist import MNIST
    from ccnn_pc.datasets.images.pathfinder import Pathfinder
    from ccnn_pc.datasets.images.stl10 import STL10

__all__ = [
    "CIFAR10",
    "CIFAR100",
    "Contours",
    "ImageArrays",
    "ImageFolder",
    "MNIST",
    "Pathfinder",
    "STL10",
    "Scaling",
    "download_images",
]

lazy(__name__)
