"""Curves between the samples of grids."""

from __future__ import annotations

import math

import pytest
import torch

from ccnn_pc.domains import Boundary, Grid, Interpolation
from ccnn_pc.ops.grids.interpolation import cubic_axis
from tests.clouds import DOUBLE


def test_third_order_and_exact_at_samples() -> None:
    """Up to the ends, where parabolas go on."""
    errors = []
    for size in (9, 17, 33, 65):
        u = torch.linspace(0, 2, size, dtype=DOUBLE)
        where = torch.linspace(0, size - 1, 1000, dtype=DOUBLE)
        found = cubic_axis(u[None].mul(3).sin(), 1, where)
        errors.append(float((found - where[None].mul(6 / (size - 1)).sin()).abs().max()))
        assert torch.equal(cubic_axis(u[None], 1, torch.arange(size, dtype=DOUBLE)), u[None])
    assert math.log2(errors[0] / errors[-1]) / 3 >= 2.8, errors


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_polynomials(size: int) -> None:
    """Of degree two, one, or none, as many samples as there are."""
    degree, u = min(size - 1, 2), torch.arange(size, dtype=DOUBLE)
    where = torch.linspace(0, size - 1, 11, dtype=DOUBLE)
    found = cubic_axis(((u + 1) ** degree)[:, None], 0, where)[:, 0]
    assert torch.allclose(found, (where + 1) ** degree, atol=1e-12)


def test_a_circle_has_no_ends() -> None:
    x, where = torch.randn(2, 5, dtype=DOUBLE), torch.linspace(0, 4.9, 23, dtype=DOUBLE)
    turned = cubic_axis(x.roll(2, dims=1), 1, (where + 2) % 5, circular=True)
    assert torch.allclose(cubic_axis(x, 1, where, circular=True), turned, atol=1e-12)


@pytest.mark.parametrize("boundary", list(Boundary))
def test_grids_are_read_on_curves(boundary: Boundary) -> None:
    grid = Grid((6, 4), (2.0, 1.0), 2, boundary)
    x = torch.randn(grid.num_samples, 3, dtype=DOUBLE, requires_grad=True)
    values, fine = grid.resampled(x, 1.0, Interpolation.CUBIC)
    assert torch.equal(fine.at_source(values)[0], x)
    assert torch.autograd.gradcheck(lambda x: grid.resampled(x, 1.0, Interpolation.CUBIC)[0], x)
    lines, _ = grid.resampled(x, 1.0)
    assert lines.shape == values.shape and not torch.allclose(lines, values)
