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
from ccnn_pc.cli.transfer import transfer_model
from ccnn_pc.datasets import (
    CloudArrays,
    CloudPreprocessing,
    ImageFolder,
    LongCSV,
    SeriesPreprocessing,
    collate,
)
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


def warned(*calls: Any) -> list[list[str]]:
    """What each call warns of, as a fresh model says it."""
    found = []
    for call in calls:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            call()
        kinds = (SamplingWarning, UserWarning)
        found.append([str(each.message) for each in caught if issubclass(each.category, kinds)])
    return found


def command(*words: str) -> Any:
    """A call of the command line that must end well."""

    def run() -> None:
        with pytest.raises(SystemExit) as left:
            main(list(words))
        assert not left.value.code

    return run


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("short", "items of 2 samples where training had 24, 12 times fewer"),
        ("constant", "channel 0 ('v') of 'data' is constant"),
        ("elsewhere", "channel 0 ('v') of 'data' lies around"),
        ("hundredfold", "times larger than in training"),
        ("hundredth", "times smaller than in training"),
        ("gap", "'s000' goes from"),
        ("longer", "'data' span"),
    ],
)
def test_series_that_are_otherwise_have_one_message(
    name: str, text: str, series: tuple[str, list[Row]], tmp_path: Path
) -> None:
    """By function and by command, before any answer."""
    model, rows = series
    turned = {
        "short": [row for n, row in enumerate(rows) if n % 24 < 2],
        "constant": [(n, t, 0.2, c) for n, t, _, c in rows],
        "elsewhere": [(n, t, v + 5, c) for n, t, v, c in rows],
        "hundredfold": [(n, t, 100 * v, c) for n, t, v, c in rows],
        "hundredth": [(n, t, v / 100, c) for n, t, v, c in rows],
        "gap": [(n, t + 1e7 * (n == "s000" and t > 2), v, c) for n, t, v, c in rows],
        "longer": [("s000", t + 4 * int(n[1:]), v, "a") for n, t, v, c in rows],
    }[name]
    place = write(tmp_path / "other.csv", turned)
    found = warned(
        lambda: predict_files(model, [place]),
        lambda: evaluate_model(model, place),
        command("predict", model, str(place)),
        command("evaluate", model, "--data", str(place)),
    )
    assert all(len(messages) == 1 and text in messages[0] for messages in found), found


def test_clouds_with_other_axes_are_told_by_their_labels(tmp_path: Path) -> None:
    """Rods along z and plates across it: what lies is taken for what stands, until the axes are named."""
    rng = np.random.default_rng(0)
    shapes = rng.normal(size=(20, 60, 3)).astype(np.float32)
    shapes *= np.where(np.arange(20)[:, None, None] % 2, [1, 1, 0.1], [0.1, 1, 1]).astype(np.float32)

    def clouds(name: str, xyz: np.ndarray) -> str:
        np.savez(tmp_path / name, points=xyz, label=np.arange(20) % 2, classes=CLASSES)
        return str(tmp_path / name)

    used = CloudPreprocessing(num_points=None, num_neighbors=20, normalize="box", features=("pos",))
    known: Any = CloudArrays(clouds("known.npz", shapes), transform=used.transform())
    torch.manual_seed(0)
    model: Any = create_model("ccnn_4_16", dim=3, in_channels=3, out_channels=2)
    optimizer, batch = torch.optim.Adam(model.parameters(), 0.01), collate([known[i] for i in range(20)])
    for _ in range(15):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(batch), batch.y).backward()
        optimizer.step()
    model.trained_on = measure(model.reading, [known[i] for i in range(20)])
    place = str(save_pretrained(model.eval(), tmp_path / "model", classes=CLASSES, preprocessing=used))
    assert evaluate_model(place, known_at := str(tmp_path / "known.npz"))["accuracy"] > 0.9
    turned = clouds("turned.npz", shapes[..., [2, 1, 0]])
    right: dict[str, Any] = {}
    found = warned(
        lambda: evaluate_model(place, known_at),
        lambda: evaluate_model(place, turned),
        lambda: transfer_model(place, turned, "points", []),
        command("evaluate", place, "--data", turned),
        lambda: right.update(evaluate_model(place, turned, read=ReadAs(axes="z,y,x"))),
        command("evaluate", place, "--data", turned, "--axes", "z,y,x"),
    )
    assert found[0] == found[4] == found[5] == []
    assert all(len(each) == 1 and "--axes" in each[0] and "of 20 clouds" in each[0] for each in found[1:4]), (
        found
    )
    assert right["accuracy"] == evaluate_model(place, known_at)["accuracy"]
    for axes in ("x,y", "x,y,y", "z y x", "x,y,--z"):
        with pytest.raises(ValueError, match="'axes' must name x, y and z once each"):
            evaluate_model(place, turned, read=ReadAs(axes=axes))


def test_pictures_far_too_small_or_nearly_black(tmp_path: Path) -> None:
    """They are enlarged, with a message; so are pictures of 16 bits that fill 12 of them."""
    image = pytest.importorskip("PIL.Image")
    rng = np.random.default_rng(0)

    def pictures(name: str, side: int, scale: int = 1) -> Path:
        for number in range(6):
            folder = tmp_path / name / CLASSES[number % 2]
            folder.mkdir(parents=True, exist_ok=True)
            values = rng.integers(0, 256, (side, side))
            deep = values.astype(np.uint8) if scale == 1 else (values * scale).astype(np.uint16)
            image.fromarray(deep).save(folder / f"{number}.png")
        return tmp_path / name

    torch.manual_seed(0)
    model: Any = create_model("ccnn_4_16", dim=2, in_channels=1, out_channels=2, shape=[16, 16])
    scaling: Any = ([0.5], [0.25])
    folder: Any = ImageFolder(pictures("16", 16), view="grey", scaling=scaling)
    model.trained_on = measure(model.reading, [folder[i] for i in range(len(folder))])
    used = {"view": "grey", "mean": [0.5], "std": [0.25]}
    place = str(save_pretrained(model, tmp_path / "model", classes=CLASSES, preprocessing=used))
    for name, side, scale, text in (
        ("small", 3, 1, "pictures of 3 x 3 pixels where training had 16 x 16"),
        ("deep", 16, 16, "values of at most 12 bits"),
    ):
        data = pictures(name, side, scale)
        files = sorted(data.rglob("*.png"))[:1]
        for messages in warned(
            lambda: evaluate_model(place, data),  # noqa: B023
            lambda: predict_files(place, files),  # noqa: B023
            command("evaluate", place, "--data", str(data)),
            command("predict", place, str(files[0]), "--no-picture"),
        ):
            # nearly black pictures also vary less than those of training
            assert text in messages[0] and len(set(messages)) <= 1 + (name == "deep"), (name, messages)
    for quiet in warned(
        lambda: evaluate_model(place, pictures("bright", 16, 257)),
        lambda: evaluate_model(place, tmp_path / "16"),
    ):
        assert quiet == []


def refused(model: str, place: Path, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """By functions and commands, with one message."""
    (row,) = predict_files(model, [place])
    assert text in row["error"]
    asks: list[Any] = [evaluate_model, lambda model, place: transfer_model(model, place, "series", [])]
    for ask in asks:
        with pytest.raises(ValueError, match=text):
            ask(model, place)
    for words in (["evaluate", model, "--data", str(place)], ["predict", model, str(place)]):
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main(words)
        assert left.value.code == 1 and text in capsys.readouterr().err


def test_dates_and_numbers_are_not_taken_for_each_other(
    series: tuple[str, list[Row]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A model of numbers does not read dates, nor one of dates numbers; both say what to write."""
    model, rows = series
    lines = [f"{n},2024-01-0{1 + int(t)} 12:{int(60 * t) % 60:02d},v,{v},{c}" for n, t, v, c in rows]
    dated = tmp_path / "dated.csv"
    dated.write_text("\n".join(["id,time,variable,value,label", *lines]) + "\n")
    refused(model, dated, "write them as numbers in the unit of its training", capsys)
    table = {**LongCSV(dated, None, dates="days").description()}
    other: Any = create_model("ccnn_4_16", dim=1, in_channels=1, out_channels=2, shape=[30], spacing=0.1)
    used = SeriesPreprocessing(form="irregular", table=table)
    place = str(save_pretrained(other, tmp_path / "other", classes=CLASSES, preprocessing=used))
    refused(place, tmp_path / "known.csv", "a model that was trained on dates reads dates alone", capsys)


def test_dates_in_digits_are_named(series: tuple[str, list[Row]], tmp_path: Path) -> None:
    """20240131 and 20240201 are 70 apart as numbers."""
    model, rows = series
    days = [
        (n, float(20240101 + 100 * (k % 24 // 8) + k % 8), v, c) for k, (n, _, v, c) in enumerate(rows)
    ]  # eight days of each of three months
    place = write(tmp_path / "digits.csv", days)
    calls = (
        lambda: LongCSV(place, None),
        lambda: predict_files(model, [place]),
        lambda: evaluate_model(model, place),
        command("predict", model, str(place)),
        command("evaluate", model, "--data", str(place)),
    )
    for said in warned(*calls):
        (text,) = [each for each in said if "look like dates" in each]
        assert (
            "20240101 to 20240308" in text
            and "span 207 as numbers and 67 days" in text
            and "data.dates=days" in text
        )
    numbers = write(tmp_path / "numbers.csv", [(n, 20240101 + t, v, c) for n, t, v, c in rows])
    assert not any("look like dates" in each for each in warned(lambda: LongCSV(numbers, None))[0])
