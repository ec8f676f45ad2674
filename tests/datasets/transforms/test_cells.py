"""Samplings of arrays: values and densities are those of their formulas."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch_geometric.data import Batch

from ccnn_pc.datasets import (
    CoarserGrid,
    EveryNth,
    GridData,
    ImagePreprocessing,
    JitteredCells,
    LitCells,
    ScatteredCells,
    ToView,
    UnevenCells,
)
from ccnn_pc.datasets.common.seeding import seeded_generator
from ccnn_pc.datasets.samplings import Sampling
from ccnn_pc.datasets.samplings.mixtures import ReadOnGrid, mixed_transform
from ccnn_pc.datasets.transforms import Compose
from ccnn_pc.domains import Grid, PointSet
from ccnn_pc.models import create_model
from ccnn_pc.ops.grids.interpolation import cubic_at, cubic_axis
from ccnn_pc.ops.neighbors.k_nearest import Neighbors
from tests.clouds import DOUBLE


def field(*sizes: int) -> torch.Tensor:
    """A polynomial of degree two along every axis: what piecewise cubic curves reproduce."""
    axes = torch.meshgrid(*(torch.arange(s, dtype=DOUBLE) for s in sizes), indexing="ij")
    return polynomial(torch.stack(axes, dim=-1).view(-1, len(sizes))).view(1, 1, *sizes)


def polynomial(pos: torch.Tensor) -> torch.Tensor:
    return (1 + 0.5 * pos - 0.125 * pos.square()).prod(1)


@pytest.mark.parametrize("step", [1.0, 4 / 3, 1.3333, 1.5, 2.5, 7.0])
@pytest.mark.parametrize("sizes", [(10,), (8, 9)])
def test_coarser_grids_hold_the_polynomial(step: float, sizes: tuple[int, ...]) -> None:
    """At multiples of the step, from the first sample to the last that is not behind the array."""
    found = CoarserGrid(step, 0.5)(GridData(x=field(*sizes)))
    counts = [math.floor((size - 1) / step + 1e-9) + 1 for size in sizes]
    assert list(found.x.shape[2:]) == counts
    axes = torch.meshgrid(*(torch.arange(n, dtype=DOUBLE) * step for n in counts), indexing="ij")
    wanted = polynomial(torch.stack(axes, dim=-1).view(-1, len(sizes)))
    assert torch.allclose(found.x.flatten(), wanted, atol=1e-11)
    assert found.spacing.tolist() == [[0.5 * step] * len(sizes)]


@pytest.mark.parametrize("step", [1, 2, 3])
def test_whole_steps_are_every_nth(step: int) -> None:
    data = GridData(x=torch.randn(1, 3, 11, 7))
    coarse, nth = CoarserGrid(step)(data), EveryNth(step)(data)
    assert torch.equal(coarse.x, nth.x) and torch.equal(coarse.spacing, nth.spacing)


def test_cubic_at_places_is_cubic_along_the_axes() -> None:
    x = torch.randn(2, 5, 4, 3, dtype=DOUBLE, requires_grad=True)
    where = [torch.rand(6, dtype=DOUBLE) * (size - 1) for size in x.shape[1:]]
    grid = x
    for axis, place in enumerate(where, start=1):
        grid = cubic_axis(grid, axis, place)
    places = torch.cartesian_prod(*where)
    assert torch.allclose(cubic_at(x, places), grid.flatten(1).t(), atol=1e-12)
    assert torch.autograd.gradcheck(lambda x: cubic_at(x, places[:5]), x)
    corners = torch.tensor([[0.0, 0.0, 0.0], [4.0, 3.0, 2.0]], dtype=DOUBLE)
    assert torch.equal(cubic_at(x, corners), torch.stack([x[:, 0, 0, 0], x[:, 4, 3, 2]]))


@pytest.mark.parametrize("amount", [0.1, 0.5, 1.0])
@pytest.mark.parametrize("sizes", [(40,), (12, 9)])
def test_jittered_samples_stay_near_and_hold_the_polynomial(amount: float, sizes: tuple[int, ...]) -> None:
    points = JitteredCells(amount, 2.0)(GridData(x=field(*sizes)), seeded_generator(0))
    place, cells = (
        points.pos / 2,
        torch.cartesian_prod(*(torch.arange(s) for s in sizes)).view(-1, len(sizes)),
    )
    moved = (place - cells).abs()
    assert float(moved.max()) <= amount and float(moved.mean()) > 0.35 * amount
    assert float(place.min()) >= 0 and bool((place.amax(0) <= torch.tensor(sizes) - 1).all())
    assert torch.allclose(points.x[:, 0], polynomial(place), atol=1e-10)
    assert "lattice" not in points


@pytest.mark.parametrize("share", [0.2, 0.5, 0.55])
def test_uneven_cells_are_ten_times_as_dense_at_one_end(share: float) -> None:
    """Exactly so many, and along the axis the expected share of each column, which falls linearly to a tenth."""
    data, size, draws = GridData(x=torch.zeros(1, 1, 40, 40)), 40, 150
    counts = torch.zeros(size, dtype=DOUBLE)
    sides = set()
    for row in range(draws):
        kept = UnevenCells(share)(data, seeded_generator(5, row)).pos
        assert len(kept) == len(kept.unique(dim=0)) == round(share * size**2)
        parts = [torch.bincount(kept[:, axis].long(), minlength=size) for axis in (0, 1)]
        skew = [float(part[: size // 2].sum() - part[size // 2 :].sum()) for part in parts]
        axis = int(abs(skew[1]) > abs(skew[0]))
        sides.add((axis, skew[axis] > 0))
        counts += parts[axis] if skew[axis] > 0 else parts[axis].flip(0)
    t = torch.arange(size, dtype=DOUBLE) / (size - 1)
    wanted = share / 0.55 * (1 - 0.9 * t)
    found = counts / (draws * size)
    assert len(sides) == 4
    assert float((found - wanted).abs().max()) < 5 * (0.25 / (draws * size)) ** 0.5
    assert 8 < float(found[0] / found[-1]) < 12.5


def test_uneven_sequences_and_small_pictures() -> None:
    line = UnevenCells(0.5)(GridData(x=torch.arange(100.0).view(1, 1, 100)), seeded_generator(0))
    assert len(line.pos) == 50 and torch.equal(line.x, line.pos)
    for sizes in ((1, 1), (1, 3), (2, 2), (3, 3)):
        few = UnevenCells(0.55)(GridData(x=torch.rand(1, 2, *sizes)), seeded_generator(1))
        assert len(few.pos) == len(few.pos.unique(dim=0)) >= 1


def test_lit_pixels_are_those_off_the_background_and_networks_read_the_whole_picture() -> None:
    torch.manual_seed(0)
    pictures = torch.rand(3, 1, 12, 12) * (torch.rand(3, 1, 12, 12) < 0.3)
    pictures[:, :, 0, 0] = pictures[:, :, -1, -1] = 1.0  # so that they are as large as the grid
    shown = ToView(mean=[0.2], std=[0.5])
    steps = Compose([shown, LitCells(ImagePreprocessing(mean=[0.2], std=[0.5]).black)])
    points = [steps(GridData(x=picture[None])) for picture in pictures]
    assert [len(each.pos) for each in points] == (pictures > 0).sum(dim=(1, 2, 3)).tolist()
    batch = Batch.from_data_list(points)
    assert batch.background.shape == (3, 1)
    model = create_model(
        "ccnn_4_16", dim=2, in_channels=1, out_channels=3, shape=[12, 12], scattered="grid"
    ).eval()
    torch.testing.assert_close(model(batch), model(shown.of(pictures)), rtol=0, atol=0)
    asked = Sampling.parse("lit").transform(ImagePreprocessing(mean=[0.2], std=[0.5]))
    torch.testing.assert_close(asked(GridData(x=pictures[:1])).pos, points[0].pos)
    read = ReadOnGrid(Sampling.parse("lit"))(GridData(x=pictures[:1].clone())).x
    torch.testing.assert_close(read, pictures[:1])


def test_a_layer_on_lit_pixels_is_the_convolution_of_the_picture_there() -> None:
    """What is black adds nothing: the sum over lit neighbours is that over all pixels in reach."""
    torch.manual_seed(0)
    picture = torch.zeros(1, 1, 14, 14, dtype=DOUBLE)
    picture.view(-1)[torch.randperm(196)[:60]] = torch.rand(60, dtype=DOUBLE) + 0.1
    options: dict[str, Any] = {"shape": [14, 14], "extent": 3, "scattered": "points", "reference_count": 60}
    layer = create_model("ccnn_4_16", dim=2, in_channels=1, out_channels=2, **options).stem.double()
    points = ImagePreprocessing(num_neighbors=60).transform()(GridData(x=picture.clone()))
    grid = Grid((14, 14))
    there = torch.arange(196).view(14, 14)[tuple(points.pos.long().t())]
    found = layer(
        points.x, PointSet(points.pos, neighbors=Neighbors(points.neighbor_index.t(), points.neighbor_count))
    )
    torch.testing.assert_close(found, layer(grid.flatten(picture), grid)[there], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("text", ["lit", "pixels", "scattered:0.5", "pixels:2", "jittered", "uneven:0.5"])
def test_models_of_lit_pixels_are_asked_for_those_of_every_sampling(text: str) -> None:
    torch.manual_seed(0)
    picture = torch.rand(1, 1, 16, 16) * (torch.rand(1, 1, 16, 16) < 0.4)
    trained = ImagePreprocessing(mean=[0.2], std=[0.5], num_neighbors=12)
    found = Sampling.parse(text).transform(trained)(GridData(x=picture.clone()), seeded_generator(0))
    lit = len(trained.transform()(GridData(x=picture.clone())).pos)
    assert found.neighbor_index.shape == (12, len(found.pos)) and (found.x != trained.black[0]).all()
    assert len(found.pos) == lit if text in ("lit", "pixels") else 0 < len(found.pos) <= 256
    if text == "pixels:2":
        assert len(found.pos) == int((picture[..., ::2, ::2] > 0).sum()) and found.pos.max() <= 14
    mixed = mixed_transform(trained, samplings=[text, "pixels"])
    assert mixed(GridData(x=picture.clone()), seeded_generator(0)).neighbor_index.shape[0] == 12


def test_neighbours_are_those_of_images() -> None:
    with pytest.raises(
        ValueError, match=r"'view' must be image or grey where pixels have neighbours \(got sequence\)"
    ):
        ImagePreprocessing("sequence", num_neighbors=8)


def test_lit_pixels_of_nothing_and_of_several_channels() -> None:
    black = LitCells([0.0, 1.0])(
        GridData(x=torch.tensor([0.0, 1.0]).view(1, 2, 1, 1).expand(1, 2, 4, 4).clone())
    )
    assert black.pos.tolist() == [[0.0, 0.0]] and black.x.tolist() == [[0.0, 1.0]]
    with pytest.raises(ValueError, match=r"'background' must have 1 or 3 values \(got 2\)"):
        LitCells([0.0, 1.0])(GridData(x=torch.rand(1, 3, 4, 4)))
    with pytest.raises(ValueError, match="'background' must be finite numbers"):
        LitCells(math.nan)
    with pytest.raises(ValueError, match="the number of the sampling 'lit' must be left out"):
        Sampling.parse("lit:0.5")


def test_refusals() -> None:
    for make in (lambda: CoarserGrid(0.5), lambda: CoarserGrid(math.inf), lambda: CoarserGrid(math.nan)):
        with pytest.raises(ValueError, match="'step' must be at least 1 and finite"):
            make()
    with pytest.raises(ValueError, match=r"'fraction' must be in \(0, 0.55\] \(got 0.6\)"):
        UnevenCells(0.6)
    with pytest.raises(ValueError, match=r"'amount' must be in \(0, 1\] \(got 0\)"):
        JitteredCells(0)
    for transform in (CoarserGrid(2), ScatteredCells(), UnevenCells(), JitteredCells()):
        with pytest.raises(ValueError, match="must have an array x"):
            transform(GridData(x=torch.zeros(2, 2)))
