"""From points to the voxels they occupy: as a dense array, or as points on a lattice."""

from __future__ import annotations

import enum
from typing import Any

import torch
from torch import Tensor

from ccnn_pc._checks import check_at_least
from ccnn_pc._choices import choice
from ccnn_pc.datasets.common.grid_data import GridData
from ccnn_pc.datasets.transforms.base import ChangesPoints, RandomTransform, has, point_keys
from ccnn_pc.datasets.transforms.sampling import Subset, choose_rows
from ccnn_pc.ops.points.voxels import cell_means, voxel_centers, voxelize


class VoxelForm(enum.Enum):
    """DENSE: an array over all cells with a mask. LATTICE: the centres of the occupied cells as points."""

    DENSE = "dense"
    LATTICE = "lattice"


#: The class of cells without a point in dense labels: ``ignore_index`` of torch's losses.
IGNORED = -100


def cell_majority(values: Tensor, row: Tensor, num_cells: int) -> Tensor:
    """The most frequent value of the points of each cell, of equally frequent ones the smallest.

    Args:
        values: integers or truth values ``[N, *]``; each column of its own.
        row: cell of each point ``[N]``, as :func:`ccnn_pc.ops.points.voxels.voxelize` gives it.
        num_cells: number of cells, each with a point.

    Example:
        >>> cell_majority(torch.tensor([7, 3, 3, 5, 4]), torch.tensor([0, 0, 0, 1, 1]), 2).tolist()
        [3, 4]
    """
    columns = []
    for column in values.reshape(len(values), -1).t():
        found, number = torch.unique(column, return_inverse=True)
        pair, count = torch.unique(row * len(found) + number, return_counts=True)
        cell = pair // len(found)
        order = torch.argsort(
            cell * (len(row) + 1) - count, stable=True
        )  # pairs rise, so the smallest comes first
        first = torch.searchsorted(cell, torch.arange(num_cells, device=cell.device))
        columns.append(found[pair[order][first] % len(found)])
    return torch.stack(columns, dim=1).reshape(num_cells, *values.shape[1:])


def _of_cells(values: Tensor, row: Tensor, num_cells: int) -> Tensor:
    if not values.is_floating_point():
        return cell_majority(values, row, num_cells)
    return cell_means(values.reshape(len(values), -1), row, num_cells).reshape(num_cells, *values.shape[1:])


class Voxelize(RandomTransform, ChangesPoints):
    """Replace the points in [-1, 1]^3 by the voxels they occupy.

    Cell i of an axis covers [-1 + 2i/n, -1 + 2(i+1)/n) and is represented by its centre (see
    :mod:`ccnn_pc.ops.points.voxels`). A voxel's features are the means of the features ``x`` of its points (take them
    before: ``FeaturesFrom``); without ``x`` its feature is 1. Points outside of [-1, 1]^3 are left out. Both forms
    hold the same set, and with the same generator the same random subset of it:

    * LATTICE: ``pos [m, 3]`` voxel centres, ``x [m, C]`` and ``lattice`` 2/n. Of other attributes of points
      (``data.is_node_attr``) floating-point numbers are averaged too, ``volume`` is summed; of integers and truth
      values, ``y [n]`` among them, the most frequent one of a voxel stays (of equally many the smallest); what is no
      tensor is dropped, and so are ``face``.
    * DENSE: a :class:`GridData` with ``x [1, C, n, n, n]``, zero in empty cells, ``occupied [1, 1, n, n, n]`` and
      ``spacing`` 2/n; labels of points become ``y [1, n, n, n]``, -100 (which losses of torch ignore) in empty cells.

    The published protocol for ModelNet10 is 40 cells per axis and 512 voxels of 4096 surface points; these occupy
    2,300 on average (900 to 3,600), of which 512 are drawn at random.

    Args:
        resolution: cells per axis n (default 40).
        num_voxels: keep a subset of so many (default 512; fewer are kept as they are); None: all.
        form: LATTICE (default) or DENSE.
        subset: RANDOM (default, as published) or FARTHEST, spread evenly over the shape.

    Raises:
        ValueError: no point in [-1, 1]^3 (in ``forward``), an unknown form, numbers below 1.

    Example:
        >>> from ccnn_pc.datasets import PointCloudData
        >>> cloud = PointCloudData(pos=torch.tensor([[-1.0, -1.0, -1.0], [0.9, 0.9, 0.9], [0.8, 0.6, 1.0]]))
        >>> Voxelize(2)(cloud).pos.sort(dim=0).values.tolist()
        [[-0.5, -0.5, -0.5], [0.5, 0.5, 0.5]]
        >>> int(Voxelize(2, form="dense")(cloud).occupied.sum())
        2
    """

    def __init__(
        self,
        resolution: int = 40,
        num_voxels: int | None = 512,
        form: VoxelForm | str = VoxelForm.LATTICE,
        subset: Subset | str = Subset.RANDOM,
    ) -> None:
        self.resolution = check_at_least("resolution", resolution, 1)
        self.num_voxels = None if num_voxels is None else check_at_least("num_voxels", num_voxels, 1)
        self.form = choice("form", form, VoxelForm)
        self.subset = choice("subset", subset, Subset)

    def forward(self, data: Any, generator: torch.Generator | None = None) -> Any:
        """Replace ``pos`` and all that belongs to points."""
        inside = (data.pos.abs() <= 1).all(dim=1)
        if not bool(inside.any()):
            raise ValueError(
                f"'data.pos' must have points in [-1, 1]^{data.pos.shape[1]} (got none): normalise it first"
            )
        cells, row = voxelize(data.pos[inside], self.resolution)
        features = data.x[inside] if has(data, "x") else data.pos.new_ones(len(row), 1)
        x = cell_means(features, row, len(cells))
        kept = torch.arange(len(cells), device=cells.device)
        if self.num_voxels is not None and self.num_voxels < len(cells):
            kept = choose_rows(cells.float(), self.num_voxels, self.subset, generator).to(cells.device)
        keys = point_keys(data)
        if self.form is VoxelForm.DENSE:
            labels = _of_cells(data.y[inside], row, len(cells))[kept] if "y" in keys else None
            return self._dense(data, cells[kept], x[kept], labels)
        for key in keys:
            if isinstance(data[key], Tensor):
                data[key] = _of_cells(data[key][inside], row, len(cells))[kept]
            else:
                del data[key]
        if "volume" in keys:
            data.volume = data.volume * torch.bincount(row)[kept]
        if "num_nodes" in data:
            data.num_nodes = len(kept)
        if has(data, "face"):
            del data.face  # corners are no points any more
        data.pos, data.x = voxel_centers(cells[kept], self.resolution, data.pos.dtype), x[kept]
        data.lattice = torch.full(
            (1, cells.shape[1]), 2 / self.resolution, dtype=torch.float64, device=cells.device
        )
        return data

    def _dense(self, data: Any, cells: Tensor, x: Tensor, labels: Tensor | None) -> GridData:
        n, dim = self.resolution, cells.shape[1]
        values = x.new_zeros(*[n] * dim, x.shape[1])
        values[cells.unbind(1)] = x
        occupied = torch.zeros([n] * dim, dtype=torch.bool, device=x.device)
        occupied[cells.unbind(1)] = True
        spacing = torch.full((1, dim), 2 / n, dtype=torch.float64, device=x.device)
        grid = GridData(
            x=values.movedim(-1, 0)[None].contiguous(), occupied=occupied[None, None], spacing=spacing
        )
        for key in ("y", "name"):
            if has(data, key):
                grid[key] = data[key]
        if labels is not None:
            grid.y = labels.new_full((1, *[n] * dim, *labels.shape[1:]), IGNORED)
            grid.y[(0, *cells.unbind(1))] = labels
        return grid

    def __repr__(self) -> str:
        spread = "" if self.subset is Subset.RANDOM else f", {self.subset.value}"
        return f"Voxelize({self.resolution}, {self.num_voxels}, {self.form.value}{spread})"
