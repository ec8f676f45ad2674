"""How far samples step to the next one, and whether they stand at the end of their range: noise, and clipped peaks."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ccnn_pc.domains.grid.grid import Grid
from ccnn_pc.domains.series.irregular_series import IrregularSeries
from ccnn_pc.ops.segments import segment_count, segment_sum

#: Samples of a batch whose neighbours are looked at; how many stand in a row where they are clipped, and in all.
_LOOKED_AT, _ROW, _FEWEST = 1 << 15, 3, 4


def steps_of_array(x: Tensor, grid: Grid) -> tuple[Tensor, Tensor]:
    r"""Roughness of each channel of arrays, and of sequences the share of samples that are clipped.

    .. math:: \sqrt{\overline{(x_{i+1} - x_i)^2} / 2 \sigma^2}

    is 1 of white noise, and less of all that is smooth; :math:`\sigma` within an item. Clipped are samples that stand
    at the largest value of their item, three or more in a row.

    Returns:
        float64 ``[2, C]``, the least and the most of some items, and ``[C]``, their mean; NaN of constants; nothing
        where cells are left out.

    Example:
        >>> x = torch.sin(torch.arange(200) / 9)[:, None]
        >>> rough, clipped = steps_of_array(x.clamp(max=0.5), Grid([200]))
        >>> round(float(rough[1]), 2), round(float(clipped), 2)
        (0.09, 0.34)
    """
    nothing = torch.zeros(0, dtype=torch.float64, device=x.device)
    if grid.occupied_cells is not None or not len(x) or max(grid.shape) < _ROW:
        return nothing, nothing
    items = x.reshape(grid.batch_size, *grid.shape, x.shape[1])[:: max(1, len(x) // _LOOKED_AT)]
    items = items.to(torch.promote_types(x.dtype, torch.float32))
    axes = tuple(range(1, 1 + len(grid.shape)))
    variance = items.var(dim=axes, correction=0)
    along = [axis for axis, size in zip(axes, grid.shape, strict=True) if size > 1]
    steps = torch.stack([items.diff(dim=axis).square().mean(dim=axes) for axis in along])
    rough = _roughness(steps.mean(dim=0), variance)
    return rough, _clipped(items, variance.mean(dim=0)) if len(axes) == 1 else nothing


def roughness_of_series(x: Tensor, series: IrregularSeries) -> Tensor:
    """The same roughness of channels of series, float64 ``[2, C]``; ``[0]``: not measured, where values are missing.

    Example:
        >>> series = IrregularSeries(torch.arange(200.0))
        >>> round(float(roughness_of_series(torch.sin(torch.arange(200) / 9)[:, None], series)[1]), 2)
        0.08
    """
    if series.mask is not None or len(x) < _ROW:
        return torch.zeros(0, dtype=torch.float64, device=x.device)
    same = (series.batch[1:] == series.batch[:-1])[:, None]
    squares = torch.nn.functional.pad(x.double().diff(dim=0).square() * same, [0, 0, 0, 1])
    steps = (series.pointer.diff() - 1).clamp(min=1)
    return _of_items(x, squares, steps, series.batch)


def roughness_of_points(x: Tensor, nearest: Tensor, cloud: Tensor, count: Tensor) -> Tensor:
    """The same of clouds, float64 ``[2, C]``: from each point to the nearest other one.

    Example:
        >>> nearest = torch.tensor([1, 0, 3, 2])
        >>> x = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
        >>> roughness_of_points(x, nearest, torch.zeros(4, dtype=torch.int64), torch.tensor([4]))[1].tolist()
        [0.0, 1.4142135623730951]
    """
    return _of_items(x, (x[nearest] - x).double().square(), count, cloud)


def _of_items(x: Tensor, squares: Tensor, steps: Tensor, item: Tensor) -> Tensor:
    """Roughness of ragged items from the squares of their steps, so many of each."""
    items = len(steps)
    count = segment_count(item, items).clamp(min=1)[:, None]
    wide = x.double()
    off = wide - (segment_sum(wide, item, items) / count)[item]
    variance = segment_sum(off.square(), item, items) / count
    return _roughness(segment_sum(squares, item, items) / steps[:, None], variance)


def _roughness(squares: Tensor, variance: Tensor) -> Tensor:
    """The least and the most of the items."""
    rough = torch.where(variance > 0, (squares / (2 * variance)).sqrt(), math.nan).double()
    least, most = (torch.where(rough.isnan(), end, rough) for end in (math.inf, -math.inf))
    found = torch.stack([least.amin(dim=0), most.amax(dim=0)])
    return torch.where(found.isinf(), math.nan, found)


def _clipped(items: Tensor, variance: Tensor) -> Tensor:
    """Mean share of samples at the top, of sequences ``[B, S, C]``; 0 of constants, and where steps are all over."""
    top = items == items.amax(dim=1, keepdim=True)
    top = top[:, 2:] & top[:, 1:-1] & top[:, :-2]
    if items.device.type == "cpu" and not bool(top.any()):
        return torch.zeros_like(variance).double()  # as most often
    real = items[:, 2:].abs() > 1e-5 * variance.sqrt()  # 0: behind the end, or not observed
    level = (items[:, 2:] == items[:, 1:-1]) & (items[:, 1:-1] == items[:, :-2]) & real
    share, steps = ((each & level).double().mean(dim=1) for each in (top, level))
    runs = top[:, :1].sum(dim=1) + (top[:, 1:] & ~top[:, :-1]).sum(dim=1)  # one or two: a value was kept
    clipped = (share < 0.5) & (share > 0.3 * steps) & (share * items.shape[1] > _FEWEST) & (runs >= _ROW)
    return torch.where(clipped, share, 0.0).mean(dim=0)
