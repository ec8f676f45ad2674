r"""How much time each sample of a series stands for: quadrature weights of irregular sampling.

A convolution is the integral :math:`\int K(t - q)\, x(t)\, dt`, and a sum over samples is that integral only with the
width of each sample's cell: inverse-density weights (CKConv, arXiv 2102.02611, eq. 8).
"""

from __future__ import annotations

import enum
import functools
from collections.abc import Callable

import torch
from torch import Tensor

from ccnn_pc._choices import choice
from ccnn_pc.ops.points.density import inverse_density_volume, kernel_density
from ccnn_pc.ops.segments import segment_mean


class Weights(enum.Enum):
    """What a sample of a series stands for.

    * CELL: the time that is nearer to it than to any other stamp. The first and the last cell reach as far outside as
      inside, so that uniform sampling gives every sample the same weight, as on a grid.
    * TRAPEZOID: the same with half cells at both ends: second order for kernels that reach over the ends.
    * PAST: the time since the stamp before, one training spacing for the first: no weight depends on later stamps.
    * DENSITY: inverse to a Gaussian kernel density estimate, for many noisy stamps; scaled to the time that the
      cells of the series have together. It sees fewer stamps near the ends, and weighs these more.
    * CONSTANT: every sample alike, weight 1 whatever the spacing: a sum, no integral.
    """

    CELL = "cell"
    TRAPEZOID = "trapezoid"
    PAST = "past"
    DENSITY = "density"
    CONSTANT = "constant"


def cell_widths(
    times: Tensor,
    batch: Tensor,
    weights: Weights = Weights.CELL,
    *,
    default: float | Tensor = 1.0,
    longest: float | None = None,
) -> Tensor:
    r"""Width of each sample's cell.

    .. math::
        \Delta_i = \tfrac12 (t_{i+1} - t_{i-1}) \;\text{(inside)}, \qquad
        \Delta_0 = t_1 - t_0 \;\text{(CELL)}, \quad \tfrac12 (t_1 - t_0) \;\text{(TRAPEZOID)}

    and :math:`\Delta_i = t_i - t_{i-1}` with :attr:`Weights.PAST`. Stamps that occur several times share their cell.

    Args:
        times: sorted within each series, ``[n]``; differentiable.
        batch: series of each sample, sorted int64 ``[n]``.
        weights: CELL, TRAPEZOID or PAST.
        default: width where there is nothing to measure: a series of one stamp, and the first one with PAST.
        longest: longer pauses between stamps count as so long; None: as long as they are.

    Returns:
        Widths in the unit of the times, ``[n]``.

    Example:
        >>> times, batch = torch.tensor([0.0, 1.0, 1.0, 3.0]), torch.zeros(4, dtype=torch.long)
        >>> cell_widths(times, batch).tolist()
        [1.0, 0.75, 0.75, 2.0]
        >>> cell_widths(times, batch, Weights.PAST, default=0.5).tolist()
        [0.5, 0.5, 0.5, 2.0]
    """
    weights = choice("weights", weights, Weights)
    before, after, count = _gaps(times, batch, longest)
    if weights is Weights.PAST:
        width = torch.where(before > 0, before, default)
    else:
        width = (before + after) / 2
        if weights is Weights.CELL:
            width = torch.where((before > 0) & (after > 0), width, before + after)
        width = torch.where(before + after > 0, width, default)
    return width / count


def future_fractions(
    times: Tensor, batch: Tensor, weights: Weights = Weights.CELL, *, longest: float | None = None
) -> Tensor:
    r"""Fraction of each sample's cell that lies after its stamp.

    .. math:: a_i = (t_{i+1} - t_i) / (t_{i+1} - t_{i-1})

    inside of a series; one half at its ends with CELL, where cells reach as far outside as inside, 1 and 0 with
    TRAPEZOID; one half for a stamp alone in its series.

    Args:
        times: sorted within each series, ``[n]``; differentiable.
        batch: series of each sample, sorted int64 ``[n]``.
        weights: CELL or TRAPEZOID.
        longest: as for :func:`cell_widths`.

    Returns:
        ``[n]``, in [0, 1].

    Example:
        >>> future_fractions(torch.tensor([0.0, 1.0, 1.0, 4.0]), torch.zeros(4, dtype=torch.long)).tolist()
        [0.5, 0.75, 0.75, 0.5]
    """
    weights = choice("weights", weights, Weights)
    before, after, _ = _gaps(times, batch, longest)
    halved = before + after == 0
    if weights is Weights.CELL:
        halved = (before == 0) | (after == 0)
    return torch.where(halved, 0.5, after / torch.where(halved, 1.0, before + after))


def _gaps(times: Tensor, batch: Tensor, longest: float | None) -> tuple[Tensor, Tensor, Tensor]:
    """Of each sample the time since the stamp before its own and until the one after, 0 at the ends of a series.

    Neither is longer than ``longest``.

    Returns:
        both, and how many samples have its stamp, ``[n]``; all without waiting for a device.
    """
    row = torch.arange(len(batch), device=batch.device)
    differs = (times[1:] != times[:-1]) | (batch[1:] != batch[:-1])
    end = differs.new_ones(1)
    first = torch.where(torch.cat([end, differs]), row, 0).cummax(0).values
    last = torch.where(torch.cat([differs, end]), row, len(row) - 1).flip(0).cummin(0).values.flip(0)
    earlier, later = first[(first - 1).clamp(min=0)], (last + 1).clamp(max=len(row) - 1)
    stamp = times[first]
    before = (stamp - times[earlier]) * (batch[earlier] == batch)
    after = (times[later] - stamp) * (batch[later] == batch)
    if longest is not None:
        before, after = before.clamp(max=longest), after.clamp(max=longest)
    return before, after, last - first + 1


def series_volume(
    times: Tensor,
    batch: Tensor,
    weights: Weights,
    *,
    default: float | Tensor = 1.0,
    mask: Tensor | None = None,
    longest: float | None = None,
) -> Tensor:
    """Time that each sample stands for, for every kind of weights, and for channels that are observed apart.

    Args:
        times: sorted within each series, float64 ``[n]``.
        batch: series of each sample, sorted int64 ``[n]``, without gaps.
        weights: see :class:`Weights`.
        default: see :func:`cell_widths`; also the width of every sample where weights are CONSTANT.
        mask: which channels were observed at which stamps, boolean ``[n, C]``: the others stand for nothing, and
            the cells of a channel lie between the stamps at which it was observed.
        longest: as for :func:`cell_widths`; of channels that are observed apart, too.

    Returns:
        ``[n]``, or ``[n, C]`` with a mask.

    Example:
        >>> times, batch = torch.tensor([0.0, 1.0, 2.0]), torch.zeros(3, dtype=torch.long)
        >>> mask = torch.tensor([[True, True], [True, False], [True, True]])
        >>> series_volume(times, batch, Weights.CELL, mask=mask).tolist()
        [[1.0, 2.0], [1.0, 0.0], [1.0, 2.0]]
    """
    weights = choice("weights", weights, Weights)
    if torch.compiler.is_compiling() and not times.requires_grad:  # densities and masks read numbers
        step = torch.as_tensor(default, dtype=times.dtype, device=times.device)
        node: Tensor = _volume_node(times, batch, weights.value, step, mask, longest)
        return node
    if mask is not None:
        patterns, which = mask.unique(dim=1, return_inverse=True)
        measure = functools.partial(series_volume, weights=weights, default=default, longest=longest)
        columns = [_observed(times, batch, column, measure) for column in patterns.unbind(1)]
        return torch.stack(columns, dim=1)[:, which]
    if weights is Weights.CONSTANT:
        return torch.ones_like(times) * default
    if weights is not Weights.DENSITY:
        return cell_widths(times, batch, weights, default=default, longest=longest)
    stamps = times.detach()
    cells = cell_widths(stamps, batch, default=default, longest=longest)
    share = inverse_density_volume(kernel_density(stamps[:, None], batch), batch)  # mean 1 in each series
    return share * segment_mean(cells, batch, int(batch[-1]) + 1)[batch]


@torch.library.custom_op("ccnn_pc::series_volume", mutates_args=())
def _volume_node(
    times: Tensor, batch: Tensor, weights: str, default: Tensor, mask: Tensor | None, longest: float | None
) -> Tensor:
    kind = Weights(weights)
    return series_volume(times, batch, kind, default=default, mask=mask, longest=longest).contiguous()


@_volume_node.register_fake
def _(times, batch, weights, default, mask, longest):  # type: ignore[no-untyped-def]
    return times.new_empty(times.shape if mask is None else mask.shape)


def _observed(times: Tensor, batch: Tensor, seen: Tensor, measure: Callable[..., Tensor]) -> Tensor:
    """Volumes ``[n]`` of one channel as :func:`series_volume` measures them, 0 where it was not seen."""
    rows = seen.nonzero()[:, 0]
    volume = times.new_zeros(len(times))
    if not len(rows):
        return volume
    series = batch[rows].unique_consecutive(return_inverse=True)[1]
    return volume.index_copy(0, rows, measure(times[rows], series))
