"""Data sets of point clouds."""

from __future__ import annotations

import abc

from ccnn_pc.datasets.clouds.data import PointCloudData
from ccnn_pc.datasets.common.labelled import KeptItems, LabelledDataset, as_label

__all__ = ["InMemory", "PointCloudDataset", "as_label"]


class PointCloudDataset(LabelledDataset[PointCloudData]):
    """A data set of labelled point clouds (see :class:`LabelledDataset` for all that is not about clouds).

    Args:
        classes: names, in the order of the labels.
        labels: class index of each shape.
        transform: applied at every access.
        pre_transform: applied before it, the same in every epoch.
        seed: of all random numbers.
    """

    _what = "shapes"

    @abc.abstractmethod
    def load(self, row: int) -> PointCloudData:
        """The stored cloud ``row`` before any transform: ``pos``, where known ``normal``, ``y``, ``name``."""

    def in_memory(self) -> PointCloudDataset:
        """The same data set with ``pre_transform`` computed once, now, and its results kept."""
        return InMemory(self)


class InMemory(KeptItems[PointCloudData], PointCloudDataset):
    """The clouds of another data set after its ``pre_transform``, kept in memory."""
