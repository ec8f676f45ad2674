"""A string in the place of an enum is the choice of that name or an error, never silently something else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from ccnn_pc.domains import Grid, IrregularSeries, PointSet, Pool
from ccnn_pc.domains.grid.grid import Boundary
from ccnn_pc.domains.pooling import pool_segments
from ccnn_pc.kernels import MLP, SIREN, AliasingRule, GaussianWindow, MAGNet, NoWindow, aliasing_penalty
from ccnn_pc.models import create_model
from ccnn_pc.nn import Algorithm, ContinuousConv, DepthwiseConv, PooledHead, TapConv
from ccnn_pc.ops.grids.convolution import grid_convolution
from ccnn_pc.ops.grids.method import Method, is_direct
from ccnn_pc.ops.neighbors.k_nearest import Backend, knn
from ccnn_pc.ops.series.weights import Weights, cell_widths, future_fractions, series_volume
from ccnn_pc.published import Crop, ReleasedCKConv, ReleasedGridConv
from ccnn_pc.training.aliasing import CloudAliasing

TIMES, BATCH = torch.tensor([0.0, 1.0, 4.0, 5.0]), torch.zeros(4, dtype=torch.long)
POINTS = PointSet(torch.rand(6, 3, generator=torch.Generator().manual_seed(0))).knn(4)
X = torch.rand(6, 2, generator=torch.Generator().manual_seed(1))
KERNEL = MAGNet(1, 2, omega_0=9.0)


def convolved(algorithm: Any) -> Tensor:
    """What a layer computes, and how: messages count themselves."""
    torch.manual_seed(0)
    conv, ran = ContinuousConv(2, 2, dim=3), []
    conv.register_message_forward_hook(lambda *_: ran.append(1))
    y = conv(X, POINTS, algorithm=algorithm)
    return torch.cat([y.flatten(), torch.tensor([float(len(ran))])])


def on_grid(**options: Any) -> Tensor:
    torch.manual_seed(0)
    return ContinuousConv(2, 2, dim=1, extent=2.0)(X, Grid((6,), **options))


def on_series(weights: Any) -> Tensor:
    torch.manual_seed(0)
    return ContinuousConv(2, 2, dim=1, extent=2.0)(X[:4], IrregularSeries(TIMES, weights=weights))


def direct(method: Any) -> Tensor:
    taps = torch.ones(3, 1)
    return torch.tensor(float(is_direct(method, torch.ones(1, 9, 1), taps, [1])))


def cropped(crop: Any) -> Tensor:
    torch.manual_seed(0)
    conv = ReleasedGridConv(2, 2, dim=1, extent=5.0, causal=True, crop=crop)
    return conv(X, Grid((6,)))


RUNS: list[tuple[Callable[[Any], Tensor], Any]] = [
    (convolved, Algorithm.MESSAGES),
    (lambda pool: PooledHead(2, 3, pool).linear.weight.new_zeros(1), Pool.MEAN_MAX),
    (lambda pool: POINTS.pool(X, pool), Pool.MAX),
    (lambda pool: Grid((3,), batch_size=2).pool(X, pool), Pool.LAST),
    (lambda pool: IrregularSeries(TIMES).pool(X[:4], pool), Pool.MEAN_MAX),
    (lambda pool: pool_segments(X[:4], BATCH, 1, pool), Pool.MAX),
    (lambda boundary: on_grid(boundary=boundary), Boundary.CIRCULAR),
    (lambda method: on_grid(method=method), Method.FFT),
    (direct, Method.DIRECT),
    (lambda m: grid_convolution(X[None], torch.ones(3, 2), [1], method=m), Method.FFT),
    (on_series, Weights.TRAPEZOID),
    (lambda w: cell_widths(TIMES, BATCH, w), Weights.TRAPEZOID),
    (lambda w: future_fractions(TIMES, BATCH, w), Weights.TRAPEZOID),
    (lambda w: series_volume(TIMES, BATCH, w), Weights.CONSTANT),
    (lambda b: knn(POINTS.pos, 3, backend=b).index, Backend.KDTREE),
    (cropped, Crop.FLEXCONV),
    (lambda rule: aliasing_penalty(KERNEL, None, 0.1, rule=rule), AliasingRule.SUMMED),
    (lambda rule: torch.tensor(float(CloudAliasing(rule).rule is AliasingRule.SUMMED)), AliasingRule.SUMMED),
]


@pytest.mark.parametrize(("run", "member"), RUNS, ids=[f"{i}-{m}" for i, (_, m) in enumerate(RUNS)])
def test_names_are_choices_and_others_are_errors(run: Callable[[Any], Tensor], member: Any) -> None:
    expected = run(member)
    for name in (member.value, member.name, member.name.lower()):
        assert run(name).equal(expected)
    for other in ("nonesuch", None, 0):
        with pytest.raises((ValueError, TypeError), match="must be (one of|a Weights)"):
            run(other)


FLAGS: list[tuple[Callable[..., Any], list[str]]] = [
    (lambda **flag: ContinuousConv(2, 2, dim=1, **flag), ["separable", "bias", "causal"]),
    (lambda **flag: DepthwiseConv(2, dim=1, **flag), ["bias", "causal"]),
    (lambda **flag: TapConv(2, 2, 3, dim=1, **flag), ["depthwise", "bias", "causal"]),
    (lambda **flag: MAGNet(1, 2, **flag), ["causal"]),
    (lambda **flag: MLP(1, 2, **flag), ["weight_norm", "causal"]),
    (lambda **flag: SIREN(1, 2, **flag), ["weight_norm"]),
    (lambda **flag: NoWindow(1, **flag), ["causal"]),
    (lambda **flag: GaussianWindow(2, **flag), ["isotropic", "learn_mean", "causal"]),
    (
        lambda **flag: ReleasedCKConv(2, 2, dim=1, causal=True, separable=False, **flag),
        ["blur", "short_fft", "bias"],
    ),
    (
        lambda **flag: create_model("ccnn_4_16", dim=2, in_channels=2, out_channels=2, shape=(4, 4), **flag),
        ["full_stem"],
    ),
    (
        lambda **flag: create_model("gru_dt", dim=1, in_channels=2, out_channels=2, **flag),
        ["mask_input"],
    ),
]


@pytest.mark.parametrize(
    ("make", "name"),
    [
        pytest.param(make, name, id=f"{row}-{name}")
        for row, (make, names) in enumerate(FLAGS)
        for name in names
    ],
)
def test_what_is_neither_true_nor_false_is_no_flag(make: Callable[..., Any], name: str) -> None:
    """A text counts as true in Python, "no" among them."""
    for other in ("yes", "no", 3, 0.0):
        with pytest.raises(TypeError, match=f"'{name}' must be True or False .got {other!r}."):
            make(**{name: other})
    make(**{name: name == "depthwise"})
