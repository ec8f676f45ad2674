"""Values of series at stamps where none were observed: straight lines, and what a network adds to them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ccnn_pc.domains.base import AbstractDomain
from ccnn_pc.domains.series.irregular_series import IrregularSeries
from ccnn_pc.models.ccnn import CCNN, build_ccnn
from ccnn_pc.models.registry import register_frozen


class SeriesValues(CCNN):
    r"""Values at all stamps of a series, whether they were observed there or not.

    .. math:: y(t) = m + s \odot (l(t) + w(t) \odot f(t))

    l are the last K channels of what is read (0 where there are fewer): normalised values, on straight lines between
    the stamps where they were observed, and constant beyond them. f is a :class:`~ccnn_pc.models.CCNN` of all channels,
    0 at the start. w are the K channels before l: 0 where a value was observed, towards 1 far from all that were
    (:class:`~ccnn_pc.datasets.series.observation_channels.ObservationChannels` with ``gap``); 1 where there are fewer.
    m and s are mean and deviation of the values (:meth:`set_units`; 0 and 1 at the start).

    Args:
        in_channels: channels of the data: any, w, and the values.
        out_channels: how many values K.
        options: see :class:`~ccnn_pc.models.CCNN`.

    Raises:
        ValueError: a pool; what :class:`~ccnn_pc.models.CCNN` refuses.

    Example:
        >>> from torch_geometric.data import Data
        >>> from ccnn_pc.models import create_model
        >>> model = create_model("series_values", dim=1, in_channels=2, out_channels=1, shape=[20]).eval()
        >>> known = torch.tensor([True, True, False, True])
        >>> x = torch.stack([1 - known.float(), torch.tensor([0.0, 1.0, 0.0, 3.0])], 1)
        >>> mask = torch.stack([torch.ones(4, dtype=torch.bool), known], 1)
        >>> model(Data(times=torch.arange(4.0), x=x, mask=mask))[:, 0].tolist()
        [0.0, 1.0, 2.0, 3.0]
    """

    shift: Tensor
    scale: Tensor

    def __init__(self, in_channels: int, out_channels: int, **options: Any) -> None:
        if options.pop("pool", None) is not None:
            raise ValueError("'pool' must be None for values at every stamp")
        super().__init__(in_channels, out_channels, pool=None, **options)

    def new_head(self, out_channels: int) -> nn.Module:
        """A read-out of zeros, in units of its own."""
        head = super().new_head(out_channels)
        for parameter in head.parameters():
            nn.init.zeros_(parameter)
        self.register_buffer("shift", torch.zeros(out_channels))
        self.register_buffer("scale", torch.ones(out_channels))
        return head

    def set_units(self, mean: Tensor, deviation: Tensor) -> None:
        """Let answers be in the units of data of this mean and deviation, both ``[out_channels]``."""
        self.shift.copy_(mean)
        self.scale.copy_(deviation)

    def compared(self, x: Tensor, where: AbstractDomain) -> tuple[Tensor, AbstractDomain]:
        """Values where they were observed: other stamps are questions, and w follows from where they lie."""
        first = max(self.in_channels - self.out_channels, 0)
        if not isinstance(where, IrregularSeries) or where.mask is None:
            return x[:, first:], where
        mask = where.mask[:, first:]
        rows = mask.any(dim=1)
        if len(where.batch[rows].unique()) < where.num_series:
            rows = torch.ones_like(rows)
        return x[rows, first:], IrregularSeries(where.exact_times()[rows], where.batch[rows], mask=mask[rows])

    def logits(self, x: Tensor, domain: AbstractDomain) -> Tensor:
        """Values on a domain."""
        first = self.in_channels - self.out_channels
        lines = x[:, first:] if first >= 0 else functional.pad(x, (-first, 0))
        found = super().logits(x, domain)
        if first >= self.out_channels:
            found = x[:, first - self.out_channels : first] * found
        return self.shift + self.scale * (lines + found)


#: As large as ``ccnn_tiny_grid``.
register_frozen(
    "series_values",
    build_ccnn,
    {"pool": None, "centred": True},
    dim=1,
    num_blocks=4,
    channels=40,
    kernel_hidden=16,
    kernel_layers=2,
    network=SeriesValues,
)
