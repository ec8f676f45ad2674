"""Neural CDE against torchcde: splines, solutions, gradients."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor

from ccnn_pc.datasets import SeriesData
from ccnn_pc.models import create_model
from ccnn_pc.peers.neural_cde import NeuralCDE
from ccnn_pc.peers.splines import Spline, filled_path, spline_coefficients

from .test_series_peers import padded, series

torchcde: Any = pytest.importorskip("torchcde", reason="torchcde is in the `baselines` extra")

COEFFICIENTS = {
    Spline.NATURAL: torchcde.natural_cubic_coeffs,
    Spline.HERMITE: torchcde.hermite_cubic_coefficients_with_backward_differences,
}


def path_of(item: SeriesData) -> Tensor:
    """Time and values ``[n, 1 + C]`` as torchcde wants them: NaN where missing."""
    since = item.times - item.times[0]
    return torch.cat([since[:, None].to(item.x), item.x], dim=1)


def test_missing_values_are_filled_in_as_torchcde_does() -> None:
    items = series(6, 12, 3, 9, dtype=torch.float64)
    items[2].mask[:, 1], items[2].x[:, 1] = False, torch.nan  # never observed
    found = filled_path(padded(items))
    for row, item in enumerate(items):
        expected = torchcde.linear_interpolation_coeffs(path_of(item), item.times)
        torch.testing.assert_close(found[row, : len(expected)], expected, atol=1e-9, rtol=0)


@pytest.mark.parametrize("spline", Spline)
def test_splines_of_a_batch_are_torchcdes_of_each_series(spline: Spline) -> None:
    items = series(7, 2, 12, 3, mask=False, dtype=torch.float64)
    batch = padded(items)
    found = spline_coefficients(filled_path(batch), batch.times, batch.lengths, spline)
    for row, item in enumerate(items):
        times = item.times - item.times[0]
        theirs = torchcde.CubicSpline(COEFFICIENTS[spline](path_of(item), times), times)
        ours = torchcde.CubicSpline(found[row])
        for i in range(len(times) - 1):
            for part in (0.0, 0.3, 0.9, 1.0):
                when = times[i] + part * (times[i + 1] - times[i])
                where = torch.tensor(i + part, dtype=torch.float64)
                torch.testing.assert_close(ours.evaluate(where), theirs.evaluate(when), atol=1e-9, rtol=0)
                speed = theirs.derivative(when) * (times[i + 1] - times[i])
                if part not in (0.0, 1.0):  # at a sample the pace over the index may change
                    torch.testing.assert_close(ours.derivative(where), speed, atol=1e-9, rtol=0)
        rest = ours.derivative(torch.tensor(len(times) - 0.5, dtype=torch.float64))
        assert len(times) == 12 or float(rest.abs().max()) == 0


@pytest.mark.parametrize("spline", Spline)
@pytest.mark.parametrize("adjoint", [True, False])
def test_one_series_is_what_torchcde_makes_of_it(spline: Spline, adjoint: bool) -> None:
    """The same spline over the stamps themselves, the same steps, the same gradients."""
    (item,) = series(9, mask=False, dtype=torch.float64)
    times, path = item.times - item.times[0], path_of(item)
    model = NeuralCDE(3, 4, hidden=6, spline=spline, adjoint=adjoint).double()
    control = torchcde.CubicSpline(COEFFICIENTS[spline](path, times)[None], times)
    state = torchcde.cdeint(
        control, model.field, model.initial(path[:1]), times, adjoint=adjoint, method="rk4", options={}
    )
    expected, found, weights = model.head(state[:, -1]), model(item), list(model.parameters())
    torch.testing.assert_close(found, expected, atol=1e-9, rtol=0)
    wanted = torch.autograd.grad(expected.square().sum(), weights)
    for mine, theirs in zip(torch.autograd.grad(found.square().sum(), weights), wanted, strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-7, rtol=1e-6)


def test_time_of_the_path_is_in_durations_of_training() -> None:
    """A tenth of the time with a field is all of the time with a tenth of the field."""
    (item,) = series(6, mask=False, dtype=torch.float64)
    model: Any = create_model(
        "neural_cde", dim=1, in_channels=3, out_channels=4, shape=[11], hidden=6
    ).double()
    assert model.duration == 10.0
    other = copy.deepcopy(model)
    other.duration = 1.0
    other.field = _Scaled(model.field)  # the first channel of the path is ten times as long now
    with torch.no_grad():
        other.initial.weight[:, 0] /= 10
        torch.testing.assert_close(model(item), other(item), atol=1e-9, rtol=0)


class _Scaled(torch.nn.Module):
    """A field that answers to time with a tenth."""

    def __init__(self, field: Any) -> None:
        super().__init__()
        self.field = field

    def forward(self, t: Tensor, z: Tensor) -> Tensor:
        scale = torch.tensor([0.1, 1.0, 1.0, 1.0], dtype=z.dtype)
        return self.field(t, z) * scale  # type: ignore[no-any-return]


def test_paths_that_stand_still_change_nothing() -> None:
    """Only time passes, and the field does not look at it: the state stays where it began."""
    model = NeuralCDE(3, 4, hidden=6)
    last: Any = model.field.layers[-1]
    with torch.no_grad():
        last.weight.view(6, 4, -1)[:, 0] = 0
        last.bias.view(6, 4)[:, 0] = 0
    item = SeriesData(times=torch.arange(5.0), x=torch.ones(5, 3))
    first = SeriesData(times=torch.zeros(1), x=torch.ones(1, 3))
    torch.testing.assert_close(model(item), model(first))
    item.x = torch.randn(5, 3)
    assert not torch.allclose(model(item), model(first), atol=1e-3)


@pytest.mark.parametrize("method", ["dopri5", "euler", "midpoint"])
def test_other_methods_of_torchdiffeq(method: str) -> None:
    (item,) = series(6, dtype=torch.float64)
    torch.manual_seed(0)
    found = NeuralCDE(3, 4, hidden=6, method=method, num_steps=1 if method == "dopri5" else 300).double()
    torch.manual_seed(0)
    exact = NeuralCDE(3, 4, hidden=6, num_steps=20).double()
    with torch.no_grad():
        torch.testing.assert_close(found(item), exact(item), atol=2e-3, rtol=0)
