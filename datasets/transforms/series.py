"""Transforms of time series: samples left out, regular series with stamps, samples at random times."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ccnn_pc._checks import check_positive
from ccnn_pc.datasets.series.data import SeriesData, as_lattice
from ccnn_pc.datasets.series.drops import drawn_percent, dropped_samples, percent_range
from ccnn_pc.datasets.transforms.base import RandomTransform, has


def check_series(data: Any, transform: object) -> None:
    """Refuse what has no axis of time.

    Raises:
        ValueError: ``data`` has neither ``times`` nor an array ``x [1, C, L]``.
    """
    if has(data, "times"):
        return
    x = getattr(data, "x", None)
    if has(data, "pos") or x is None or x.dim() != 3:
        found = f"x {list(x.shape)}" if x is not None else f"the attributes {sorted(data.keys())}"
        cloud = "; for point clouds there are RandomPoints and PointDropout" if has(data, "pos") else ""
        raise ValueError(
            f"'x' must be a series [1, C, L] where there are no 'times', for {type(transform).__name__} "
            f"(got {found}){cloud}"
        )


def take_samples(data: Any, kept: Tensor | slice) -> Any:
    """The samples ``kept`` of a series with stamps, with every attribute that has one row per sample."""
    length, single = len(data.times), len(data.times) == 1
    for key, value in list(data):
        of_series = key in ("lattice", "spacing") or (single and key == "y")
        if isinstance(value, Tensor) and value.dim() > 0 and len(value) == length and not of_series:
            data[key] = value[kept]
    return data


class AsSeries(RandomTransform):
    """A regular series ``x [1, C, L]`` with stamps: ``times [L]`` = sample number · spacing, ``x [L, C]``.

    Args:
        spacing: distance of samples; an item's own ``spacing`` comes first.

    Raises:
        ValueError: (when called) an array of more than one axis.

    Example:
        >>> from ccnn_pc.datasets import GridData
        >>> series = AsSeries(0.5)(GridData(x=torch.tensor([[[1.0, 2.0, 3.0]]])))
        >>> series.times.tolist(), series.x.flatten().tolist()
        ([0.0, 0.5, 1.0], [1.0, 2.0, 3.0])
    """

    def __init__(self, spacing: float = 1.0) -> None:
        self.spacing = check_positive("spacing", spacing)

    def forward(self, data: Any, generator: torch.Generator | None = None) -> Any:
        """A series in place of the array; series stay as they are."""
        if has(data, "times"):
            return data
        check_series(data, self)
        spacing = float(data.spacing.flatten()[0]) if has(data, "spacing") else self.spacing
        times = torch.arange(data.x.shape[2], dtype=torch.float64, device=data.x.device) * spacing
        lattice = as_lattice(spacing).to(data.x.device)
        series = SeriesData(times=times, x=data.x[0].t().contiguous(), lattice=lattice)
        for key in ("y", "name"):
            if has(data, key):
                series[key] = data[key]
        return series

    def __repr__(self) -> str:
        return f"AsSeries({self.spacing})"


class DropSamples(RandomTransform):
    """Leave out ``int(n · percent / 100)`` random samples of a series, all channels at once.

    As ``transform`` others go in every epoch; as ``pre_transform`` they are a function of (seed, index). The
    published draws, one stream over all series, are the option ``drop`` of the data sets.

    A regular series ``x [1, C, L]`` keeps its length: samples become 0 (values are normalised before transforms) and
    channel ``C`` says which were observed; with ``irregular`` it becomes a series of the other samples with their
    stamps. Of irregular series samples are taken away.

    Args:
        percent: in [0, 100); or the smallest and the largest, between which each series has its own.
        irregular: take samples away instead of a mask (default False).
        spacing: see :class:`AsSeries`.
        channel: add the channel that says which samples of a grid were observed (default). Without it all channels
            become 0: right for grids that have one already (``observed=True`` of :class:`SeriesDataset`).

    Raises:
        ValueError: ``percent`` out of range.

    Example:
        >>> from ccnn_pc.datasets import GridData
        >>> item, generator = GridData(x=torch.ones(1, 2, 10)), torch.Generator().manual_seed(0)
        >>> masked, series = DropSamples(30)(item, generator), DropSamples(30, irregular=True)(item, generator)
        >>> masked.x.shape, masked.x.sum(2).tolist(), series.x.shape
        (torch.Size([1, 3, 10]), [[7.0, 7.0, 7.0]], torch.Size([7, 2]))
    """

    def __init__(
        self,
        percent: float | Sequence[float],
        *,
        irregular: bool = False,
        spacing: float = 1.0,
        channel: bool = True,
    ) -> None:
        self.percent, self.irregular, self.channel = percent_range("percent", percent), irregular, channel
        self._as_series = AsSeries(spacing)

    def forward(self, data: Any, generator: torch.Generator | None = None) -> Any:
        """The series without these samples."""
        check_series(data, self)
        data = self._as_series.forward(data) if self.irregular else data
        series = has(data, "times")
        length = len(data.times) if series else data.x.shape[2]
        kept = torch.ones(length, dtype=torch.bool)
        kept[dropped_samples(length, drawn_percent(self.percent, generator), generator)] = False
        kept = kept.to(data.x.device)
        if not series:
            observed = kept.to(data.x.dtype).expand(len(data.x), 1, length)
            data.x = torch.cat([data.x * observed, *([observed] if self.channel else [])], dim=1)
            return data
        return take_samples(data, kept)

    def __repr__(self) -> str:
        low, high = self.percent
        return f"DropSamples({low if low == high else self.percent}, irregular={self.irregular})"


class RandomStamps(RandomTransform):
    r"""A series at random times instead of its own, with the values between its samples.

    .. math:: t'_j \sim U[t_1, t_n], \qquad x'(t) = x_i + \frac{t - t_i}{t_{i+1} - t_i}\,(x_{i+1} - x_i)

    ``n - int(n · percent / 100)`` of them, sorted. They lie on no lattice, and are far denser in some places than in
    others; a sensor that ticks becomes one that does not. Series of arrays get stamps first.

    Args:
        percent: how many samples fewer, in [0, 100); or the smallest and the largest, as for :class:`DropSamples`.
        spacing: see :class:`AsSeries`.

    Raises:
        ValueError: ``percent`` out of range; (when called) a series with missing values.

    Example:
        >>> from ccnn_pc.datasets import GridData
        >>> series = AsSeries(0.5)(GridData(x=torch.arange(0.0, 100.0, 10.0).view(1, 1, 10)))
        >>> drawn = RandomStamps(40)(series, torch.Generator().manual_seed(0))
        >>> drawn.x.shape, torch.allclose(drawn.x[:, 0], 20 * drawn.times.float()), "lattice" in drawn
        (torch.Size([6, 1]), True, False)
    """

    def __init__(self, percent: float | Sequence[float] = 0.0, *, spacing: float = 1.0) -> None:
        self.percent = percent_range("percent", percent)
        self._as_series = AsSeries(spacing)

    def forward(self, data: Any, generator: torch.Generator | None = None) -> Any:
        """The series at other times."""
        check_series(data, self)
        data = self._as_series.forward(data)
        if has(data, "mask"):
            raise ValueError("'mask' must be None: between values that are missing nothing is known")
        times, length = data.times, len(data.times)
        count = length - int(length * drawn_percent(self.percent, generator) / 100)
        share = torch.rand(count, dtype=torch.float64, generator=generator).sort().values
        stamps = times[0] + share.to(times) * (times[-1] - times[0])
        # not by ops.series.interpolation: it weighs both neighbours, and the last bit of past trainings would differ
        after = (
            torch.searchsorted(times, stamps, right=True).clamp(1, max(length - 1, 1)).clamp(max=length - 1)
        )
        before = (after - 1).clamp(min=0)
        gap = times[after] - times[before]
        part = torch.where(gap > 0, (stamps - times[before]) / gap, 0.0).to(data.x)[:, None]
        series = SeriesData(times=stamps, x=data.x[before] + part * (data.x[after] - data.x[before]))
        for key in ("y", "name"):
            if has(data, key):
                series[key] = data[key]
        return series

    def __repr__(self) -> str:
        return f"RandomStamps({self.percent[0] if self.percent[0] == self.percent[1] else self.percent})"
