"""What one does without a continuous kernel: samples are brought to those of training first."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ccnn_pc.datasets.preprocessing import CloudPreprocessing
from ccnn_pc.datasets.samplings.mixtures import WithoutLattice
from ccnn_pc.datasets.samplings.sampling import Kind, Sampling, usual_count
from ccnn_pc.datasets.transforms import KNN, Compose, FarthestPoints, VoxelForm, Voxelize
from ccnn_pc.datasets.transforms.base import RandomTransform, Transform, has
from ccnn_pc.domains import Interpolation
from ccnn_pc.ops.cells import cell_coordinates
from ccnn_pc.ops.grids.interpolation import cubic_axis, interpolate_axis
from ccnn_pc.ops.neighbors.k_nearest import knn
from ccnn_pc.ops.series.interpolation import interpolate_series


class Resampled(RandomTransform):
    """Arrays and series in one sampling, brought to the places of another by interpolation.

    A coarser array is read axis by axis, constant behind its last sample; of points each place has the value of the
    nearest; a series is read on the straight lines between its samples, channel by channel where some are missing.

    Args:
        asked: makes the samples that there are.
        wanted: makes samples whose places are wanted: an array or a series.
        spacing: distance of an array's samples that does not say it.
        interpolation: of arrays, LINEAR or CUBIC (default).
        masked: whether the last channel of arrays says what was observed.

    Example:
        >>> from ccnn_pc.datasets import CoarserGrid, GridData
        >>> again = Resampled(Compose([CoarserGrid(1.5)]), Compose([]))
        >>> again(GridData(x=torch.arange(6.0).view(1, 1, 6))).x.flatten().round(decimals=3).tolist()
        [0.0, 1.0, 2.0, 3.0, 4.0, 4.5]
    """

    def __init__(
        self,
        asked: Compose,
        wanted: Compose,
        *,
        spacing: float = 1.0,
        interpolation: Interpolation = Interpolation.CUBIC,
        masked: bool = False,
    ) -> None:
        self.asked, self.wanted, self.spacing, self.masked = asked, wanted, spacing, masked
        self.between = cubic_axis if interpolation is Interpolation.CUBIC else interpolate_axis

    def forward(self, data: Any, generator: torch.Generator | None = None) -> Any:
        """What ``wanted`` makes, with values read between those of ``asked``."""
        few = self.asked.forward(
            copy.copy(data), generator
        )  # first: with the random numbers it has without the other
        found = self.wanted.forward(copy.copy(data), generator)
        if has(found, "times"):
            found.x = _lines(few.x, few.times, found.times, few.get("mask"))
            if has(few, "mask"):
                found.mask = few.mask.any(0).expand(len(found.x), -1).contiguous()
            return found
        shape, step = found.x.shape[2:], self._step(found)
        if has(few, "times"):
            found.x = _lines(few.x, few.times, torch.arange(shape[0]) * step[0], None).t()[None].contiguous()
        elif has(few, "pos"):
            cells = cell_coordinates(torch.arange(shape.numel()), shape) * step
            nearest = knn(few.pos, 1, query_pos=cells.to(few.pos)).index[:, 0].long()
            found.x = few.x[nearest].t().reshape(1, -1, *shape)
        elif self.masked:
            found.x = self._observed(few, found, step)
        else:
            found.x = self._on_array(few, shape, step)
        return found

    def _step(self, data: Any) -> Tensor:
        """Distance of the samples of an array per axis, float64."""
        axes = data.x.dim() - 2
        own = data.spacing.flatten() if has(data, "spacing") else torch.tensor([self.spacing])
        return own.to("cpu", torch.float64).expand(axes)

    def _on_array(self, few: Any, shape: torch.Size, step: Tensor) -> Tensor:
        values = few.x
        for axis, (size, ratio) in enumerate(
            zip(shape, (step / self._step(few)).tolist(), strict=True), start=2
        ):
            place = torch.arange(size, dtype=torch.float64) * ratio
            values = self.between(values, axis, place.clamp(max=values.shape[axis] - 1))
        return values

    def _observed(self, few: Any, found: Any, step: Tensor) -> Tensor:
        """Lines through what was observed, where training had samples."""
        x, known = few.x[0, :-1].t(), few.x[0, -1] > 0
        times = torch.arange(len(x)) * self._step(few)[0]
        values = _lines(x[known], times[known], torch.arange(found.x.shape[2]) * step[0], None)
        there = found.x[:, -1:]
        return torch.cat([values.t()[None] * there, there], dim=1)

    def __repr__(self) -> str:
        return f"Resampled({self.asked}, {self.wanted})"


def _lines(x: Tensor, times: Tensor, wanted: Tensor, mask: Tensor | None) -> Tensor:
    """One series on its straight lines."""
    pointer, series = torch.tensor([0, len(times)]), torch.zeros(len(wanted), dtype=torch.long)
    return interpolate_series(x, times.double(), pointer, wanted.double(), series, mask)


def resampled_clouds(asked: Sampling, source: Sampling, trained: CloudPreprocessing) -> Compose | None:
    """Clouds in one sampling, brought to another: the farthest of more points, or the voxels that points lie in.

    Args:
        asked: the sampling that there is.
        source: the sampling of training.
        trained: preprocessing of the model.

    Returns:
        None where there is no such way: fewer points than training had, or other voxels.

    Example:
        >>> model, points = CloudPreprocessing(num_points=256, num_neighbors=24), Sampling.parse("points")
        >>> resampled_clouds(Sampling.parse("random:1024"), points, model)
        Compose([RandomPoints(1024), FarthestPoints(256), KNN(24 of 256)])
        >>> resampled_clouds(Sampling.parse("even:64"), points, model) is None
        True
    """
    there, here = asked.of_cloud(trained), source.of_cloud(trained)
    usual, count = usual_count(here), usual_count(there)
    among_points, of_points = here.voxels is None, there.voxels is None
    fewer = usual is None or (count is not None and count <= usual)
    as_array = source.kind is Kind.DENSE and trained.num_neighbors is not None
    if source.density or as_array or (fewer if among_points else not of_points):
        return None
    form = there.form if of_points else VoxelForm.LATTICE
    steps: list[Transform] = replace(there, num_neighbors=None, form=form).transform().transforms
    if among_points:
        steps += [*([] if of_points else [WithoutLattice()]), FarthestPoints(usual or 1)]
    else:
        steps.append(
            Voxelize(here.voxels or 1, here.num_voxels, here.form or VoxelForm.LATTICE, here.sampling)
        )
    if here.num_neighbors is not None:
        steps.append(KNN(here.num_neighbors, usual, here.fewest_neighbors))
    return Compose(steps)
