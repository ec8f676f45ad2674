"""How commands read data that are sampled otherwise than in training: on its footing, or with a message first."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ccnn_pc.cli.app import main
from ccnn_pc.cli.evaluate import evaluate_model
from ccnn_pc.cli.predict import predict_files
from ccnn_pc.cli.read_as import Footing, ReadAs, factor_of
from ccnn_pc.cli.recalibrate import recalibrate_model
from ccnn_pc.cli.transfer import transfer_model
from ccnn_pc.datasets import ImageFolder, LongCSV, SeriesPreprocessing
from ccnn_pc.datasets.samplings import mixed_augmentation
from ccnn_pc.domains.points.coverage import NeighborhoodWarning
from ccnn_pc.models import SamplingWarning, create_model, from_pretrained, measure, save_pretrained
from ccnn_pc.training.data import ClassificationData
from ccnn_pc.training.measuring import measure_training

Image = pytest.importorskip("PIL.Image")
pytestmark = pytest.mark.filterwarnings("ignore:.*results are those of a part")
CLASSES = ["a", "b"]
SCALING: Any = ([0.5] * 3, [0.25] * 3)


def scene(side: int, label: int, seed: int, aspect: float = 1.0) -> np.ndarray:
    """A smooth picture, sampled at the middles of its pixels."""
    rng = np.random.default_rng(seed)
    y, x = np.meshgrid(
        (np.arange(side) + 0.5) / side, (np.arange(round(side * aspect)) + 0.5) / side, indexing="ij"
    )
    angle = rng.uniform(0, 6.28, 3)
    waves = np.stack([np.sin(6.28 * (2 + label) * (x if label else y) + phase) for phase in angle], axis=-1)
    return (127 + 100 * waves).astype(np.uint8)


def pictures(folder: Path, side: int, aspect: float = 1.0, count: int = 5) -> Path:
    for label, name in enumerate(CLASSES):
        (folder / name).mkdir(parents=True)
        for i in range(count):
            Image.fromarray(scene(side, label, 10 * label + i, aspect)).save(folder / name / f"{i}.png")
    return folder


@pytest.fixture
def trained(tmp_path: Path) -> tuple[str, Path]:
    """A network of 16 x 16 pictures, taken as they were, and these."""
    data = pictures(tmp_path / "16", 16)
    torch.manual_seed(0)
    model: Any = create_model("ccnn_4_16", dim=2, in_channels=3, out_channels=2, shape=[16, 16])
    folder = ImageFolder(data, view="image", scaling=SCALING)
    model.trained_on = measure(model.reading, [folder[i] for i in range(len(folder))])
    preprocessing = {"view": "image", "mean": [0.5] * 3, "std": [0.25] * 3}
    return str(save_pretrained(model, tmp_path / "model", classes=CLASSES, preprocessing=preprocessing)), data


def answers(model: str, folder: Path, spacing: float | None) -> torch.Tensor:
    network: Any = from_pretrained(model)
    data = ImageFolder(folder, view="image", scaling=SCALING)
    x = torch.cat([data[i].x for i in range(len(data))])
    with torch.no_grad():
        found: torch.Tensor = network(x, spacing=spacing).softmax(1)
    return found


def found(path: Path) -> torch.Tensor:
    rows = [line.split(",") for line in path.read_text().splitlines()]
    columns = [rows[0].index(f"p({name})") for name in CLASSES]
    return torch.tensor([[float(row[c]) for c in columns] for row in rows[1:]])


@pytest.mark.parametrize("side", [8, 24, 32])
def test_pictures_of_another_size_are_the_same_scene(
    side: int, trained: tuple[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, _ = trained
    other = pictures(tmp_path / "other", side)
    with warnings.catch_warnings():
        warnings.simplefilter("error", SamplingWarning)
        result = evaluate_model(model, other, out=tmp_path / "answers.csv")
        rows = predict_files(model, sorted(other.rglob("*.png")))
    wanted = answers(model, other, 16 / side)
    torch.testing.assert_close(found(tmp_path / "answers.csv"), wanted, atol=1e-5, rtol=0)
    assert [row["probabilities"]["b"] for row in rows] == pytest.approx(wanted[:, 1].tolist(), abs=1e-5)
    assert (
        f"arrays of {side} x {side} samples, {16 / side:.4g} apart (in training 16 x 16, 1 apart)"
        in result["read"]
    )
    assert f"read: {result['read']}" in capsys.readouterr().err
    assert rows[0]["read"].split(" (")[0] == result["read"].split(" (")[0]
    few = transfer_model(model, other, "pixels", [])["results"]["pixels"]
    assert few["accuracy"] == pytest.approx(result["accuracy"]) and few["read"] == result["read"]


def test_options_say_otherwise(trained: tuple[str, Path], tmp_path: Path) -> None:
    model, _ = trained
    other = pictures(tmp_path / "other", 32)
    with warnings.catch_warnings():
        warnings.simplefilter("error", SamplingWarning)
        as_parts = evaluate_model(model, other, out=tmp_path / "1.csv", read=ReadAs(spacing=1.0))
        shrunk = evaluate_model(
            model, other, out=tmp_path / "2.csv", read=ReadAs(size=8, interpolation="none")
        )
    torch.testing.assert_close(found(tmp_path / "1.csv"), answers(model, other, 1.0), atol=1e-5, rtol=0)
    assert "32 x 32 samples, 1 apart" in as_parts["read"]
    assert "8 x 8 samples, 2 apart" in shrunk["read"] and "between" not in shrunk["read"]
    curves = evaluate_model(model, other, read=ReadAs(size=8))
    assert "between samples: cubic" in curves["read"]
    assert "linear" in evaluate_model(model, other, read=ReadAs(size=8, interpolation="linear"))["read"]


def test_a_sampling_is_that_of_transfer(trained: tuple[str, Path], tmp_path: Path) -> None:
    model, _ = trained
    other = pictures(tmp_path / "other", 32)
    rows = transfer_model(model, other, "pixels", ["pixels:4", "scattered:0.5"])["results"]
    for name, row in rows.items():
        found = evaluate_model(model, other, sampling=name)
        assert {
            key: found[key] for key in ("accuracy", "mean_class_accuracy", "n", "read")
        }.items() <= row.items()
    assert "8 x 8 samples, 2 apart" in rows["pixels:4"]["read"]  # every fourth of those 0.5 apart
    with pytest.raises(ValueError, match="pixels, scattered, jittered, uneven, lit for this model"):
        evaluate_model(model, other, sampling="voxels")


def test_what_is_no_scene_of_training_is_resized(trained: tuple[str, Path], tmp_path: Path) -> None:
    """Other proportions, much larger ones, several sizes: the middle of each, as models without this record do."""
    model, _ = trained
    wide, large = pictures(tmp_path / "wide", 32, aspect=1.5), pictures(tmp_path / "large", 80)
    several = pictures(tmp_path / "several", 32)
    Image.fromarray(scene(40, 0, 3)).save(several / "a" / "9.png")
    for folder in (wide, large, several):
        result = evaluate_model(model, folder)
        assert "16 x 16 samples, 1 apart" in result["read"]
        assert (
            "16 x 16 samples, 1 apart" in predict_files(model, [folder / "a"])[0]["read"] or folder is several
        )


def test_pictures_that_training_resized_are_resized(trained: tuple[str, Path], tmp_path: Path) -> None:
    model, data = trained
    large = pictures(tmp_path / "40", 40)

    def measured(folder: Path, size: int | None, in_memory: bool = False) -> int | None:
        options: dict[str, Any] = {} if size is None else {"size": size}
        from functools import partial

        opened = partial(ImageFolder, folder, view="image", scaling=SCALING, **options)
        module = ClassificationData(opened, opened, in_memory=in_memory)
        network: Any = create_model("ccnn_4_16", dim=2, in_channels=3, out_channels=2, shape=[16, 16])
        return measure_training(network, module).arrays.resized

    def mixture(folder: Path, samplings: list[str]) -> tuple[str, ...] | None:
        from functools import partial

        transform = mixed_augmentation([], samplings, 1)
        opened = partial(ImageFolder, folder, view="image", scaling=SCALING, transform=transform)
        network: Any = create_model("ccnn_4_16", dim=2, in_channels=3, out_channels=2, shape=[16, 16])
        return measure_training(network, ClassificationData(opened, opened)).arrays.samplings

    assert measured(data, None) is None and measured(data, 16) is None and measured(data, 16, True) is None
    assert measured(large, 16) == 16 and measured(large, 16, True) == 16
    assert mixture(data, []) == () and mixture(data, ["pixels", "scattered:0.5"]) == (
        "pixels",
        "scattered:0.5",
    )
    config = json.loads((Path(model) / "config.json").read_text())
    config["trained_on"]["arrays"] = [16, None]
    (Path(model) / "config.json").write_text(json.dumps(config))
    assert "16 x 16 samples, 1 apart" in evaluate_model(model, large)["read"]


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, Path]:
    """A network of series in seconds, and their table."""
    monkeypatch.setenv("CCNN_PC_CACHE", str(tmp_path / "cache"))
    path = write_table(tmp_path / "s.csv", 1.0)
    data = LongCSV(path, None)
    torch.manual_seed(0)
    model: Any = create_model("ccnn_4_16", dim=1, in_channels=1, out_channels=2, shape=[30], spacing=0.1)
    model.trained_on = measure(model.reading, [data[i] for i in range(len(data))])
    used = SeriesPreprocessing(form="irregular", table=data.description())
    return str(save_pretrained(model, tmp_path / "model", classes=CLASSES, preprocessing=used)), path


def write_table(path: Path, unit: float, start: float = 0.0) -> Path:
    rng = np.random.default_rng(0)
    rows = ["id,time,variable,value,label"]
    for i in range(12):
        times = np.cumsum(rng.integers(1, 3, 30)) / 10
        values = np.sin((1 + i % 2) * times) + 0.1 * rng.normal(size=30)
        rows += [
            f"{i},{start + unit * t:.10g},v,{v:.6f},{CLASSES[i % 2]}"
            for t, v in zip(times, values, strict=True)
        ]
    path.write_text("\n".join(rows) + "\n")
    return path


def test_times_in_milliseconds(
    table: tuple[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, seconds = table
    millis = write_table(tmp_path / "ms.csv", 1000.0)
    wanted = [row["probabilities"]["b"] for row in predict_files(model, [seconds])]
    with pytest.warns(SamplingWarning, match=r"milliseconds for seconds.*--time-unit 0\.001"):
        evaluate_model(model, millis)
    with warnings.catch_warnings():
        warnings.simplefilter("error", SamplingWarning)
        for unit in ("0.001", "ms/s"):
            read = ReadAs(time_unit=unit)
            rows = predict_files(model, [millis], read=read)
            assert [row["probabilities"]["b"] for row in rows] == pytest.approx(wanted, abs=1e-5)
        result = evaluate_model(model, millis, read=read)
        assert result["accuracy"] == evaluate_model(model, seconds)["accuracy"]
        assert recalibrate_model(model, millis, tmp_path / "new", read=read)["items"] == 12
    assert "series of 30 samples" in result["read"] and "in training 30 samples" in result["read"]
    with pytest.raises(ValueError, match="'time_unit' must be a number, or two units, ms/s"):
        predict_files(model, [millis], read=ReadAs(time_unit="ms"))
    with pytest.raises(SystemExit):
        main(["evaluate", model, "--data", str(millis), "--time-unit", "ms/s", "--json"])
    out = capsys.readouterr()
    assert (
        json.loads(out.out.splitlines()[-1])["read"] == result["read"]
        and f"read: {result['read']}" in out.err
    )


def test_series_on_lines_or_sums_or_curves(table: tuple[str, Path]) -> None:
    model, seconds = table
    assert "linear" in evaluate_model(model, seconds, read=ReadAs(interpolation="linear"))["read"]
    assert "between" not in evaluate_model(model, seconds, read=ReadAs(interpolation="none"))["read"]
    curves = ReadAs(interpolation="cubic")
    assert "between samples: cubic" in evaluate_model(model, seconds, read=curves)["read"]
    lines, bent = (
        predict_files(model, [seconds], read=read)[0]["probabilities"] for read in (ReadAs(), curves)
    )
    assert lines["b"] != bent["b"]


@pytest.mark.parametrize("command", ["evaluate", "predict", "transfer", "recalibrate"])
@pytest.mark.parametrize(
    ("option", "value", "word"),
    [
        ("--spacing", "-1", "spacing"),
        ("--spacing", "nan", "spacing"),
        ("--size", "16", "size"),
        ("--time-unit", "ms/s", "time_unit"),
        ("--time-unit", "fortnights", "time_unit"),
        ("--interpolation", "smooth", "interpolation"),
    ],
)
def test_options_that_do_not_fit_are_refused(
    command: str, option: str, value: str, word: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A model of clouds has neither pictures nor arrays nor times."""
    place = tmp_path / "clouds.npz"
    np.savez(
        place, points=np.random.default_rng(0).normal(size=(4, 50, 3)), label=[0, 0, 0, 0], classes=["bed"]
    )
    data = [str(place)] if command == "predict" else ["--data", str(place)]
    more = {
        "transfer": ["--from", "points", "--to", "voxels"],
        "recalibrate": ["--out", str(tmp_path / "new")],
    }
    with pytest.raises(SystemExit) as stopped:
        main([command, "ccnn_tiny-modelnet10", *data, *more.get(command, []), option, value])
    assert stopped.value.code != 0
    said = capsys.readouterr().err
    assert f"'{word}' must" in said and value.lstrip("-") in said


def test_a_training_whose_k_cuts_the_window_is_silent_and_is_remembered(
    words: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The quick start lets k grow with the points, so that neighbourhoods keep their size; then nothing is said."""
    monkeypatch.setattr("ccnn_pc.domains.points.coverage._SAID", set())
    with warnings.catch_warnings():
        warnings.simplefilter("error", NeighborhoodWarning)
        warnings.simplefilter("error", SamplingWarning)
        with pytest.raises(SystemExit) as stopped:
            main(
                [
                    "train",
                    *words(
                        "trainer.max_epochs=1",
                        "data.num_neighbors=3",
                        "data.eval_num_points=48",
                        "data.eval_num_neighbors=6",
                    ),
                ]
            )
        assert not stopped.value.code
        model = tmp_path / "runs" / "shapes_quickstart" / "latest" / "model"
        assert "48 points, the 6 nearest" in evaluate_model(str(model), "shapes")["read"]
    found = from_pretrained(model).trained_on
    assert found is not None and found.neighborhood is not None
    assert (found.items, found.samples.median, found.neighborhood.k) == (36, 24, 3)


def test_units() -> None:
    assert factor_of("h/min", None) == 60 and factor_of("ms", "seconds") == pytest.approx(1e-3)
    for wrong in ("0", "-1", "inf", "ms/", "s/km"):
        with pytest.raises(ValueError, match="time_unit"):
            factor_of(wrong, "seconds")


def test_footing_of_a_model_without_record(trained: tuple[str, Path]) -> None:
    network: Any = from_pretrained(trained[0])
    network.trained_on = None
    footing = Footing(network)
    assert footing.side(network.preprocessing) == 16 and not footing.holds([32, 32])
