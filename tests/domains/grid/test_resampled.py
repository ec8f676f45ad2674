"""Grids coarser than that of training, read on the straight lines between their samples."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from ccnn_pc.domains import Boundary, Grid, Interpolation, PointSet, Sampling
from ccnn_pc.nn import Algorithm, ContinuousConv
from ccnn_pc.ops.grids.convolution import Method
from tests.clouds import DOUBLE
from tests.grids import conv_for, noise


@pytest.mark.parametrize("ratio", [2.0, 1.5, 7.0, 2.0**0.5])
def test_values_are_those_of_numpy(ratio: float) -> None:
    """From the last sample back to the first, one spacing of training apart."""
    x = noise(2 * 20)
    values, fine = Grid((20,), 0.3 * ratio, batch_size=2).resampled(x, 0.3)
    assert fine.spacing == (0.3,) and fine.batch_size == 2
    assert fine.shape[0] == int(19 * ratio + 1e-6) + 1
    at = np.arange(19 * ratio, -1e-6, -1.0)[::-1].clip(0)
    for image in range(2):
        for channel in range(3):
            known = x[20 * image : 20 * (image + 1), channel].numpy()
            expected = np.interp(at, np.arange(20) * ratio, known)
            found = values.view(2, -1, 3)[image, :, channel]
            torch.testing.assert_close(found, torch.from_numpy(expected), atol=1e-12, rtol=0)


@pytest.mark.parametrize("ratios", [(2, 2), (3, 1), (1, 2)])
def test_two_axes_are_bilinear(ratios: tuple[int, int]) -> None:
    x = noise(2 * 6 * 7)
    coarse = Grid((6, 7), [0.1 * r for r in ratios], batch_size=2)
    values, fine = coarse.resampled(x, 0.1)
    sizes = [(n - 1) * r + 1 for n, r in zip((6, 7), ratios, strict=True)]
    expected = F.interpolate(coarse.unflatten(x), sizes, mode="bilinear", align_corners=True)
    torch.testing.assert_close(fine.unflatten(values), expected, atol=1e-12, rtol=0)
    rows, source = fine.at_source(values)
    assert source is coarse and torch.equal(rows, x)


def test_gradients() -> None:
    x = noise(2 * 3 * 3)[:, :2].clone().requires_grad_()
    grid = Grid((3, 3), 1.3, batch_size=2)
    assert torch.autograd.gradcheck(lambda v: grid.resampled(v, 1.0)[0], (x,))


@pytest.mark.parametrize("spacing", [0.99995, 1.0, 1.00005])
@pytest.mark.parametrize("how", list(Interpolation))
def test_it_changes_nothing_where_samples_are_as_close_as_in_training(
    spacing: float, how: Interpolation
) -> None:
    x, grid = noise(12), Grid((12,), spacing)
    values, same = grid.as_input(x, Sampling((1.0,), grids=how))
    assert values is x and same is grid
    assert same.at_source(x) == (x, grid)


@pytest.mark.parametrize("how", list(Interpolation))
def test_coarser_grids_are_read_as_they_are_told_to_be(how: Interpolation) -> None:
    x, grid = noise(12), Grid((12,), 2.0)
    values, read = grid.as_input(x, Sampling((1.0,), grids=how))
    assert (values is x and read is grid) is (how is Interpolation.NONE)
    assert len(values) == (12 if how is Interpolation.NONE else 23)


@pytest.mark.parametrize("how", [Interpolation.LINEAR, Interpolation.CUBIC])
@pytest.mark.parametrize("step", [2, 3, 5])
def test_denser_series_are_read_as_training_has_them(step: int, how: Interpolation) -> None:
    """Every so many-th sample from the last back, to the last digit; answers between two are between theirs."""
    x, grid = noise(2 * 12), Grid((12,), 1.0 / step, batch_size=2)
    values, read = grid.as_input(x, Sampling((1.0,), grids=how))
    kept = [i for i in range(12) if (11 - i) % step == 0]
    assert isinstance(read, Grid) and read.spacing == (1.0,) and read.shape == (len(kept),)
    assert torch.equal(values.view(2, -1, 3), x.view(2, 12, 3)[:, kept])
    rows, source = read.at_source(values)
    assert source is grid
    for item in range(2):
        for channel in range(3):
            expected = np.interp(np.arange(12), kept, x.view(2, 12, 3)[item, kept, channel].numpy())
            found = rows.view(2, 12, 3)[item, :, channel]
            torch.testing.assert_close(found, torch.from_numpy(expected), atol=1e-12, rtol=0)


def test_denser_series_of_any_ratio_are_read_on_straight_lines() -> None:
    x, grid = noise(20), Grid((20,), 0.7)
    values, read = grid.as_input(x, Sampling((1.0,)))
    at = np.arange(19 * 0.7, -1e-6, -1.0)[::-1]
    assert read.num_samples == len(at)
    for channel in range(3):
        expected = np.interp(at, np.arange(20) * 0.7, x[:, channel].numpy())
        torch.testing.assert_close(values[:, channel], torch.from_numpy(expected), atol=1e-12, rtol=0)


@pytest.mark.parametrize(
    ("grid", "sampling"),
    [
        (Grid((12,), 0.5), Sampling((1.0,), causal=True)),
        (Grid((12,), 0.5), Sampling((1.0,), grids=Interpolation.NONE)),
        (Grid((12,), 0.5, smoothing=0.5), Sampling((1.0,))),
        (Grid((12,), 0.5, boundary=Boundary.CIRCULAR), Sampling((1.0,))),
    ],
    ids=["causal", "as published", "smoothed", "circle"],
)
def test_kernels_are_rendered_finer_where(grid: Grid, sampling: Sampling) -> None:
    x = noise(12)
    values, same = grid.as_input(x, sampling)
    assert values is x and same is grid


def test_on_a_circle_the_first_sample_follows_the_last() -> None:
    x = noise(4)
    values, fine = Grid((4,), 1.5, boundary=Boundary.CIRCULAR).resampled(x, 1.0)
    assert fine.shape == (6,) and fine.boundary is Boundary.CIRCULAR
    at = np.arange(6) / 1.5
    for channel in range(3):
        expected = np.interp(at, np.arange(4), x[:, channel].numpy(), period=4)
        torch.testing.assert_close(values[:, channel], torch.from_numpy(expected), atol=1e-12, rtol=0)
    conv, ones = conv_for(1, 8.0), torch.ones(30, 3, dtype=DOUBLE)
    expected = conv(ones, Grid((30,), boundary=Boundary.CIRCULAR))
    found = conv(*Grid((10,), 3.0, boundary=Boundary.CIRCULAR).resampled(ones[:10], 1.0))
    torch.testing.assert_close(found, expected, atol=1e-12, rtol=0)


def unbiased(conv: ContinuousConv) -> ContinuousConv:
    for name, parameter in conv.named_parameters():
        if name in ("bias", "mix.bias"):
            torch.nn.init.zeros_(parameter)
    return conv


def taps_of(conv: ContinuousConv, lag: int) -> Tensor:
    """Responses to an impulse on the grid of training at offsets -lag to lag, ``[2 lag + 1, C_out, C_in]``."""
    impulses = torch.eye(3, dtype=DOUBLE)[None] * (torch.arange(2 * lag + 1) == lag)[:, None, None]
    return torch.stack([conv(one, Grid((2 * lag + 1,))) for one in impulses.unbind(1)], dim=-1).flip(0)


@pytest.mark.parametrize("ratio", [2, 4, 8])
def test_the_error_is_that_of_straight_lines(ratio: int) -> None:
    """At most spacing^2 / 8 max |x''| sum |k|, whatever the kernel; sums over samples miss what lies between them."""
    conv = unbiased(conv_for(1, 8.0, width=0.25))
    time, period = torch.arange(257, dtype=DOUBLE), 23.0
    x = torch.stack([torch.sin(time / period + phase) for phase in (0.0, 1.0, 2.0)], dim=1)
    exact, coarse = conv(x, Grid((257,)))[::ratio], Grid((256 // ratio + 1,), float(ratio))
    values, fine = coarse.resampled(x[::ratio], 1.0)
    lines, sums = fine.at_source(conv(values, fine))[0], conv(x[::ratio], coarse)
    inside = slice(32 // ratio, -(32 // ratio))
    error, of_sums = ((y - exact)[inside].detach().abs().max().item() for y in (lines, sums))
    bound = (ratio / period) ** 2 / 8 * taps_of(conv, 8).abs().sum(dim=(0, 2)).max().item()
    assert error < bound < of_sums


@pytest.mark.parametrize("causal", [True, False])
def test_all_algorithms_give_one_number(causal: bool) -> None:
    """Also messages, which read the same lines: these are data, not a way to compute."""
    conv = conv_for(1, 6.0, causal=causal, endpoint=0.5 if causal else 1.0)
    values, fine = Grid((8,), 2.0).resampled(noise(8), 1.0)
    cloud = PointSet(fine.positions()).radius(7.0)
    found = conv(values, fine)
    torch.testing.assert_close(conv(values, fine, algorithm=Algorithm.MESSAGES), found, atol=1e-12, rtol=0)
    torch.testing.assert_close(conv(values, cloud), found, atol=1e-9, rtol=0)


def test_the_past_stays_the_past() -> None:
    conv, grid, x = conv_for(1, 9.0, causal=True), Grid((10,), 4.0), noise(10)
    answers = []
    for shift in (0.0, 1.0):
        x[4] += shift
        values, fine = grid.resampled(x, 1.0)
        answers.append(fine.at_source(conv(values, fine))[0])
    moved = (answers[1] - answers[0]).abs().amax(1)
    assert moved[:4].max() < 1e-12 < moved[4]


def test_samples_of_the_data_are_found_again() -> None:
    coarse, x = Grid((4, 3), (0.2, 0.1), batch_size=2), noise(24)
    values, fine = coarse.resampled(x, 0.1)
    for domain in (fine, fine.to("cpu"), copy.deepcopy(fine), pickle.loads(pickle.dumps(fine))):
        rows, source = domain.at_source(values)
        assert torch.equal(rows, x) and isinstance(source, Grid) and source.shape == (4, 3)
    assert fine.as_given().at_source(values)[0] is values
    assert fine.as_input(values, Sampling((0.1, 0.1)))[1].at_source(values)[0] is values
    values, fine = Grid((4,), 1.5).resampled(noise(4), 1.0)
    with pytest.raises(ValueError, match="'x' must lie at whole multiples of the training spacing"):
        fine.at_source(values)


def test_between_occupied_cells_nothing_lies() -> None:
    occupied = torch.ones(1, 9, dtype=torch.bool)
    occupied[0, 4] = False
    x, grid = noise(8), Grid((9,), 2.0, occupied=occupied)
    values, same = grid.resampled(x, 1.0)
    assert values is x and same is grid


def test_a_finer_axis_keeps_its_spacing_method_and_smoothing() -> None:
    grid = Grid((5, 5), (0.5, 2.0), smoothing=0.5, method=Method.FFT)
    fine = grid.resampled(noise(25), 1.0)[1]
    assert (fine.shape, fine.spacing, fine.smoothing, fine.method) == ((5, 9), (0.5, 1.0), 0.5, grid.method)


def test_refuses() -> None:
    conv, x = conv_for(1, 3.0), noise(5)
    with pytest.raises(ValueError, match="'spacing' must be at most 3"):
        conv(x, Grid((5,), 4.0))
    with pytest.raises(ValueError, match="'spacing' must give at most 1024 values per sample"):
        Grid((5,), 1025.0).resampled(x, 1.0)
    assert Grid((5,), 1024.0).resampled(x, 1.0)[1].shape == (4097,)
    with pytest.raises(ValueError, match="'spacing' must go a whole number of times into the length"):
        Grid((5,), 1.5, boundary=Boundary.CIRCULAR).resampled(x, 1.0)
