"""Series read at regular times, on the straight lines between their stamps."""

from __future__ import annotations

import torch
from torch import Tensor

from ccnn_pc._checks import check_positive
from ccnn_pc.domains.series.irregular_series import IrregularSeries
from ccnn_pc.ops.series.lines import line_values
from ccnn_pc.ops.series.stamps import LATTICE_SLACK

#: More places than this per sample are refused: a gap of months in data that tick once a second, say.
MAX_PLACES = 1024


class RegularTimes(IrregularSeries):
    """Regular times from the first to the newest sample of each series; the newest is always one of them.

    Args:
        series: the samples.
        spacing: distance of the times.

    Attributes:
        place: the times, as those of the series, float64 ``[p]``.
        stamps: which of the times is that of each sample, int64 ``[n]``; None where a sample lies between two.

    Raises:
        ValueError: a spacing that is not positive, queries other than the samples, stamps that need a gradient, more
            than 1024 times per sample.

    Example:
        >>> RegularTimes(IrregularSeries(torch.tensor([0.5, 1.0, 4.0])), 0.5).stamps.tolist()
        [0, 1, 7]
    """

    def __init__(self, series: IrregularSeries, spacing: float) -> None:
        step = check_positive("spacing", spacing)
        if series.bipartite:
            raise ValueError("'series' must have its queries at its samples (got query_times)")
        if series.requires_grad:
            raise ValueError(
                "'times' must not need a gradient where lines between samples are read (got ones that do)"
            )
        stamp = series.exact_times()
        newest = stamp[series.pointer[1:] - 1]
        before = (newest[series.batch] - stamp) / step
        count = (before[series.pointer[:-1]] + LATTICE_SLACK).floor().long() + 1
        if int(count.sum()) > MAX_PLACES * series.num_samples:
            raise ValueError(
                f"'spacing' must give at most {MAX_PLACES} times per sample "
                f"(got {step:g}: {int(count.sum())} times for {series.num_samples} samples)"
            )
        end = count.cumsum(0) - 1
        batch = torch.arange(series.num_series, device=stamp.device).repeat_interleave(count)
        back = (end[batch] - torch.arange(len(batch), device=stamp.device)).to(stamp)
        self.place = newest[batch] - step * back
        super().__init__(self.place, batch, lattice=step, method=series.method)
        between = (before - before.round()).abs() > LATTICE_SLACK
        self.stamps = None if bool(between.any()) else end[series.batch] - before.round().long()

    def at_stamps(self, y: Tensor) -> Tensor:
        """Rows of ``y [p, C]`` that belong to the samples, ``[n, C]``.

        Raises:
            ValueError: a sample lies between two of the times.
        """
        if self.stamps is None:
            raise ValueError(
                "'times' must be whole multiples of the training spacing apart for answers per sample on straight "
                "lines (got stamps between these times)"
            )
        return y[self.stamps]


def resampled(x: Tensor, series: IrregularSeries, spacing: float) -> tuple[Tensor, RegularTimes]:
    r"""The straight lines between the stamps of series, read ``spacing`` apart.

    .. math:: \tilde x(t) = x_j + \frac{t - t_j}{t_{j+1} - t_j} (x_{j+1} - x_j), \qquad t_j \le t \le t_{j+1}

    at :math:`t = t_\mathrm{newest} - k\, \mathrm{spacing}`. Channels with a mask go from one stamp at which they were
    observed to the next, keep the first and the last value before and after them, and are 0 where they were never
    observed. Samples of one stamp and channel count as their mean.

    Kernels that are finer than the stamps of a series find nothing between them, however samples are weighted; on
    these lines they find what they find in training, up to :math:`\Delta^2 / 8\, \max|x''|`. The result lies on a
    lattice, so that convolutions are fast whatever the stamps were.

    Args:
        x: samples ``[n, C]``.
        series: where they lie; queries at the samples.
        spacing: that of training.

    Returns:
        the values ``[p, C]``, and their times, without mask.

    Raises:
        ValueError: what :class:`RegularTimes` refuses, x of another length, or of another shape than the mask.

    Example:
        >>> series = IrregularSeries(torch.tensor([0.0, 1.0, 4.0]))
        >>> values, times = resampled(torch.tensor([[0.0], [2.0], [5.0]]), series, 1.0)
        >>> values.flatten().tolist()
        [0.0, 2.0, 3.0, 4.0, 5.0]
        >>> times.at_stamps(values).flatten().tolist()
        [0.0, 2.0, 5.0]
    """
    if len(x) != series.num_samples:
        raise ValueError(f"'x' must have {series.num_samples} samples like the series (got {len(x)})")
    if series.mask is not None and x.shape != series.mask.shape:
        raise ValueError(
            f"'x' must have the shape of 'mask', {list(series.mask.shape)} (got {list(x.shape)})"
        )
    times = RegularTimes(series, spacing)
    return line_values(x, series.exact_times(), series.pointer, times.place, times.batch, series.mask), times
