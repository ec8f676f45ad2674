"""Copy memory, the adding problem, text, oscillations: what is asked and what is answered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch_geometric.data import Batch

from ccnn_pc.datasets.series.character_text import IGNORED, CharacterText
from ccnn_pc.datasets.series.memory_tasks import AddingProblem, CopyMemory
from ccnn_pc.datasets.series.oscillations import KINDS, Oscillations


@pytest.mark.parametrize("blank", [1, 7, 100])
def test_copy_memory(blank: int) -> None:
    data = CopyMemory("train", blank=blank, count=50, encoded=False)
    x, y = (torch.cat([item[key] for item in data]) for key in ("x", "y"))
    assert x.shape == (50, 1, blank + 20) and y.shape == (50, blank + 20) and y.dtype == torch.int64
    x = x[:, 0].long()
    assert torch.equal(y[:, -10:], x[:, :10]) and set(y[:, -10:].unique().tolist()) == set(range(1, 9))
    assert (
        not bool(y[:, :-10].any()) and not bool(x[:, 10 : 9 + blank].any()) and bool((x[:, -11:] == 9).all())
    )
    encoded = CopyMemory("train", blank=blank, count=50)
    assert encoded.shape == (10, blank + 20) and torch.equal(encoded.batch(range(50)).x.argmax(1), x)


def test_copy_memory_splits_differ_and_repeat() -> None:
    first, again, other, test = (
        CopyMemory(split, blank=5, task_seed=seed).batch(range(100)).y
        for split, seed in (("train", 0), ("train", 0), ("train", 1), ("test", 0))
    )
    assert torch.equal(first, again) and not torch.equal(first, other) and not torch.equal(first, test)
    assert len(CopyMemory("train")) == 10_000 and len(CopyMemory("test")) == 1_000


def test_adding_problem() -> None:
    data = AddingProblem("test", length=51)
    batch = data.batch(range(1000))
    assert batch.x.shape == (1000, 2, 51) and batch.y.shape == (1000, 1)
    values, marks = batch.x.unbind(1)
    assert torch.equal(marks[:, :25].sum(1), torch.ones(1000)) and torch.equal(
        marks[:, 25:].sum(1), torch.ones(1000)
    )
    torch.testing.assert_close((values * marks).sum(1, keepdim=True), batch.y)
    assert 0 <= float(values.min()) < float(values.max()) < 1
    assert abs(float((batch.y - 1).square().mean()) - 1 / 6) < 0.02
    assert torch.equal(data[17].x, batch.x[17:18]) and torch.equal(data[17].y, batch.y[17:18])
    assert len(AddingProblem()) == 50_000
    with pytest.raises(ValueError, match="'length' must be at least 2"):
        AddingProblem(length=1)


@pytest.mark.parametrize(
    "data",
    [CopyMemory("test", blank=5, count=9), AddingProblem("test", length=9, count=9)],
    ids=["copy", "adding"],
)
def test_a_batch_at_once_is_the_batch_of_items(data: Any) -> None:
    part = data.subset([5, 2, 8])
    at_once, one_by_one = part.batch([0, 2]), Batch.from_data_list([part[0], part[2]])
    assert torch.equal(at_once.x, one_by_one.x) and torch.equal(at_once.y, one_by_one.y)
    assert torch.equal(at_once[1].y, data[8].y)


TEXT = "the quick brown fox jumps over the lazy dog. " * 12


@pytest.fixture
def ptb(tmp_path: Path) -> Path:
    for part, text in (("train", TEXT), ("valid", TEXT[:150]), ("test", TEXT[30:200] + "§")):
        (tmp_path / f"ptb.{part}.txt").write_text(text, encoding="utf-8")
    return tmp_path


def test_windows_of_text(ptb: Path) -> None:
    data = CharacterText(ptb, "train", length=20, scored=15, encoded=False)
    letters = sorted(set(TEXT + "§"))
    assert data.classes == letters and len(data) == (len(TEXT) - 1 - 20) // 15 + 1
    for row in (0, 1, len(data) - 1):
        item, first = data[row], 15 * row
        read = "".join(letters[int(i)] for i in item.x[0, 0])
        assert read == TEXT[first : first + 20] and item.y[0, :5].tolist() == [IGNORED] * 5
        assert "".join(letters[int(i)] for i in item.y[0, 5:]) == TEXT[first + 6 : first + 21]
    scored = torch.cat([item.y[0, 5:] for item in data])
    assert "".join(letters[int(i)] for i in scored) == TEXT[6 : 6 + len(scored)]  # every character once
    encoded = CharacterText(ptb, "train", length=20, scored=15)
    assert encoded.shape == (len(letters), 20) and torch.equal(encoded[3].x.argmax(1), data[3].x[:, 0].long())


def test_streams_are_read_side_by_side(ptb: Path) -> None:
    data = CharacterText(ptb, "train", length=20, scored=10, streams=4, encoded=False)
    each = len(TEXT) // 4
    first, second = data.batch([0, 1, 2, 3]).x[:, 0], data.batch([4, 5, 6, 7]).x[:, 0]
    assert torch.equal(first[:, 10:], second[:, :10])
    letters = data.classes
    for stream in range(4):
        assert "".join(letters[int(i)] for i in first[stream]) == TEXT[stream * each : stream * each + 20]


def test_one_text_file(tmp_path: Path) -> None:
    path = tmp_path / "story.txt"
    path.write_text(TEXT * 4, encoding="utf-8")
    sizes = [len(CharacterText(path, split, length=10, scored=10)) for split in ("train", "val", "test")]
    assert sizes[0] > 15 * sizes[1] and sizes[1] == sizes[2] > 0
    with pytest.raises(ValueError, match=r"at least 401 characters in its part 'test' \(got 108\)"):
        CharacterText(path, "test")
    path.write_bytes(b"\xff\xfe\xff")
    with pytest.raises(ValueError, match=r"story\.txt' must be text in UTF-8"):
        CharacterText(path)
    with pytest.raises(FileNotFoundError, match=r"ptb\.train\.txt"):
        CharacterText(tmp_path)
    with pytest.raises(ValueError, match="'scored' must be at most 'length'"):
        CharacterText(tmp_path, length=3)


def test_oscillations_are_their_formula() -> None:
    data: Any = Oscillations("train")
    assert (
        len(data) == 1000 and np.bincount(data.labels).tolist() == [200] * 5 and data.classes == list(KINDS)
    )
    counts = data.stored.lengths
    assert counts.min() == 40 and counts.max() == 80
    times = data.stored.times
    assert (
        times.min() >= 0
        and times.max() <= 1
        and all(bool((data[i].times.diff() > 0).all()) for i in range(0, 1000, 50))
    )
    # irregular: the gaps of uniform stamps have a deviation near their mean
    gaps = np.concatenate([np.diff(data.stored.stamps(row)) for row in range(200)])
    assert 0.9 < gaps.std() / gaps.mean() < 1.1


def crossings(values: np.ndarray) -> int:
    return int((np.diff(np.sign(values)) != 0).sum())


def test_classes_are_what_they_are_called() -> None:
    data = Oscillations("test", form="grid", length=400)
    x, kinds = data.batch(range(len(data))).x[:, 0].numpy(), np.array(list(KINDS))[data.labels]
    early, late = np.square(x[:, :100]).mean(1), np.square(x[:, 300:]).mean(1)
    turns = np.array(
        [crossings(series[300:]) - crossings(series[:100]) for series in np.where(np.abs(x) < 0.15, 1e-9, x)]
    )
    assert (late[kinds == "growing"] > 5 * early[kinds == "growing"]).all()
    assert (early[kinds == "damped"] > 5 * late[kinds == "damped"]).all()
    assert turns[kinds == "rising"].mean() > 0.5 > -0.5 > turns[kinds == "falling"].mean()
    assert np.allclose(np.square(x).mean(1), 0.5, atol=0.05)


def test_oscillations_follow_from_their_seed() -> None:
    keys: Any = (("train", 0), ("train", 0), ("train", 1), ("test", 0))
    first, again, other, test = (
        Oscillations(split, per_class=3, series_seed=seed)[4] for split, seed in keys
    )
    assert torch.equal(first.x, again.x) and torch.equal(first.times, again.times)
    assert not torch.equal(first.x[:5], other.x[:5]) and not torch.equal(first.x[:5], test.x[:5])
    assert torch.equal(Oscillations("train", per_class=9)[9 + 1].x, first.x)  # whatever their number
    with pytest.raises(ValueError, match="'stamps'"):
        Oscillations(stamps=(9, 5))
