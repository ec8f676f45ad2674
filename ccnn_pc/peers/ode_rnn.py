"""ODE-RNN, a peer on irregular series, for comparison: ``ode_rnn``. Needs torchdiffeq (extra ``baselines``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ccnn_pc._checks import check_at_least, check_flags
from ccnn_pc._choices import choice
from ccnn_pc._optional import require
from ccnn_pc.peers.gru import observed_inputs
from ccnn_pc.peers.padded import PaddedSeries, SeriesPeer, register_series_peer
from ccnn_pc.peers.solvers import Solver


def mlp(widths: Sequence[int], act: type[nn.Module]) -> nn.Sequential:
    """Linear layers of these widths with ``act`` between them."""
    layers: list[nn.Module] = []
    for a, b in zip(widths[:-1], widths[1:], strict=True):
        layers += [nn.Linear(a, b), act()]
    return nn.Sequential(*layers[:-1])


class ODERNN(SeriesPeer):
    r"""A GRU whose state follows a differential equation between samples (Rubanova et al., arXiv 1907.03907): ODE-RNN.

    Algorithm 1 of the paper:

    .. math::
        h'_i = \mathrm{ODESolve}(f, h_{i-1}, (t_{i-1}, t_i)), \qquad h_i = \mathrm{GRU}(h'_i,\ [x_i,\ (m_i)]),
        \qquad h_0 = 0

    Each interval is solved on [0, 1] with :math:`(t_i - t_{i-1}) f`, so that series of different stamps share a solve.

    Args:
        in_channels: channels of the data.
        out_channels: classes (1: one logit).
        hidden: width of the state (default 32).
        field_width: of the layers of f (default 32).
        field_layers: hidden layers of f, with tanh (default 1).
        mask_input: whether inputs hold what was observed, m (default False; for data with missing values).
        method: solver (default rk4); see :class:`~ccnn_pc.peers.solvers.Solver`.
        num_steps: of a solver of fixed steps, per interval (default 1).
        options: spacing, dropout: see :class:`SeriesPeer`.

    Raises:
        ImportError: torchdiffeq is missing.
        ValueError: sizes below 1, an unknown solver.
    """

    first_layers = ("cell.weight_ih",)

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        hidden: int = 32,
        field_width: int = 32,
        field_layers: int = 1,
        mask_input: bool = False,
        method: Solver | str = Solver.RK4,
        num_steps: int = 1,
        **options: Any,
    ) -> None:
        _torchdiffeq()
        super().__init__(in_channels, out_channels, hidden, **options)
        check_at_least("field_width", field_width, 1)
        check_at_least("field_layers", field_layers, 1)
        check_flags(mask_input=mask_input)
        self.mask_input = mask_input
        self.method, self.num_steps = (
            choice("method", method, Solver),
            check_at_least("num_steps", num_steps, 1),
        )
        self.field = mlp([hidden, *[field_width] * field_layers, hidden], nn.Tanh)
        self.cell = nn.GRUCell(in_channels * (1 + mask_input), hidden)

    def final_state(self, series: PaddedSeries) -> Tensor:
        """State after the last sample of each series."""
        inputs, steps, valid = observed_inputs(series, self.mask_input), series.steps, series.valid
        state = inputs.new_zeros(len(inputs), self.hidden)
        for i in range(inputs.shape[1]):
            before = state if i == 0 else self.evolved(state, steps[:, i])
            state = torch.where(valid[:, i, None], self.cell(inputs[:, i], before), state)
        return state

    def evolved(self, state: Tensor, duration: Tensor) -> Tensor:
        """States ``[B, hidden]`` after times ``[B]`` without a sample."""
        ends, rate = state.new_tensor([0.0, 1.0]), duration[:, None]
        solved: Tensor = _torchdiffeq().odeint(
            lambda t, h: rate * self.field(h),
            state,
            ends,
            method=self.method.value,
            options=self.method.options(self.num_steps),
        )
        return solved[-1]


def _torchdiffeq() -> Any:
    return require("torchdiffeq", extra="baselines", purpose="to solve differential equations")


register_series_peer("ode_rnn", ODERNN)
