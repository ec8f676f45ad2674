"""Recordings longer than those of training are answered by the mean over windows, and others as ever."""

from __future__ import annotations

import dataclasses
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.io import wavfile
from torch_geometric.data import Data

from ccnn_pc.cli.evaluate import evaluate_model
from ccnn_pc.cli.predict import predict_files
from ccnn_pc.cli.read_as import ReadAs
from ccnn_pc.datasets import GridData, SeriesPreprocessing, SoundFolder
from ccnn_pc.datasets.series.uea_archive import UEAArchive
from ccnn_pc.datasets.transforms.windows import InWindows
from ccnn_pc.models import Task, create_model, from_pretrained, measure, save_pretrained
from ccnn_pc.models.windows import answer
from ccnn_pc.ops.series.windows import mean_over_windows, window_starts

RATE, SECONDS = 4000, 0.4
PARTS = "of longer ones the mean over windows"


def wave(number: int, seconds: float = SECONDS) -> np.ndarray:
    """A tone that swells, of two pitches; whole periods, so that repeats go on smoothly."""
    time = np.arange(int(seconds * RATE)) / RATE
    pitch = 200 * (1 + number % 2) + 5 * (number // 2)
    return np.rint(9000 * np.sin(2 * np.pi * pitch * time) * (1.2 + np.sin(5 * np.pi * time)))


def write(path: Path, samples: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    wavfile.write(path, RATE, samples.astype(np.int16))
    return path


def folder_of(folder: Path, count: int = 8, repeats: int = 1) -> Path:
    for number in range(count):
        write(folder / "ab"[number % 2] / f"{number}.wav", np.tile(wave(number), repeats))
    return folder


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A network of classes, one of numbers, and one of raw sound, with weights as they were drawn."""
    place = tmp_path_factory.mktemp("windows")
    patch = pytest.MonkeyPatch()
    patch.setenv("CCNN_PC_CACHE", str(place / "cache"))
    folder, found = folder_of(place / "sound"), {}
    for name, features, task in (
        ("mel", "mel", None),
        ("raw", "raw", None),
        ("numbers", "mel", "regression"),
    ):
        known = SoundFolder(folder, reading={"features": features})
        torch.manual_seed(0)
        channels, *shape = known.shape
        model: Any = create_model("ccnn_4_16", dim=1, in_channels=channels, out_channels=2, shape=shape)
        items = [known[row] for row in range(len(known))]
        model.trained_on = measure(model.reading, items)
        seen: list[torch.Tensor] = []
        last = model.eval().get_classifier()
        hook = last.register_forward_pre_hook(lambda module, inputs, seen=seen: seen.append(inputs[0]))
        with torch.no_grad():  # the classes lie on either side of a plane between their means
            _ = [model(item) for item in items]
            means = [torch.cat(seen)[known.labels == label].mean(dim=0) for label in (0, 1)]
            across = (means[0] - means[1]) / (means[0] - means[1]).square().sum()
            last.weight.copy_(torch.stack([across, -across]))
            last.bias.copy_(torch.stack([-across, across]) @ (means[0] + means[1]) / 2)
        hook.remove()
        model.task = None if task is None else Task(task)
        names = ["a", "b"] if task is None else []
        found[name] = str(save_pretrained(model, place / name, classes=names, preprocessing=known.reading))
    yield found
    patch.undo()


def numbers(rows: list[dict[str, Any]]) -> np.ndarray:
    return np.array([list((row.get("probabilities") or row["numbers"]).values()) for row in rows])


@pytest.mark.parametrize("name", ["mel", "raw", "numbers"])
def test_repeats_are_answered_as_one(name: str, models: dict[str, str], tmp_path: Path) -> None:
    """The class, and nearly the probabilities; the beginning alone is the single recording."""
    one = numbers(predict_files(models[name], [folder_of(tmp_path / "one")]))
    for repeats in (2, 5):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            rows = predict_files(models[name], [folder_of(tmp_path / str(repeats), repeats=repeats)])
        several = numbers(rows)
        assert all(PARTS in row["read"] for row in rows)
        assert (several.argmax(axis=1) == one.argmax(axis=1)).all()
        spread = np.abs(one - one.mean(axis=0)).max()
        assert np.abs(several - one).max() < 0.3 * spread  # windows between two repeats lie between
        cut = numbers(predict_files(models[name], [tmp_path / str(repeats)], read=ReadAs(windows=False)))
        assert np.abs(cut - one).max() < 1e-5 and np.abs(several - one).max() > 1e-5


def test_the_answer_is_the_mean_of_its_windows(models: dict[str, str], tmp_path: Path) -> None:
    """By hand: three windows, weighted by their power; silence beside them counts nothing."""
    first, second = 0.25 * wave(0), wave(1)
    both = np.concatenate([first, second])
    path, size = write(tmp_path / "long" / "x.wav", both), len(first)
    parts = [both[start : start + size] for start in (0, size // 2, size)]
    alone = [write(tmp_path / "parts" / f"{i}.wav", part) for i, part in enumerate(parts)]
    power = np.array([part.var() for part in parts])
    for name in ("mel", "numbers"):
        wanted = power @ numbers(predict_files(models[name], alone)) / power.sum()
        assert numbers(predict_files(models[name], [path]))[0] == pytest.approx(wanted, rel=1e-4)
    quiet = write(tmp_path / "long" / "quiet.wav", np.concatenate([second, np.zeros(5 * size)]))
    (row,) = predict_files(models["mel"], [quiet])
    (wanted,) = predict_files(models["mel"], [write(tmp_path / "one.wav", second)])
    half = predict_files(
        models["mel"],
        [write(tmp_path / "half.wav", np.concatenate([second[size // 2 :], np.zeros(size // 2)]))],
    )
    low, high = sorted([wanted["probabilities"]["a"], half[0]["probabilities"]["a"]])
    assert low - 1e-6 <= row["probabilities"]["a"] <= high + 1e-6 and PARTS in row["read"]


def test_short_ones_do_not_change(models: dict[str, str], tmp_path: Path) -> None:
    """Bit for bit, alone and beside long ones."""
    short = folder_of(tmp_path / "asked")
    before = [
        predict_files(models["mel"], [short], read=ReadAs(windows=each)) for each in (False, None, True)
    ]
    assert before[0] == before[1] == before[2] and PARTS not in before[0][0]["read"]
    table = tmp_path / "before.csv"
    evaluate_model(models["mel"], short, out=table)
    write(short / "a" / "long.wav", np.tile(wave(0), 4))
    result = evaluate_model(models["mel"], short, out=tmp_path / "after.csv")
    assert result["n"] == 9 and PARTS in result["read"]
    lines = (tmp_path / "after.csv").read_text().splitlines()
    assert [line for line in lines if "long" not in line] == table.read_text().splitlines()


def test_evaluate_says_what_predict_says(models: dict[str, str], tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "asked", 4, repeats=3)
    write(folder / "b" / "short.wav", wave(1))
    evaluate_model(models["mel"], folder, out=tmp_path / "all.csv", html=tmp_path / "page.html", batch_size=3)
    rows = {row["file"]: row for row in predict_files(models["mel"], [folder])}
    assert (tmp_path / "page.html").exists()
    for line in (tmp_path / "all.csv").read_text().splitlines()[1:]:
        file, _, name, probability, *_ = line.split(",")
        assert rows[file]["class"] == name
        assert float(probability) == pytest.approx(rows[file]["probability"], abs=1e-5)


def test_who_may_say_so(models: dict[str, str], tmp_path: Path) -> None:
    """Models that do not know their recordings read windows where they are told to, those of clouds never."""
    model: Any = from_pretrained(models["mel"])
    old = dataclasses.replace(model.preprocessing, files=None)
    place = str(save_pretrained(model, tmp_path / "old", classes=["a", "b"], preprocessing=old))
    long = write(tmp_path / "x.wav", np.tile(wave(0), 3))
    told = [predict_files(place, [long], read=ReadAs(windows=each))[0]["read"] for each in (None, True)]
    assert PARTS not in told[0] and PARTS in told[1]
    with pytest.raises(
        ValueError, match="'windows' must be left out .* recordings or regular series, with one answer"
    ):
        predict_files("ccnn_tiny-modelnet10", [long], read=ReadAs(windows=True))
    with pytest.warns(UserWarning, match=r"the first 0\.4 s are read"):
        predict_files(models["mel"], [long], read=ReadAs(windows=False))


def test_windows_cover_all_samples() -> None:
    for samples in (7, 8, 14, 15, 100, 1001):
        for window in (1, 6, 7):
            starts = window_starts(samples, window)
            assert starts[0] == 0 and starts[-1] == samples - window
            assert all(0 < step <= max(1, -(-window // 2)) for step in np.diff(starts))


def test_means() -> None:
    """Probabilities of several classes and of two by one logit; weights; one window stays as it is, bit for bit."""
    generator = torch.Generator().manual_seed(0)
    logits, weight = torch.randn(5, 3, generator=generator), torch.tensor([1.0, 3.0, 2.0, 0.0, 7.0])
    windows = torch.tensor([2, 2, 1])
    found = mean_over_windows(logits, windows, weight)
    chances = logits.softmax(dim=1)
    assert found[0].softmax(dim=0).tolist() == pytest.approx((chances[0] / 4 + 3 * chances[1] / 4).tolist())
    assert found[1].softmax(dim=0).tolist() == pytest.approx(chances[2].tolist())
    assert torch.equal(found[2], logits[4])
    single = mean_over_windows(logits[:, :1], windows, weight).sigmoid()[:, 0]
    chances = logits[:, 0].sigmoid()
    assert single[0].item() == pytest.approx((chances[0] / 4 + 3 * chances[1] / 4).item())
    data = Data(x=torch.randn(130, 2, 8, generator=generator), windows=torch.tensor([129, 1]))
    data.window_weight = torch.ones(130)
    model = create_model("ccnn_4_16", dim=1, in_channels=2, out_channels=3, shape=[8]).eval()
    with torch.inference_mode():
        mean, whole = answer(model, data), model(data.x)
    assert torch.allclose(mean[0].softmax(0), whole[:129].softmax(1).mean(0), atol=1e-5)
    assert torch.allclose(mean[1], whole[129], atol=1e-5)


def test_regular_series_in_windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twice as long ones, where windows are asked for; without, a message names them; filled ends count nothing."""
    monkeypatch.setenv("CCNN_PC_CACHE", str(tmp_path / "cache"))
    rng = np.random.default_rng(0)
    waves = [np.sin(np.arange(20) * (0.3 + 0.5 * (i % 2)) + rng.uniform(0, 6)) for i in range(8)]

    def archive(name: str, rows: list[np.ndarray]) -> Path:
        head = "@problemName x\n@timeStamps false\n@univariate true\n@classLabel true a b\n@data\n"
        lines = [",".join(f"{v:.5f}" for v in row) + f":{'ab'[i % 2]}" for i, row in enumerate(rows)]
        (tmp_path / name).write_text(head + "\n".join(lines) + "\n")
        return tmp_path / name

    known = UEAArchive(archive("one.ts", waves), None)
    torch.manual_seed(0)
    model: Any = create_model("ccnn_4_16", dim=1, in_channels=1, out_channels=2, shape=[20])
    model.trained_on = measure(model.reading, [known[row] for row in range(len(known))])
    model.data = {
        "dataset": "uea", "parts": {"test": {"split": "test", "options": {}}}, "validation": {}, "seed": 0,
        "scaling": known.scaling_of_training(),
    }  # fmt: skip
    place = str(
        save_pretrained(model.eval(), tmp_path / "m", classes=["a", "b"], preprocessing=SeriesPreprocessing())
    )
    twice = archive("twice.ts", [np.tile(row, 2) for row in waves])
    result = evaluate_model(place, twice, out=tmp_path / "twice.csv", read=ReadAs(windows=True))
    assert PARTS in result["read"] and result["n"] == 8
    tables = [(tmp_path / name).read_text().splitlines()[1:] for name in ("twice.csv",)]
    scaled = torch.stack([known[row].x[0] for row in range(8)])
    with torch.inference_mode():
        parts = [model(scaled.repeat(1, 1, 2)[:, :, start : start + 20]).softmax(1) for start in (0, 10, 20)]
    wanted = torch.stack(parts).mean(dim=0)[:, 0]
    assert [float(line.split(",")[-2]) for line in tables[0]] == pytest.approx(wanted.tolist(), abs=1e-5)
    with pytest.warns(UserWarning, match=r"40 samples where training had 20, .* \(evaluate --windows\)"):
        assert PARTS not in evaluate_model(place, twice)["read"]
    longer = InWindows(4)(GridData(x=torch.tensor([[[1.0, 2, 3, 4, 5, 6, 0, 0, 0, 0, 0, 0]]])))
    assert longer.windows.tolist() == [3] and longer.window_weight.tolist() == [1.0, 1.0, 0.5]
