"""Neural CDE, a peer on irregular series, for comparison: ``neural_cde``. Needs torchcde (extra ``baselines``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ccnn_pc._checks import check_at_least, check_flags, check_positive
from ccnn_pc._choices import choice
from ccnn_pc._optional import require
from ccnn_pc._precision import own_types
from ccnn_pc.models.names import register_model
from ccnn_pc.peers.ode_rnn import mlp
from ccnn_pc.peers.padded import PaddedSeries, SeriesPeer
from ccnn_pc.peers.solvers import Solver
from ccnn_pc.peers.splines import Spline, filled_path, spline_coefficients


class VectorField(nn.Module):
    """``f(z)``, a matrix ``[hidden, channels]`` for each state: an MLP with ReLU inside and tanh at the end.

    Args:
        channels: of the path.
        hidden: width of the state.
        width: of the hidden layers.
        num_layers: hidden layers.
    """

    def __init__(self, channels: int, hidden: int, width: int, num_layers: int) -> None:
        super().__init__()
        self.channels = channels
        self.layers = mlp([hidden, *[width] * num_layers, hidden * channels], nn.ReLU)

    def forward(self, t: Tensor, z: Tensor) -> Tensor:
        return self.layers(z).tanh().unflatten(-1, (-1, self.channels))


class NeuralCDE(SeriesPeer):
    r"""A state that is driven by a path through the samples (Kidger et al., arXiv 2005.08926, section 3): neural CDE.

    .. math:: z_{t_0} = \zeta(X_{t_0}), \qquad dz = f(z)\, dX_t, \qquad y = \ell(z_{t_n})

    X is a cubic spline through ``(t_i / duration, x_i)``, missing values filled in linearly before. Its coefficients
    are computed in every batch, for all series at once.

    Args:
        in_channels: channels of the data; the path has one more, time.
        out_channels: classes (1: one logit).
        hidden: width of the state (default 32).
        field_width: of the layers of f (default 32).
        field_layers: hidden layers of f (default 2).
        duration: of a series in training, in units of the spacing (default 1): the time of the path comes to about 1.
        spline: hermite (default) or natural, as in the paper.
        method: solver (default rk4); see :class:`~ccnn_pc.peers.solvers.Solver`.
        num_steps: of a solver of fixed steps, per interval between samples (default 1).
        adjoint: solve an equation backwards for gradients, with memory that does not grow with ``num_steps``
            (default True); False: back-propagate through the solver, which is faster and exact.
        options: spacing, dropout: see :class:`SeriesPeer`.

    Raises:
        ImportError: torchcde is missing.
        ValueError: sizes below 1, an unknown spline or solver; at the call: a stamp that occurs twice in a series.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        hidden: int = 32,
        field_width: int = 32,
        field_layers: int = 2,
        duration: float = 1.0,
        spline: Spline | str = Spline.HERMITE,
        method: Solver | str = Solver.RK4,
        num_steps: int = 1,
        adjoint: bool = True,
        **options: Any,
    ) -> None:
        _torchcde()
        super().__init__(in_channels, out_channels, hidden, **options)
        check_at_least("field_width", field_width, 1)
        check_at_least("field_layers", field_layers, 1)
        check_flags(adjoint=adjoint)
        self.duration = check_positive("duration", duration)
        self.spline, self.adjoint = choice("spline", spline, Spline), adjoint
        self.method, self.num_steps = (
            choice("method", method, Solver),
            check_at_least("num_steps", num_steps, 1),
        )
        self.initial = nn.Linear(in_channels + 1, hidden)
        self.field = VectorField(in_channels + 1, hidden, field_width, field_layers)
        self.first_layers = ("initial", f"field.layers.{len(self.field.layers) - 1}")

    def final_state(self, series: PaddedSeries) -> Tensor:
        """State after the last sample of each series; in float32 under autocast too, where solvers lose their way."""
        with own_types(series.x.device.type):
            return self._solved(series)

    def _solved(self, series: PaddedSeries) -> Tensor:
        path = filled_path(series)
        path = torch.cat([path[..., :1] / self.duration, path[..., 1:]], dim=-1)
        start = self.initial(path[:, 0])
        if path.shape[1] == 1:
            return start
        coefficients = spline_coefficients(path, series.times, series.lengths, self.spline)
        knots = torch.arange(path.shape[1], dtype=path.dtype, device=path.device)
        torchcde = _torchcde()
        states: Tensor = torchcde.cdeint(
            torchcde.CubicSpline(coefficients, knots),
            self.field,
            start,
            knots,
            adjoint=self.adjoint,
            method=self.method.value,
            # the path runs through each interval at a pace of its own
            options=self.method.options(self.num_steps, jumps=knots[1:-1]),
        )
        return series.at_end(states)


def _torchcde() -> Any:
    return require("torchcde", extra="baselines", purpose="to solve controlled differential equations")


@register_model("neural_cde", dim=1)
def build_neural_cde(
    *,
    dim: int,
    in_channels: int,
    out_channels: int,
    shape: Sequence[int] | None = None,
    spacing: float = 1.0,
    **options: Any,
) -> NeuralCDE:
    """Neural CDE by name; ``shape`` gives the duration of a series, options are those of the class."""
    if shape is not None:
        options = {"duration": float(max(shape[0] - 1, 1)), **options}
    return NeuralCDE(in_channels, out_channels, spacing=spacing, **options)
