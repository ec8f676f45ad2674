"""Faults of sampling that people have, through the commands: right answers, or one message before any number.

Units off by a factor and pictures of other sizes are in ``test_read_as.py``; the same of single models in
``tests/models/test_trained_on.py`` and ``test_series_pauses.py``.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ccnn_pc.cli.app import main
from ccnn_pc.cli.evaluate import evaluate_model
from ccnn_pc.cli.predict import predict_files
from ccnn_pc.cli.read_as import ReadAs
from ccnn_pc.cli.train import run_experiment
from ccnn_pc.datasets import CloudArrays, CloudPreprocessing, LongCSV, SeriesPreprocessing
from ccnn_pc.models import SamplingWarning, create_model, measure, save_pretrained

CLASSES = ["a", "b"]
Row = tuple[str, float, float, str]


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CCNN_PC_CACHE", str(tmp_path / "cache"))


def waves(count: int, length: int = 24) -> list[Row]:
    """Slow and fast ones at ticks of a tenth, every other one left out here and there."""
    rng = np.random.default_rng(0)
    rows = []
    for number in range(count):
        times = np.cumsum(rng.integers(1, 3, length)) / 10
        values = np.sin((2 + 3 * (number % 2)) * times + rng.uniform(0, 2 * np.pi)) + 0.1 * rng.normal(
            size=length
        )
        rows += [
            (f"s{number:03d}", float(t), float(v), CLASSES[number % 2])
            for t, v in zip(times, values, strict=True)
        ]
    return rows


def write(path: Path, rows: list[Row]) -> Path:
    lines = [f"{name},{time:.12g},v,{value:.5f},{label}" for name, time, value, label in rows]
    path.write_text("\n".join(["id,time,variable,value,label", *lines]) + "\n")
    return path


@pytest.fixture
def series(tmp_path: Path) -> tuple[str, list[Row]]:
    """A network of series, and the rows that it knows."""
    rows = waves(12)
    data = LongCSV(write(tmp_path / "known.csv", rows), None)
    torch.manual_seed(0)
    model: Any = create_model("ccnn_4_16", dim=1, in_channels=1, out_channels=2, shape=[30], spacing=0.1)
    model.trained_on = measure(model.reading, [data[i] for i in range(len(data))])
    used = SeriesPreprocessing(form="irregular", table=data.description())
    return str(save_pretrained(model, tmp_path / "model", classes=CLASSES, preprocessing=used)), rows


def answers(model: str, path: Path) -> list[float]:
    return [row["probabilities"]["b"] for row in predict_files(model, [path])]


@pytest.mark.slow
def test_a_training_with_one_wrong_stamp_among_thousands_ends_where_it_would_without(tmp_path: Path) -> None:
    rows = waves(240)
    found, shapes = {}, {}
    for name in ("right", "wrong"):
        if name == "wrong":
            part: Any = LongCSV(tmp_path / "right.csv", "train")
            series = part.ids[int(part._rows[3])]  # one that trains
            last = max(place for place, row in enumerate(rows) if row[0] == series)
            rows[last] = (series, 1e7, *rows[last][2:])
        words = [
            "data=long_csv",
            f"data.root={write(tmp_path / f'{name}.csv', rows)}",
            f"runs={tmp_path / 'runs'}",
            f"name={name}",
            "trainer.max_epochs=6",
            "trainer.accelerator=cpu",
            "threads=1",
        ]
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found[name] = run_experiment(words)
        said = [str(each.message) for each in caught if "is a stamp wrong?" in str(each.message)]
        assert bool(said) is (name == "wrong")
        shapes[name] = found[name]["parameters"]
    assert f"{series!r} goes from" in said[0] and "10000000" in said[0]
    assert shapes["right"] == shapes["wrong"]
    assert found["right"]["test_accuracy"] > 0.9
    assert abs(found["right"]["test_accuracy"] - found["wrong"]["test_accuracy"]) <= 0.02


def test_the_wrong_stamp_is_named_before_the_training(
    tmp_path: Path, recwarn: pytest.WarningsRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = waves(40)
    rows[23] = ("s000", 1e7, *rows[23][2:])
    begun: list[int] = []
    monkeypatch.setattr(
        "lightning.Trainer.fit",
        lambda *args, **options: begun.append(
            sum("is a stamp wrong?" in str(w.message) for w in recwarn.list)
        ),
    )
    with pytest.raises(SystemExit):  # nothing was trained
        main(
            [
                "train",
                "data=long_csv",
                f"data.root={write(tmp_path / 'wrong.csv', rows)}",
                f"runs={tmp_path / 'runs'}",
                "trainer.accelerator=cpu",
            ]
        )
    assert begun and begun[0] >= 1


def test_seconds_since_1970_are_read_as_seconds_since_the_start(
    series: tuple[str, list[Row]], tmp_path: Path
) -> None:
    """Tables hold them in float64; they count from their start before anything is float32."""
    model, rows = series
    moved = write(
        tmp_path / "epochs.csv", [(name, 1.7e9 + time, value, label) for name, time, value, label in rows]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error", SamplingWarning)
        found = answers(model, moved)
    assert found == pytest.approx(answers(model, tmp_path / "known.csv"), abs=1e-5)


@pytest.mark.parametrize("interpolation", ["linear", "cubic", "none"])
def test_no_answer_grows_with_a_gap(
    interpolation: str, series: tuple[str, list[Row]], tmp_path: Path
) -> None:
    """All gaps longer than kernels see are the same gap; one is named."""
    model, rows = series
    read = ReadAs(interpolation=interpolation)
    found = []
    for gap in (100.0, 1e4, 1e7):
        place = write(tmp_path / f"{gap:g}.csv", [(n, t + gap * (t > 2), v, c) for n, t, v, c in rows])
        with pytest.warns(UserWarning, match="is a stamp wrong|'data' have a sample every|'data' span"):
            found.append([row["probabilities"]["b"] for row in predict_files(model, [place], read=read)])
            assert np.isfinite(evaluate_model(model, place, read=read)["accuracy"])
    for each in found[1:]:  # what is left of a gap differs by less than a step
        assert each == pytest.approx(found[0], abs=5e-3)


@pytest.mark.parametrize("name", ["r", "s005x", "z"])
def test_a_series_without_values_has_no_answer(
    name: str, series: tuple[str, list[Row]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """First, in the middle or last: the command says that it is left out, and the others' answers stay theirs."""
    model, rows = series
    place = tmp_path / "empty.csv"
    place.write_text(write(tmp_path / "known.csv", rows).read_text() + f"{name},0.1,v,,a\n")
    with pytest.warns(UserWarning, match=f"'{name}'"):
        found = predict_files(model, [place])
    wanted = predict_files(model, [tmp_path / "known.csv"])
    assert [(row["id"], row["probabilities"]) for row in found] == [
        (row["id"], row["probabilities"]) for row in wanted
    ]


def test_k_that_cuts_the_window_of_denser_clouds(tmp_path: Path) -> None:
    """The neighbours that a model has are too few for ten times the points: said before the answers."""
    rng = np.random.default_rng(0)

    def clouds(name: str, points: int) -> Path:
        xyz = rng.normal(size=(6, points, 3)).astype(np.float32)
        xyz /= np.linalg.norm(xyz, axis=2, keepdims=True)
        np.savez(tmp_path / name, points=xyz, label=[0, 1] * 3, classes=CLASSES)
        return tmp_path / name

    used = CloudPreprocessing(num_points=None, num_neighbors=60, normalize=None)
    known: Any = CloudArrays(clouds("known.npz", 64), transform=used.transform())
    torch.manual_seed(0)
    model: Any = create_model("ccnn_4_16", dim=3, in_channels=3, out_channels=2)
    model.trained_on = measure(model.reading, [known[i] for i in range(len(known))])
    place = str(save_pretrained(model, tmp_path / "model", classes=CLASSES, preprocessing=used))
    with warnings.catch_warnings():
        warnings.simplefilter("error", SamplingWarning)
        evaluate_model(place, tmp_path / "known.npz")
    with pytest.warns(SamplingWarning, match="k = 60 cuts the window"):
        evaluate_model(place, clouds("dense.npz", 2000))
