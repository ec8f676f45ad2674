"""Preprocessing of point clouds."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from ccnn_pc._checks import check_at_least
from ccnn_pc._choices import choice
from ccnn_pc.datasets.preprocessing.base import Preprocessing, set_fields
from ccnn_pc.datasets.transforms.attach import FEATURE_CHANNELS, KNN, FeaturesFrom
from ccnn_pc.datasets.transforms.base import Compose, Transform
from ccnn_pc.datasets.transforms.normalize import Frame, Normalize
from ccnn_pc.datasets.transforms.sampling import (
    EVENNESS,
    FarthestPoints,
    RandomPoints,
    Subset,
    UnevenPoints,
)
from ccnn_pc.datasets.transforms.voxels import VoxelForm, Voxelize

_SUBSETS: dict[Subset, Callable[[int], Transform]] = {
    Subset.RANDOM: RandomPoints,
    Subset.FARTHEST: functools.partial(FarthestPoints, evenness=EVENNESS),
    Subset.UNEVEN: UnevenPoints,
}


@dataclass(frozen=True)
class CloudPreprocessing(Preprocessing):
    """Points, then size, then augmentation, then features, then voxels, then neighbours.

    Before voxels the size is set again after an augmentation, so that they hold the whole shape.

    Args:
        num_points: points to keep (None: all).
        sampling: which ones: RANDOM (default), FARTHEST or UNEVEN; of voxels which of these, whose points are then
            random. Of FARTHEST points there may be fewer: where a cloud has not twice as many, those of close pairs go
            first (see :class:`FarthestPoints`).
        normalize: BOX or SPHERE; None: sizes stay.
        features: attributes that become ``x``, see :class:`FeaturesFrom`; None: ``x`` stays.
        voxels: cells per axis; None: points stay points.
        num_voxels: voxels to keep (None: all).
        form: of voxels, LATTICE (default) or DENSE.
        num_neighbors: k of the neighbours that come with an item of so many points or voxels, fewer for smaller ones
            (see :class:`KNN`); None: the network searches.
        fewest_neighbors: neighbours that smaller ones keep at least (default 1).

    Raises:
        ValueError: an unknown choice, a number below 1, or fields that exclude each other.

    Example:
        >>> CloudPreprocessing(num_points=512, features=("normal", "pos")).transform()
        Compose([RandomPoints(512), FeaturesFrom(['normal', 'pos'])])
        >>> CloudPreprocessing(normalize="box", voxels=40, num_voxels=512, form="dense").transform()
        Compose([Normalize(Frame.BOX), Voxelize(40, 512, dense)])
    """

    kind: ClassVar[str] = "cloud"

    num_points: int | None = None
    sampling: Subset | str = Subset.RANDOM
    normalize: Frame | str | None = None
    features: Sequence[str] | None = None
    voxels: int | None = None
    num_voxels: int | None = None
    form: VoxelForm | str | None = None
    num_neighbors: int | None = None
    fewest_neighbors: int = 1

    def __post_init__(self) -> None:
        for name in ("num_points", "voxels", "num_voxels", "num_neighbors"):
            value = getattr(self, name)
            set_fields(self, **{name: None if value is None else check_at_least(name, int(value), 1)})
        check_at_least("fewest_neighbors", self.fewest_neighbors, 1)
        set_fields(
            self,
            sampling=choice("sampling", self.sampling, Subset),
            normalize=None if self.normalize is None else choice("normalize", self.normalize, Frame),
            features=None if self.features is None else tuple(FeaturesFrom(self.features).names),
            form=None if self.form is None else choice("form", self.form, VoxelForm),
        )
        if self.voxels is None and (self.num_voxels is not None or self.form is not None):
            raise ValueError("'voxels' must be given with 'num_voxels' or 'form' (got None)")
        if self.form is VoxelForm.DENSE and self.num_neighbors is not None:
            raise ValueError("'num_neighbors' must be None for dense voxels, which have no neighbour table")

    @property
    def channel_names(self) -> tuple[str, ...]:
        """What the channels are called, of features of which it is known.

        Example:
            >>> CloudPreprocessing(features=["unoriented_normal", "one"]).channel_names
            ('unoriented_normal x', 'unoriented_normal y', 'unoriented_normal z', 'one')
        """
        features = self.features or ("pos",)
        known = ((name, FEATURE_CHANNELS.get(name, 1)) for name in features)
        return tuple(
            name if count == 1 else f"{name} {axis}" for name, count in known for axis in "xyz"[:count]
        )

    @property
    def needs_normals(self) -> bool:
        """Whether the features hold normals."""
        return any(name.endswith("normal") for name in self.features or ())

    def transform(self, augment: Sequence[Transform] = ()) -> Compose:
        """The steps above; ``augment`` moves points."""
        subset = choice("sampling", self.sampling, Subset)
        steps: list[Transform] = []
        if self.num_points is not None:
            steps.append(_SUBSETS[Subset.RANDOM if self.voxels else subset](self.num_points))
        size = [] if self.normalize is None else [Normalize(self.normalize)]
        steps += [*size, *augment]
        if augment and self.voxels is not None:
            steps += size  # a stretched shape would stick out of the voxels
        if self.features is not None:
            steps.append(FeaturesFrom(self.features))
        if self.voxels is not None:
            steps.append(Voxelize(self.voxels, self.num_voxels, self.form or VoxelForm.LATTICE, subset))
        if self.num_neighbors is not None:
            number = self.num_points if self.voxels is None else self.num_voxels
            steps.append(KNN(self.num_neighbors, number, self.fewest_neighbors))
        return Compose(steps)
