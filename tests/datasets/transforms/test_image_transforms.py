"""Random changes of images: what they may produce, how often, and that a seed decides."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from ccnn_pc.datasets.common.grid_data import GridData
from ccnn_pc.datasets.images.arrays import ImageArrays
from ccnn_pc.datasets.transforms import ToView
from ccnn_pc.datasets.transforms.base import Compose
from ccnn_pc.datasets.transforms.image import (
    Cutout,
    Padding,
    RandomCrop,
    RandomMirror,
    RandomMotion,
    mirrored_index,
    move,
)


def image(height: int = 6, width: int = 8, channels: int = 3) -> GridData:
    """Every value once, none 0."""
    x = torch.arange(1.0, 1 + channels * height * width).view(1, channels, height, width)
    return GridData(x=x / x.max(), y=torch.tensor([0]))


@pytest.mark.parametrize("mode", list(Padding))
def test_crops_are_windows_of_the_padded_image_and_all_occur(mode: Padding) -> None:
    data, p = image(), 2
    padded = np.pad(
        data.x[0].numpy(), ((0, 0), (p, p), (p, p)), "constant" if mode is Padding.ZEROS else "symmetric"
    )
    windows = {padded[:, i : i + 6, j : j + 8].tobytes(): (i, j) for i in range(5) for j in range(5)}
    generator = torch.Generator().manual_seed(0)
    found = [RandomCrop(p, mode)(data, generator).x for _ in range(1000)]
    count = np.zeros((5, 5))
    for x in found:
        count[windows[x[0].numpy().tobytes()]] += 1
    assert count.min() > 15 and count.max() < 75  # 40 expected, deviation 6
    assert torch.equal(data.x, image().x)  # the original is left alone


def test_mirrored_axis_is_numpys_symmetric_padding() -> None:
    for size, padding in ((5, 3), (4, 4), (3, 7), (1, 4)):
        assert np.array_equal(
            mirrored_index(size, padding).numpy(), np.pad(np.arange(size), padding, "symmetric")
        )


@pytest.mark.parametrize("probability", [0.0, 0.5, 1.0])
def test_mirror(probability: float) -> None:
    data, generator = image(), torch.Generator().manual_seed(0)
    found = [RandomMirror(probability)(data, generator).x for _ in range(400)]
    turned = sum(torch.equal(x, data.x.flip(3)) for x in found)
    assert turned + sum(torch.equal(x, data.x) for x in found) == 400
    assert abs(turned - 400 * probability) <= 40 * (probability == 0.5)


@pytest.mark.parametrize("inside", [True, False])
def test_cutout(inside: bool) -> None:
    data, generator = image(12, 10), torch.Generator().manual_seed(0)
    areas = set()
    for _ in range(300):
        x = Cutout(4, inside=inside, value=[-1.0, -2.0, -3.0])(data, generator).x
        hole = x[0, 0] == -1
        assert torch.equal(x[0, 2] == -3, hole) and torch.equal(x[:, :, ~hole], data.x[:, :, ~hole])
        rows, columns = hole.any(dim=1).nonzero(), hole.any(dim=0).nonzero()
        size = int(rows.max() - rows.min() + 1), int(columns.max() - columns.min() + 1)
        assert int(hole.sum()) == size[0] * size[1] and max(size) <= 4 and min(size) >= 2
        areas.add(size)
    assert areas == {(4, 4)} if inside else len(areas) == 9
    never = Cutout(4, probability=0.0)(data, generator)
    assert torch.equal(never.x, data.x) and torch.equal(data.x, image(12, 10).x)


@pytest.mark.parametrize("quarter", [1, 2, 3])
@pytest.mark.parametrize("side", [5, 28])
def test_quarter_turns_are_exact(quarter: int, side: int) -> None:
    x = torch.rand(1, 2, side, side)
    torch.testing.assert_close(move(x, quarter * math.pi / 2), x.rot90(quarter, (2, 3)), atol=2e-5, rtol=0)


def test_shifts_and_scales() -> None:
    x = torch.rand(1, 1, 28, 28)
    torch.testing.assert_close(
        move(x, right=2.0, down=-1.0)[:, :, :-1, 2:], x[:, :, 1:, :-2], atol=1e-5, rtol=0
    )
    assert float(move(x, right=2.0)[:, :, :, :2].abs().max()) < 1e-5
    full = torch.ones(1, 1, 28, 28)
    assert float(move(full, factor=0.5).sum()) == pytest.approx(14**2, rel=0.02)  # half of each side is left
    ramp = torch.linspace(-1, 1, 29).expand(1, 1, 29, 29)
    torch.testing.assert_close(move(ramp, factor=2.0)[0, 0, 14], ramp[0, 0, 14] / 2)


def test_each_motion_happens_by_itself() -> None:
    data, n = image(9, 9, 1), 600
    one = RandomMotion(degrees=0.0, shift=2, low=1.0, high=1.0)
    generator = torch.Generator().manual_seed(0)
    still = sum(torch.equal(one(data, generator).x, data.x) for _ in range(n))
    assert abs(still / n - (0.5 + 0.5 / 25)) < 0.08  # a shift by 0, 0 is one of 25
    every = RandomMotion()
    still = sum(torch.equal(every(data, generator).x, data.x) for _ in range(n))
    assert abs(still / n - 0.25 * (0.5 + 0.5 / 25)) < 0.06
    assert torch.equal(RandomMotion(probability=0.0)(data, generator).x, data.x)


def standard() -> Compose:
    return Compose([RandomMotion(), Cutout(4, probability=0.5, inside=True)])


def test_random_numbers_follow_seed_epoch_and_row() -> None:
    values = np.random.default_rng(0).integers(0, 256, (6, 1, 28, 28), dtype=np.uint8)

    def data(seed: int = 0) -> Any:
        return ImageArrays(values, np.zeros(6), ["a"], ToView("sequence"), transform=standard(), seed=seed)

    first, again, other = data(), data(), data(1)
    assert all(torch.equal(first[i].x, again[i].x) for i in range(6)) and first[0].x.shape == (1, 1, 784)
    assert not all(torch.equal(first[i].x, other[i].x) for i in range(6))
    assert torch.equal(first.subset([4])[0].x, first[4].x)
    again.set_epoch(1)
    assert not all(torch.equal(first[i].x, again[i].x) for i in range(6))


@pytest.mark.parametrize(
    ("build", "match"),
    [
        (lambda: RandomCrop(0), "'padding'"),
        (lambda: RandomCrop(4, "wrap"), "'mode' must be one of"),
        (lambda: RandomMirror(1.5), r"'probability' must be in \[0, 1\]"),
        (lambda: Cutout(40, inside=True)(image()), "'size' must be at most 6"),
        (lambda: Cutout(2, value=[0.0, 1.0])(image()), "one per channel"),
        (lambda: RandomMotion(degrees=200.0), "'degrees'"),
        (lambda: RandomMotion(low=2.0), "'high' must be at least"),
        (lambda: RandomMirror()(GridData(x=torch.zeros(1, 1, 784))), "must be an image"),
        (lambda: RandomMirror()(GridData(y=torch.zeros(1))), "must be an image"),
    ],
)
def test_what_is_refused(build: Any, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        build()
