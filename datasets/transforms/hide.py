"""Values that a network is asked for: they are hidden from it."""

from __future__ import annotations

import enum
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ccnn_pc._checks import check_fraction, check_positive
from ccnn_pc.datasets.series.observation_channels import ObservationChannels
from ccnn_pc.datasets.transforms.base import RandomTransform, has
from ccnn_pc.datasets.transforms.series import check_series, take_samples

#: Added to the square of what straight lines are off by.
_LEAST = np.float32(0.003)


class _Hidden(enum.Enum):
    """What is hidden of a series: single values, whole samples, or consecutive ones."""

    VALUES = 0
    SAMPLES = 1
    STRETCH = 2


class HideValues(RandomTransform):
    """Hide some of the values of a series: single ones, samples, or one stretch, each third of the series in one way.

    Hidden values become targets ``y [n, C]``, where everything else is NaN; ``x [n, 2C]`` has a channel for each
    variable that says how far the known ones are, w, then the values that are left (:class:`ObservationChannels`). No
    series loses all values of a variable. Straight lines are off by about w, so errors count ``weight``
    :math:`1 / (w^2 + 0.003)`.

    Args:
        most: share that is hidden at most; each series has its own, from 0 on.
        gap: a time, see :class:`~ccnn_pc.datasets.series.observation_channels.ObservationChannels`.

    Raises:
        ValueError: no share, or no positive time; (when called) no series with stamps.

    Example:
        >>> from ccnn_pc.datasets import SeriesData
        >>> item = SeriesData(times=torch.arange(6.0), x=torch.arange(6.0)[:, None])
        >>> hidden = HideValues(0.5, gap=1.0)(item, torch.Generator().manual_seed(3))
        >>> hidden.x[:, 0].tolist(), hidden.y[:, 0].tolist()
        ([0.0, 0.5, 0.0, 0.0, 0.0, 0.0], [nan, 1.0, nan, nan, nan, nan])
    """

    def __init__(self, most: float = 0.5, *, gap: float) -> None:
        self.most, self.said = check_fraction("most", most), ObservationChannels(gap=gap)

    def forward(self, data: Any, generator: torch.Generator | None = None) -> Any:
        """Replace ``x`` and ``mask``, and add ``y``."""
        known = _known_values(data, self)
        n = len(known)
        way = _Hidden(int(torch.randint(len(_Hidden), (1,), generator=generator)))
        share = float(torch.rand(1, generator=generator)) * self.most
        if way is _Hidden.VALUES:
            hidden = torch.rand(known.shape, generator=generator) < share
        elif way is _Hidden.SAMPLES:
            hidden = (torch.rand(n, 1, generator=generator) < share).expand_as(known)
        else:
            length = round(share * n)
            first = int(torch.randint(n - length + 1, (1,), generator=generator))
            row = torch.arange(n)[:, None]
            hidden = ((row >= first) & (row < first + length)).expand_as(known)
        hidden = hidden.to(known.device) & known
        hidden = hidden & (hidden != known).any(dim=0)  # of each variable something is left
        return _without(data, known, hidden, self.said)

    def __repr__(self) -> str:
        return f"HideValues({self.most:g}, gap={self.said.gap:g})"


class HideFuture(RandomTransform):
    """Hide what comes after a random moment, and take away what comes after the horizon.

    At least a third of the samples stay. Targets and channels are those of :class:`HideValues`.

    Args:
        horizon: how long after the last sample values are asked for, in units of the times.
        gap: see there.

    Raises:
        ValueError: no positive times; (when called) no series with stamps.

    Example:
        >>> from ccnn_pc.datasets import SeriesData
        >>> item = SeriesData(times=torch.arange(9.0), x=torch.arange(9.0)[:, None])
        >>> hidden = HideFuture(2.0, gap=1.0)(item, torch.Generator().manual_seed(0))
        >>> hidden.x[:, 1].tolist(), hidden.y[:, 0].tolist()
        ([0.0, 1.0, 2.0, 3.0, 4.0, 0.0, 0.0], [nan, nan, nan, nan, nan, 5.0, 6.0])
    """

    def __init__(self, horizon: float, *, gap: float) -> None:
        self.horizon, self.said = check_positive("horizon", horizon), ObservationChannels(gap=gap)

    def forward(self, data: Any, generator: torch.Generator | None = None) -> Any:
        """Replace ``x``, ``mask`` and ``times``, and add ``y``."""
        n = len(data.times)
        fewest = max(n // 3, 1)
        last = fewest - 1 + int(torch.randint(max(n - fewest, 1), (1,), generator=generator))
        data = take_samples(data, data.times <= data.times[last] + self.horizon)
        known = _known_values(data, self)
        hidden = known & (torch.arange(len(known), device=known.device) > last)[:, None]
        return _without(data, known, hidden & (hidden != known).any(dim=0), self.said)

    def __repr__(self) -> str:
        return f"HideFuture({self.horizon:g}, gap={self.said.gap:g})"


def _known_values(data: Any, transform: object) -> Tensor:
    """Which values of a series were observed, ``[n, C]``.

    Raises:
        ValueError: no series with stamps.
    """
    check_series(data, transform)
    if not has(data, "times"):
        raise ValueError(f"'data' must have times for {transform!r} (got an array)")
    found: Tensor = data.mask if has(data, "mask") else torch.ones_like(data.x, dtype=torch.bool)
    return found


def _without(data: Any, known: Tensor, hidden: Tensor, said: ObservationChannels) -> Any:
    """A series without the values ``hidden [n, C]``, which become its targets."""
    data.y = torch.where(hidden, data.x, torch.nan)
    known = known & ~hidden
    values = torch.where(known, data.x, 0.0)
    x, mask = said.before(*(each.cpu().numpy() for each in (values.t(), known.t(), data.times)))
    far = x[: len(x) // 2]
    parts = (x, mask, 1 / (far**2 + _LEAST))
    data.x, data.mask, data.weight = (
        torch.from_numpy(np.ascontiguousarray(each.T)).to(known.device) for each in parts
    )
    return data
