"""Pictures and volumes that are denser than in training: read as a coarser camera would have seen them."""

import math

import pytest
import torch
from torch.autograd import gradcheck

from ccnn_pc.domains import Boundary, Grid, Interpolation
from ccnn_pc.models import create_model
from ccnn_pc.ops.grids.interpolation import between_cells, coarser_axis


def picture(size: int, side: float = 16.0) -> torch.Tensor:
    """A smooth scene of ``side`` units, at the centres of ``size`` x ``size`` cells."""
    p = (torch.arange(size, dtype=torch.float64) + 0.5) * side / size
    a, b = torch.meshgrid(p, p, indexing="ij")
    return torch.stack([torch.sin(0.6 * a + 0.2 * b), torch.cos(0.4 * b) * a / side])[None]


@pytest.mark.parametrize("step", [1.0, 1.3, 2.0, 2.5, 4.0])
def test_constants_stay_and_a_step_of_one_changes_nothing(step):
    torch.testing.assert_close(
        coarser_axis(torch.full((3, 20), 7.0, dtype=torch.float64), 1, step),
        torch.full((3, max(1, round(20 / step))), 7.0, dtype=torch.float64),
    )
    x = torch.rand(3, 20, dtype=torch.float64)
    torch.testing.assert_close(coarser_axis(x, 1, 1.0), x)


@pytest.mark.parametrize("step", [1.5, 2.0, 3.0])
def test_straight_lines_are_exact_inside(step):
    line = 0.3 * torch.arange(60, dtype=torch.float64) - 2
    found = coarser_axis(line, 0, step)
    center = (torch.arange(len(found), dtype=torch.float64) + 0.5) * step - 0.5
    torch.testing.assert_close(found[3:-3], (0.3 * center - 2)[3:-3], atol=0.01, rtol=0)


def test_frequencies_that_cells_cannot_show_are_cut():
    """Every second sample turns them into others; means of a stretched kernel leave a tenth."""
    i = torch.arange(64, dtype=torch.float64)
    fast = torch.cos(2 * math.pi * 0.45 * i)
    assert fast[::2].std() > 0.6
    assert coarser_axis(fast, 0, 2)[3:-3].abs().max() < 0.1
    slow = torch.cos(2 * math.pi * 0.03 * i)
    center = 2 * torch.arange(32, dtype=torch.float64) + 0.5
    torch.testing.assert_close(
        coarser_axis(slow, 0, 2)[3:-3], torch.cos(2 * math.pi * 0.03 * center)[3:-3], atol=0.02, rtol=0
    )


def test_gradients():
    x = torch.rand(2, 7, 3, dtype=torch.float64, requires_grad=True)
    assert gradcheck(lambda x: coarser_axis(x, 1, 1.7), x)
    assert gradcheck(lambda x: between_cells(x, 1, 12, 1.7), x)


def test_answers_come_back_in_second_order():
    """Of a smooth scene, from its cells to its samples."""
    errors = []
    for size in (32, 64, 128):
        fine = picture(size)
        back = fine
        for axis in (2, 3):
            back = between_cells(coarser_axis(back, axis, 2), axis, size, 2)
        errors.append(float((back - fine)[..., 4:-4, 4:-4].abs().max()))
    orders = [math.log2(a / b) for a, b in zip(errors, errors[1:], strict=False)]
    assert min(orders) > 1.8, (errors, orders)


@pytest.mark.parametrize("size", [24, 32, 40, 64])
def test_networks_read_finer_pictures_of_a_scene_as_those_of_training(size):
    torch.manual_seed(0)
    model = (
        create_model(
            "ccnn_4_16", dim=2, in_channels=2, out_channels=5, shape=[16, 16], spacing=1.0, omega_0=10.0
        )
        .eval()
        .double()
    )
    whole = model(picture(16))
    found = model(picture(size), spacing=16 / size)
    rendered = (
        create_model(
            "ccnn_4_16",
            dim=2,
            in_channels=2,
            out_channels=5,
            shape=[16, 16],
            spacing=1.0,
            omega_0=10.0,
            interpolation="none",
        )
        .eval()
        .double()
    )
    rendered.load_state_dict(model.state_dict())
    beside = (rendered(picture(size), spacing=16 / size) - whole).norm()
    assert (found - whole).norm() < 0.05 * whole.norm()
    assert (found - whole).norm() < 0.2 * beside


@pytest.mark.parametrize("size", [24, 32])
def test_answers_per_pixel_have_the_pixels_that_came(size):
    torch.manual_seed(0)
    model = (
        create_model("ccnn_4_16", dim=2, in_channels=2, out_channels=3, shape=[16, 16], pool=None)
        .eval()
        .double()
    )
    fine = model(picture(size), spacing=16 / size)
    assert fine.shape == (1, 3, size, size)
    coarse = model(picture(16))
    for axis in (2, 3):
        coarse = between_cells(coarse, axis, size, size / 16)
    torch.testing.assert_close(fine, coarse, atol=0.05 * float(coarse.std()), rtol=0)


def test_volumes_and_one_denser_axis():
    x = torch.rand(2, 8 * 6 * 4, 1, dtype=torch.float64).flatten(0, 1)
    values, coarse = Grid((8, 6, 4), (0.5, 1.0, 1.0), 2).resampled(x, 1.0, denser=True)
    assert (coarse.shape, coarse.spacing) == ((4, 6, 4), (1.0, 1.0, 1.0))
    back, source = coarse.at_source(values)
    assert isinstance(source, Grid) and (back.shape, source.shape) == (x.shape, (8, 6, 4))


def test_circles_smoothing_and_sums_keep_kernels_as_they_are():
    from ccnn_pc.domains.sampling import Sampling

    x = torch.rand(64, 2)
    for grid, way in (
        (Grid((8, 8), 0.5, boundary=Boundary.CIRCULAR), Interpolation.CUBIC),
        (Grid((8, 8), 0.5, smoothing=0.5), Interpolation.CUBIC),
        (Grid((8, 8), 0.5), Interpolation.NONE),
    ):
        assert grid.as_input(x, Sampling((1.0, 1.0), way))[1] is grid
    read = Grid((8, 8), 0.5).as_input(x, Sampling((1.0, 1.0), Interpolation.CUBIC))[1]
    assert isinstance(read, Grid) and read.shape == (4, 4)
