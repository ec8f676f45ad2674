"""Farthest point sampling."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ccnn_pc import native
from ccnn_pc._checks import check_at_least, check_batch, check_positions
from ccnn_pc.native.points import native_farthest

#: Points whose distances to all others are in memory at once.
_BLOCK = 256


def farthest_points(
    pos: Tensor, num_points: int, *, start: int | Tensor = 0, batch: Tensor | None = None
) -> Tensor:
    """Choose points one by one, each the farthest from those chosen before.

    Gonzalez 1985; Eldar et al. 1997:
    ``i_{t+1} = argmax_j min_{s ≤ t} ‖p_j − p_{i_s}‖``: the covering radius of the result is at most twice the
    best possible one. Time O(n · num_points), memory O(n).

    Args:
        pos: positions ``[n, D]``.
        num_points: how many to choose, at most n, of each cloud.
        start: the first one, or that of each cloud ``[B]``, numbered in its cloud.
        batch: cloud of each point ``[n]``, sorted, without gaps; None: one cloud.

    Returns:
        Rows of ``pos``, ``[B * num_points]`` int64, cloud by cloud, in the order chosen.

    Raises:
        ValueError: ``num_points`` or ``start`` out of range or of another shape, or bad positions.

    Example:
        >>> farthest_points(torch.tensor([[0.0], [1.0], [9.0], [10.0]]), 3).tolist()
        [0, 3, 1]
    """
    check_positions("pos", pos)
    check_at_least("num_points", num_points, 1)
    if batch is None:
        first = torch.tensor([0, len(pos)])
    else:
        first = torch.nn.functional.pad(
            torch.bincount(check_batch("batch", batch, pos)).cumsum(0), (1, 0)
        ).cpu()
    sizes = first.diff()
    least = int(sizes.min())
    if num_points > least:
        raise ValueError(f"'num_points' must be at most the number of points ({least}; got {num_points})")
    starts = torch.as_tensor(start).cpu()
    if starts.is_floating_point() or starts.dtype is torch.bool or starts.shape not in ((), sizes.shape):
        raise ValueError(
            f"'start' must be a whole number, or one for each of {len(sizes)} clouds (got {starts.dtype}, "
            f"shape {list(starts.shape)})"
        )
    starts = starts.long().expand(len(sizes))
    wrong = (starts < 0) | (starts >= sizes)
    if bool(wrong.any()):
        bad = int(wrong.nonzero()[0])
        raise ValueError(f"'start' must be in [0, {int(sizes[bad])}) (got {int(starts[bad])})")
    pos = pos.detach()
    if pos.device.type == "cpu" and native.state().runs:
        return (native_farthest(pos, num_points, starts, first) + first[:-1, None]).flatten()
    found = [
        torch.from_numpy(_on_cpu(cloud.numpy(), num_points, begin))
        if pos.device.type == "cpu"
        else _on_device(cloud, num_points, begin)
        for cloud, begin in zip(pos.split(sizes.tolist()), starts.tolist(), strict=True)
    ]
    return torch.cat([rows + begin for rows, begin in zip(found, first.tolist()[:-1], strict=True)])


def farthest_spacing(pos: Tensor) -> Tensor:
    """Distance of each point to the nearest of those before it: how finely farthest points lie, the more there are.

    Args:
        pos: positions ``[n, D]``, in the order of :func:`farthest_points`.

    Returns:
        ``[n]``, infinite for the first; falling, for farthest points. Time O(n²), memory O(n).

    Example:
        >>> farthest_spacing(torch.tensor([[0.0], [10.0], [4.0], [8.0]])).tolist()
        [inf, 10.0, 4.0, 2.0]
    """
    check_positions("pos", pos)
    rows = torch.arange(len(pos), device=pos.device)
    found = [
        torch.cdist(some, pos[: int(own[-1]) + 1], compute_mode="donot_use_mm_for_euclid_dist")
        .masked_fill(rows[: int(own[-1]) + 1] >= own[:, None], torch.inf)
        .amin(1)
        for some, own in zip(pos.split(_BLOCK), rows.split(_BLOCK), strict=True)
    ]
    return torch.cat(found)


def _on_cpu(pos: NDArray[np.floating[Any]], num_points: int, start: int) -> NDArray[np.int64]:
    """The loop on arrays: a step is a few microseconds of work, so that what a call costs counts."""
    columns = np.ascontiguousarray(pos.T)
    nearest = np.full(len(pos), np.inf, dtype=columns.dtype)
    chosen = np.empty(num_points, dtype=np.int64)
    offset, square = np.empty_like(columns), np.empty_like(nearest)
    for step in range(num_points):
        chosen[step] = start
        np.subtract(columns, columns[:, start, None], out=offset)
        np.multiply(offset, offset, out=offset)
        np.sum(offset, axis=0, out=square)
        np.minimum(nearest, square, out=nearest)
        nearest[start] = -1.0  # never again, not even among duplicates
        start = int(nearest.argmax())
    return chosen


def _on_device(pos: Tensor, num_points: int, start: int) -> Tensor:
    """The same loop without a value that the host waits for."""
    columns = pos.t().contiguous()
    nearest = torch.full((len(pos),), torch.inf, dtype=pos.dtype, device=pos.device)
    chosen = torch.empty(num_points, dtype=torch.long, device=pos.device)
    current = torch.full(
        (1,), start, device=pos.device
    )  # [1]: as an index, a single number is read by the host
    for step in range(num_points):
        chosen[step : step + 1] = current
        offset = columns - columns.index_select(1, current)
        nearest = torch.minimum(nearest, offset.square_().sum(dim=0))
        nearest.index_fill_(0, current, -1.0)
        current = nearest.argmax(0, keepdim=True)
    return chosen
