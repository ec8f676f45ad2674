"""Volumes."""

from typing import TYPE_CHECKING

from ccnn_pc._lazy import lazy

if TYPE_CHECKING:
    from ccnn_pc.datasets.volumes.folder import VolumeFolder

__all__ = ["VolumeFolder"]

lazy(__name__)
