"""Grids coarser than that of training, where samples stand for straight lines between them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from ccnn_pc.domains import Boundary, Grid, Interpolation
from ccnn_pc.nn import Algorithm, ContinuousConv
from tests.clouds import DOUBLE
from tests.grids import conv_for, noise

LINEAR = Interpolation.LINEAR


def unbiased(conv: ContinuousConv) -> ContinuousConv:
    for name, parameter in conv.named_parameters():
        if name in ("bias", "mix.bias"):
            torch.nn.init.zeros_(parameter)
    return conv


def taps_of(conv: ContinuousConv, lag: int) -> Tensor:
    """Responses to an impulse on the grid of training at offsets -lag to lag, ``[2 lag + 1, C_out, C_in]``."""
    size = 2 * lag + 1
    columns = []
    for channel in range(3):
        impulse = torch.zeros(size, 3, dtype=DOUBLE)
        impulse[lag, channel] = 1.0
        columns.append(conv(impulse, Grid((size,))))
    return torch.stack(columns, dim=-1).flip(0)  # offset of the sample from the query


@pytest.mark.parametrize("separable", [True, False])
@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("ratio", [2.0, 1.5, 7.0, 2.0**0.5])
def test_it_convolves_the_lines_between_samples(ratio: float, causal: bool, separable: bool) -> None:
    """y(q) = sum_d k_d x~(q + d), x~ by numpy, k by impulses on the grid of training."""
    lag, count = 9, 20
    conv = unbiased(conv_for(1, float(lag), causal=causal, separable=separable))
    x = noise(count)
    place = np.arange(-1, count + 1) * ratio  # the lines reach 0 at the next sample that is not there
    kernel = taps_of(conv, lag)
    expected = torch.zeros(count, conv.out_channels, dtype=DOUBLE)
    for d in range(-lag, lag + 1):
        at = np.arange(count) * ratio + d
        lines = [np.interp(at, place, np.pad(x[:, c].numpy(), 1), left=0.0, right=0.0) for c in range(3)]
        expected += torch.from_numpy(np.stack(lines, axis=1)) @ kernel[lag + d].T
    found = conv(x, Grid((count,), ratio, interpolation=LINEAR))
    torch.testing.assert_close(found, expected, atol=1e-9, rtol=0)


@pytest.mark.parametrize("ratios", [(2, 2), (3, 1), (1, 2)])
def test_two_axes(ratios: tuple[int, int]) -> None:
    """Bilinear: what the grid of training gives for the image filled up, at the samples."""
    conv = conv_for(2, 4.0, width=0.4)
    rows, columns = 6, 7
    x = noise(2 * rows * columns)
    coarse = Grid((rows, columns), ratios, batch_size=2, interpolation=LINEAR)
    image = F.pad(coarse.unflatten(x), (1, 1, 1, 1))  # zeros beyond
    sizes = [(n + 1) * r + 1 for n, r in zip((rows, columns), ratios, strict=True)]
    full = F.interpolate(image, sizes, mode="bilinear", align_corners=True)
    fine = Grid(sizes, batch_size=2)
    every = (slice(None), slice(None), *(slice(r, -r, r) for r in ratios))
    expected = coarse.flatten(fine.unflatten(conv(fine.flatten(full), fine))[every])
    torch.testing.assert_close(conv(x, coarse), expected, atol=1e-9, rtol=0)


def test_gradients_are_those_of_the_filled_up_series() -> None:
    conv = conv_for(1, 6.0, causal=True)
    x = noise(8).requires_grad_()
    target = noise(8)[:, :1]
    lines = F.interpolate(F.pad(x.t()[None], (1, 1)), 28, mode="linear", align_corners=True)[0].t()
    grads = []
    for y in (
        conv(x, Grid((8,), 3.0, interpolation=LINEAR)),
        conv(lines, Grid((28,)))[3:-3:3],
    ):
        loss = (y[:, :1] * target).sum()
        grads.append(torch.autograd.grad(loss, [x, *conv.parameters()], allow_unused=True))
    for found, expected in zip(*grads, strict=True):
        torch.testing.assert_close(found, expected, atol=1e-9, rtol=0)


@pytest.mark.parametrize("spacing", [0.5, 1.0])
def test_it_changes_nothing_where_samples_are_as_close_as_in_training(spacing: float) -> None:
    conv = conv_for(1, 4.0)
    x = noise(12)
    for other in (Grid((12,), spacing), Grid((12,), spacing, interpolation=LINEAR)):
        assert torch.equal(conv(x, other), conv(x, Grid((12,), spacing)))


@pytest.mark.parametrize("ratio", [2, 4, 8])
def test_the_error_is_that_of_straight_lines(ratio: int) -> None:
    """At most spacing^2 / 8 max |x''| sum |k|, whatever the kernel; sums over samples miss what lies between them."""
    conv = unbiased(conv_for(1, 8.0, width=0.25))
    time, period = torch.arange(257, dtype=DOUBLE), 23.0
    x = torch.stack([torch.sin(time / period + phase) for phase in (0.0, 1.0, 2.0)], dim=1)
    exact = conv(x, Grid((257,)))[::ratio]
    error = {}
    for how in Interpolation:
        y = conv(x[::ratio], Grid((256 // ratio + 1,), float(ratio), interpolation=how))
        error[how] = (y - exact)[32 // ratio : -(32 // ratio)].detach().abs().max().item()
    bound = (ratio / period) ** 2 / 8 * taps_of(conv, 8).abs().sum(dim=(0, 2)).max().item()
    assert error[LINEAR] < bound < error[Interpolation.NONE]


def test_the_past_stays_the_past() -> None:
    conv = conv_for(1, 9.0, causal=True)
    grid = Grid((10,), 4.0, interpolation=LINEAR)
    x = noise(10)
    changed = x.clone()
    changed[4] += 1.0
    moved = (conv(changed, grid) - conv(x, grid)).abs().amax(1)
    assert moved[:4].max() < 1e-12 < moved[4]


def test_the_trapezoidal_end_of_causal_kernels() -> None:
    conv = conv_for(1, 9.0, causal=True, endpoint=0.5)
    x = noise(10)
    lines = F.interpolate(F.pad(x.t()[None], (1, 0)), 31, mode="linear", align_corners=True)[0].t()
    expected = conv(lines, Grid((31,)))[3::3]
    torch.testing.assert_close(conv(x, Grid((10,), 3.0, interpolation=LINEAR)), expected, atol=1e-9, rtol=0)


def test_messages_are_sums_over_samples() -> None:
    conv, x = conv_for(1, 9.0, causal=True, endpoint=0.5), noise(10)
    found = conv(x, Grid((10,), 3.0, interpolation=LINEAR), Algorithm.MESSAGES)
    torch.testing.assert_close(found, conv(x, Grid((10,), 3.0)), atol=1e-9, rtol=0)


def test_on_a_circle_a_constant_stays_one() -> None:
    conv = conv_for(1, 8.0)
    ones = torch.ones(30, 3, dtype=DOUBLE)
    fine = conv(ones, Grid((30,), boundary=Boundary.CIRCULAR))
    coarse = Grid((10,), 3.0, boundary=Boundary.CIRCULAR, interpolation=LINEAR)
    torch.testing.assert_close(conv(ones[:10], coarse), fine[:10], atol=1e-9, rtol=0)
    assert "interpolation=linear" in repr(coarse)


def test_samples_farther_apart_than_kernels_reach() -> None:
    """Without lines between them no sample has a neighbour, which is an error."""
    conv = conv_for(1, 3.0)
    x = noise(5)
    with pytest.raises(ValueError, match="'spacing' must be at most 3"):
        conv(x, Grid((5,), 4.0))
    far = conv(x, Grid((5,), 4.0, interpolation=LINEAR))
    near = F.interpolate(F.pad(x.t()[None], (1, 1)), 25, mode="linear", align_corners=True)[0].t()
    torch.testing.assert_close(far, conv(near, Grid((25,)))[4:-4:4], atol=1e-9, rtol=0)


def test_occupied_cells_are_samples_and_nothing_lies_between_them() -> None:
    occupied = torch.ones(1, 9, dtype=torch.bool)
    occupied[0, 4] = False
    conv, x = conv_for(1, 6.0), noise(8)
    lines = Grid((9,), 2.0, occupied=occupied, interpolation=LINEAR)
    assert torch.equal(conv(x, lines), conv(x, Grid((9,), 2.0, occupied=occupied)))
