"""Series side by side, filled up to the longest: what peers read that walk along time."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ccnn_pc._checks import check_at_least, check_fraction, check_positive
from ccnn_pc._precision import HALF, SinglePrecision, at_least_single
from ccnn_pc.domains.series.irregular_series import IrregularSeries
from ccnn_pc.models.base import Model
from ccnn_pc.models.names import register_model
from ccnn_pc.models.reading import Input, common_spacing, irregular_series, is_series


@dataclasses.dataclass(frozen=True)
class PaddedSeries:
    """B series of C channels, the longest of L samples.

    Attributes:
        x: values ``[B, L, C]``; 0 where nothing was observed and behind the end.
        mask: what was observed ``[B, L, C]``, boolean; False behind the end.
        times: since the first sample of each series, in units of the training's spacing, ``[B, L]``; behind the end the
            last one.
        lengths: samples of each series ``[B]``, at least 1.
    """

    x: Tensor
    mask: Tensor
    times: Tensor
    lengths: Tensor

    @property
    def steps(self) -> Tensor:
        """Time since the sample before ``[B, L]``; 0 at the first one and behind the end."""
        return torch.diff(self.times, dim=1, prepend=self.times[:, :1])

    @property
    def valid(self) -> Tensor:
        """Where samples are, boolean ``[B, L]``."""
        return torch.arange(self.x.shape[1], device=self.x.device) < self.lengths[:, None]

    def at_end(self, states: Tensor) -> Tensor:
        """Of states ``[B, L, H]`` the one at the last sample of each series, ``[B, H]``."""
        return states[torch.arange(len(states), device=states.device), self.lengths - 1]


def pad_series(x: Tensor, series: IrregularSeries, spacing: float = 1.0) -> PaddedSeries:
    """Ragged series side by side.

    Args:
        x: ``[n, C]``; what stands where the series' mask is False does not matter.
        series: times, batch and mask.
        spacing: unit of the times that come out.

    Raises:
        ValueError: x of another shape than the mask, values that are not finite where they were observed.

    Example:
        >>> series = IrregularSeries(torch.tensor([0.0, 0.5, 7.0]), torch.tensor([0, 0, 1]))
        >>> padded = pad_series(torch.tensor([[1.0], [2.0], [3.0]]), series, spacing=0.5)
        >>> padded.x[..., 0].tolist(), padded.times.tolist(), padded.lengths.tolist()
        ([[1.0, 2.0], [3.0, 0.0]], [[0.0, 1.0], [0.0, 0.0]], [2, 1])
    """
    lengths = series.pointer.diff()
    count, longest = len(lengths), int(lengths.max())
    mask = torch.ones_like(x, dtype=torch.bool) if series.mask is None else series.mask
    if mask.shape != x.shape:
        raise ValueError(f"'x' must have the shape of the mask, {list(mask.shape)} (got {list(x.shape)})")
    x = torch.where(mask, x, x.new_zeros(()))
    if not bool(torch.isfinite(x).all()):
        raise ValueError("'data.x' must be finite where it was observed (got NaN or inf)")
    row, column = series.batch, torch.arange(len(x), device=x.device) - series.pointer[series.batch]
    values, known = x.new_zeros(count, longest, x.shape[1]), mask.new_zeros(count, longest, x.shape[1])
    values[row, column], known[row, column] = x, mask
    since = (series.times - series.times[series.pointer[:-1]][row]) / spacing
    times = since[series.pointer[1:] - 1].to(x)[:, None].repeat(1, longest)
    times[row, column] = since.to(x)
    return PaddedSeries(values, known, times, lengths)


class SeriesPeer(SinglePrecision, Model, abc.ABC):
    """A network that walks along a series and answers from where it ends; subclasses write :meth:`final_state`.

    In ``model.bfloat16()`` and ``model.half()`` it computes in float32: times and paths are too fine for less.

    Args:
        in_channels: channels of the data.
        out_channels: classes (1: one logit for two classes).
        hidden: width of the state.
        spacing: distance of samples in training: the unit of time inside.
        dropout: share of the last state that is dropped before the linear read-out.

    Shapes:
        * ``model(data)`` with series (``times``, ``x [n, C]``, ``batch``, optionally ``mask``), or with ``x [B, C, L]``
          on a grid, where everything counts as observed; ``model(x)`` with such an array; ``model(x, series)``:
          ``[B, out_channels]``.

    Raises:
        ValueError: sizes below 1, data that do not fit.
    """

    def __init__(
        self, in_channels: int, out_channels: int, hidden: int, *, spacing: float = 1.0, dropout: float = 0.0
    ) -> None:
        check_at_least("in_channels", in_channels, 1)
        super().__init__(in_channels, out_channels, 1)
        self.hidden = check_at_least("hidden", hidden, 1)
        self.spacing = check_positive("spacing", spacing)
        self.dropout = nn.Dropout(check_fraction("dropout", dropout))
        self.num_features = hidden
        self.head = self.new_head(out_channels)

    @abc.abstractmethod
    def final_state(self, series: PaddedSeries) -> Tensor:
        """State after the last sample of each series, ``[B, hidden]``."""

    def forward(self, data: Input, domain: IrregularSeries | None = None) -> Tensor:
        """Logits ``[B, out_channels]``; see the class."""
        x = data if isinstance(data, Tensor) else data.x
        answers = self.head(self.dropout(self.forward_features(data, domain)))
        return answers.to(x.dtype) if x.dtype in HALF else answers

    def forward_features(self, data: Input, domain: IrregularSeries | None = None) -> Tensor:
        """State after the last sample of each series, ``[B, hidden]``."""
        return self.final_state(self.padded(data, domain))

    def padded(self, data: Input, domain: IrregularSeries | None = None) -> PaddedSeries:
        """What comes in, side by side.

        Raises:
            TypeError: features without a series, PyG data with one.
            ValueError: another number of channels, or no series at all.
        """
        if domain is not None:
            if not isinstance(data, Tensor) or not isinstance(domain, IrregularSeries):
                raise TypeError("'domain' must be an IrregularSeries beside features [n, C]")
            return pad_series(self._checked(data, 2), domain, self.spacing)
        x = data if isinstance(data, Tensor) else data.x
        if isinstance(x, Tensor) and x.dim() == 3:
            step = None if isinstance(data, Tensor) else data.get("spacing")
            return self._grid(self._checked(x, 3), step)
        if isinstance(data, Tensor):
            raise TypeError(
                f"'domain' must say where features lie, or 'x' be [B, C, L] (got {list(data.shape)})"
            )
        if not is_series(data):
            raise ValueError("'data' must be series: times (or pos [n, 1]) and x, or x [B, C, L]")
        return pad_series(self._checked(x, 2), irregular_series(data), self.spacing)

    def _checked(self, x: Tensor | None, axes: int) -> Tensor:
        if x is None or x.dim() != axes or x.shape[1] != self.in_channels:
            wanted = f"[n, {self.in_channels}]" if axes == 2 else f"[B, {self.in_channels}, L]"
            raise ValueError(
                f"'x' must have shape {wanted} for this model (got {None if x is None else list(x.shape)})"
            )
        return x.to(at_least_single(x.dtype))

    def _grid(self, x: Tensor, step: Tensor | float | None) -> PaddedSeries:
        if not bool(torch.isfinite(x).all()):
            raise ValueError("'x' must be finite (got NaN or inf)")
        found = self.spacing if step is None else common_spacing("spacing", step, 1)
        factor = (found[0] if isinstance(found, list) else float(found)) / self.spacing  # type: ignore[arg-type]
        values = x.transpose(1, 2)
        times = torch.arange(x.shape[2], dtype=x.dtype, device=x.device) * factor
        lengths = torch.full((len(x),), x.shape[2], device=x.device)
        return PaddedSeries(
            values, torch.ones_like(values, dtype=torch.bool), times.expand(len(x), -1), lengths
        )


def register_series_peer(name: str, kind: Callable[..., SeriesPeer]) -> None:
    """Enter a peer; ``dim`` and ``shape`` of the data mean nothing to it, all options are those of the class."""

    @register_model(name, dim=1)
    def build(
        *,
        dim: int,
        in_channels: int,
        out_channels: int,
        shape: Sequence[int] | None = None,
        spacing: float = 1.0,
        **options: Any,
    ) -> SeriesPeer:
        return kind(in_channels, out_channels, spacing=spacing, **options)
