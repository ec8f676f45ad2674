"""Recurrent peers on irregular series, for comparison: ``gru_dt`` and ``gru_d``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ccnn_pc._checks import check_at_least, check_flags
from ccnn_pc.models.base import reset_parameters
from ccnn_pc.peers.padded import PaddedSeries, SeriesPeer, register_series_peer


def observed_inputs(series: PaddedSeries, mask_input: bool) -> Tensor:
    """Values ``[B, L, C]``, with the mask behind them, ``[B, L, 2 C]``, where it is an input."""
    return torch.cat([series.x, series.mask.to(series.x)], dim=-1) if mask_input else series.x


class GRUDt(SeriesPeer):
    r"""A GRU that is told the time since the sample before: GRU-Δt.

    .. math:: h_i = \mathrm{GRU}(h_{i-1},\ [x_i,\ (m_i),\ t_i - t_{i-1}])

    The base line of Che et al. (2018, "GRU-simple") and of Rubanova et al. (arXiv 1907.03907).

    Args:
        in_channels: channels of the data.
        out_channels: classes (1: one logit).
        hidden: width of the state (default 32).
        num_layers: GRUs on top of each other (default 1).
        mask_input: whether inputs hold what was observed, m (default False; for data with missing values).
        options: spacing, dropout: see :class:`SeriesPeer`.

    Example:
        >>> from torch_geometric.data import Data
        >>> series = Data(times=torch.tensor([0.0, 0.4, 2.0]), x=torch.randn(3, 2))
        >>> GRUDt(2, 5)(series).shape
        torch.Size([1, 5])
    """

    first_layers = ("rnn.weight_ih_l0",)

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        hidden: int = 32,
        num_layers: int = 1,
        mask_input: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(in_channels, out_channels, hidden, **options)
        check_at_least("num_layers", num_layers, 1)
        check_flags(mask_input=mask_input)
        self.mask_input = mask_input
        width = in_channels * (1 + mask_input) + 1
        self.rnn = nn.GRU(width, hidden, num_layers, batch_first=True)

    def final_state(self, series: PaddedSeries) -> Tensor:
        """State after the last sample of each series; what is behind the end comes later and changes nothing."""
        inputs = torch.cat([observed_inputs(series, self.mask_input), series.steps[..., None]], dim=-1)
        return series.at_end(self.rnn(inputs)[0])


def time_unobserved(series: PaddedSeries) -> Tensor:
    r"""Time since each channel was last observed, ``[B, L, C]`` (δ of GRU-D).

    .. math::
        \delta_1 = 0, \qquad \delta_i = t_i - t_{i-1} + (1 - m_{i-1})\, \delta_{i-1}

    Example:
        >>> mask = torch.tensor([[[True], [False], [False], [True]]])
        >>> times = torch.tensor([[0.0, 0.25, 1.0, 1.5]])
        >>> time_unobserved(PaddedSeries(torch.ones(1, 4, 1), mask, times, torch.tensor([4])))[0, :, 0].tolist()
        [0.0, 0.25, 1.0, 1.5]
    """
    place = last_observed(series, first=0)
    before = torch.cat([place[:, :1] * 0, place[:, :-1]], dim=1)
    times = series.times[..., None].expand(-1, -1, place.shape[2])
    return times - times.gather(1, before)


def last_observed(series: PaddedSeries, first: int) -> Tensor:
    """Index of the last observation up to each sample, int64 ``[B, L, C]``; ``first`` where there is none yet."""
    index = torch.arange(series.mask.shape[1], device=series.mask.device)[None, :, None]
    return torch.where(series.mask, index, first).cummax(dim=1).values


class GRUD(SeriesPeer):
    r"""GRU with decay towards the mean where values are missing (Che et al. 2018, Sci. Rep. 8:6085): GRU-D.

    .. math::
        \gamma &= \exp(-\max(0, W_\gamma \delta_i + b_\gamma)), \qquad
        \hat x_i = m_i x_i + (1 - m_i)\,(\gamma_x x' + (1 - \gamma_x)\, \bar x), \qquad \hat h = \gamma_h h_{i-1} \\
        r &= \sigma(W_r \hat x_i + U_r \hat h + V_r m_i + b_r), \\
        z &= \sigma(W_z \hat x_i + U_z \hat h + V_z m_i + b_z), \\
        h_i &= (1 - z)\, \hat h + z \tanh(W \hat x_i + U (r \hat h) + V m_i + b)

    with the time δ since a channel was last observed, its last value x', its mean x̄, and a diagonal
    :math:`W_{\gamma x}`. Before the first observation of a channel x' is x̄.

    Args:
        in_channels: channels of the data.
        out_channels: classes (1: one logit).
        hidden: width of the state (default 32).
        means: x̄ of each channel (default 0: data are normalised).
        options: spacing, dropout: see :class:`SeriesPeer`.

    Raises:
        ValueError: another number of means.

    Example:
        >>> from torch_geometric.data import Data
        >>> mask = torch.tensor([[True, True], [True, False], [False, True]])
        >>> series = Data(times=torch.tensor([0.0, 0.4, 2.0]), x=torch.randn(3, 2), mask=mask)
        >>> GRUD(2, 5)(series).shape
        torch.Size([1, 5])
    """

    means: Tensor

    first_layers = ("means", "decay_x_weight", "decay_x_bias", "decay_h", "inputs")

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        hidden: int = 32,
        means: Sequence[float] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(in_channels, out_channels, hidden, **options)
        centre = torch.zeros(in_channels) if means is None else torch.tensor(list(means), dtype=torch.float)
        if len(centre) != in_channels:
            raise ValueError(f"'means' must have {in_channels} entries (got {len(centre)})")
        self.register_buffer("means", centre)
        # times are not negative: a weight below 0 would have no gradient
        self.decay_x_weight = nn.Parameter(_below_one(in_channels))
        self.decay_x_bias = nn.Parameter(torch.zeros(in_channels))
        self.decay_h = nn.Linear(in_channels, hidden)
        self.inputs = nn.Linear(2 * in_channels, 3 * hidden)  # W and V with b: of r, z and the candidate
        self.gates = nn.Linear(hidden, 2 * hidden, bias=False)  # U_r and U_z
        self.candidate = nn.Linear(hidden, hidden, bias=False)  # U

    def reset_parameters(self) -> None:
        reset_parameters(self.head)
        with torch.no_grad():
            self.decay_x_weight.copy_(_below_one(self.in_channels))
            self.decay_x_bias.zero_()
        for part in (self.decay_h, self.inputs, self.gates, self.candidate):
            reset_parameters(part)

    def imputed(self, series: PaddedSeries) -> Tensor:
        """Inputs with missing values filled in, ``[B, L, C]``."""
        decay = torch.exp(-(self.decay_x_weight * time_unobserved(series) + self.decay_x_bias).relu())
        place = last_observed(series, first=-1)
        latest = torch.where(place >= 0, series.x.gather(1, place.clamp(min=0)), self.means)
        return torch.where(series.mask, series.x, decay * latest + (1 - decay) * self.means)

    def final_state(self, series: PaddedSeries) -> Tensor:
        """State after the last sample of each series."""
        known = torch.cat([self.imputed(series), series.mask.to(series.x)], dim=-1)
        inputs, decay = self.inputs(known), torch.exp(-self.decay_h(time_unobserved(series)).relu())
        state, valid = inputs.new_zeros(len(inputs), self.hidden), series.valid
        for i in range(inputs.shape[1]):
            before = decay[:, i] * state
            to_gates, to_candidate = inputs[:, i].split([2 * self.hidden, self.hidden], dim=1)
            r, z = (to_gates + self.gates(before)).sigmoid().chunk(2, dim=1)
            fresh = torch.tanh(to_candidate + self.candidate(r * before))
            state = torch.where(valid[:, i, None], (1 - z) * before + z * fresh, state)
        return state


def _below_one(channels: int) -> Tensor:
    """Initial weights of a decay, U(0, 1 / √C)."""
    return torch.rand(channels) / channels**0.5


register_series_peer("gru_dt", GRUDt)
register_series_peer("gru_d", GRUD)
