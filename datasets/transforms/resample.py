"""Gridded data seen otherwise: coarser, at another spacing, or cells as points."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch_geometric.transforms import BaseTransform

from ccnn_pc._checks import check_at_least, check_positive
from ccnn_pc.datasets.clouds.data import PointCloudData
from ccnn_pc.datasets.transforms.base import RandomTransform, has
from ccnn_pc.datasets.transforms.series import take_samples
from ccnn_pc.ops.grids.interpolation import cubic_axis
from ccnn_pc.ops.points.density import inverse_density_volume, knn_density


def check_array(data: Any, transform: object) -> None:
    """Refuse what is no array over a grid.

    Raises:
        ValueError: ``data`` has no array ``x [1, C, *S]``.
    """
    x = getattr(data, "x", None)
    if has(data, "pos") or x is None or x.dim() < 3:
        found = f"x {list(x.shape)}" if x is not None else f"the attributes {sorted(data.keys())}"
        raise ValueError(
            f"'data' must have an array x [1, C, *S] for {type(transform).__name__} (got {found})"
        )


class EveryNth(RandomTransform):
    """Keep every ``step``-th sample of an array along each axis: a coarser grid of ``step`` times the spacing.

    Of series with time stamps every ``step``-th sample stays.

    Args:
        step: at least 1.
        spacing: distance of the samples that come in.

    Example:
        >>> from ccnn_pc.datasets import GridData
        >>> coarse = EveryNth(2)(GridData(x=torch.arange(6.0).view(1, 1, 6)))
        >>> coarse.x.flatten().tolist(), float(coarse.spacing)
        ([0.0, 2.0, 4.0], 2.0)
    """

    def __init__(self, step: int, spacing: float = 1.0) -> None:
        self.step, self.spacing = check_at_least("step", step, 1), spacing

    def forward(self, data: Any, generator: torch.Generator | None = None) -> Any:
        """Replace ``x`` and ``spacing``; of series ``times``, ``x`` and ``mask``."""
        if has(data, "times"):
            return take_samples(data, slice(None, None, self.step))
        check_array(data, self)
        axes = data.x.dim() - 2
        data.x = data.x[(slice(None), slice(None), *[slice(None, None, self.step)] * axes)].contiguous()
        data.spacing = torch.full(
            (1, axes), self.step * self.spacing, dtype=torch.float64, device=data.x.device
        )
        return data

    def __repr__(self) -> str:
        return f"EveryNth({self.step}, {self.spacing})"


class CoarserGrid(BaseTransform):
    """Samples of an array any ``step`` apart along each axis, from the first on, as :class:`EveryNth` has whole steps.

    Values are those of the piecewise cubic curves through the samples, at 0, step, 2 step, ... up to the last sample
    (:func:`ccnn_pc.ops.grids.interpolation.cubic_axis`). Nothing is smoothed before.

    Args:
        step: at least 1.
        spacing: distance of the samples that come in.

    Raises:
        ValueError: a step below 1.

    Example:
        >>> from ccnn_pc.datasets import GridData
        >>> coarse = CoarserGrid(1.5)(GridData(x=torch.arange(6.0).view(1, 1, 6)))
        >>> coarse.x.flatten().tolist(), float(coarse.spacing)
        ([0.0, 1.5, 3.0, 4.5], 1.5)
    """

    def __init__(self, step: float, spacing: float = 1.0) -> None:
        if not 1 <= step < math.inf:
            raise ValueError(f"'step' must be at least 1 and finite (got {step})")
        self.step, self.spacing = float(step), spacing

    def forward(self, data: Any) -> Any:
        """Replace ``x`` and ``spacing``."""
        check_array(data, self)
        x = data.x
        for axis, size in enumerate(x.shape[2:], start=2):
            count = int((size - 1) / self.step * (1 + 1e-9)) + 1
            place = torch.arange(count, dtype=torch.float64, device=x.device) * self.step
            x = cubic_axis(x, axis, place.clamp(max=size - 1))
        data.x = x.contiguous()
        data.spacing = torch.full(
            (1, x.dim() - 2), self.step * self.spacing, dtype=torch.float64, device=x.device
        )
        return data

    def __repr__(self) -> str:
        return f"CoarserGrid({self.step:g}, {self.spacing})"


def every(step: float, spacing: float = 1.0) -> EveryNth | CoarserGrid:
    """Every so-manieth sample: :class:`EveryNth` of whole steps, else :class:`CoarserGrid`, of arrays alone.

    Args:
        step: at least 1.
        spacing: distance of the samples that come in.

    Example:
        >>> every(2), every(8 / 3)
        (EveryNth(2, 1.0), CoarserGrid(2.66667, 1.0))
    """
    return EveryNth(int(step), spacing) if step == int(step) else CoarserGrid(step, spacing)


class CellMeans(BaseTransform):
    """Means over ``step`` samples of an array along each axis: the picture that a coarser camera takes of the scene.

    Unlike every ``step``-th sample (:class:`EveryNth`) they hold no detail finer than themselves as a coarse one. The
    distance of samples is ``step``; a rest that fills no cell is left out.

    Args:
        step: at least 1; 1 says that samples are 1 apart.

    Raises:
        ValueError: (when called) an axis shorter than ``step``.

    Example:
        >>> from ccnn_pc.datasets import GridData
        >>> coarse = CellMeans(2)(GridData(x=torch.arange(6.0).view(1, 1, 6)))
        >>> coarse.x.flatten().tolist(), float(coarse.spacing)
        ([0.5, 2.5, 4.5], 2.0)
    """

    def __init__(self, step: int) -> None:
        self.step = check_at_least("step", step, 1)

    def forward(self, data: Any) -> Any:
        """Replace ``x`` and ``spacing``."""
        check_array(data, self)
        axes = data.x.dim() - 2
        if min(data.x.shape[2:]) < self.step:
            raise ValueError(
                f"'x' must have at least {self.step} samples along each axis (got {list(data.x.shape)})"
            )
        for axis in range(2, 2 + axes):
            whole = data.x.shape[axis] // self.step * self.step
            data.x = data.x.narrow(axis, 0, whole).unflatten(axis, (-1, self.step)).mean(axis + 1)
        data.spacing = torch.full((1, axes), float(self.step), dtype=torch.float64, device=data.x.device)
        return data

    def __repr__(self) -> str:
        return f"CellMeans({self.step})"


class AtSpacing(BaseTransform):
    """Say how far apart the samples of an array are; they stay as they are.

    Args:
        spacing: one number per axis.

    Example:
        >>> from ccnn_pc.datasets import GridData
        >>> AtSpacing([0.5, 0.5])(GridData(x=torch.zeros(1, 1, 4, 4))).spacing.tolist()
        [[0.5, 0.5]]
    """

    def __init__(self, spacing: Sequence[float]) -> None:
        self.spacing = [check_positive("spacing", step) for step in spacing]

    def forward(self, data: Any) -> Any:
        """Set ``spacing``."""
        check_array(data, self)
        data.spacing = torch.tensor([self.spacing], dtype=torch.float64, device=data.x.device)
        return data

    def __repr__(self) -> str:
        return f"AtSpacing({self.spacing})"


class TimesIn(BaseTransform):
    """Times of series in another unit: multiplied by a number, with the lattice that they lie on.

    Args:
        factor: of the new unit in the old one, inverted: 0.001 makes seconds of milliseconds.

    Example:
        >>> from ccnn_pc.datasets import SeriesData
        >>> series = SeriesData(times=torch.tensor([0.0, 500.0]).double(), x=torch.zeros(2, 1))
        >>> TimesIn(0.001)(series).times.tolist()
        [0.0, 0.5]
    """

    def __init__(self, factor: float) -> None:
        self.factor = check_positive("factor", factor)

    def forward(self, data: Any) -> Any:
        """Replace ``times`` and ``lattice``."""
        if not has(data, "times"):
            raise ValueError(f"'data' must be a series with times for TimesIn (got {sorted(data.keys())})")
        for key in ("times", "lattice"):
            if has(data, key):
                data[key] = data[key] * self.factor
        return data

    def __repr__(self) -> str:
        return f"TimesIn({self.factor:g})"


class OccupiedCells(BaseTransform):
    """The occupied cells of an array as points: ``pos [m, D]`` on the lattice of cells, ``x [m, C]``.

    So an array can be seen as a network with the k nearest samples sees it: whoever reads the array itself sees all
    cells in reach.

    Raises:
        ValueError: (in ``forward``) an array without ``occupied`` cells.

    Example:
        >>> from ccnn_pc.datasets import PointCloudData, Voxelize
        >>> cloud = PointCloudData(pos=torch.tensor([[-1.0, -1.0, -1.0], [0.9, 0.9, 0.9]]))
        >>> OccupiedCells()(Voxelize(2, form="dense")(cloud)).pos.tolist()
        [[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]]
    """

    def forward(self, data: Any) -> Any:
        """Make points of cells."""
        if not has(data, "occupied"):
            raise ValueError("'data' must be an array with 'occupied' cells (got none)")
        cells = data.occupied[0, 0].nonzero()
        spacing = data.spacing.view(1, -1)
        points = PointCloudData(
            pos=(cells * spacing).to(data.x.dtype),
            x=data.x[(0, slice(None), *cells.unbind(1))].t().contiguous(),
        )
        points.lattice = spacing
        for key in ("y", "name"):
            if has(data, key):
                points[key] = data[key]
        return points


class InverseDensity(BaseTransform):
    """Attach the ``volume [n]`` each point stands for: the inverse of the density of its k nearest points.

    Args:
        k: neighbours that the density is estimated from (see :func:`ccnn_pc.ops.points.density.knn_density`): few
            keep to the spacing of the points, many average it, and take edges and thin parts for sparse ones.
        intrinsic_dim: of what the points fill: 2 for surfaces; None: estimated for each cloud.
    """

    def __init__(self, k: int = 16, intrinsic_dim: int | None = None) -> None:
        self.k = check_at_least("k", k, 1)
        self.intrinsic_dim = (
            None if intrinsic_dim is None else check_at_least("intrinsic_dim", intrinsic_dim, 1)
        )

    def forward(self, data: Any) -> Any:
        """Set ``volume``."""
        density = knn_density(data.pos, k=self.k, intrinsic_dim=self.intrinsic_dim)
        data.volume = inverse_density_volume(density).to(data.pos.dtype)
        return data

    def __repr__(self) -> str:
        dim = "" if self.intrinsic_dim is None else f", intrinsic_dim={self.intrinsic_dim}"
        return f"InverseDensity({self.k}{dim})"
