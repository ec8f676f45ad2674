"""Other samplings of the data that a trained model reads: points, voxels, pixels, rates of series."""

from __future__ import annotations

import enum
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ccnn_pc.datasets.formats.numerals import number_in
from ccnn_pc.datasets.preprocessing import (
    CloudPreprocessing,
    ImagePreprocessing,
    Preprocessing,
    SeriesPreprocessing,
)
from ccnn_pc.datasets.preprocessing.files import Ended, FilePreprocessing
from ccnn_pc.datasets.preprocessing.sound import SoundPreprocessing
from ccnn_pc.datasets.preprocessing.volumes import VolumePreprocessing
from ccnn_pc.datasets.series.dataset import SeriesForm
from ccnn_pc.datasets.transforms import (
    KNN,
    AsSeries,
    Compose,
    DropSamples,
    EvenedPoints,
    InverseDensity,
    JitteredCells,
    LitCells,
    OccupiedCells,
    ScatteredCells,
    Subset,
    UnevenCells,
    View,
    VoxelForm,
)
from ccnn_pc.datasets.transforms.attach import neighbors_of
from ccnn_pc.datasets.transforms.base import Transform
from ccnn_pc.datasets.transforms.cells import LARGEST_UNEVEN
from ccnn_pc.datasets.transforms.resample import every
from ccnn_pc.datasets.transforms.sampling import EVENNESS

#: The published protocol of voxels: cells per axis, and surface points that fall into them.
VOXELS, SURFACE_POINTS = 40, 4096
#: What the density of a surface is estimated from. A chair's leg is as thin as a few samples: more neighbours see a
#: line there, and weigh its points many times over.
SURFACE_NEIGHBORS = 3


class Kind(enum.Enum):
    """What samples are.

    Of shapes: POINTS of the surface, drawn as in training, or EVEN (farthest ones), RANDOM or UNEVEN (ten times as
    dense at one end); VOXELS (occupied ones, as points on a lattice), DENSE (the same voxels out of an array: each sees
    its k nearest if that is what the model was trained with, else all in reach).

    Of images, sequences, volumes and sound: PIXELS (``pixels:2``: every second one along each axis; ``pixels:1.5``: so
    far apart, on the cubic curves through all), SCATTERED (a random part of them, as points), UNEVEN (the same, ten
    times as dense at one end), JITTERED (each moved by up to so many spacings, with the value of the cubic curves
    there), and of images LIT (those that are not black, as points that say so).

    Of series: SERIES as in training, EVERY so-manieth sample (``every:2``; of arrays also ``every:1.5``), or without so
    many per cent of the samples, left out at random (``drop:50``): of all samples that the data have.
    """

    POINTS = "points"
    EVEN = "even"
    RANDOM = "random"
    UNEVEN = "uneven"
    VOXELS = "voxels"
    DENSE = "dense"
    PIXELS = "pixels"
    SCATTERED = "scattered"
    JITTERED = "jittered"
    LIT = "lit"
    SERIES = "series"
    EVERY = "every"
    DROP = "drop"


_SURFACES = {Kind.EVEN: Subset.FARTHEST, Kind.RANDOM: Subset.RANDOM, Kind.UNEVEN: Subset.UNEVEN}
_VOXELS = (Kind.VOXELS, Kind.DENSE)
SHAPES = (Kind.POINTS, *_SURFACES, *_VOXELS)
IMAGES = (Kind.PIXELS, Kind.SCATTERED, Kind.JITTERED, Kind.UNEVEN, Kind.LIT)
FILES = (Kind.PIXELS, Kind.SCATTERED, Kind.JITTERED, Kind.UNEVEN)
SERIES = (Kind.SERIES, Kind.EVERY, Kind.DROP)
_OF = {
    CloudPreprocessing.kind: SHAPES,
    ImagePreprocessing.kind: IMAGES,
    SeriesPreprocessing.kind: SERIES,
    SoundPreprocessing.kind: FILES,
    VolumePreprocessing.kind: FILES,
}
#: Samples on a lattice or in an order, whose density is known.
_REGULAR = (Kind.DENSE, Kind.PIXELS, Kind.LIT, *SERIES)
_COUNT = "a whole number, at least 1"
_PART = f"in (0, {LARGEST_UNEVEN:g}]"


def _check_number(kind: Kind, number: float | None, text: str) -> None:
    """A number must be one that the kind has.

    Raises:
        ValueError: it is not.
    """
    value = math.nan if number is None else number
    whole = value >= 1 and value == int(value)
    fits, allowed = {
        Kind.PIXELS: (1 <= value < math.inf, "at least 1"),
        Kind.EVERY: (1 <= value < math.inf, "at least 1, as in every:2"),
        Kind.DROP: (0 <= value < 100, "per cent, in [0, 100), as in drop:50"),
        Kind.SCATTERED: (0 < value <= 1, "in (0, 1]"),
        Kind.JITTERED: (0 < value <= 1, "in (0, 1]"),
        Kind.UNEVEN: (
            whole or 0 < value <= LARGEST_UNEVEN,
            f"{_COUNT} (points), or {_PART} (share of pixels)",
        ),
        Kind.SERIES: (False, "left out"),
        Kind.LIT: (False, "left out"),
    }.get(kind, (whole, _COUNT))
    needed = kind in (Kind.EVERY, Kind.DROP)
    if not fits and (number is not None or needed):
        raise ValueError(f"the number of the sampling '{kind.value}' must be {allowed} (got '{text}')")


@dataclass(frozen=True)
class Sampling:
    """A way to sample data, as it is written: ``points``, ``random:128``, ``voxels@20``, ``points+density``.

    Attributes:
        kind: what the samples are.
        number: points, voxels, the step between samples, the share of pixels, how far they are moved, or per cent left
            out; None: as in training, half of the pixels, half a spacing.
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
        _check_number(kind, value, text)
        if plus and kind in _REGULAR:
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
            spacing: of the samples that the data have, for pixels and series.
            reach: samples that a kernel reaches to each side, for scattered pixels; infinite: they get no neighbours.

        Raises:
            ValueError: a sampling that the model's data do not have.
        """
        trained = preprocessing or CloudPreprocessing()
        if isinstance(trained, CloudPreprocessing) and self.kind in SHAPES:
            return self._of_shapes(trained)
        if isinstance(trained, ImagePreprocessing) and self.kind in IMAGES:
            return self._of_images(trained, spacing, reach)
        if isinstance(trained, FilePreprocessing) and self.kind in FILES:
            return self._of_files(trained, spacing, reach)
        if isinstance(trained, SeriesPreprocessing) and self.kind in SERIES:
            return self._of_series(trained, spacing)
        known = ", ".join(kind.value for kind in _OF.get(trained.kind, ())) or "left out"
        raise ValueError(f"the sampling must be one of {known} for this model (got {self.kind.value})")

    @property
    def takes_all(self) -> bool:
        """Whether these are all pixels of an image, as an array."""
        return self.kind is Kind.PIXELS and self.number in (None, 1.0)

    def of_cloud(self, trained: CloudPreprocessing) -> CloudPreprocessing:
        """The preprocessing of a model of clouds, changed to this sampling; see :meth:`transform`."""
        if self.number is not None and self.number != int(self.number):
            raise ValueError(f"the number of points must be {_COUNT}, for a model of clouds (got '{self}')")
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
        if trained.sampling is Subset.FARTHEST and self.kind in (Kind.RANDOM, Kind.UNEVEN):
            # the model would be given such clouds, and read them so
            steps.insert(int(changed.num_points is not None), EvenedPoints(EVENNESS))
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

    def on_cells(self, spacing: float = 1.0, black: float | Sequence[float] = 0.0) -> Transform:
        """The samples of an array that are kept: coarser ones, or some as points; ``black``: what is not lit.

        Raises:
            ValueError: a sampling that arrays do not have.
        """
        number = self.number
        if self.kind in (Kind.PIXELS, Kind.EVERY):
            return every(1.0 if number is None else number, spacing)
        if self.kind is Kind.JITTERED:
            return JitteredCells(0.5 if number is None else number, spacing)
        if self.kind is Kind.LIT:
            return LitCells(black, spacing)
        if (
            self.kind not in (Kind.SCATTERED, Kind.UNEVEN)
            or (number or 0) > 1
            or self == Sampling(Kind.UNEVEN, 1)
        ):
            raise ValueError(f"the share of pixels must be {_PART}, for a model of images (got '{self}')")
        cells = UnevenCells if self.kind is Kind.UNEVEN else ScatteredCells
        return cells(0.5 if number is None else number, spacing)

    def _of_images(self, trained: ImagePreprocessing, spacing: float, reach: float) -> Compose:
        if trained.num_neighbors is not None:
            return self._of_lit(trained, trained.num_neighbors, spacing)
        axes = 2 if trained.view in (View.IMAGE, View.GREY) else 1
        return self._of_arrays([trained.transform()], trained.black, spacing, reach, axes)

    def _of_files(self, trained: FilePreprocessing, spacing: float, reach: float) -> Compose:
        """Of arrays that their data set normalises afterwards."""
        axes = 1 if isinstance(trained, SoundPreprocessing) else 3
        return self._of_arrays([Ended(trained)], 0.0, spacing, reach, axes)

    def _of_arrays(
        self,
        steps: list[Transform],
        black: float | Sequence[float],
        spacing: float,
        reach: float,
        axes: int,
    ) -> Compose:
        if not self.takes_all:
            steps.append(self.on_cells(spacing, black))
        if self.kind is Kind.PIXELS:
            return Compose(steps)
        if self.density:
            steps.append(InverseDensity())
        if math.isfinite(reach):
            share = 1.0 if self.kind is Kind.JITTERED else 0.5 if self.number is None else self.number
            steps.append(KNN(max(9, math.ceil(share * (2 * reach + 1) ** axes))))
        return Compose(steps)

    def _of_lit(self, trained: ImagePreprocessing, k: int, spacing: float) -> Compose:
        """Of these samples those that are not black. k stays: kernels see those in reach, however many are found."""
        steps: list[Transform] = [trained.to_view()]
        if self.kind is Kind.PIXELS:
            steps += [] if self.takes_all else [self.on_cells(spacing)]
            steps.append(LitCells(trained.black, spacing * (self.number or 1.0)))
        elif self.kind is Kind.LIT:
            steps.append(LitCells(trained.black, spacing))
        else:
            steps += [self.on_cells(spacing), LitCells(trained.black)]
        return Compose([*steps, *([InverseDensity()] if self.density else []), KNN(k)])

    def _of_series(self, trained: SeriesPreprocessing, spacing: float) -> Compose:
        """Rates and drops take the place of those of training.

        Samples of an array that are left out are 0 where a channel says so, else the others have stamps.
        """
        if self.kind is Kind.SERIES:
            return trained.transform()
        irregular = trained.form is SeriesForm.IRREGULAR or trained.table is not None
        masked = trained.observed is not None or bool(trained.drop)
        percent = self.number if self.kind is Kind.DROP and self.number else 0.0
        steps: list[Transform] = []
        if self.kind is Kind.EVERY and self.number not in (None, 1.0):
            if (irregular or masked) and self.number != int(self.number or 1):
                raise ValueError(
                    "'every' must have a whole number for series with time stamps, or a channel that says what was "
                    f"observed (got '{self}')"
                )
            steps.append(self.on_cells(spacing))
        if irregular or (percent and not masked):
            steps += [AsSeries(spacing), *([DropSamples(percent, irregular=True)] if percent else [])]
        elif masked and (percent or trained.observed is not False):
            steps.append(DropSamples(percent, channel=trained.observed is not False))
        return Compose(steps)

    def __str__(self) -> str:
        number = "" if self.number is None else f":{self.number:g}"
        cells = "" if self.cells is None else f"@{self.cells}"
        return f"{self.kind.value}{cells}{number}{'+density' if self.density else ''}"


def usual_count(trained: CloudPreprocessing) -> int | None:
    """Points or voxels of an item in training; None: all there are."""
    return trained.num_points if trained.voxels is None else trained.num_voxels
