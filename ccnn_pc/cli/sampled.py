"""Data of a trained model in another sampling."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ccnn_pc.cli.read_as import Footing
    from ccnn_pc.datasets.samplings import Sampling


class Sampler:
    """Makes data sets of other samplings, for a model.

    Args:
        model: whose preprocessing is changed.
        samplings: what will be asked for: refused here, before anything is read, if the model's data have none such.

    Raises:
        ValueError: a sampling that does not suit the model.
    """

    def __init__(self, model: Any, samplings: Sequence[Sampling]) -> None:
        stem = model.convolutions()[0]
        self.spacing, extent = float(stem.spacing[0]), float(stem.extent.max())
        self.reach, self.used = extent / self.spacing, with_neighbors(model)
        for sampling in samplings:
            sampling.transform(self.used, self.spacing, self.reach)

    def __call__(self, opened: Any, sampling: Sampling, footing: Footing) -> Any:
        """The items of a data set, opened as the model reads it, in a sampling."""
        step = footing.step(opened.shape[1:]) if footing.pictures else None
        transform = sampling.transform(self.used, self.spacing if step is None else step[0], self.reach)
        if footing.pictures and sampling.takes_all:
            transform = footing.at(transform, opened.shape[1:])
        return opened.subset(range(len(opened)), transform=transform)


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
