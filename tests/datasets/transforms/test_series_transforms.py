"""Samples left out, sub-sampling, stamps; what opens which files."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ccnn_pc.datasets import (
    AsSeries,
    CharacterTrajectories,
    DropSamples,
    EveryNth,
    GridArrays,
    GridData,
    Oscillations,
    PhysioNet2019,
    PointCloudData,
    RandomStamps,
    ScatteredCells,
    SeriesData,
    SpeechCommands,
    SpokenDigits,
    open_dataset,
    preprocessing_transform,
)
from tests.datasets.series.test_character_trajectories import write as write_characters
from tests.datasets.series.test_physionet2019 import as_text, patient
from tests.datasets.series.test_speech import clip, wav, write_digits

pytestmark = pytest.mark.filterwarnings("ignore:.*results are those of a part")
X = torch.arange(1.0, 21.0).view(1, 2, 10)


def seeded(number: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(number)


@pytest.mark.parametrize(("percent", "left"), [(0, 10), (30, 7), (55, 5), (99, 1)])
def test_mask_and_stamps_tell_the_same(percent: float, left: int) -> None:
    masked = DropSamples(percent)(GridData(x=X), seeded()).x
    series = DropSamples(percent, irregular=True, spacing=0.5)(GridData(x=X, y=torch.tensor([1])), seeded())
    kept = masked[0, 2].nonzero().flatten()
    assert masked.shape == (1, 3, 10) and len(kept) == left and torch.equal(series.times, kept * 0.5)
    assert torch.equal(series.x, X[0].t()[kept]) and torch.equal(masked[0, :2, kept].T, series.x)
    assert float(masked[0, :2].sum()) == float(series.x.sum()) and series.y.tolist() == [1]
    assert series.lattice.tolist() == [[0.5]]


def test_drops_of_series_take_the_mask_along() -> None:
    mask = torch.rand(10, 2, generator=seeded()) > 0.5
    item = SeriesData(times=torch.rand(10, dtype=torch.float64).sort().values, x=X[0].t(), mask=mask)
    part = DropSamples(40)(item, seeded(1))
    rows = [int((item.times == t).nonzero()) for t in part.times]
    assert len(rows) == 6 and torch.equal(part.x, item.x[rows]) and torch.equal(part.mask, mask[rows])
    assert len(item.times) == 10


def test_draws_belong_to_seed_epoch_and_item() -> None:
    values = np.ones((4, 1, 50), np.float32)
    always = GridArrays(values, np.zeros(4), ["a"], pre_transform=DropSamples(50))
    anew = GridArrays(values, np.zeros(4), ["a"], transform=DropSamples(50))
    first = [data[2].x for data in (always, anew)]
    assert torch.equal(first[0], always[2].x) and not torch.equal(first[0], always[3].x)
    for data in (always, anew):
        data.set_epoch(1)
    assert torch.equal(first[0], always[2].x) and not torch.equal(first[1], anew[2].x)


def test_a_range_of_shares() -> None:
    """Each item has a share of its own, spread over the range; one number draws as it always did."""
    item = GridData(x=torch.ones(1, 1, 1000))
    drop = DropSamples((0, 70))
    shares = torch.tensor([1 - float(drop(item, seeded(n)).x[0, 1].mean()) for n in range(200)])
    assert float(shares.min()) < 0.05 and 0.65 < float(shares.max()) <= 0.7
    assert abs(float(shares.mean()) - 0.35) < 4 * 0.7 / 12**0.5 / 200**0.5
    assert torch.equal(drop(item, seeded(3)).x, drop(item, seeded(3)).x)
    assert torch.equal(DropSamples([30, 30])(item, seeded()).x, DropSamples(30)(item, seeded()).x)
    for wrong in ([70, 0], [0, 100], [-1, 5], [1, 2, 3]):
        with pytest.raises(ValueError, match="'percent' must be"):
            DropSamples(wrong)


def test_a_channel_that_is_there_is_not_added_again() -> None:
    x = torch.cat([X, torch.ones(1, 1, 10)], dim=1)
    with_channel = DropSamples(30)(GridData(x=X), seeded()).x
    assert torch.equal(DropSamples(30, channel=False)(GridData(x=x), seeded()).x, with_channel)


def test_random_stamps_are_samples_of_the_same_curve() -> None:
    """Exact between samples of a line, on any stamps; for a sine the error is that of linear interpolation."""
    t = torch.rand(200, dtype=torch.float64, generator=seeded()).sort().values
    line = SeriesData(times=t, x=torch.stack([2 * t - 1, -t], dim=1).float(), y=torch.tensor([3]))
    drawn = RandomStamps(25)(line, seeded(1))
    assert drawn.x.shape == (150, 2) and drawn.y.tolist() == [3] and "lattice" not in drawn
    assert bool((drawn.times.diff() >= 0).all()) and not bool(torch.isin(drawn.times, t).any())
    assert float(t[0]) <= float(drawn.times[0]) and float(drawn.times[-1]) <= float(t[-1])
    torch.testing.assert_close(drawn.x[:, 0].double(), 2 * drawn.times - 1, atol=1e-6, rtol=0)
    torch.testing.assert_close(drawn.x[:, 1].double(), -drawn.times, atol=1e-6, rtol=0)
    step = 0.05
    sine = GridData(x=torch.sin(torch.arange(100) * step).view(1, 1, 100))
    curve = RandomStamps(spacing=step)(sine, seeded(2))
    assert float((curve.x[:, 0] - torch.sin(curve.times)).abs().max()) < step**2 / 8 + 1e-6
    gaps = curve.times.diff()
    assert float(gaps.max()) > 2 * step and float(gaps.min()) < step / 5
    alone = RandomStamps(50)(SeriesData(times=torch.tensor([2.0]), x=torch.ones(1, 1)), seeded())
    assert alone.times.tolist() == [2.0] and alone.x.tolist() == [[1.0]]
    with pytest.raises(ValueError, match="'mask' must be None"):
        RandomStamps()(SeriesData(times=t, x=line.x, mask=line.x > 0))


@pytest.mark.parametrize("step", [1, 2, 4, 8, 16])
def test_sub_sampling_is_a_slice(step: int) -> None:
    x = torch.rand(1, 3, 182)
    grid = EveryNth(step)(GridData(x=x))
    assert torch.equal(grid.x, x[:, :, ::step]) and grid.spacing.tolist() == [[float(step)]]
    series = EveryNth(step)(AsSeries(0.1)(GridData(x=x)))
    assert torch.equal(series.x, grid.x[0].t()) and torch.equal(
        series.times, AsSeries(0.1 * step)(GridData(x=grid.x)).times
    )


def test_preprocessing_of_series() -> None:
    made = preprocessing_transform({"every": 2, "drop": 40, "series": "irregular"})(GridData(x=X), seeded())
    assert len(made.times) == 3 and set(made.times.tolist()) < {0.0, 2.0, 4.0, 6.0, 8.0}
    assert preprocessing_transform({"every": 1, "drop": 0})(GridData(x=X)).x is X
    with pytest.raises(ValueError, match="'form' must be one of 'grid', 'irregular'"):
        preprocessing_transform({"series": "regular"})
    with pytest.raises(ValueError, match="no other keys than every, drop, observed, form"):
        preprocessing_transform({"every": 2, "num_points": 5})
    with pytest.raises(ValueError, match=r"'percent' must be in \[0, 100\)"):
        DropSamples(100)
    with pytest.raises(ValueError, match=r"'x' must be a series \[1, C, L\]"):
        AsSeries()(GridData(x=torch.zeros(1, 1, 4, 4)))


def write_all(root: Path) -> dict[str, Any]:
    """A place of every kind."""
    for name in ("characters", "hospital/training_setA", "text"):
        (root / name).mkdir(parents=True)
    write_characters(root / "characters", "npz")
    for number in range(40):
        (root / "hospital" / "training_setA" / f"p{number}.psv").write_text(as_text(patient(number)))
    for word in ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go"):
        (root / "words" / word).mkdir(parents=True)
        for number in range(8):
            (root / "words" / word / f"{number}.wav").write_bytes(wav(clip(0, number)))
    write_digits(root / "digits")
    for path in (root / "digits").iterdir():
        path.rename(path.with_name(path.name.replace("_eve_", "_yweweler_")))
    with zipfile.ZipFile(root / "set.zip", "w") as archive:
        for path in (root / "hospital" / "training_setA").iterdir():
            archive.write(path, path.name)
    return {
        "characters": CharacterTrajectories, "characters/character_trajectories.npz": CharacterTrajectories,
        "hospital": PhysioNet2019, "set.zip": PhysioNet2019, "words": SpeechCommands, "digits": SpokenDigits,
    }  # fmt: skip


def test_open_dataset_knows_series(tmp_path: Path) -> None:
    for name, kind in write_all(tmp_path).items():
        data = open_dataset(tmp_path / name)
        assert type(data).__name__ == kind.__name__ and torch.equal(
            data[0].x, kind(tmp_path / name, "test")[0].x
        ), name
        series = open_dataset(tmp_path / name, "train", form="irregular")
        assert "times" in series[0] and len(series) == len(kind(tmp_path / name, "train"))
    names = {"oscillations": 500, "copy_memory": 1000, "adding": 1000}
    assert {name: len(open_dataset(name)) for name in names} == names
    assert isinstance(open_dataset("oscillations", "train"), Oscillations)
    for part in ("train", "valid", "test"):
        (tmp_path / "text" / f"ptb.{part}.txt").write_text("abc " * 200)
    assert open_dataset(tmp_path / "text").classes == [" ", "a", "b", "c"]
    with pytest.raises(ValueError, match="'form' must be one of"):
        open_dataset(tmp_path / "characters", form="ragged")


def test_clouds_are_no_series():
    cloud = PointCloudData(pos=torch.rand(9, 3), x=torch.rand(9, 2))
    for transform in (
        DropSamples(30),
        DropSamples(30, irregular=True),
        AsSeries(),
        RandomStamps(),
        EveryNth(2),
        ScatteredCells(),
    ):
        with pytest.raises(ValueError, match=f"for {type(transform).__name__}"):
            transform(cloud)
        with pytest.raises(ValueError, match=r"\['y'\]"):
            transform(GridData(y=torch.tensor([0])))


@pytest.mark.parametrize("transform", [DropSamples(40), EveryNth(2)])
def test_all_that_belongs_to_a_sample_goes_along(transform):
    number = torch.arange(10)
    series = SeriesData(
        times=number * 0.5, x=number[:, None] * 1.0, mask=number[:, None] % 2 == 0, y=number, quality=10.0 * number,
        lattice=torch.full((1, 1), 0.5),
    )  # fmt: skip
    kept = transform(series, torch.Generator().manual_seed(0))
    assert len(kept.times) in (5, 6) and kept.lattice.shape == (1, 1)
    for values in (kept.times * 2, kept.x[:, 0], kept.quality / 10):
        torch.testing.assert_close(values, kept.y.float())
    assert kept.mask[:, 0].tolist() == [int(i) % 2 == 0 for i in kept.y]
