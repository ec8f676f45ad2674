"""Trainings over several samplings: each item in one of them, drawn anew in every epoch."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch.nn.functional import pad
from torch_geometric.transforms import BaseTransform

from ccnn_pc._checks import check_at_least
from ccnn_pc.datasets.preprocessing import (
    CloudPreprocessing,
    ImagePreprocessing,
    Preprocessing,
    augmentation_transform,
    preprocessing_from_json,
    preprocessing_transform,
)
from ccnn_pc.datasets.samplings.sampling import IMAGES, SHAPES, Kind, Sampling, usual_count
from ccnn_pc.datasets.transforms import KNN, Compose
from ccnn_pc.datasets.transforms.attach import neighbors_of
from ccnn_pc.datasets.transforms.base import OneOf, RandomTransform, Transform
from ccnn_pc.domains import Grid, Interpolation, PointSet


class WithoutLattice(BaseTransform):
    """Voxels as points anywhere, as other points in a batch are."""

    def forward(self, data: Any) -> Any:
        """Delete ``lattice``."""
        if "lattice" in data:
            del data.lattice
        return data


def mixed_transform(
    preprocessing: Preprocessing | Mapping[str, Any] | None,
    augment: Sequence[Transform] = (),
    samplings: Sequence[str] = (),
    mixed_from: int = 0,
) -> Compose:
    """Every item of a training in a sampling of its own: one of several, drawn anew in every epoch.

    Neighbours are the same share of a cloud in all of them.

    Args:
        preprocessing: of the training; see :func:`ccnn_pc.datasets.preprocessing_transform`.
        augment: transforms that move points, or change images.
        samplings: as :meth:`Sampling.parse` reads them; none: that of ``preprocessing``. One that stands there twice
            comes twice as often.
        mixed_from: epoch in which they begin to be drawn; before it, all items come in the first of them.

    Raises:
        ValueError: samplings of arrays of images, of dense voxels, or with densities of shapes.

    Example:
        >>> from ccnn_pc.datasets import CloudPreprocessing
        >>> mixed_transform(CloudPreprocessing(num_points=256, num_neighbors=24), samplings=["random:64", "points:512"])
        Compose([OneOf([Compose([RandomPoints(64)]), Compose([RandomPoints(512)])]), WithoutLattice(), KNN(48 of 512)])
    """
    check_at_least("mixed_from", mixed_from, 0)
    if not samplings:
        return preprocessing_transform(preprocessing, augment)
    trained = preprocessing_from_json(preprocessing) or CloudPreprocessing()
    drawn = [Sampling.parse(text) for text in samplings]
    if isinstance(trained, ImagePreprocessing) and trained.num_neighbors is not None:
        return Compose([*augment, OneOf([each.transform(trained) for each in drawn], mixed_from)])
    wrong = [each for each in drawn if each.kind not in SHAPES or each.kind is Kind.DENSE or each.density]
    if wrong or not isinstance(trained, CloudPreprocessing):
        raise ValueError(
            "'samplings' of a training must be points, even, random, uneven or voxels of shapes "
            f"(got {', '.join(map(str, wrong or drawn))} for {trained.kind})"
        )
    members = [each.of_cloud(trained) for each in drawn]
    steps: list[Transform] = [
        OneOf([replace(each, num_neighbors=None).transform(augment) for each in members], mixed_from)
    ]
    steps.append(WithoutLattice())
    k, usual = trained.num_neighbors, usual_count(trained)
    counts = [usual_count(each) for each in members]
    if k is not None:
        most = (
            None if usual is None or None in counts else max(count for count in counts if count is not None)
        )
        few = trained.fewest_neighbors
        steps.append(
            KNN(k) if most is None or usual is None else KNN(neighbors_of(most, k, usual, few), most, few)
        )
    return Compose(steps)


class ReadOnGrid(RandomTransform):
    """An image sampled otherwise, and read on its own grid again, as networks read such samples.

    Args:
        sampling: pixels, scattered, jittered, uneven or lit ones.

    Raises:
        ValueError: another sampling, or one with densities.

    Example:
        >>> from ccnn_pc.datasets import GridData
        >>> image = GridData(x=torch.arange(16.0).view(1, 1, 4, 4))
        >>> ReadOnGrid(Sampling.parse("pixels:3"))(image).x[0, 0, 0].tolist()
        [0.0, 1.0, 2.0..., 3.0]
    """

    def __init__(self, sampling: Sampling) -> None:
        if sampling.kind not in IMAGES or sampling.density:
            known = ", ".join(kind.value for kind in IMAGES)
            raise ValueError(f"'samplings' of images must be {known} (got {sampling})")
        self.sampling, self.thin = sampling, sampling.on_cells()

    def forward(self, data: Any, generator: torch.Generator | None = None) -> Any:
        """Replace ``x``."""
        shape = data.x.shape[2:]
        few = Compose([self.thin]).forward(copy.copy(data), generator)
        if self.sampling.kind is not Kind.PIXELS:
            values, grid = PointSet(few.pos).on_grid(few.x, shape, 1.0, few.get("background"))
            data.x = grid.unflatten(values)
            return data
        coarse = Grid(tuple(few.x.shape[2:]), few.spacing[0].tolist(), device=few.x.device)
        values, grid = coarse.resampled(coarse.flatten(few.x), 1.0, Interpolation.CUBIC)
        missing = [
            size for n, m in zip(reversed(shape), reversed(grid.shape), strict=True) for size in (0, n - m)
        ]
        data.x = pad(grid.unflatten(values), missing, mode="replicate")  # behind the last sample
        return data

    def __repr__(self) -> str:
        return f"ReadOnGrid({self.sampling})"


def mixed_augmentation(
    augment: Sequence[Transform] = (), samplings: Sequence[str] = (), mixed_from: int = 0
) -> Compose | None:
    """Every image of a training in a sampling of its own, one of several; see :class:`ReadOnGrid`.

    Args:
        augment: transforms of images in [0, 1].
        samplings: as :meth:`Sampling.parse` reads them; none: pixels as they are.
        mixed_from: epoch in which they begin to be drawn; before it, all images come in the first of them.

    Returns:
        None where there is nothing to do, so that whole batches can be made at once.

    Raises:
        ValueError: a sampling that images do not have.

    Example:
        >>> mixed_augmentation([], ["pixels", "scattered:0.5"])
        Compose([OneOf([ReadOnGrid(pixels), ReadOnGrid(scattered:0.5)])])
    """
    check_at_least("mixed_from", mixed_from, 0)
    if not samplings:
        return augmentation_transform(augment)
    return Compose([*augment, OneOf([ReadOnGrid(Sampling.parse(text)) for text in samplings], mixed_from)])
