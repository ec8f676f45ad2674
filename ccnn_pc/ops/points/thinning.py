"""Thinning of clouds: one point for each cell of a grid."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ccnn_pc._checks import check_batch, check_positions
from ccnn_pc._choices import choice
from ccnn_pc.ops.segments import segment_count, segment_sum

#: Cells that may be numbered.
_MOST_CELLS = 2**62


class Keep(enum.Enum):
    """The point that stands for a cell: nearest to its centre, lowest or highest along the last axis, or the mean."""

    NEAREST = "nearest"
    LOWEST = "lowest"
    HIGHEST = "highest"
    MEAN = "mean"


@dataclass(frozen=True)
class Thinned:
    """A thinned cloud, and what became of each of its points.

    Attributes:
        pos: kept positions ``[m, D]``, sorted by cloud and cell.
        batch: cloud of each ``[m]``.
        index: which of the points each is ``[m]``; of a MEAN the one nearest to it.
        cell: row of ``pos`` that stands for each of the points ``[n]``.
        count: points of each cell ``[m]``.
    """

    pos: Tensor
    batch: Tensor
    index: Tensor
    cell: Tensor
    count: Tensor


def thin(
    pos: Tensor, size: float | Sequence[float], keep: Keep | str = Keep.NEAREST, batch: Tensor | None = None
) -> Thinned:
    r"""One point for each occupied cell of a grid that begins at the least coordinates of each cloud.

    .. math:: c(p) = \lfloor (p - p_\mathrm{min}) / s \rfloor

    So a cloud that is moved is thinned alike. Of equals (two lowest points) the first is kept.

    Args:
        pos: ``[n, D]``, float32 or float64.
        size: s, in position units, one number or one per axis; ``inf``: not divided along this axis.
        keep: what stands for a cell; see :class:`Keep`.
        batch: cloud of each point, sorted ``[n]``; None: one cloud.

    Raises:
        TypeError: positions that are not floating.
        ValueError: sizes that are not positive, or so small that cells have no numbers; positions that are not finite.

    Example:
        >>> pos = torch.tensor([[0.0, 5.0], [0.5, 3.0], [1.5, 4.0]])
        >>> found = thin(pos, (1.0, float("inf")), "lowest")
        >>> found.pos.tolist(), found.index.tolist(), found.cell.tolist(), found.count.tolist()
        ([[0.5, 3.0], [1.5, 4.0]], [1, 2], [0, 0, 1], [2, 1])
    """
    keep = choice("keep", keep, Keep)
    check_positions("pos", pos)
    batch = check_batch("batch", batch, pos)
    sizes = _sizes(size, pos.shape[1]).to(pos.device)
    clouds = int(batch[-1]) + 1
    wide = pos.detach().double()
    first = wide.new_full((clouds, pos.shape[1]), torch.inf)
    first.scatter_reduce_(0, batch[:, None].expand_as(wide), wide, "amin")
    wide = wide - first[batch]
    place = torch.where(sizes.isinf(), 0.0, (wide / sizes).floor())
    number = _numbers(place, batch, clouds)
    _, cell = number.unique(return_inverse=True)
    cells = int(cell.max()) + 1
    count = segment_count(cell, cells)
    mean = None
    if keep is Keep.MEAN:
        mean = segment_sum(wide, cell, cells) / count[:, None]
        value = (wide - mean[cell]).square().sum(1)
    elif keep is Keep.NEAREST:
        off = torch.where(sizes.isinf(), 0.0, wide - (place + 0.5) * sizes)
        value = off.square().sum(1)
    else:
        value = wide[:, -1] if keep is Keep.LOWEST else -wide[:, -1]
    order = value.argsort(stable=True)
    order = order[cell[order].argsort(stable=True)]
    index = order[count.cumsum(0) - count]
    kept = pos[index] if mean is None else (mean + first[batch[index]]).to(pos)
    return Thinned(kept, batch[index], index, cell, count)


def _sizes(size: float | Sequence[float], dim: int) -> Tensor:
    """Sizes of cells per axis, float64; inf is allowed.

    Raises:
        ValueError: another number of them, or one that is not above 0.
    """
    sizes = torch.as_tensor(size, dtype=torch.float64).reshape(-1)
    if sizes.numel() not in (1, dim) or not bool((sizes > 0).all()):
        raise ValueError(f"'size' must be positive, one number or {dim} (got {size})")
    return sizes.expand(dim)


def _numbers(place: Tensor, batch: Tensor, clouds: int) -> Tensor:
    """One number for each cell of each cloud, int64 ``[n]``, that sorts by cloud.

    Raises:
        ValueError: more cells than there are numbers.
    """
    extent = place.amax(dim=0) + 1
    if float(extent.prod()) * clouds > _MOST_CELLS:
        raise ValueError(
            f"'size' must be larger for clouds this wide (got {' x '.join(f'{n:g}' for n in extent.tolist())} cells)"
        )
    number = batch.clone()
    for axis, width in enumerate(extent.long().tolist()):
        number = number * width + place[:, axis].long()
    return number
