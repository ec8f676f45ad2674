"""Data of a trained model in another sampling, as they are or brought to that of its training."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ccnn_pc.cli.read_as import Footing
    from ccnn_pc.datasets.samplings import Sampling
    from ccnn_pc.datasets.transforms.base import Compose


class Sampler:
    """Makes data sets of other samplings, for a model.

    Args:
        model: whose preprocessing is changed.
        samplings: what will be asked for: refused here, before anything is read, if the model's data have none such.

    Raises:
        ValueError: a sampling that does not suit the model.
    """

    def __init__(self, model: Any, samplings: Sequence[Sampling]) -> None:
        from ccnn_pc.datasets import CloudPreprocessing, ScenePreprocessing
        from ccnn_pc.datasets.samplings import Kind

        if isinstance(model.preprocessing, ScenePreprocessing):
            raise ValueError(f"'sampling' must be left out for a model of scenes (got {samplings[0]})")
        stem = next(iter(getattr(model, "convolutions", list)()), None)
        if stem is None and not isinstance(model.preprocessing, CloudPreprocessing | None):
            raise ValueError(
                f"'sampling' must be left out for {type(model).__name__}, whose layers have no kernels that say how "
                f"far they see (got {samplings[0]}); 'ccnn-pc evaluate' without it asks the data as they are"
            )
        dense = next((each for each in samplings if each.kind is Kind.DENSE), None)
        if stem is None and dense is not None:
            raise ValueError(
                f"'sampling' must be of points for {type(model).__name__}, which reads no arrays (got {dense}): "
                "'voxels' are the same cells as points"
            )
        spacing, extent = (
            (1.0, math.inf) if stem is None else (float(stem.spacing[0]), float(stem.extent.max()))
        )
        self.spacing = spacing
        on_grid = hasattr(model, "reading") and model.reading.on_grid  # then nobody looks at neighbours
        self.reach, self.used = math.inf if on_grid else extent / self.spacing, with_neighbors(model)
        for sampling in samplings:
            sampling.transform(self.used, self.spacing, self.reach)

    def __call__(self, opened: Any, sampling: Sampling, footing: Footing) -> Any:
        """The items of a data set, opened as the model reads it, in a sampling."""
        made = self._transform(opened, sampling, footing, self.reach)
        return _whole(opened, sampling).subset(range(len(opened)), transform=made)

    def resampled(self, opened: Any, sampling: Sampling, source: Sampling, footing: Footing) -> Any:
        """The same items, brought from a sampling to another one; None where there is no usual way."""
        from ccnn_pc.datasets import CloudPreprocessing, ImagePreprocessing
        from ccnn_pc.datasets.preprocessing.files import FilePreprocessing
        from ccnn_pc.datasets.samplings import Kind, Resampled, resampled_clouds
        from ccnn_pc.domains import Interpolation

        if sampling == source:
            return None
        if self.used is None or isinstance(self.used, CloudPreprocessing):
            clouds = resampled_clouds(sampling, source, self.used or CloudPreprocessing())
            if clouds is None:
                return None
            return opened.subset(range(len(opened)), transform=footing.turned(clouds))
        pictures = isinstance(self.used, (ImagePreprocessing, FilePreprocessing))
        places = source.kind is Kind.PIXELS if pictures else not (source.kind is Kind.DROP or opened.drops)
        if not places:
            return None  # what lies at random is no place to read at
        plain = dataclasses.replace(sampling, density=False)
        asked, wanted = (self._transform(opened, each, footing, math.inf) for each in (plain, source))
        made = Resampled(
            asked,
            wanted,
            spacing=self._step(opened, footing),
            interpolation=Interpolation.CUBIC if pictures and len(opened.shape) > 2 else Interpolation.LINEAR,
            masked=not pictures and self._observed(opened) is not None,
        )
        return opened.subset(range(len(opened)), transform=made)

    def _transform(self, opened: Any, sampling: Sampling, footing: Footing, reach: float) -> Compose:
        from ccnn_pc.datasets import SeriesPreprocessing
        from ccnn_pc.datasets.samplings import Kind
        from ccnn_pc.datasets.transforms.base import Compose
        from ccnn_pc.datasets.transforms.resample import AtSpacing, TimesIn

        step = self._step(opened, footing)
        if not isinstance(self.used, SeriesPreprocessing):
            made = sampling.transform(self.used, step, reach)
            return footing.at(made, self._sizes(opened)) if sampling.takes_all else footing.turned(made)
        if sampling.kind is Kind.SERIES:
            return opened.transform or Compose([])
        used = dataclasses.replace(self.used, drop=0.0, observed=self._observed(opened))
        unit = [] if footing.factor == 1 else [TimesIn(footing.factor)]
        apart = [] if footing.said.spacing is None else [AtSpacing([footing.said.spacing])]
        return Compose([*unit, *apart, *sampling.transform(used, step).transforms])

    def _sizes(self, opened: Any) -> Sequence[int]:
        """Samples of an array per axis, of images and of files."""
        from ccnn_pc.datasets.preprocessing.files import FilePreprocessing

        if isinstance(self.used, FilePreprocessing):
            return list(opened.shape[1:])
        sizes: Sequence[int] = self.used.to_view().shape_of(*opened.shape)[1:]
        return sizes

    def _observed(self, opened: Any) -> bool | None:
        """Whether arrays of series must be given the channel that says what was observed; None: the model has none."""
        if opened.form.value != "grid":
            return None
        return False if opened.observed else bool(self.used.observed or self.used.drop) or None

    def _step(self, opened: Any, footing: Footing) -> float:
        """Distance of the samples of arrays, as they lie in the data."""
        if footing.said.spacing is not None:
            return footing.said.spacing
        if footing.pictures:
            step = footing.step(self._sizes(opened))
            return self.spacing if step is None else step[0]
        thinned = getattr(self.used, "every", 1) > 1
        return 1.0 if thinned else self.spacing  # training counted its own from 1


def _whole(opened: Any, sampling: Sampling) -> Any:
    """A data set with all of its samples, where the sampling says which are left out."""
    from ccnn_pc.datasets.samplings import Kind

    return opened.without_drops() if sampling.kind in (Kind.EVERY, Kind.DROP) else opened


def with_neighbors(model: Any) -> Any:
    """The preprocessing of a model, of clouds with the k that the network would search: every sampling has its share.

    An array of voxels, above all, has no neighbours: kernels would see all cells in reach, which is another function.
    """
    from ccnn_pc.datasets import CloudPreprocessing, VoxelForm

    used = model.preprocessing
    searches = isinstance(used, CloudPreprocessing) and used.num_neighbors is None
    if not searches or used.form is VoxelForm.DENSE or not hasattr(model, "reading"):
        return used
    return dataclasses.replace(used, num_neighbors=model.reading.num_neighbors)
