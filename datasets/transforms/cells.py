"""Samples of an array as points: some of them, denser on one side, each moved a little, or those off the background."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ccnn_pc.datasets.clouds.data import PointCloudData
from ccnn_pc.datasets.transforms.base import BaseTransform, RandomTransform, has, take_points
from ccnn_pc.datasets.transforms.resample import check_array
from ccnn_pc.datasets.transforms.sampling import UNEVENNESS, draw_rows
from ccnn_pc.ops.grids.interpolation import cubic_at

#: The largest share of UnevenCells: then all cells of the dense end are kept.
LARGEST_UNEVEN = (1 + 1 / UNEVENNESS) / 2


def cells_of(x: Tensor) -> Tensor:
    """Cell numbers per axis of an array ``[1, C, *S]``, row by row, int64 ``[n, D]`` on the CPU."""
    shape = x.shape[2:]
    return torch.cartesian_prod(*(torch.arange(s) for s in shape)).view(-1, len(shape))


def taken_cells(data: Any, cells: Tensor, kept: Tensor, spacing: float) -> PointCloudData:
    """The cells ``kept`` of an array as points on the lattice of all."""
    cells, kept = cells.to(data.x.device), kept.to(data.x.device)
    points = points_of(data, cells[kept] * spacing, data.x[0].flatten(1).t()[kept])
    points.lattice = torch.full((1, cells.shape[1]), spacing, dtype=torch.float64, device=data.x.device)
    return points


def all_cells(data: Any, spacing: float) -> PointCloudData:
    """All cells of an array as points."""
    cells = cells_of(data.x)
    return taken_cells(data, cells, torch.arange(len(cells)), spacing)


def points_of(data: Any, pos: Tensor, values: Tensor) -> PointCloudData:
    """Points in place of the array ``data.x``, with its label and name."""
    points = PointCloudData(pos=pos.to(data.x.dtype), x=values)
    for key in ("y", "name"):
        if has(data, key):
            points[key] = data[key]
    return points


class ScatteredCells(RandomTransform):
    """A random part of the cells of an array as points: ``pos [m, D]`` on the lattice of cells, ``x [m, C]``.

    Args:
        fraction: share of the cells that are kept, in (0, 1].
        spacing: distance of the cells.

    Raises:
        ValueError: a share that is not in (0, 1].

    Example:
        >>> from ccnn_pc.datasets import GridData
        >>> points = ScatteredCells(0.5)(GridData(x=torch.rand(1, 3, 4, 4)), torch.Generator().manual_seed(0))
        >>> points.pos.shape, points.x.shape
        (torch.Size([8, 2]), torch.Size([8, 3]))
    """

    def __init__(self, fraction: float = 0.5, spacing: float = 1.0) -> None:
        if not 0 < fraction <= 1:
            raise ValueError(f"'fraction' must be in (0, 1] (got {fraction})")
        self.fraction, self.spacing = fraction, spacing

    def forward(self, data: Any, generator: torch.Generator | None = None) -> Any:
        """Make points of cells."""
        check_array(data, self)
        cells = cells_of(data.x)
        kept = draw_rows(len(cells), max(1, round(self.fraction * len(cells))), generator).sort().values
        return taken_cells(data, cells, kept, self.spacing)

    def __repr__(self) -> str:
        return f"ScatteredCells({self.fraction}, {self.spacing})"


class LitCells(BaseTransform):
    """The cells of an array that do not hold its background, as points that tell it: sparse pictures, events.

    The points have ``background [1, C]`` beside ``pos [m, D]`` and ``x [m, C]``: networks that read on a grid are given
    the whole array again, moved so that the points lie in its middle. Where all is background, the first cell stays. Of
    an array that is points already, those stay that do not hold the background.

    Args:
        background: one value per channel, or one for all (default 0).
        spacing: distance of the cells.

    Raises:
        ValueError: values that are not finite; at the call: another number of them than channels.

    Example:
        >>> from ccnn_pc.datasets import GridData
        >>> picture = torch.zeros(1, 1, 4, 4)
        >>> picture[0, 0, 1, 2:] = torch.tensor([0.5, 1.0])
        >>> points = LitCells()(GridData(x=picture))
        >>> points.pos.tolist(), points.x.flatten().tolist(), points.background.tolist()
        ([[1.0, 2.0], [1.0, 3.0]], [0.5, 1.0], [[0.0]])
    """

    def __init__(self, background: float | Sequence[float] = 0.0, spacing: float = 1.0) -> None:
        values = [background] if isinstance(background, (int, float)) else list(background)
        if not values or not all(math.isfinite(value) for value in values):
            raise ValueError(f"'background' must be finite numbers (got {background})")
        self.background, self.spacing = tuple(values), spacing

    def forward(self, data: Any) -> Any:
        """Make points of cells."""
        if not has(data, "pos"):
            check_array(data, self)
        channels = data.x.shape[1]
        if len(self.background) not in (1, channels):
            raise ValueError(f"'background' must have 1 or {channels} values (got {len(self.background)})")
        background = data.x.new_tensor(self.background).expand(channels)
        points = data if has(data, "pos") else all_cells(data, self.spacing)
        kept = (points.x != background).any(dim=1).nonzero()[:, 0]
        points = take_points(points, kept if len(kept) else kept.new_zeros(1))
        points.background = background[None]
        return points

    def __repr__(self) -> str:
        return f"LitCells({', '.join(f'{value:g}' for value in self.background)})"


class UnevenCells(RandomTransform):
    r"""A random part of the cells of an array as points, ten times as dense at one end as at the other.

    .. math:: P(\text{cell } i \text{ is kept}) = \frac{f}{0.55}\,(1 - 0.9\, t_i)

    with t from 0 to 1 along a random axis, from either end: exactly so, and exactly ``round(f n)`` of n cells, by
    systematic sampling of the cells in random order (Madow 1949). More than f = 0.55 cannot be had at this ratio.

    Args:
        fraction: share f of the cells that are kept, in (0, 0.55].
        spacing: distance of the cells.

    Raises:
        ValueError: another share.

    Example:
        >>> from ccnn_pc.datasets import GridData
        >>> points = UnevenCells(0.5)(GridData(x=torch.rand(1, 3, 40, 40)), torch.Generator().manual_seed(0))
        >>> points.pos.shape, points.x.shape
        (torch.Size([800, 2]), torch.Size([800, 3]))
    """

    def __init__(self, fraction: float = 0.5, spacing: float = 1.0) -> None:
        if not 0 < fraction <= LARGEST_UNEVEN:
            raise ValueError(f"'fraction' must be in (0, {LARGEST_UNEVEN:g}] (got {fraction})")
        self.fraction, self.spacing = fraction, spacing

    def forward(self, data: Any, generator: torch.Generator | None = None) -> Any:
        """Make points of cells."""
        check_array(data, self)
        cells = cells_of(data.x)
        n = len(cells)
        axis, turned, first = torch.rand(3, generator=generator, dtype=torch.float64).tolist()
        along = cells[:, int(axis * cells.shape[1])].double()
        t = along / along.max().clamp(min=1)
        share = 1 - (1 - 1 / UNEVENNESS) * (1 - t if turned < 0.5 else t)
        count = max(1, min(round(self.fraction * n), int(float(share.sum() / share.max()) + 1e-9)))
        order = torch.randperm(n, generator=generator)
        passed = share[order].cumsum(0) * (count / share.sum()) + first
        passed[-1] = count + first  # whatever the sum was rounded to
        ends = passed.floor()
        chosen = order[ends > torch.cat([ends.new_zeros(1), ends[:-1]])]
        return taken_cells(data, cells, chosen.sort().values, self.spacing)

    def __repr__(self) -> str:
        return f"UnevenCells({self.fraction}, {self.spacing})"


class JitteredCells(RandomTransform):
    r"""The samples of an array moved at random, as points: a sensor whose grid is not exact.

    .. math:: p_i \sim U[\max(i - a, 0),\ \min(i + a, S - 1)] \text{ along each axis}, \qquad x_i = \tilde x(p_i)

    with the piecewise cubic :math:`\tilde x` through all samples (:func:`ccnn_pc.ops.grids.interpolation.cubic_at`). So
    all points lie between the first and the last sample, where it is known.

    Args:
        amount: how far a sample may move along an axis, a, in spacings, in (0, 1]; 0.5: cells stay apart.
        spacing: distance of the cells.

    Raises:
        ValueError: another amount.

    Example:
        >>> from ccnn_pc.datasets import GridData
        >>> slope = GridData(x=torch.arange(5.0).view(1, 1, 5))
        >>> points = JitteredCells(0.25)(slope, torch.Generator().manual_seed(0))
        >>> torch.allclose(points.x, points.pos), bool((points.pos[:, 0] - torch.arange(5)).abs().max() <= 0.25)
        (True, True)
    """

    def __init__(self, amount: float = 0.5, spacing: float = 1.0) -> None:
        if not 0 < amount <= 1:
            raise ValueError(f"'amount' must be in (0, 1] (got {amount})")
        self.amount, self.spacing = amount, spacing

    def forward(self, data: Any, generator: torch.Generator | None = None) -> Any:
        """Make points of cells."""
        check_array(data, self)
        cells = cells_of(data.x).double()
        last = torch.tensor(data.x.shape[2:], dtype=torch.float64) - 1
        low, high = (cells - self.amount).clamp(min=0), torch.minimum(cells + self.amount, last)
        share = torch.rand(cells.shape, dtype=torch.float64, generator=generator)
        place = (low + (high - low) * share).to(data.x.device)
        return points_of(data, place * self.spacing, cubic_at(data.x[0], place))

    def __repr__(self) -> str:
        return f"JitteredCells({self.amount}, {self.spacing})"
