"""`ccnn-pc recalibrate`: the statistics of the data, every weight as it was, a model that every command reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch_geometric.data import Batch

from ccnn_pc.cli.app import main
from ccnn_pc.cli.evaluate import evaluate_model
from ccnn_pc.cli.recalibrate import recalibrate_model
from ccnn_pc.datasets.clouds.arrays import CloudArrays
from ccnn_pc.datasets.samplings import Sampling
from ccnn_pc.models import create_model, from_pretrained, save_pretrained
from ccnn_pc.nn import recalibrate

READ = {"num_points": 50, "features": ["pos"], "num_neighbors": 12}


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CCNN_PC_CACHE", str(tmp_path / "cache"))


def saved(folder: Path, **options: Any) -> str:
    torch.manual_seed(0)
    network = create_model("ccnn_4_16", dim=3, in_channels=3, out_channels=3, **options)
    return str(save_pretrained(network, folder, classes=list("abc"), preprocessing=READ))


@pytest.fixture
def data(tmp_path: Path, rng: np.random.Generator) -> str:
    points = rng.uniform(-1, 1, (20, 80, 3)).astype("f4")
    np.savez(tmp_path / "clouds.npz", points=points, label=np.arange(20) % 3, classes=np.array(list("abc")))
    return str(tmp_path / "clouds.npz")


def test_it_is_recalibrate_on_the_data_as_the_model_reads_them(tmp_path: Path, data: str) -> None:
    model, out = saved(tmp_path / "model"), tmp_path / "out"
    assert recalibrate_model(model, data, out, batch_size=20, seed=4) == {"norms": 6, "items": 20}
    network: Any = from_pretrained(model)
    clouds = CloudArrays(data, transform=network.preprocessing.transform(), seed=4)
    recalibrate(network, [Batch.from_data_list([clouds[i] for i in range(20)])])
    before, after = load_file(Path(model) / "model.safetensors"), load_file(out / "model.safetensors")
    for name, value in network.state_dict().items():
        torch.testing.assert_close(after[name], value, rtol=1e-4, atol=1e-6)
        assert torch.equal(after[name], before[name]) != name.endswith(("running_mean", "running_var"))
    assert (out / "config.json").read_text() == (Path(model) / "config.json").read_text()
    assert evaluate_model(str(out), data)["n"] == 20


def test_a_sampling_is_that_of_evaluate(
    tmp_path: Path, data: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The statistics of the data as ``evaluate --sampling`` reads them, by function and by command."""
    model, out = saved(tmp_path / "model"), tmp_path / "out"
    recalibrate_model(model, data, out, batch_size=20, seed=4, sampling="random:30")
    network: Any = from_pretrained(model)
    transform = Sampling.parse("random:30").transform(network.preprocessing)
    clouds = CloudArrays(data, transform=transform, seed=4)
    recalibrate(network, [Batch.from_data_list([clouds[i] for i in range(20)])])
    after = load_file(out / "model.safetensors")
    for name, value in network.state_dict().items():
        torch.testing.assert_close(after[name], value, rtol=1e-4, atol=1e-6)
    assert not torch.equal(
        after["norm.running_mean"],
        load_file(Path(saved(tmp_path / "again")) / "model.safetensors")["norm.running_mean"],
    )
    capsys.readouterr()
    words = [
        "recalibrate",
        model,
        "--data",
        data,
        "--out",
        str(tmp_path / "2"),
        "--batch-size",
        "20",
        "--seed",
        "4",
    ]
    main_exits([*words, "--sampling", "random:30"], 0)
    said = capsys.readouterr()
    assert "items of" in said.out and "at random:30" in said.out and "--sampling random:30 " in said.out
    assert "clouds of 30 points" in said.err
    again = load_file(tmp_path / "2" / "model.safetensors")
    assert all(torch.equal(again[name], after[name]) for name in after)
    for wrong, text in (
        ("pixels", "must be one of points, even"),
        ("random:0", "random"),
        ("some", "must be one of"),
    ):
        main_exits([*words[:-4], "--sampling", wrong], 1)
        assert text in capsys.readouterr().err


def test_items_are_spread_over_all(tmp_path: Path, data: str) -> None:
    model = saved(tmp_path / "model")
    assert recalibrate_model(model, data, tmp_path / "few", items=7) == {"norms": 6, "items": 7}
    assert recalibrate_model(model, data, tmp_path / "all", items=0)["items"] == 20
    few, everything = (load_file(tmp_path / name / "model.safetensors") for name in ("few", "all"))
    assert not torch.equal(few["norm.running_mean"], everything["norm.running_mean"])


def test_the_command_says_what_it_did_and_refuses_networks_without_batch_norms(
    tmp_path: Path, data: str, capsys: pytest.CaptureFixture[str]
) -> None:
    main_exits(["recalibrate", saved(tmp_path / "model"), "--data", data, "--out", str(tmp_path / "out")], 0)
    assert "6 batch norms, statistics of 20 items" in capsys.readouterr().out
    other = saved(tmp_path / "other", norm="layer")
    main_exits(["recalibrate", other, "--data", data, "--out", str(tmp_path / "never")], 1)
    assert "must have batch norms" in capsys.readouterr().err
    assert not (tmp_path / "never" / "config.json").exists()


def main_exits(words: list[str], status: int) -> None:
    with pytest.raises(SystemExit) as left:
        main(words)
    assert (left.value.code or 0) == status
