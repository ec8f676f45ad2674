"""Transforms of time series: samples left out, and regular series with time stamps of their own."""

from __future__ import annotations

from typing import Any

import torch

from ccnn_pc._checks import check_positive
from ccnn_pc.datasets.series_data import SeriesData, as_lattice
from ccnn_pc.datasets.series_drops import check_percent, dropped_samples
from ccnn_pc.datasets.transforms.base import RandomTransform, has


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
        if data.x.dim() != 3:
            raise ValueError(f"'x' must be a series [1, C, L] (got shape {list(data.x.shape)})")
        spacing = float(data.spacing.flatten()[0]) if has(data, "spacing") else self.spacing
        times = torch.arange(data.x.shape[2], dtype=torch.float64) * spacing
        series = SeriesData(times=times, x=data.x[0].t().contiguous(), lattice=as_lattice(spacing))
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
        percent: in [0, 100).
        irregular: take samples away instead of a mask (default False).
        spacing: see :class:`AsSeries`.

    Raises:
        ValueError: ``percent`` out of range.

    Example:
        >>> from ccnn_pc.datasets import GridData
        >>> item, generator = GridData(x=torch.ones(1, 2, 10)), torch.Generator().manual_seed(0)
        >>> masked, series = DropSamples(30)(item, generator), DropSamples(30, irregular=True)(item, generator)
        >>> masked.x.shape, masked.x.sum(2).tolist(), series.x.shape
        (torch.Size([1, 3, 10]), [[7.0, 7.0, 7.0]], torch.Size([7, 2]))
    """

    def __init__(self, percent: float, *, irregular: bool = False, spacing: float = 1.0) -> None:
        self.percent, self.irregular = check_percent("percent", percent), irregular
        self._as_series = AsSeries(spacing)

    def forward(self, data: Any, generator: torch.Generator | None = None) -> Any:
        """The series without these samples."""
        data = self._as_series.forward(data) if self.irregular else data
        series = has(data, "times")
        length = len(data.times) if series else data.x.shape[2]
        kept = torch.ones(length, dtype=torch.bool)
        kept[dropped_samples(length, self.percent, generator)] = False
        if not series:
            observed = kept.to(data.x.dtype).expand(len(data.x), 1, length)
            data.x = torch.cat([data.x * observed, observed], dim=1)
            return data
        for key in ("times", "x", "mask"):
            if has(data, key):
                data[key] = data[key][kept]
        return data

    def __repr__(self) -> str:
        return f"DropSamples({self.percent}, irregular={self.irregular})"
