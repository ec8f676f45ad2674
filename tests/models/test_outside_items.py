"""Faults of single items, of values that fit by their size alone, of stamps and rows: each is named, at any place."""

from __future__ import annotations

import copy
import re
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch_geometric.data import Batch, Data

from ccnn_pc.datasets import KNN, CloudPreprocessing, ImagePreprocessing
from ccnn_pc.models import SamplingWarning, create_model, measure
from ccnn_pc.models.shift.outside_channels import SOME

Change = Callable[[Any], Any]


def said(model: Any, data: Any) -> str:
    """All that is said of data, of one cause."""
    model = copy.deepcopy(model)
    with warnings.catch_warnings(record=True) as caught, torch.inference_mode():
        warnings.simplefilter("always")
        model(data)
    texts = [str(each.message) for each in caught if issubclass(each.category, SamplingWarning)]
    assert len(texts) <= 1
    return " ".join(texts)


def picture(seed: int) -> Tensor:
    """Smooth, three colours, from 0 to 1."""
    draw = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, 5, 5, generator=draw)
    return torch.nn.functional.interpolate(coarse, size=(16, 16), mode="bilinear").clamp(0, 1)


def reading(seed: int) -> Data:
    """Two channels at random stamps, a wave and heat."""
    draw = torch.Generator().manual_seed(seed)
    count = 50 + seed % 20
    times = torch.rand(count, generator=draw, dtype=torch.float64).sort().values * 10
    phase = 6 * torch.rand(2, generator=draw)
    wave = torch.sin(times[:, None].float() + phase) + 0.05 * torch.randn(count, 2, generator=draw)
    return Data(x=wave * torch.tensor([1.0, 5.0]) + torch.tensor([0.0, 20.0]), times=times)


def cloud(seed: int) -> Data:
    """An ellipsoid with its normals."""
    draw = torch.Generator().manual_seed(seed)
    normal = torch.nn.functional.normalize(torch.randn(200, 3, generator=draw))
    data: Data = KNN(16)(Data(pos=normal * torch.tensor([1.0, 1.5, 0.7]), x=normal.abs()))
    return data


@pytest.fixture(scope="module")
def pictures() -> Any:
    torch.manual_seed(0)
    model: Any = create_model("ccnn_4_16", dim=2, in_channels=3, out_channels=3, shape=[16, 16])
    model.preprocessing = ImagePreprocessing(mean=[0.5] * 3, std=[0.2] * 3)
    model.trained_on = measure(model.reading, [(picture(i) - 0.5) / 0.2 for i in range(48)])
    return model.eval()


@pytest.fixture(scope="module")
def series() -> Any:
    torch.manual_seed(0)
    model: Any = create_model("ccnn_4_16", dim=1, in_channels=2, out_channels=2, shape=[60], spacing=1 / 6)
    model.trained_on = measure(model.reading, [reading(i) for i in range(48)])
    return model.eval()


@pytest.fixture(scope="module")
def clouds() -> Any:
    torch.manual_seed(0)
    model: Any = create_model("ccnn_4_16", dim=3, in_channels=3, out_channels=3)
    model.trained_on = measure(model.reading, [cloud(i) for i in range(48)])
    return model.eval()


def one_of(items: list[Any], place: int, change: Change) -> list[Any]:
    return [change(item.clone()) if number == place else item for number, item in enumerate(items)]


def with_(**changes: Change) -> Change:
    def changed(data: Any) -> Any:
        for name, change in changes.items():
            data[name] = change(data[name].clone())
        return data

    return changed


def put(rows: Any, value: float) -> Change:
    def change(x: Tensor) -> Tensor:
        x[rows] = value
        return x

    return change


SERIES = {
    "Fahrenheit": (with_(x=lambda x: x * torch.tensor([1.0, 1.8]) + torch.tensor([0.0, 32.0])), "channel 1"),
    "another order": (with_(x=lambda x: x.flip(1)), "channel 0 of 'data' is .* times larger"),
    "constant": (with_(x=put((slice(None), 1), 20.0)), "channel 1 of 'data' is constant"),
    "missing as -999": (with_(x=put((slice(5), 1), -999.0)), "channel 1"),
    "rows of another order": (with_(x=lambda x: x[torch.randperm(len(x))]), "steps from sample to sample"),
    "times three": (
        with_(x=lambda x: x * torch.tensor([3.5, 1.0])),
        "channel 0 of 'data' is .* times larger",
    ),
    "one time": (with_(times=lambda t: t * 0), "all samples of an item lie at one place"),
    "float32 of seconds since 1970": (with_(times=lambda t: (t + 1.7e9).float()), "at one place|float64"),
    "dates without hours": (with_(times=lambda t: t.round()), "were times rounded"),
    "a long gap": (with_(times=lambda t: t + 30 * (t > 5)), "between two stamps where training had at most"),
    "a wrong stamp": (with_(times=put(0, -1.7e9)), "is a stamp wrong"),
    "another unit": (with_(times=lambda t: t * 3.6), "another unit"),
    "numbers for times": (with_(times=lambda t: torch.arange(len(t)).double()), "another unit"),
}


@pytest.mark.parametrize("place", [None, 0, 15])
@pytest.mark.parametrize("name", SERIES)
def test_one_series_of_a_batch_is_named_as_it_is_alone(name: str, place: int | None, series: Any) -> None:
    change, text = SERIES[name]
    items = [reading(100 + i) for i in range(16)]
    assert not said(series, Batch.from_data_list(items))
    data = [change(items[0].clone())] if place is None else one_of(items, place, change)
    try:
        found = said(series, Batch.from_data_list(data))
    except ValueError as error:
        found = str(error)
    assert re.search(text, found)


def observed(item: Data, *lacking: int) -> Data:
    """An item with a mask: nothing is known of some channels."""
    mask = torch.ones_like(item.x, dtype=torch.bool)
    mask[:, list(lacking)] = False
    return Data(x=torch.where(mask, item.x, 0.0), times=item.times, mask=mask)


@pytest.mark.parametrize("place", [0, 15])
def test_a_channel_that_one_series_lacks_is_named_where_none_of_training_did(place: int, series: Any) -> None:
    items = [observed(reading(100 + i)) for i in range(16)]
    assert not said(series, Batch.from_data_list(items))
    items[place] = observed(reading(100 + place), 1)
    found = said(series, Batch.from_data_list(items))
    assert "channel 1 of 'data' is nowhere observed in some items, and was in every item of training" in found
    used = copy.deepcopy(series)
    used.trained_on = measure(used.reading, [observed(reading(i), *[1] * (i == 3)) for i in range(48)])
    assert not said(used, Batch.from_data_list(items))


@pytest.mark.parametrize(("factor", "name"), [(24.0, "hours for days"), (60.0, "minutes for hours")])
def test_units_are_told_apart(factor: float, name: str, series: Any) -> None:
    """Neighbours of one another, of which the middle of all series says which it is."""
    items = Batch.from_data_list([with_(times=lambda t: t * factor)(reading(100 + i)) for i in range(16)])
    assert f"{name}; divide times by {factor:g}" in said(series, items)


def test_sparser_shorter_and_longer_series_are_read_as_they_are(series: Any) -> None:
    for change in (
        lambda d: Data(x=d.x[::6], times=d.times[::6]),
        lambda d: Data(x=d.x[:30], times=d.times[:30]),
    ):
        assert not said(series, Batch.from_data_list([change(reading(100 + i)) for i in range(8)]))
    assert not said(series, Batch.from_data_list([with_(times=lambda t: t + 1.7e9)(reading(7))]))


PICTURES = {
    "raw": (lambda x: x * 0.2 + 0.5, "between 0.* as pictures do that were not normalised|channel 0"),
    "nearly black": (lambda x: (0.01 * (0.2 * x + 0.5) - 0.5) / 0.2, "channel"),
    "a missing channel": (
        lambda x: torch.cat([x[:, :2], 0 * x[:, 2:]], dim=1),
        "channel 2 of 'data' is constant",
    ),
    "noise": (lambda x: torch.randn(x.shape), "steps from sample to sample|channel"),
    "levels": (lambda x: x * 51 + 127.5, "channel 0 of 'data' is .* times larger"),
}


@pytest.mark.parametrize("place", [None, 15])
@pytest.mark.parametrize("name", PICTURES)
def test_one_picture_of_a_batch_is_named_as_it_is_alone(name: str, place: int | None, pictures: Any) -> None:
    change, text = PICTURES[name]
    items = [(picture(100 + i) - 0.5) / 0.2 for i in range(16)]
    assert not said(pictures, torch.cat(items)) and not said(pictures, items[3])
    data = [change(items[0])] if place is None else one_of(items, place, change)
    if name == "raw" and place is not None:
        data = [change(item) for item in items]  # one among others lies within them
    assert re.search(text, said(pictures, torch.cat(data)))


def test_a_grey_photograph_is_no_fault_where_some_of_training_were(pictures: Any) -> None:
    grey = ((picture(5) - 0.5) / 0.2)[:, :1].repeat(1, 3, 1, 1)
    assert "alike" in said(pictures, grey)
    some: Any = copy.deepcopy(pictures)
    items = [grey if i == 4 else (picture(i) - 0.5) / 0.2 for i in range(48)]
    some.trained_on = measure(some.reading, items)
    assert not said(some, grey) and "alike" in said(some, grey.repeat(SOME, 1, 1, 1))
    with warnings.catch_warnings(record=True) as caught, torch.inference_mode():
        warnings.simplefilter("always")
        for item in [grey] * (SOME - 1) + [items[0]] + [grey] * (SOME - 1):
            some(item)
        assert not caught
        some(grey)  # one more in a row
    assert "alike" in str(caught[0].message)


CLOUDS = {
    "no normals": (with_(x=torch.zeros_like), "channel 0 of 'data' is constant"),
    "one normal": (with_(x=lambda x: torch.eye(3)[2].expand(len(x), 3)), "channel 0 of 'data' is constant"),
    "rows of another order": (with_(x=lambda x: x[torch.randperm(len(x))]), "rows stand in another order"),
    "in a plane": (lambda d: KNN(16)(Data(pos=d.pos * torch.tensor([1.0, 1.0, 0.0]), x=d.x)), "in a plane"),
    "on a line": (
        lambda d: KNN(16)(Data(pos=d.pos * torch.tensor([0.0, 1.0, 0.0]), x=d.x)),
        "in a plane, or on a line",
    ),
    "a point far away": (
        lambda d: KNN(16)(Data(pos=torch.cat([d.pos, 9 * d.pos[:1]]), x=torch.cat([d.x, d.x[:1]]))),
        "a point .* times as far from its nearest one .* leave them out",
    ),
    "centimetres": (with_(pos=lambda pos: pos * 100), "as centimetres for metres; divide positions by 100"),
}


@pytest.mark.parametrize("place", [None, 15])
@pytest.mark.parametrize("name", CLOUDS)
def test_one_cloud_of_a_batch_is_named_as_it_is_alone(name: str, place: int | None, clouds: Any) -> None:
    change, text = CLOUDS[name]
    items = [cloud(100 + i) for i in range(16)]
    assert not said(clouds, Batch.from_data_list(items)) and not said(clouds, items[2])
    data = [change(items[0].clone())] if place is None else one_of(items, place, change)
    assert re.search(text, said(clouds, Batch.from_data_list(data)))


def test_an_axis_of_a_thin_cloud_of_few_points_is_no_noise() -> None:
    """By chance; of many points, or in all clouds of a batch, it is."""

    def plate(points: int, seed: int, noise: bool) -> Data:
        draw = torch.Generator().manual_seed(seed)
        pos = torch.rand(points, 3, generator=draw) * torch.tensor([1.0, 1.0, 0.2])
        x = torch.rand(points, 1, generator=draw) if noise else pos[:, :1]
        return KNN(8)(Data(pos=pos, x=x))  # type: ignore[no-any-return]

    model = create_model("ccnn_4_16", dim=3, in_channels=1, out_channels=2).eval()
    model.trained_on = measure(
        model.reading, [plate(points, s, False) for s in range(16) for points in (32, 400)]
    )
    few, many = ([plate(points, s, False) for s in range(50, 56)] for points in (32, 400))
    assert said(model, Batch.from_data_list([*few, plate(32, 7, True)])) == ""
    for noisy in ([*many, plate(400, 7, True)], [plate(32, s, True) for s in range(40, 46)]):
        assert "is it noise" in said(model, Batch.from_data_list(noisy)), len(noisy)


def test_an_axis_of_places_is_no_noise_however_thin() -> None:
    def plate(size: float, thick: float, seed: int) -> Data:
        pos = torch.rand(400, 3, generator=torch.Generator().manual_seed(seed)) * torch.tensor(
            [size, size, thick]
        )
        return KNN(8)(Data(pos=pos, x=pos.clone()))  # type: ignore[no-any-return]

    model = create_model("ccnn_4_16", dim=3, in_channels=3, out_channels=2).eval()
    sizes = [0.5 + n / 30 for n in range(16)]
    model.trained_on = measure(model.reading, [plate(size, size, n) for n, size in enumerate(sizes)])
    thin = Batch.from_data_list([plate(1.0, 0.13, 50)])
    assert "channel 2 of 'data' steps from sample to sample" in said(model, thin)  # of other features
    model.preprocessing = CloudPreprocessing(features=["pos"])
    assert said(model, thin) == ""
