"""Other samplings of the data that a trained model reads: points, voxels, coarser images, scattered pixels."""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass, replace

from ccnn_pc.datasets.formats.numerals import number_in
from ccnn_pc.datasets.preprocessing import (
    CloudPreprocessing,
    ImagePreprocessing,
    Preprocessing,
    SeriesPreprocessing,
)
from ccnn_pc.datasets.transforms import (
    KNN,
    Compose,
    EveryNth,
    InverseDensity,
    OccupiedCells,
    ScatteredCells,
    Subset,
    View,
    VoxelForm,
)
from ccnn_pc.datasets.transforms.attach import neighbors_of
from ccnn_pc.datasets.transforms.base import Transform

#: The published protocol of voxels: cells per axis, and surface points that fall into them.
VOXELS, SURFACE_POINTS = 40, 4096
#: What the density of a surface is estimated from. A chair's leg is as thin as a few samples: more neighbours see a
#: line there, and weigh its points many times over.
SURFACE_NEIGHBORS = 3


class Kind(enum.Enum):
    """What samples are.

    Of shapes: POINTS of the surface, drawn as in training, or EVEN (farthest ones), RANDOM or UNEVEN (ten times as
    dense at one end); VOXELS (occupied ones, as points on a lattice), DENSE (the same voxels out of an array: each sees
    its k nearest if that is what the model was trained with, else all in reach). Of images and sequences: PIXELS
    (``pixels:2``: every second one along each axis), SCATTERED (a random part of them, as points).
    """

    POINTS = "points"
    EVEN = "even"
    RANDOM = "random"
    UNEVEN = "uneven"
    VOXELS = "voxels"
    DENSE = "dense"
    PIXELS = "pixels"
    SCATTERED = "scattered"


_SURFACES = {Kind.EVEN: Subset.FARTHEST, Kind.RANDOM: Subset.RANDOM, Kind.UNEVEN: Subset.UNEVEN}
_VOXELS = (Kind.VOXELS, Kind.DENSE)
SHAPES = (Kind.POINTS, *_SURFACES, *_VOXELS)


@dataclass(frozen=True)
class Sampling:
    """A way to sample data, as it is written: ``points``, ``random:128``, ``voxels@20``, ``points+density``.

    Attributes:
        kind: what the samples are.
        number: points, voxels, the step between pixels, or the share of them; None: as in training.
        density: weight samples by the inverse of their density.
        cells: per axis, of voxels; None: as in training, or 40.
    """

    kind: Kind
    number: float | None = None
    density: bool = False
    cells: int | None = None

    @staticmethod
    def parse(text: str) -> Sampling:
        """Read ``KIND[@CELLS][:NUMBER][+density]``.

        Raises:
            ValueError: something else; the message lists the kinds.

        Example:
            >>> Sampling.parse("points:1024+density")
            Sampling(kind=<Kind.POINTS: 'points'>, number=1024.0, density=True, cells=None)
        """
        body, plus, weights = text.partition("+")
        front, colon, number = body.partition(":")
        name, at, cells = front.partition("@")
        kinds = [kind.value for kind in Kind]
        if name not in kinds or (plus and weights != "density"):
            raise ValueError(
                f"a sampling must be one of {', '.join(kinds)}, [@CELLS][:NUMBER][+density] (got '{text}')"
            )
        if at and (name not in [kind.value for kind in _VOXELS] or not cells.isdecimal() or not int(cells)):
            raise ValueError(
                f"'@CELLS' must be a whole number, at least 1, of voxels or dense (got '{text}')"
            )
        try:
            value = number_in(number) if colon else None
        except ValueError:
            raise ValueError(f"a sampling's number must be one (got '{number}' in '{text}')") from None
        kind = Kind(name)
        wrong = value is not None and not (0 < value <= 1 if kind is Kind.SCATTERED else value >= 1)
        if wrong or (value is not None and kind is not Kind.SCATTERED and value != int(value)):
            allowed = "in (0, 1]" if kind is Kind.SCATTERED else "a whole number, at least 1"
            raise ValueError(f"the number of the sampling '{name}' must be {allowed} (got '{number}')")
        if plus and kind in (Kind.DENSE, Kind.PIXELS):
            raise ValueError(
                f"'+density' must go with samples that may lie unevenly (got the sampling '{text}')"
            )
        return Sampling(kind, value, bool(plus), int(cells) if at else None)

    def transform(
        self, preprocessing: Preprocessing | None, spacing: float = 1.0, reach: float = math.inf
    ) -> Compose:
        """The preprocessing of a model, changed to this sampling.

        k grows with the number of samples, so that neighbourhoods keep their size.

        Args:
            preprocessing: stored with the model.
            spacing: of the model's grid, for pixels.
            reach: samples that a kernel reaches to each side, for scattered pixels.

        Raises:
            ValueError: a sampling that the model's data do not have.
        """
        trained = preprocessing or CloudPreprocessing()
        if isinstance(trained, CloudPreprocessing) and self.kind in SHAPES:
            return self._of_shapes(trained)
        if isinstance(trained, ImagePreprocessing) and self.kind not in SHAPES:
            return self._of_images(trained, spacing, reach)
        if isinstance(trained, SeriesPreprocessing):
            raise ValueError(
                "the model must read clouds or images to be given other samplings (got one of series)"
            )
        images = isinstance(trained, ImagePreprocessing)
        known = ", ".join(kind.value for kind in Kind if (kind in SHAPES) != images)
        raise ValueError(f"the sampling must be one of {known} for this model (got {self.kind.value})")

    @property
    def takes_all(self) -> bool:
        """Whether these are all pixels of an image, as an array."""
        return self.kind is Kind.PIXELS and self.number in (None, 1.0)

    def of_cloud(self, trained: CloudPreprocessing) -> CloudPreprocessing:
        """The preprocessing of a model of clouds, changed to this sampling; see :meth:`transform`."""
        usual = usual_count(trained)
        count = usual if self.number is None else int(self.number)
        k = trained.num_neighbors
        if k is not None and usual is not None and count is not None:
            k = neighbors_of(count, k, usual, trained.fewest_neighbors)
        subset = _SURFACES.get(self.kind, trained.sampling)
        changed = replace(
            trained,
            num_points=count,
            voxels=None,
            num_voxels=None,
            form=None,
            num_neighbors=k,
            sampling=subset,
        )
        if self.kind not in _VOXELS:
            return changed
        dense = self.kind is Kind.DENSE
        return replace(
            changed,
            num_points=SURFACE_POINTS if trained.voxels is None else trained.num_points,
            voxels=self.cells or trained.voxels or VOXELS,
            num_voxels=count,
            form=VoxelForm.DENSE if dense else VoxelForm.LATTICE,
            num_neighbors=None if dense else k,
        )

    def _of_shapes(self, trained: CloudPreprocessing) -> Compose:
        changed = self.of_cloud(trained)
        steps = changed.transform().transforms
        k = trained.num_neighbors
        if self.kind is Kind.DENSE and k is not None:
            # kernels saw k cells: whoever reads the array sees all in reach
            steps += [
                OccupiedCells(),
                KNN(
                    neighbors_of(
                        changed.num_voxels or k, k, usual_count(trained) or k, trained.fewest_neighbors
                    )
                ),
            ]
        if self.density:
            steps.insert(len(steps) - (k is not None), InverseDensity(SURFACE_NEIGHBORS, intrinsic_dim=2))
        return Compose(steps)

    def _of_images(self, trained: ImagePreprocessing, spacing: float, reach: float) -> Compose:
        steps: list[Transform] = [trained.transform()]
        if self.kind is Kind.PIXELS:
            if self.number is not None and self.number > 1:
                steps.append(EveryNth(int(self.number), spacing))
            return Compose(steps)
        share = 0.5 if self.number is None else self.number
        steps.append(ScatteredCells(share, spacing))
        if self.density:
            steps.append(InverseDensity())
        if math.isfinite(reach):
            axes = 2 if trained.view in (View.IMAGE, View.GREY) else 1
            steps.append(KNN(max(9, math.ceil(share * (2 * reach + 1) ** axes))))
        return Compose(steps)

    def __str__(self) -> str:
        number = "" if self.number is None else f":{self.number:g}"
        cells = "" if self.cells is None else f"@{self.cells}"
        return f"{self.kind.value}{cells}{number}{'+density' if self.density else ''}"


def usual_count(trained: CloudPreprocessing) -> int | None:
    """Points or voxels of an item in training; None: all there are."""
    return trained.num_points if trained.voxels is None else trained.num_voxels
