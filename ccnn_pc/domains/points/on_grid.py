"""Where the regular grid lies on which scattered samples of a field are read, and which of its cells are samples."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from ccnn_pc.domains.grid.rendered import TAP_TOLERANCE
from ccnn_pc.ops.segments import segment_range


def first_cells(pos: Tensor, batch: Tensor, num_clouds: int, shape: Sequence[int], step: Tensor) -> Tensor:
    """Where the first cell of each cloud's grid lies ``[B, D]``: whole steps from the cloud's least, which is a cell.

    Args:
        pos: positions ``[n, D]``.
        batch: cloud of each ``[n]``.
        num_clouds: B.
        shape: cells of the grid per axis; the cloud lies in their middle.
        step: distance of cells per axis ``[D]``.

    Raises:
        ValueError: a cloud wider than the grid.

    Example:
        >>> pos = torch.tensor([[3.0, 3.0], [4.0, 3.0]])
        >>> first_cells(pos, torch.zeros(2, dtype=torch.long), 1, (2, 3), torch.ones(2)).tolist()
        [[3.0, 2.0]]
    """
    low, high = segment_range(pos, batch, num_clouds)
    size = torch.tensor(shape, device=pos.device)
    length = (high - low) / step
    if bool((length > size - 1 + TAP_TOLERANCE).any()):
        axis = int((length - size).amax(0).argmax())
        raise ValueError(
            f"'pos' must lie within the {list(shape)} samples, {list(step.tolist())} apart, that the network was "
            f"trained on (got a cloud of {float(length[:, axis].max()) + 1:.4g} samples along axis {axis})"
        )
    return low - ((size - 1 - length) / 2 + TAP_TOLERANCE).floor() * step


def cells_of_samples(
    pos: Tensor, batch: Tensor, first: Tensor, shape: Sequence[int], step: Tensor
) -> Tensor | None:
    """Number of each sample's cell among those of all grids, int64 ``[n]``; None where a sample is in no cell's middle.

    Arguments as those of :func:`first_cells`, and what it gives.
    """
    place = (pos - first[batch]) / step
    if not bool(((place - place.round()).abs() <= TAP_TOLERANCE).all()):
        return None
    index = batch * math.prod(shape)
    for axis in range(len(shape)):
        index = index + place[:, axis].round().long() * math.prod(shape[axis + 1 :])
    return index


def on_background(x: Tensor, cells: Tensor | None, background: Tensor, query_batch: Tensor) -> Tensor:
    """Values ``[m, C]`` of all cells, of which some are samples ``[n, C]`` and the others hold the background.

    Args:
        x: the samples.
        cells: of each sample, from :func:`cells_of_samples`.
        background: ``[C]``, ``[1, C]`` or ``[B, C]``.
        query_batch: cloud of each cell ``[m]``.

    Raises:
        ValueError: samples beside the middles of cells, two of them in one, or a background of other channels.
    """
    if cells is None:
        raise ValueError(
            "'pos' must lie on the cells of the grid where a background is known (got places between)"
        )
    clouds = int(query_batch[-1]) + 1
    if background.shape[-1] != x.shape[1] or background.numel() not in (x.shape[1], clouds * x.shape[1]):
        raise ValueError(
            f"'background' must have shape [{x.shape[1]}], or a row per cloud (got {list(background.shape)})"
        )
    if len(cells.unique()) < len(cells):
        raise ValueError(
            f"'pos' must have at most one sample per cell where a background is known (got {len(cells)} samples in "
            f"{len(cells.unique())} cells)"
        )
    values = background.to(x).view(-1, x.shape[1]).expand(clouds, -1)[query_batch]
    return values.index_put((cells,), x)
