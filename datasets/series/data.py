"""The item of data sets of series with time stamps of their own, batched by PyG."""

from __future__ import annotations

from typing import Any

import torch
from torch_geometric.data import Data


class SeriesData(Data):
    """One labelled series, its samples in the order of time.

    Attributes (each present only where it is known):
        times: time stamps ``[n]``, float32 or float64, in the data set's own unit.
        x: values ``[n, C]``, float32; 0 where nothing was observed.
        mask: what was observed ``[n, C]``, boolean; absent: everything.
        lattice: ``[1, 1]`` float64 where all stamps are whole multiples of it.
        y: class index ``[1]``, int64.
        name: name of the series.

    ``Batch.from_data_list`` (so every PyG ``DataLoader``) puts the samples of all series one after the other and
    says in ``batch [n]`` which series each belongs to.

    Example:
        >>> from torch_geometric.data import Batch
        >>> short, long = (SeriesData(times=torch.arange(n) * 0.5, x=torch.ones(n, 2)) for n in (2, 3))
        >>> batch = Batch.from_data_list([short, long])
        >>> batch.times.tolist(), batch.batch.tolist(), batch.x.shape
        ([0.0, 0.5, 0.0, 0.5, 1.0], [0, 0, 1, 1, 1], torch.Size([5, 2]))
    """

    def __cat_dim__(self, key: str, value: Any, *args: Any, **kwargs: Any) -> Any:
        """Samples are put one after the other along the first axis."""
        return 0

    def __inc__(self, key: str, value: Any, *args: Any, **kwargs: Any) -> Any:
        """No attribute points into another."""
        return 0


def as_lattice(spacing: float) -> torch.Tensor:
    """``spacing`` as an item wants it in ``lattice``: float64 ``[1, 1]``, so that a batch has ``[B, 1]``."""
    return torch.full((1, 1), spacing, dtype=torch.float64)
