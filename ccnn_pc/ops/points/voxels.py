"""Cubic cells of [-1, 1]^D: which are occupied, where their centres lie, means over their points."""

from __future__ import annotations

import torch
from torch import Tensor

from ccnn_pc._checks import check_at_least, check_positions
from ccnn_pc.ops.segments import segment_mean


def voxel_indices(pos: Tensor, resolution: int) -> Tensor:
    r"""The cell of each point on a grid of ``resolution`` cells per axis over [-1, 1].

    .. math:: i_d = \min\left(\left\lfloor \tfrac{n}{2} (p_d + 1) \right\rfloor,\; n - 1\right)

    Cell i covers [-1 + 2i/n, -1 + 2(i+1)/n): a point on a wall belongs to the cell above it, +1 to the last cell.
    Computed in float64.

    Args:
        pos: positions ``[N, D]`` in [-1, 1].
        resolution: cells per axis n.

    Returns:
        Cells ``[N, D]``, int64, in [0, n).

    Raises:
        ValueError: a position outside of [-1, 1], not finite, or no point at all.

    Example:
        >>> voxel_indices(torch.tensor([[-1.0], [-0.5], [-0.49], [0.0], [1.0]]), 4).flatten().tolist()
        [0, 1, 1, 2, 3]
    """
    n = check_at_least("resolution", resolution, 1)
    scaled = (check_positions("pos", pos).double() + 1) * (n / 2)
    outside = ((scaled < 0) | (scaled > n)).any(dim=1)
    if bool(outside.any()):
        row = int(outside.nonzero()[0, 0])
        raise ValueError(
            f"'pos' must lie in [-1, 1] ({int(outside.sum())} of {len(pos)} points do not; "
            f"point {row} is {pos[row].tolist()})"
        )
    return scaled.floor().long().clamp_(max=n - 1)


def voxelize(pos: Tensor, resolution: int) -> tuple[Tensor, Tensor]:
    """The occupied cells of a cloud, each once, in row-major order (first axis slowest).

    Args:
        pos: positions ``[N, D]`` in [-1, 1].
        resolution: cells per axis n (see :func:`voxel_indices` for which cell a point falls into).

    Returns:
        Occupied cells ``[m, D]``, int64, and for every point the row of its cell in them ``[N]``, int64.

    Raises:
        ValueError: a position outside of [-1, 1], not finite, or no point at all.

    Example:
        >>> cells, row = voxelize(torch.tensor([[0.9, -0.9], [-0.9, 0.9], [0.7, -0.6]]), 2)
        >>> cells.tolist(), row.tolist()
        ([[0, 1], [1, 0]], [1, 0, 1])
    """
    index = voxel_indices(pos, resolution)
    dim = index.shape[1]
    stride = torch.tensor([resolution ** (dim - 1 - d) for d in range(dim)], device=index.device)
    number, row = torch.unique((index * stride).sum(dim=1), return_inverse=True)
    cells = number[:, None] // stride % resolution
    return cells, row


def voxel_centers(index: Tensor, resolution: int, dtype: torch.dtype = torch.float32) -> Tensor:
    r"""Centres :math:`-1 + (2i + 1)/n` of cells; neighbouring ones are 2/n apart.

    Args:
        index: cells ``[m, D]``.
        resolution: cells per axis n.
        dtype: of the result, which is computed in float64.

    Example:
        >>> voxel_centers(torch.tensor([[0], [3]]), 4).flatten().tolist()
        [-0.75, 0.75]
    """
    n = check_at_least("resolution", resolution, 1)
    return ((2 * index + 1).double() / n - 1).to(dtype)


def cell_means(values: Tensor, row: Tensor, count: int) -> Tensor:
    """Mean of the rows of ``values`` that belong to each of ``count`` cells; NaN for cells without any.

    Args:
        values: ``[N, C]``.
        row: cell of each row ``[N]``, int64.
        count: number of cells m.

    Returns:
        ``[m, C]``, in the type of ``values``; sums are taken in float64.

    Example:
        >>> cell_means(torch.tensor([[1.0], [2.0], [4.0]]), torch.tensor([0, 1, 1]), 2).flatten().tolist()
        [1.0, 3.0]
    """
    return segment_mean(values.double(), row, count).to(values.dtype)
