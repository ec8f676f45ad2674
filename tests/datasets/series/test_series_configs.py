"""Every data file of series builds its data set; what is stored with a model makes the same input."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch_geometric.data import Batch

from ccnn_pc.datasets import AsSeries, SeriesPreprocessing, open_dataset, preprocessing_transform
from tests.datasets.common.test_grid_configs import build, compose

pytest.importorskip("hydra")
pytestmark = pytest.mark.filterwarnings("ignore:.*results are those of a part")
PLACES = {
    "chartraj": "characters", "chartraj_irregular": "characters", "chartraj_random": "characters",
    "physionet2019": "hospital", "physionet2019_irregular": "hospital",
    "speech_commands_raw": "words", "speech_commands_mfcc": "words",
    "fsdd": "digits", "fsdd_mfcc": "digits",
}  # fmt: skip


def opened(*words: str) -> tuple[Any, Any]:
    config = compose(*words, "data.batch_size=2")
    data = build(config)
    data.setup("fit")
    data.setup("test")
    return config, data


def frames(x: torch.Tensor) -> torch.Tensor:
    """In place of torchaudio: the first sample of each of 161 frames, twenty times."""
    return torch.nn.functional.pad(x, (0, 100))[:, None, ::100].expand(-1, 20, -1)


def fake_mfcc(monkeypatch: pytest.MonkeyPatch) -> None:
    fake: Any = types.ModuleType("torchaudio.transforms")
    fake.MFCC = lambda **settings: frames
    monkeypatch.setitem(sys.modules, "torchaudio", types.ModuleType("torchaudio"))
    monkeypatch.setitem(sys.modules, "torchaudio.transforms", fake)


@pytest.mark.parametrize("name", PLACES)
def test_series(name: str, places: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hydra.utils import instantiate

    fake_mfcc(monkeypatch)
    config, data = opened(f"data={name}", f"data.root={places / PLACES[name]}")
    batch = next(iter(data.test_dataloader()))
    sizes = data.sizes()
    assert data.name == name and min(sizes.values()) > 0 and sizes["train"] > sizes["val"]
    channels = config.data.in_channels
    if config.data.form == "irregular":
        assert batch.x.shape == (len(batch.times), channels) and batch.batch.max() == 1
        assert float(batch.times.max()) <= config.data.shape[0]
    else:
        assert list(batch.x.shape) == [2, channels, *config.data.shape] and data.test_set.batches_at_once
    stored = instantiate(config.data.preprocessing, _convert_="all")
    again = open_dataset(places / PLACES[name], transform=preprocessing_transform(stored), form=stored.form)
    if not name.endswith(("mfcc", "random")):  # the raw clips, the pen's own times are what lies there
        assert torch.equal(again[1].x, data.test_set[1].x)
    if not name.startswith("fsdd"):  # its validation is drawn from the training part
        assert np.array_equal(data.val_set.scaling.mean, data.test_set.scaling.mean)


def test_rates_and_drops(places: Path) -> None:
    words = [
        "data=chartraj",
        f"data.root={places / 'characters'}",
        "data.every=4",
        "data.test_every=2",
        "data.drop=30",
    ]
    _, data = opened(*words)
    train, val, test = (data.train_set[0], data.val_set[0], data.test_set[0])
    assert [item.x.shape for item in (train, val, test)] == [(1, 4, 46), (1, 4, 46), (1, 4, 91)]
    assert [float(item.spacing) for item in (train, val, test)] == [4, 4, 2]
    _, whole = opened(*words[:2], "data.drop=30")
    assert torch.equal(test.x, whole.test_set[0].x[:, :, ::2])
    _, slow = opened(*words[:3], "data.test_every=1")
    assert slow.test_set[0].x.shape == (1, 3, 182) and float(slow.test_set[0].spacing) == 1  # of training: 4
    with pytest.raises(Exception, match="'normalize' must be 'channel' or 'none'"):
        opened("data=chartraj_irregular", words[1], "data.normalize=step")


def test_mixed_drops_on_the_grid(places: Path) -> None:
    """Training: another share in every epoch; validation: one for each series; test: the published draws."""
    words = [f"data.root={places / 'characters'}", "data.train_drop=[0,70]", "data.test_drop=50"]
    config, data = opened("data=chartraj", *words, "data.observed=true", "data.in_channels=4")
    _, whole = opened("data=chartraj", words[0])
    _, half = opened("data=chartraj", words[0], "data.drop=50")
    shares = []
    for epoch in (0, 1):
        data.train_set.set_epoch(epoch)
        for index in range(len(data.train_set)):
            x, before = data.train_set[index].x, whole.train_set[index].x
            assert x.shape == (1, 4, 182) and set(x[0, 3].unique().tolist()) <= {0.0, 1.0}
            assert torch.equal(x[:, :3], before * x[:, 3:])
            shares.append(1 - float(x[0, 3].mean()))
    first, second = shares[: len(data.train_set)], shares[len(data.train_set) :]
    assert all(0 <= share <= 0.7 for share in shares) and min(shares) < 0.2 and max(shares) > 0.5
    assert all(a != b for a, b in zip(first, second, strict=True))
    loader = data.val_dataloader()
    once = [batch.x for batch in loader]
    loader.set_epoch(1)
    again = [batch.x for batch in loader]
    assert all(torch.equal(a, b) for a, b in zip(once, again, strict=True))
    assert len({float(x.mean()) for batch in once for x in batch[:, 3]}) > 1
    seen = half.test_set[0].x[:, 3:]
    assert torch.equal(data.test_set[0].x[:, 3:], seen) and float(seen.mean()) == 0.5
    torch.testing.assert_close(data.test_set[0].x[:, :3], whole.test_set[0].x * seen, atol=0.2, rtol=0)
    _, full = opened("data=chartraj", *words[:2], "data.observed=true")
    assert torch.equal(full.test_set[0].x[:, :3], whole.test_set[0].x)
    assert float(full.test_set[0].x[:, 3].min()) == 1 and full.test_set.batches_at_once


@pytest.mark.parametrize("name", ["chartraj_irregular", "chartraj_random"])
def test_mixed_drops_of_stamps(name: str, places: Path) -> None:
    root = f"data.root={places / 'characters'}"
    words = [f"data={name}", root, "data.train_drop=[0,70]", "data.test_drop=50", "data.direct=true"]
    (_, data), (_, whole) = opened(*words), opened("data=chartraj_irregular", root)
    _, half = opened("data=chartraj_irregular", root, "data.drop=50")
    for part in ("train_set", "val_set", "test_set"):
        items, before = list(getattr(data, part)), list(getattr(whole, part))
        left = [len(item.times) / len(full.times) for item, full in zip(items, before, strict=True)]
        assert all("lattice" not in item for item in items) and (
            part == "test_set" or all(0.3 <= share <= 1 for share in left)
        )
        inside = [bool(torch.isin(a.times, b.times).all()) for a, b in zip(items, before, strict=True)]
        assert all(inside) if name == "chartraj_irregular" else not any(inside)
        if part == "test_set" and name == "chartraj_irregular":
            assert all(torch.equal(item.times, half.test_set[i].times) for i, item in enumerate(items))
        elif part == "test_set":
            assert [len(a.times) for a in items] == [len(b.times) - len(b.times) // 2 for b in before]
    assert "lattice" in whole.test_set[0]
    first = data.train_set[0].times
    data.train_set.set_epoch(1)
    assert first.shape != data.train_set[0].times.shape or not torch.equal(first, data.train_set[0].times)


def test_a_model_of_mixed_drops_finds_its_channel_in_data_opened_later(places: Path) -> None:
    from hydra.utils import instantiate

    words = ["data=chartraj", f"data.root={places / 'characters'}", "data.train_drop=[0,70]"]
    config, data = opened(*words, "data.observed=true", "data.in_channels=4")
    stored = instantiate(config.data.preprocessing, _convert_="all")
    again = open_dataset(places / "characters", transform=preprocessing_transform(stored), form="grid")
    assert stored.observed is True and torch.equal(again[1].x, data.test_set[1].x)


@pytest.mark.parametrize(
    ("name", "words", "target"),
    [
        ("copy_memory", ["data.blank=30", "data.shape=[50]"], (2, 50)),
        ("adding", ["data.length=40"], (2, 1)),
        ("ptb", ["data.in_channels=28", "data.length=40", "data.scored=30"], (2, 40)),
    ],
)
def test_sequence_tasks(name: str, words: list[str], target: tuple[int, ...], places: Path) -> None:
    if name == "ptb":
        words = [*words, f"data.root={places / 'text'}"]
    config, data = opened(f"data={name}", *words)
    batch = next(iter(data.test_dataloader()))
    assert list(batch.x.shape) == [2, config.data.in_channels, *config.data.shape]
    assert tuple(batch.y.shape) == target and data.train_set.batches_at_once


def test_physionet_without_counts(places: Path) -> None:
    words = ["data=physionet2019_irregular", f"data.root={places / 'hospital'}"]
    (_, whole), (_, part) = opened(*words), opened(*words, "data.counts=false", "data.in_channels=41")
    assert torch.equal(part.test_set[1].x, whole.test_set[1].x[:, 34:])
    assert torch.equal(part.train_set[0].mask, whole.train_set[0].mask[:, 34:])


def test_copy_memory_as_numbers() -> None:
    _, data = opened("data=copy_memory", "data.blank=30", "data.encoded=false", "data.in_channels=1")
    assert data.test_set[0].x.shape == (1, 1, 50) and float(data.test_set[0].x.max()) == 9


def test_synthetic() -> None:
    config, data = opened("data=series_synthetic")
    assert data.sizes() == {"train": 1000, "val": 250, "test": 500}
    assert "times" in data.test_set[0] and config.data.spacing == 1 / 63
    _, grids = opened("data=series_synthetic", "data.form=grid")
    assert grids.test_set.shape == (1, 64) and grids.test_set.batches_at_once


@pytest.mark.parametrize(
    "words", [["data=chartraj"], ["data=chartraj_irregular"], ["data=physionet2019_irregular"]]
)
def test_a_model_reads_the_batches(words: list[str], places: Path) -> None:
    from ccnn_pc.models import create_model

    config, data = opened(*words, f"data.root={places / PLACES[words[0].removeprefix('data=')]}")
    model: Any = create_model(
        "ckcnn_2_30",
        dim=1,
        in_channels=config.data.in_channels,
        out_channels=len(data.classes),
        shape=[*config.data.shape],
    )
    logits = model.eval()(next(iter(data.test_dataloader())))
    assert logits.shape == (2, len(data.classes)) and bool(logits.isfinite().all())


def test_grids_and_stamps_are_the_same_series_to_a_model(places: Path) -> None:
    from ccnn_pc.models import create_model

    _, data = opened("data=chartraj", f"data.root={places / 'characters'}")
    model: Any = (
        create_model("ckcnn_2_30", dim=1, in_channels=3, out_channels=20, shape=[182]).double().eval()
    )
    items = [data.test_set[i] for i in range(3)]
    for item in items:
        item.x = item.x.double()
    grid, series = (Batch.from_data_list(each) for each in (items, [AsSeries()(item) for item in items]))
    torch.testing.assert_close(model(series), model(grid), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("name", "form"), [("chartraj", "grid"), ("chartraj", "irregular"), ("physionet2019", "irregular")]
)
def test_the_command_line_opens_what_a_model_reads(name: str, form: str, places: Path) -> None:
    from ccnn_pc.cli.open_data import open_data

    data = open_data(places / PLACES[name], SeriesPreprocessing(form=form), "test")
    assert ("times" in data[0]) == (form == "irregular") and ("mask" in data[0]) == (name == "physionet2019")
