"""Reference geometries: known point sets, counted by hand."""

from __future__ import annotations

import math

import pytest
import torch

from ccnn_pc.kernels import GaussianWindow, NoWindow
from ccnn_pc.nn.fan import CloudReference, Reference, grid_reference

DOUBLE = torch.float64


@pytest.mark.parametrize("dim", [1, 2, 3])
@pytest.mark.parametrize("n", [64, 512])
def test_the_reference_cloud_has_unit_size(dim: int, n: int) -> None:
    """Interval, disc and sphere of radius 1, whatever the number of points: offsets reach to their diameter."""
    rel = CloudReference(n, n).offsets(dim).rel
    assert rel.shape == (64, n, dim)
    distance = rel.norm(dim=2)
    assert torch.equal(distance.amin(dim=1), torch.zeros(64, dtype=DOUBLE))
    assert 1.75 < float(distance.max()) <= 2.0 + 1e-12
    root_mean_square = {1: math.sqrt(2 / 3), 2: 1.0, 3: math.sqrt(2)}[dim]  # of two independent points
    assert float(distance.square().mean().sqrt()) == pytest.approx(root_mean_square, rel=0.05)


@pytest.mark.parametrize(("dim", "expected"), [(1, 0.25), (2, 0.5), (3, 1.0)])
def test_neighbours_are_the_nearest_quarter_of_the_cloud(dim: int, expected: float) -> None:
    """From the middle: a quarter of the interval's length, of the disc's area, of the sphere's (a cap of chord 1)."""
    reference = CloudReference(1024, 256).offsets(dim)
    inside = reference.rel.norm(dim=2).amax(dim=1).min()
    assert float(inside) == pytest.approx(expected, rel=0.05)
    assert reference.repeats == 1.0


def test_clouds_of_many_points_are_thinned_out() -> None:
    reference = CloudReference(4096, 512).offsets(3)
    assert reference.rel.shape[1] == 128 and reference.repeats == 4.0
    assert reference.fan(NoWindow(3), torch.full((3,), 2.0)) == pytest.approx(512.0)
    assert CloudReference(16, 256).offsets(3).fan(NoWindow(3), torch.full((3,), 2.0)) == pytest.approx(16.0)


def test_grids_are_counted_tap_by_tap() -> None:
    extent = torch.tensor([2.0], dtype=DOUBLE)
    rel = grid_reference(extent, torch.tensor([0.5])).rel
    assert rel.flatten().tolist() == [-2.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0]
    past = grid_reference(extent, torch.tensor([0.5]), causal=True)
    assert past.rel.flatten().tolist() == [-2.0, -1.5, -1.0, -0.5, 0.0]
    assert past.fan(NoWindow(1), extent, causal=True, endpoint=0.5) == pytest.approx(4.25)
    for extent_in_steps, taps in ((2.99985, 5), (2.99995, 7)):  # up to rounding, a ten thousandth of a step
        assert grid_reference(torch.tensor([extent_in_steps]), torch.ones(1)).rel.shape[1] == taps
    window = GaussianWindow(1, width=0.5)
    u = torch.linspace(-1, 1, 9)
    expected = float(torch.exp(-0.5 * (u / 0.5) ** 2).square().sum())
    assert grid_reference(extent, torch.tensor([0.5])).fan(window, extent) == pytest.approx(
        expected, rel=1e-5
    )


def test_long_grids_are_thinned_out_and_keep_the_query() -> None:
    reference = grid_reference(torch.tensor([40000.0]), torch.ones(1))
    assert reference.rel.shape[1] <= 1 << 14 and bool((reference.rel == 0).any())
    assert reference.fan(NoWindow(1), torch.tensor([40000.0])) == pytest.approx(80001, rel=1e-3)


def test_a_reference_of_ones_own() -> None:
    mine = Reference(torch.tensor([[[0.0], [0.5], [3.0]], [[0.0], [0.25], [0.75]]], dtype=DOUBLE))
    assert mine.fan(NoWindow(1), torch.ones(1)) == 2.5  # five of six offsets within the extent, two queries


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("extent", [[2.5], [30000.0], [40.0, 0.7], [30.0, 31.0, 4.0]])
def test_thinned_taps_are_every_so_manieth_of_all(extent, causal):
    spacing = torch.tensor([0.5, 0.3, 1.0])[: len(extent)]
    found = grid_reference(torch.tensor(extent), spacing, causal)
    taps = [int(reach / step + 1e-4) for reach, step in zip(extent, spacing.tolist(), strict=True)]
    axes = [
        torch.arange(-n, 1 if causal else n + 1).double() * step
        for n, step in zip(taps, spacing.tolist(), strict=True)
    ]
    every = torch.cartesian_prod(*axes).view(-1, len(extent))
    step = -(-len(every) // (1 << 14))
    assert torch.equal(found.rel[0], every[(len(every) // 2) % step :: step])
    assert found.repeats == len(every) / found.rel.shape[1]


def test_kernels_that_reach_far_take_no_memory():
    found = grid_reference(torch.full((3,), 5000.0), torch.ones(3))  # 10^12 taps
    assert found.rel.shape[1] <= 1 << 14
    assert found.repeats * found.rel.shape[1] == pytest.approx(10001.0**3)
    assert bool((found.rel[0] == 0).all(dim=1).any())
    with pytest.raises(ValueError, match="'extent' must hold fewer than 2.63 samples"):
        grid_reference(torch.full((3,), 1e9), torch.ones(3))
