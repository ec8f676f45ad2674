"""Scenes: large clouds with a label for every point, from the files that people have."""

from typing import TYPE_CHECKING

from ccnn_pc._lazy import lazy

if TYPE_CHECKING:
    from ccnn_pc.datasets.scenes.class_table import ClassTable
    from ccnn_pc.datasets.scenes.dataset import Scenes
    from ccnn_pc.datasets.scenes.files import read_scene, scene_files, write_labels
    from ccnn_pc.datasets.scenes.scene import Scene, common_crs
    from ccnn_pc.datasets.scenes.tiles import Tile, TileShape

__all__ = [
    "ClassTable",
    "Scene",
    "Scenes",
    "Tile",
    "TileShape",
    "common_crs",
    "read_scene",
    "scene_files",
    "write_labels",
]

lazy(__name__)
