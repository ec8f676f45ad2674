"""What resampling first makes of data: values between samples at the places of training."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from ccnn_pc.datasets import CloudPreprocessing, GridData, PointCloudData, SeriesData, SeriesPreprocessing
from ccnn_pc.datasets.common.seeding import seeded_generator
from ccnn_pc.datasets.preprocessing import ImagePreprocessing
from ccnn_pc.datasets.samplings import Resampled, Sampling, resampled_clouds
from ccnn_pc.datasets.transforms import AsSeries, Compose, DropSamples, EveryNth, RandomPoints, ScatteredCells
from ccnn_pc.domains import Interpolation
from tests.clouds import DOUBLE

WHOLE = Compose([])


def curve(length: int) -> torch.Tensor:
    return (torch.arange(length, dtype=DOUBLE) - 3).square()


@pytest.mark.parametrize("text", ["pixels:1.5", "pixels:2", "pixels:2.25"])
def test_coarser_pictures_are_read_on_curves(text: str) -> None:
    """A parabola comes back as it was, up to the last sample that there is; behind it values stay."""
    picture = (curve(10)[:, None] + 2 * curve(10)[None])[None, None]
    made = Sampling.parse(text).transform(ImagePreprocessing("image"), 0.5)
    again = Resampled(made, ImagePreprocessing("image").transform(), spacing=0.5)(GridData(x=picture.float()))
    step = Sampling.parse(text).number or 1.0
    last = int(int(9 / step) * step) + 1
    assert again.x.shape == picture.shape and "spacing" not in again
    assert torch.allclose(again.x[..., :last, :last].double(), picture[..., :last, :last], atol=1e-4)
    if last < 10:
        assert torch.equal(again.x[..., last, :], again.x[..., 9, :])


def test_of_scattered_pixels_the_nearest_counts() -> None:
    picture = torch.rand(1, 3, 8, 6)
    few = ScatteredCells(0.5, 2.0)(GridData(x=picture), seeded_generator(3))
    again = Resampled(Compose([ScatteredCells(0.5, 2.0)]), WHOLE, spacing=2.0)(
        GridData(x=picture), seeded_generator(3)
    )
    cells = torch.cartesian_prod(torch.arange(8), torch.arange(6)) * 2.0
    distance = torch.cdist(cells, few.pos)
    found = again.x[0].flatten(1).t()
    for row, value in enumerate(found):  # of several that are as near, any
        nearest = few.x[distance[row] <= distance[row].min() + 1e-6]
        assert bool((nearest == value).all(1).any())


def test_series_are_read_on_lines_at_the_stamps_of_training() -> None:
    """Lines stay lines, whatever is dropped; before the first and behind the last sample values stay."""
    times = torch.tensor([0.0, 0.3, 1.0, 1.1, 2.0, 4.0], dtype=DOUBLE)
    series = SeriesData(times=times, x=torch.stack([2 * times, 1 - times], dim=1))
    again = Resampled(Compose([EveryNth(2)]), WHOLE)(series)
    assert torch.equal(again.times, times)
    assert torch.allclose(again.x[:5], series.x[:5]) and torch.allclose(again.x[5], series.x[4])


def test_missing_values_of_series_are_lines_of_their_channel() -> None:
    times = torch.arange(5, dtype=DOUBLE)
    mask = torch.tensor([[1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 1, 0], [1, 1, 0]]).bool()
    series = SeriesData(
        times=times, x=torch.where(mask, times[:, None] + torch.tensor([0.0, 5.0, 9.0]), 0.0), mask=mask
    )
    again = Resampled(WHOLE, WHOLE)(series)
    assert again.x[:, 0].tolist() == [0, 1, 2, 3, 4] and again.x[:, 1].tolist() == [6, 6, 7, 8, 9]
    assert again.mask.tolist() == [[True, True, False]] * 5 and not again.x[:, 2].any()


@pytest.mark.parametrize(
    ("masked", "made"),
    [
        (False, EveryNth(2)),
        (True, EveryNth(2)),
        (False, DropSamples(40, irregular=True)),
        (True, DropSamples(40, channel=False)),
    ],
)
def test_arrays_of_series_come_back(masked: bool, made: Any) -> None:
    """A slope, in each form that a sampling of it has, with its channel of what was observed where it has one."""
    slope = torch.arange(11.0).view(1, 1, 11)
    channel = torch.ones_like(slope)
    x = torch.cat([slope, channel], dim=1) if masked else slope
    again = Resampled(Compose([made]), WHOLE, interpolation=Interpolation.LINEAR, masked=masked)
    found = again(GridData(x=x), seeded_generator(2)).x
    assert found.shape == x.shape and (not masked or torch.equal(found[:, 1:], channel))
    kept = found[0, 0]
    inside = (kept > kept.min()) & (kept < kept.max())
    assert int(inside.sum()) > 5 and torch.allclose(kept[inside], slope[0, 0][inside], atol=1e-5)


def shape(n: int = 4096) -> PointCloudData:
    generator = torch.Generator().manual_seed(0)
    return PointCloudData(pos=torch.nn.functional.normalize(torch.randn(n, 3, generator=generator)))


def test_clouds_of_more_points_keep_the_farthest() -> None:
    model = CloudPreprocessing(256, "farthest", "box", ["pos"], num_neighbors=24, fewest_neighbors=8)

    def made(asked: str, source: str = "points", model: CloudPreprocessing = model) -> Any:
        return resampled_clouds(Sampling.parse(asked), Sampling.parse(source), model)

    for few in ("even:64", "points", "uneven:256", "points+density", "voxels"):
        assert made(few) is None
    assert made("even:512", "points+density") is None and made("voxels@20", "voxels") is None
    for many in ("uneven:1024", "voxels:512", "dense@30:300", "random:512+density"):
        cloud = made(many)(shape(), seeded_generator(0))
        assert len(cloud.pos) == 256 and cloud.neighbor_index.shape == (24, 256) and "lattice" not in cloud
    apart = [torch.cdist(each.pos, each.pos).fill_diagonal_(9).min() for each in (
        made("random:1024")(shape(), seeded_generator(0)), RandomPoints(256)(shape()),
    )]  # fmt: skip
    assert apart[0] > 2 * apart[1]
    voxels = CloudPreprocessing(
        4096, normalize="box", features=["pos"], voxels=10, num_voxels=50, num_neighbors=9
    )
    cloud = made("even:512", "voxels", voxels)(shape(), seeded_generator(0))
    assert len(cloud.pos) == 50 and cloud.lattice is not None


@pytest.mark.parametrize("percent", [0, 30, 55.5])
def test_drops_are_exact_shares(percent: float) -> None:
    series = SeriesPreprocessing()
    arrays = Sampling.parse(f"drop:{percent}").transform(series, 0.5)(
        GridData(x=torch.randn(1, 2, 200)), seeded_generator(0)
    )
    if percent:
        assert len(arrays.times) == 200 - int(200 * percent / 100) and float(arrays.lattice) == 0.5
        table = SeriesPreprocessing(form="irregular")
        stamps = AsSeries()(GridData(x=torch.randn(1, 2, 200)))
        assert len(
            Sampling.parse(f"drop:{percent}").transform(table)(stamps, seeded_generator(0)).times
        ) == len(arrays.times)
    else:
        assert arrays.x.shape == (1, 2, 200)


def test_rates_of_series_take_the_place_of_those_of_training() -> None:
    item = GridData(x=torch.arange(12.0).view(1, 1, 12))
    third = Sampling.parse("every:3").transform(SeriesPreprocessing(every=2), 0.25)(item)
    assert third.x.flatten().tolist() == [0, 3, 6, 9] and float(third.spacing) == 0.75
    assert Sampling.parse("series").transform(SeriesPreprocessing(every=2))(item).x.flatten().tolist() == [
        0,
        2,
        4,
        6,
        8,
        10,
    ]
    between = Sampling.parse("every:2.75").transform(SeriesPreprocessing())(item)
    assert between.x.flatten().tolist() == pytest.approx([0, 2.75, 5.5, 8.25, 11])
    masked = Sampling.parse("drop:50").transform(SeriesPreprocessing(observed=True))(
        item, seeded_generator(0)
    )
    assert masked.x.shape == (1, 2, 12) and masked.x[0, 1].sum() == 6
    assert torch.equal(masked.x[0, 0], item.x[0, 0] * masked.x[0, 1])
    for used in (SeriesPreprocessing(form="irregular"), SeriesPreprocessing(observed=True)):
        with pytest.raises(
            ValueError, match="'every' must have a whole number for series with time stamps, or a channel"
        ):
            Sampling.parse("every:1.5").transform(used)
