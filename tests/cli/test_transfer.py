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

from ccnn_pc.cli.app import main
from ccnn_pc.cli.transfer import transfer_model
from ccnn_pc.datasets import GridData, PointCloudData, preprocessing_from_json
from ccnn_pc.datasets.samplings import Sampling
from ccnn_pc.datasets.transforms import ScatteredCells
from ccnn_pc.models import create_model, save_pretrained

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
    network.reading = replace(network.reading, num_neighbors=42)  # type: ignore[type-var, assignment]
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
            "must be one of points, even, random, uneven, voxels, dense, pixels, scattered, jittered, series, every",
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
