"""Scattered samples of a field, read on a regular grid."""

from __future__ import annotations

import math
import warnings
from typing import Any

import pytest
import torch
from torch import Tensor
from torch_geometric.data import Data

from ccnn_pc.domains import Grid, PointSet, Sampling
from ccnn_pc.models import SamplingWarning, create_model, measure
from tests.clouds import DOUBLE


def field(pos: Tensor) -> Tensor:
    """A smooth function of two coordinates, two channels."""
    return torch.stack([(2 * pos[:, 0]).sin() + pos[:, 1], (3 * pos[:, 1]).cos() * pos[:, 0]], dim=1)


def corners(size: int, batch: int = 1) -> Tensor:
    axis = torch.arange(size, dtype=DOUBLE)
    return torch.cartesian_prod(axis, axis).repeat(batch, 1)


def test_a_full_lattice_is_the_grid() -> None:
    """To the last bit, wherever it lies; answers go back to the samples."""
    pos, x = corners(6) * 0.25 + torch.tensor([100.0, -3.0]), torch.randn(36, 3, dtype=DOUBLE)
    order = torch.randperm(36)
    values, grid = PointSet(pos[order]).on_grid(x[order], (6, 6), 0.25)
    assert torch.equal(values, x) and grid.spacing == (0.25, 0.25)
    assert torch.equal(grid.at_source(values)[0], x[order])


def test_samples_of_a_lattice_are_kept_and_constants_reproduced() -> None:
    kept = torch.randperm(64)[:20].sort().values
    kept = torch.cat([kept, torch.tensor([0, 63])]).unique()  # so that the field is as large as the grid
    pos = corners(8)[kept]
    values, grid = PointSet(pos).on_grid(torch.cat([field(pos), torch.ones(len(pos), 1)], 1), (8, 8), 1.0)
    assert torch.equal(values[kept, :2], field(pos))
    assert torch.allclose(values[:, 2], torch.ones(64, dtype=DOUBLE), atol=1e-12)
    assert torch.equal(grid.at_source(values)[0][:, :2], field(pos))


def test_a_background_fills_the_other_cells_and_wants_places_of_cells() -> None:
    pos = corners(3)[[0, 5, 8]]
    two = torch.cat([pos, pos])
    batch = torch.tensor([0, 0, 0, 1, 1, 1])
    x, ground = torch.randn(6, 2, dtype=DOUBLE), torch.randn(2, 2, dtype=DOUBLE)
    values, grid = PointSet(two, batch).on_grid(x, (3, 3), 1.0, background=ground)
    wanted = ground.repeat_interleave(9, 0)
    wanted[[0, 5, 8, 9, 14, 17]] = x
    assert torch.equal(values, wanted) and torch.equal(grid.at_source(values)[0], x)
    with pytest.raises(ValueError, match="'pos' must lie on the cells of the grid"):
        PointSet(pos + torch.tensor([[0.0, 0.0], [0.3, 0.0], [0.0, 0.0]])).on_grid(
            x[:3], (3, 3), 1.0, ground[:1]
        )
    with pytest.raises(
        ValueError, match=r"'background' must have shape \[2\], or a row per cloud \(got \[3\]\)"
    ):
        PointSet(pos).on_grid(x[:3], (3, 3), 1.0, torch.zeros(3))
    with pytest.raises(ValueError, match="at most one sample per cell .*got 4 samples in 3 cells"):
        PointSet(pos[[0, 0, 1, 2]]).on_grid(x[:4], (3, 3), 1.0, torch.zeros(2))


@pytest.mark.parametrize("uneven", [False, True])
def test_the_error_falls_with_the_spacing(uneven: bool) -> None:
    """At least in proportion: of first order in the distance of samples, n^-1/2, also where density varies tenfold."""
    errors = []
    for n in (200, 800, 3200, 12800):
        pos = torch.rand(n, 2, dtype=DOUBLE, generator=torch.Generator().manual_seed(n))
        if uneven:
            pos[:, 0] = ((1 + 9 * pos[:, 0]).square() - 1) / 99  # density falls from 1 to 1/10 along axis 0
        pos = torch.cat([pos, torch.tensor([[0.0, 0.0], [1.0, 1.0]])])
        values, _ = PointSet(pos).on_grid(field(pos), (33, 33), 1 / 32)
        errors.append(float((values - field(corners(33) / 32)).square().mean().sqrt()))
    order = math.log2(errors[0] / errors[-1]) / 3
    assert order >= 0.9, errors


def test_a_cloud_alone_is_read_as_in_a_batch_and_lies_in_the_middle() -> None:
    first, second = corners(4)[::3], corners(5)[1::2] + 7
    pos, batch = torch.cat([first, second]), torch.tensor([0] * len(first) + [1] * len(second))
    together, grid = PointSet(pos, batch).on_grid(field(pos), (9, 9), 1.0)
    for number, part in enumerate((first, second)):
        alone, _ = PointSet(part).on_grid(field(part), (9, 9), 1.0)
        assert torch.allclose(alone, together.view(2, 81, 2)[number], atol=1e-12)
    inside = torch.zeros(9, 9, dtype=torch.bool)
    inside[2:6, 2:6] = True
    rows, _ = grid.at_source(inside.flatten()[:, None].repeat(2, 1))
    assert rows[: len(first)].all()


def test_gradients_and_refusals() -> None:
    pos = torch.rand(12, 2, dtype=DOUBLE) * 3
    x = torch.randn(12, 2, dtype=DOUBLE, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: PointSet(pos).on_grid(x, (4, 4), 1.0)[0], x)
    with pytest.raises(ValueError, match="'pos' must lie within the \\[4, 3\\] samples"):
        PointSet(corners(4)).on_grid(torch.zeros(16, 1), (4, 3), 1.0)
    with pytest.raises(ValueError, match="'x' must have 12 samples"):
        PointSet(pos).on_grid(torch.zeros(3, 1), (4, 4), 1.0)
    with pytest.raises(ValueError, match="'query_pos' must be the samples'"):
        PointSet(pos, query_pos=pos[:3].clone()).on_grid(x, (4, 4), 1.0)
    with pytest.raises(ValueError, match="'pos' must not need a gradient"):
        PointSet(pos.clone().requires_grad_()).on_grid(x, (4, 4), 1.0)


def test_networks_read_so_where_they_are_told() -> None:
    """A network trained on 8 x 8 images answers to all of their pixels as points what it answers to the image."""
    torch.manual_seed(0)
    words = {"dim": 2, "in_channels": 2, "out_channels": 3, "shape": (8, 8)}
    model = create_model("ccnn_4_16", **words, scattered="grid", pool=None).double().eval()  # type: ignore[arg-type]
    image = torch.randn(1, 2, 8, 8, dtype=DOUBLE)
    points, x = PointSet(corners(8)), image[0].flatten(1).t()
    assert torch.allclose(model(x, points), model(image)[0].flatten(1).t(), atol=1e-12)
    plain = create_model("ccnn_4_16", **words)  # type: ignore[arg-type]
    assert plain.reading.shape is None and model.reading.shape == (8, 8)
    off = PointSet(corners(8) * 0.9)
    assert off.as_input(x, Sampling((1.0, 1.0)))[1] is off
    assert isinstance(off.as_input(x, model.reading.sampling)[1], Grid)
    with pytest.raises(ValueError, match="'x' must lie at whole multiples"):
        model(x, off)


def test_no_neighbours_are_searched_that_nobody_looks_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network on a grid has no use for the k nearest pixels of each; another one searches them."""
    torch.manual_seed(0)
    words = {"dim": 2, "in_channels": 2, "out_channels": 3, "shape": (8, 8)}
    model = create_model("ccnn_4_16", **words, scattered="grid").eval()  # type: ignore[arg-type]
    plain = create_model("ccnn_4_16", **words).eval()  # type: ignore[arg-type]
    pos = corners(8)[::3].float()
    data = Data(pos=pos, x=field(pos))
    wanted, other = model(data), plain(data)

    def searched(*args: object, **options: object) -> None:
        raise AssertionError("a search")

    monkeypatch.setattr(PointSet, "knn", searched)
    assert torch.equal(model(data), wanted) and other.shape == wanted.shape
    with pytest.raises(AssertionError, match="a search"):
        plain(data)


@pytest.mark.parametrize("factor", [1e-3, 0.05])
def test_positions_in_another_unit_are_named_without_neighbours(factor: float) -> None:
    torch.manual_seed(0)
    model: Any = create_model(
        "ccnn_4_16", dim=2, in_channels=2, out_channels=3, shape=(8, 8), scattered="grid"
    ).eval()
    images = [torch.randn(1, 2, 8, 8) for _ in range(4)]
    model.trained_on = measure(model.reading, images)
    pos = corners(8)[::3].float()
    x = field(pos) - field(pos).mean(dim=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model(Data(pos=pos, x=x))
    with pytest.warns(
        SamplingWarning, match=f"a sample every {7 / 22**0.5 * factor:.3g}.*multiply positions by"
    ):
        model(Data(pos=factor * pos, x=x))
