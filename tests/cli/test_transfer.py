"""`ccnn-pc transfer`: every sampling gives the number that evaluation by hand gives; equal sets give equal numbers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch_geometric.data import Batch

from ccnn_pc._files import read_rows
from ccnn_pc.cli.app import main
from ccnn_pc.cli.transfer import Part, next_steps, pairs, transfer_model
from ccnn_pc.datasets import GridData, PointCloudData, SeriesPreprocessing, preprocessing_from_json
from ccnn_pc.datasets.samplings import Sampling
from ccnn_pc.datasets.transforms import KNN, ScatteredCells
from ccnn_pc.models import create_model, save_pretrained
from tests.long_tables import write

SHAPES = {
    "num_points": 200, "normalize": "box", "features": ["pos"], "voxels": 6, "num_voxels": 30, "num_neighbors": 30,
}  # fmt: skip


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CCNN_PC_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def model(tmp_path: Path) -> str:
    torch.manual_seed(0)
    network = create_model(
        "ccnn_4_16", dim=3, in_channels=3, out_channels=3, reference_count=30, width=0.3, threshold=0.0
    )
    return str(save_pretrained(network, tmp_path / "model", classes=list("abc"), preprocessing=SHAPES))


@pytest.fixture
def data(tmp_path: Path, rng: np.random.Generator) -> str:
    points = rng.uniform(-1, 1, (20, 300, 3)).astype("f4")
    np.savez(
        tmp_path / "clouds.npz", points=points, label=rng.integers(0, 3, 20), classes=np.array(list("abc"))
    )
    return str(tmp_path / "clouds.npz")


def test_the_same_voxels_as_points_and_as_an_array(model: str, data: str, tmp_path: Path) -> None:
    result = transfer_model(
        model, data, "voxels", ["dense", "points", "points:60+density"], out=tmp_path / "out"
    )
    rows = result["results"]
    assert list(rows) == ["voxels", "dense", "points", "points:60+density"]
    assert rows["voxels"] == rows["dense"] and all(row["n"] == 20 for row in rows.values())
    assert (tmp_path / "out" / "transfer.png").stat().st_size > 1000
    assert (tmp_path / "out" / "transfer.csv").read_text().count("\n") == 5


def test_what_is_measured_is_kept_when_it_ends_early(
    model: str, data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ccnn_pc.training import evaluation

    run = evaluation.confusion_matrix
    calls: list[None] = []

    def ends_at_the_second(*args: Any, **options: Any) -> torch.Tensor:
        calls.append(None)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return run(*args, **options)

    monkeypatch.setattr(evaluation, "confusion_matrix", ends_at_the_second)
    monkeypatch.setattr("ccnn_pc.cli.axes.warn_of_other_axes", lambda *_: None)  # it asks the network, too
    with pytest.raises(KeyboardInterrupt):
        transfer_model(model, data, "voxels", ["dense"], out=tmp_path / "out")
    lines = (tmp_path / "out" / "transfer.csv").read_text().splitlines()
    assert len(lines) == 2 and "voxels" in lines[1]


def test_whole_networks_agree_on_the_same_voxels(model: str, data: str) -> None:
    """All 30 voxels see one another: the lattice of points, and the array with its mask, give the same logits."""
    from ccnn_pc.datasets.clouds.arrays import CloudArrays
    from ccnn_pc.models import from_pretrained

    network: Any = from_pretrained(model).double()
    answers = []
    for name in ("voxels", "dense"):
        clouds = CloudArrays(data, transform=Sampling.parse(name).transform(preprocessing_from_json(SHAPES)))
        batch = Batch.from_data_list([clouds[i] for i in range(4)])
        batch.x = batch.x.double()
        if batch.pos is not None:
            batch.pos = batch.pos.double()
        with torch.no_grad():
            answers.append(network(batch))
    torch.testing.assert_close(answers[0], answers[1], atol=1e-7, rtol=0)


def test_all_scattered_pixels_are_the_image() -> None:
    torch.manual_seed(0)
    network = (
        create_model(
            "ccnn_4_16", dim=2, in_channels=2, out_channels=3, shape=(7, 6), width=0.3, threshold=0.0
        )
        .double()
        .eval()
    )
    x = torch.randn(1, 2, 7, 6, dtype=torch.float64)
    points = ScatteredCells(1.0)(GridData(x=x))
    assert isinstance(points, PointCloudData)
    network.reading = replace(network.reading, neighbors=42)  # type: ignore[type-var, assignment]
    with torch.no_grad():
        torch.testing.assert_close(network(Batch.from_data_list([points])), network(x), atol=1e-9, rtol=0)


def test_coarser_pixels_keep_the_scale() -> None:
    """Every second sample of a smooth sequence: the weight of a sample doubles, and the answer hardly moves."""
    torch.manual_seed(0)
    network = create_model(
        "ccnn_4_16", dim=1, in_channels=1, out_channels=3, shape=(200,), width=0.4, omega_0=0.3
    )
    network.double().eval()
    t = torch.linspace(0, 6, 200, dtype=torch.float64)
    x = torch.stack([t.sin(), (1.3 * t).cos(), t.sin() * t.cos()])[:, None]
    with torch.no_grad():
        fine, coarse = network(x), network(x[..., ::2], spacing=2.0)
        unweighted = network(x[..., ::2])
    assert (coarse - fine).abs().max() < 0.1 * fine.abs().max() < (unweighted - fine).abs().max() * 10
    assert (coarse - fine).abs().max() < 0.5 * (unweighted - fine).abs().max()


def test_what_stands_beside_it(model: str, data: str, tmp_path: Path) -> None:
    """Points in voxels are the voxels of training, and a model that was trained there is asked like any other."""
    rows = transfer_model(
        model,
        data,
        "voxels",
        ["points:200", "voxels@9", "points"],
        trained_at={"points": model},
        out=tmp_path,
    )["results"]
    assert rows["voxels"]["accuracy_resampled"] is None is rows["voxels@9"]["accuracy_resampled"]
    assert rows["points"]["accuracy_trained_there"] == rows["points"]["accuracy"]
    assert rows["voxels"]["accuracy_trained_there"] is None
    # the points of training, in the voxels of training
    assert (
        rows["points:200"]["accuracy_resampled"]
        == rows["voxels"]["accuracy"]
        != rows["points:200"]["accuracy"]
    )
    stored = read_rows(tmp_path / "transfer.csv")
    assert [row["sampling"] for row in stored] == list(rows)
    assert [row.get("accuracy_trained_there") for row in stored] == [
        None, None, None, str(rows["points"]["accuracy"])
    ]  # fmt: skip


def small_network(tmp_path: Path, shape: list[int], preprocessing: Any, **options: Any) -> str:
    torch.manual_seed(0)
    network = create_model(
        "ccnn_4_16",
        dim=len(shape),
        in_channels=options.pop("in_channels", 3),
        out_channels=3,
        shape=shape,
        **options,
    )
    return str(
        save_pretrained(network, tmp_path / "net", classes=["0", "1", "2"], preprocessing=preprocessing)
    )


def test_images_in_all_samplings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Curves that a network reads itself are those that resampling reads; other samplings are read as points."""
    from ccnn_pc.cli import open_data as inputs
    from ccnn_pc.datasets.common.grids import GridArrays

    values = np.random.default_rng(0).integers(0, 255, (12, 3, 9, 9)).astype(np.uint8)
    images: Any = GridArrays(values, np.arange(12) % 3, ["0", "1", "2"])
    images.shape = (3, 9, 9)
    monkeypatch.setattr(inputs, "check_data", lambda spec: None)

    def opened(spec: Any, preprocessing: Any, *_: Any, **__: Any) -> Any:
        return images.subset(range(12), transform=preprocessing.transform())

    monkeypatch.setattr(inputs, "open_data", opened)
    saved = small_network(tmp_path, [9, 9], {"view": "image", "mean": [0.5], "std": [0.25]}, scattered="grid")
    others = [
        "pixels:2",
        "pixels:1.3333",
        "scattered:0.25",
        "jittered",
        "jittered:0.2",
        "uneven:0.3",
        "uneven:0.3+density",
    ]
    found = transfer_model(saved, "made", "pixels", others, out=tmp_path / "out")
    rows = found["results"]
    assert list(rows) == ["pixels", *others] and rows["pixels"]["accuracy_resampled"] is None
    # the ninth sample is the last of those: curves from 0 to 8 are the whole picture
    assert rows["pixels:2"]["accuracy_resampled"] == rows["pixels:2"]["accuracy"]
    assert all(0 <= rows[name]["accuracy_resampled"] <= 1 for name in others)
    for name, words in (
        ("pixels:1.3333", "7 x 7 samples, 1.333 apart"),
        ("jittered", "81 points"),
        ("uneven:0.3", "24 points"),
    ):
        assert words in rows[name]["read"] and "between samples: cubic" in rows[name]["read"]
    assert (tmp_path / "out" / "transfer.png").stat().st_size > 1000
    monkeypatch.setattr(
        KNN, "forward", lambda *_: pytest.fail("a search for neighbours that nobody looks at")
    )
    scattered = transfer_model(saved, "made", "scattered", ["pixels"])["results"]
    assert scattered["pixels"]["accuracy_resampled"] is None
    with pytest.raises(
        ValueError, match=r"the share of pixels must be in \(0, 0.55\], for a model of images"
    ):
        transfer_model(saved, "made", "pixels", ["uneven:64"])


def test_a_table_of_series(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Rates and drops of a table, by the command; the lines that the network reads are those that resampling reads."""
    from ccnn_pc.datasets import LongCSV

    random = np.random.default_rng(0)
    rows = [
        (f"s{n}", step * 0.5, "v", round(float(random.normal(n % 3)), 3))
        for n in range(36)
        for step in range(13)
    ]
    table = write(tmp_path / "t.csv", ("id", "time", "variable", "value"), rows)
    labels = write(tmp_path / "l.csv", ("id", "label"), [(f"s{n}", n % 3) for n in range(36)])
    read = LongCSV(table, None, labels=labels).description()
    saved = small_network(
        tmp_path, [13], SeriesPreprocessing(form="irregular", table=read), in_channels=1, spacing=0.5
    )
    words = ["transfer", saved, "--from", "series", "--to", "every:2", "--to", "every:4", "--to", "drop:30"]
    words += [
        "--data",
        str(table),
        "--labels",
        str(labels),
        "--trained-at",
        f"every:2={saved}",
        "--out",
        str(tmp_path),
    ]
    with pytest.raises(SystemExit) as stopped:
        main([*words, "--json"])
    assert stopped.value.code == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])["results"]
    assert list(found) == ["series", "every:2", "every:4", "drop:30"]
    assert (
        found["every:2"]["accuracy_resampled"] == found["every:2"]["accuracy"]
    )  # 12 is even: all stamps are within
    assert found["every:2"]["accuracy_trained_there"] == found["every:2"]["accuracy"]
    assert (
        "7 samples, one every 1;" in found["every:2"]["read"]
        and "4 samples, one every 2" in found["every:4"]["read"]
    )
    assert "10 samples" in found["drop:30"]["read"]
    with pytest.raises(SystemExit):
        main(words)
    assert "drop:30 " in capsys.readouterr().out
    for text, word in (
        ("pixels:2", "must be one of series, every, drop"),
        ("every:1.5", "whole number for series"),
    ):
        with pytest.raises(ValueError, match=word):
            transfer_model(saved, table, "series", [text], part=Part(labels=str(labels)))


def test_published_drops_make_room_for_those_that_are_asked(tmp_path: Path) -> None:
    """Data sets that leave samples out themselves leave out none where the sampling says which."""
    from ccnn_pc.cli.read_as import Footing
    from ccnn_pc.cli.sampled import Sampler
    from ccnn_pc.datasets.series.dataset import SeriesDataset
    from ccnn_pc.datasets.series.stored import join_series
    from ccnn_pc.models import from_pretrained

    stored = join_series([np.ones((20, 1), "f4") * n for n in range(1, 4)], [0, 1, 2], ["0", "1", "2"])
    data: Any = SeriesDataset(stored, np.arange(3), np.arange(0), drop=50, normalize="none")
    used = SeriesPreprocessing(drop=50)
    network: Any = from_pretrained(small_network(tmp_path, [20], used, in_channels=2))
    sampler, footing = Sampler(network, []), Footing(network)

    def seen(text: str) -> Any:
        return sampler(data.subset(range(3)), Sampling.parse(text), footing)[1].x

    assert seen("series")[0].sum(1).tolist() == [20, 10]
    assert seen("every:2")[0].sum(1).tolist() == [20, 10] and seen("every:2").shape == (1, 2, 10)
    assert seen("drop:25")[0].sum(1).tolist() == [30, 15]
    assert sampler.resampled(data, Sampling.parse("every:2"), Sampling.parse("series"), footing) is None
    again = sampler.resampled(
        data.without_drops(), Sampling.parse("drop:25"), Sampling.parse("series"), footing
    )
    assert again[1].x[0].sum(1).tolist() == [40, 20]


def test_models_to_compare_with_must_be_of_samplings_that_are_asked(model: str, data: str) -> None:
    with pytest.raises(ValueError, match=r"samplings that are asked for, voxels, points \(got even:64\)"):
        transfer_model(model, data, "voxels", ["points"], trained_at={"even:64": model})
    for words, message in ((["even:64"], "must be SAMPLING=MODEL"), (["a=b", "a=c"], "each sampling once")):
        with pytest.raises(ValueError, match=message):
            pairs(words)


def test_next_steps_name_what_loses() -> None:
    def row(accuracy: float, resampled: float | None = None, there: float | None = None) -> dict[str, Any]:
        return {"accuracy": accuracy, "accuracy_resampled": resampled, "accuracy_trained_there": there}

    rows = {
        "pixels": row(0.6),
        "pixels:2": row(0.5, 0.55),
        "scattered": row(0.59),
        "jittered": row(0.5, 0.5, 0.51),
    }
    lines = next_steps({"results": rows, "from": "pixels", "model": "m"}, batch_norms=True)
    assert (
        lines[0] == "next: pixels:2 loses more than 2 points"
    )  # others lose less, or the data allow no more
    text = " ".join(lines)
    assert "data.samplings=[pixels, pixels:2]" in text and "resample before: pixels:2" in text
    assert "recalibrate m" in text and "--trained-at pixels:2=MODEL" in text
    series = {"series": row(0.9), "drop:70": row(0.5), "drop:50": row(0.6)}
    drops = next_steps({"results": series, "from": "series", "model": "m"}, batch_norms=False)
    assert any("data.train_drop=[0, 70]" in line for line in drops) and "recalibrate" not in " ".join(drops)
    assert (
        next_steps({"results": {"series": row(0.9)}, "from": "series", "model": "m"}, batch_norms=True) == []
    )


def test_command(model: str, data: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["transfer", model, "--from", "voxels", "--to", "points", "--data", data]
    with pytest.raises(SystemExit) as stopped:
        main([*words, "--json"])
    assert stopped.value.code == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert set(found["results"]) == {"voxels", "points"} and found["results"]["points"]["n"] == 20
    with pytest.raises(SystemExit):
        main(words)
    assert "points  " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (
            "meshes",
            "must be one of points, even, random, uneven, voxels, dense, pixels, scattered, jittered, lit, ",
        ),
        ("points+weights", "must be one of points"),
        ("points:many", "number must be one"),
        ("points:0", "must be a whole number, at least 1"),
        ("pixels:0.5", "must be at least 1"),
        ("scattered:0", "must be in \\(0, 1\\]"),
        ("jittered:1.5", "must be in \\(0, 1\\]"),
        ("uneven:0.6", "or in \\(0, 0.55\\] \\(share of pixels\\)"),
        ("every", "must be at least 1, as in every:2"),
        ("drop:100", "must be per cent, in \\[0, 100\\)"),
        ("series:2", "must be left out"),
        ("every:2+density", "must go with samples"),
        ("scattered:2", "must be in \\(0, 1\\]"),
        ("dense+density", "must go with samples"),
    ],
)
def test_names_of_samplings(text: str, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        Sampling.parse(text)


def test_a_sampling_must_suit_the_model(model: str, data: str) -> None:
    with pytest.raises(
        ValueError,
        match="must be one of points, even, random, uneven, voxels, dense for this model \\(got pixels\\)",
    ):
        transfer_model(model, data, "pixels", ["points"])


def test_few_neighbours_mean_the_same_on_an_array(model: str, data: str, tmp_path: Path) -> None:
    """A model of the 6 nearest voxels sees 6 of them on the array too; the array as it is would be another function."""
    from ccnn_pc.datasets import OccupiedCells
    from ccnn_pc.datasets.clouds.arrays import CloudArrays
    from ccnn_pc.models import from_pretrained

    network: Any = from_pretrained(model)
    few = save_pretrained(network, tmp_path / "few", preprocessing=SHAPES | {"num_neighbors": 6})
    network = from_pretrained(few)
    batches = {}
    for name in ("voxels", "dense"):
        clouds = CloudArrays(data, transform=Sampling.parse(name).transform(network.preprocessing))
        batches[name] = Batch.from_data_list([clouds[i] for i in range(4)])
    with torch.no_grad():
        torch.testing.assert_close(
            network(batches["dense"]), network(batches["voxels"]), atol=1e-5, rtol=1e-5
        )
    rows = transfer_model(str(few), data, "voxels", ["dense"])["results"]
    assert rows["voxels"] == rows["dense"]
    dense = preprocessing_from_json(SHAPES | {"form": "dense", "num_neighbors": None})
    assert dense is not None
    whole = CloudArrays(data, transform=dense.transform())
    with pytest.raises(
        ValueError, match=r"saw the 6 nearest samples in training .* all of 30 samples\).*KNN\(6\)"
    ):
        network(whole[0])
    with pytest.raises(ValueError, match="occupied"):
        OccupiedCells()(GridData(x=torch.rand(1, 1, 2, 2)))


def test_a_network_that_searches_its_neighbours_sees_as_many_on_an_array(data: str, tmp_path: Path) -> None:
    """The network says k, its preprocessing has none: the array is read as the k nearest voxels, or refused."""
    from ccnn_pc.datasets.clouds.arrays import CloudArrays
    from ccnn_pc.models import from_pretrained, measure

    used = preprocessing_from_json(SHAPES | {"num_neighbors": None})
    assert used is not None
    torch.manual_seed(0)
    network: Any = create_model("ccnn_4_16", dim=3, in_channels=3, out_channels=3, num_neighbors=6, width=0.6)
    clouds = CloudArrays(data, transform=used.transform())
    network.trained_on = measure(network.reading, [clouds[i] for i in range(20)])
    saved = str(save_pretrained(network, tmp_path / "m", classes=list("abc"), preprocessing=used))
    rows = transfer_model(saved, data, "voxels", ["dense"])["results"]
    assert rows["voxels"] == rows["dense"] and "the 6 nearest" in rows["dense"]["read"]
    dense = preprocessing_from_json(SHAPES | {"form": "dense", "num_neighbors": None})
    assert dense is not None
    with pytest.raises(ValueError, match=r"saw the 6 nearest samples in training .* all of 30 samples\)"):
        from_pretrained(saved)(CloudArrays(data, transform=dense.transform())[0])


def test_networks_without_kernels_are_asked_of_clouds_alone(data: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    points = {"num_points": 200, "normalize": "box", "features": ["pos"]}
    peer = create_model("pointnet2", dim=3, in_channels=3, out_channels=3)
    folder = save_pretrained(peer, tmp_path / "peer", classes=list("abc"), preprocessing=points)
    result = transfer_model(str(folder), data, "points", ["random:250", "voxels@6"], out=tmp_path / "out")
    rows = result["results"]
    assert [row["n"] for row in rows.values()] == [20, 20, 20]
    assert rows["random:250"]["accuracy_resampled"] is not None
    with pytest.raises(ValueError, match="must be of points for PointNet2, which reads no arrays"):
        transfer_model(str(folder), data, "points", ["dense@6"], out=tmp_path / "none")
    series = create_model("gru_d", dim=1, in_channels=3, out_channels=3)
    folder = save_pretrained(
        series, tmp_path / "series", classes=list("abc"), preprocessing=SeriesPreprocessing()
    )
    with pytest.raises(ValueError, match="'sampling' must be left out for GRUD"):
        transfer_model(str(folder), data, "series", ["drop:50"], out=tmp_path / "other")
