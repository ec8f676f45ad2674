"""Shapes whose points each belong to a part."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from ccnn_pc.datasets.clouds.data import PointCloudData
from ccnn_pc.datasets.clouds.stored import StoredClouds, StoredDataset

#: Attribute of stored clouds that holds the part of every point.
PART = "part"


class PartDataset(StoredDataset):
    """Stored shapes with a part for every point; the shapes are of several categories.

    An item has ``y [n]``, the part of each point (-100: not known), ``category [1]``, and ``category_parts [1, K]``,
    true for the parts that shapes of its category may have. ``classes`` are the parts of shapes, ``labels`` the
    categories: what is drawn for validation has as large a share of each.

    Args:
        clouds: with the attribute ``part``, whole numbers; their classes are the categories.
        parts: K names.
        of_category: which of them each category may have.
        options: transform, pre_transform, seed: see :class:`PointCloudDataset`.

    Attributes:
        categories: names.

    Raises:
        ValueError: clouds without parts, or with one that their category does not have.
    """

    def __init__(
        self,
        clouds: StoredClouds,
        parts: Sequence[str],
        of_category: Sequence[Sequence[int]],
        **options: Any,
    ) -> None:
        super().__init__(clouds, **options)
        self.categories, self.classes = self.classes, [str(name) for name in parts]
        self.category_parts = torch.zeros(len(self.categories), len(self.classes), dtype=torch.bool)
        for category, own in enumerate(of_category):
            self.category_parts[category, list(own)] = True
        if PART not in clouds.attributes.values and len(clouds):
            raise ValueError(
                f"'clouds' must have the attribute '{PART}' (got {list(clouds.attributes.values)})"
            )
        self._take_counts(np.asarray(clouds.attributes.values.get(PART, ()), dtype=np.int64))

    def _take_counts(self, part: np.ndarray) -> None:
        """Count the points of each part of each shape."""
        shapes, number = len(self.clouds), len(self.classes)
        row = np.repeat(np.arange(shapes), np.diff(self.clouds.offset))
        known = part >= 0
        if known.any() and int(part[known].max()) >= number:
            raise ValueError(
                f"'{PART}' must be below {number}, the number of parts (got {part[known].max()})"
            )
        counts = np.bincount(row[known] * number + part[known], minlength=shapes * number)
        self._samples = counts.reshape(shapes, number)
        strange = (self._samples > 0) & ~self.category_parts.numpy()[self._labels]
        if strange.any():
            shape, which = (int(each[0]) for each in strange.nonzero())
            raise ValueError(
                f"'{PART}' must be one of its category (shape '{self.clouds.name[shape]}', a "
                f"{self.categories[self._labels[shape]]}, has '{self.classes[which]}')"
            )

    def load(self, row: int) -> PointCloudData:
        data, category = super().load(row), int(self._labels[row])
        data.y = data[PART].long()
        del data[PART]
        data.category = torch.tensor([category])
        data.category_parts = self.category_parts[[category]]
        return data
