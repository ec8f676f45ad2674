"""Experiments on series and sequences: published numbers, two steps of each, a model folder that can be used."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra.utils import instantiate

from ccnn_pc._files import read_rows
from ccnn_pc.cli.compose import compose_config, list_experiments
from ccnn_pc.cli.evaluate import evaluate_model
from ccnn_pc.cli.train import run_experiment
from ccnn_pc.datasets import CopyMemory
from ccnn_pc.kernels import nyquist_frequency
from ccnn_pc.kernels.scaling import unscaled
from ccnn_pc.models import from_pretrained
from ccnn_pc.training.evaluation import confusion_matrix
from tests.datasets.series.test_series_configs import fake_mfcc

pytestmark = pytest.mark.filterwarnings("ignore:.*results are those of a part")
SERIES = [
    n
    for n in list_experiments()
    if n.startswith(("chartraj", "physionet", "copy_memory", "adding", "ptb", "fsdd"))
]
PEERS = ("gru_dt", "gru_d", "ode_rnn", "neural_cde")
LENGTHS = (100, 200, 1000, 3000, 6000)

#: CKConv: rate, batch, epochs, dropout, dropout of the data, angular ω₀, weight decay; parameters; outputs.
CKCNN: dict[str, tuple[float, int, int, float, float, float, float, int, int]] = {
    "chartraj_ckcnn_2_30": (1e-3, 32, 200, 0.1, 0, 21.450, 0, 100_696, 20),
    "chartraj_ckcnn_2_30_drop30": (1e-3, 32, 200, 0.2, 0, 17.244, 0, 101_746, 20),
    "chartraj_ckcnn_2_30_drop50": (1e-3, 32, 200, 0, 0, 11.997, 1e-4, 101_746, 20),
    "chartraj_ckcnn_2_30_drop70": (1e-3, 32, 200, 0.1, 0, 4.237, 0, 101_746, 20),
    "physionet2019_ckcnn_2_30": (1e-3, 1024, 200, 0.1, 0.1, 9.779, 1e-4, 175_707, 1),
    "copy_memory_100_ckcnn_2_10": (5e-4, 32, 50, 0, 0, 19.20, 0, 15_526, 10),
    "copy_memory_200_ckcnn_2_10": (5e-4, 32, 50, 0, 0, 34.71, 0, 15_526, 10),
    "copy_memory_1000_ckcnn_2_10": (5e-4, 32, 100, 0, 0, 68.69, 0, 15_526, 10),
    "copy_memory_3000_ckcnn_2_10": (5e-4, 32, 200, 0, 0, 43.65, 0, 15_526, 10),
    "copy_memory_6000_ckcnn_2_10": (5e-4, 32, 300, 0, 0, 69.97, 0, 15_526, 10),
    "adding_100_ckcnn_2_25": (1e-3, 32, 20, 0, 0, 14.55, 0, 70_587, 1),
    "adding_200_ckcnn_2_25": (1e-3, 32, 20, 0, 0, 18.19, 0, 70_587, 1),
    "adding_1000_ckcnn_2_25": (1e-3, 32, 30, 0, 0, 2.03, 0, 70_587, 1),
    "adding_3000_ckcnn_2_25": (1e-3, 32, 50, 0, 0, 2.23, 0, 70_587, 1),
    "adding_6000_ckcnn_2_25": (1e-3, 32, 50, 0, 0, 4.3, 0, 70_587, 1),
}


@pytest.fixture(autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CCNN_PC_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


def test_every_row_is_there() -> None:
    ours = {"chartraj_tiny", "chartraj_tiny_irregular", "fsdd_tiny", "fsdd_mfcc_tiny", "ptb_ckcnn_2_128"}
    ours |= {"copy_memory_tiny", "adding_tiny", "physionet2019_tiny_indicators"}
    ours |= {"chartraj_flextcn_6", "chartraj_smpnet_tcn_6"}
    models = (*PEERS, "tiny")
    physionet = {f"physionet2019_{model}{counts}" for model in models for counts in ("", "_no_counts")}
    assert {*CKCNN, *ours, *physionet, *(f"chartraj_{model}" for model in PEERS)} == set(SERIES)


@pytest.mark.parametrize("name", CKCNN)
@unscaled()
def test_published_settings_of_ckconv(name: str) -> None:
    rate, batch, epochs, dropout, dropout_in, omega, decay, count, outputs = CKCNN[name]
    c = compose_config([f"experiment={name}"])
    assert (c.optim.lr, c.data.batch_size, c.trainer.max_epochs) == (rate, batch, epochs)
    assert (c.model.dropout, c.model.dropout_in, c.task.kernel_penalty) == (dropout, dropout_in, decay / 2)
    assert c.model.omega_0 == pytest.approx(omega / (2 * math.pi), rel=1e-5)
    assert (c.model.norm, c.model.norm_eps, c.model.init) == ("group", 1e-12, "ckconv")
    model = instantiate(c.model, _convert_="all")(out_channels=outputs)
    assert sum(p.numel() for p in model.parameters()) == count
    assert c.model.get("out_channels") == (1 if name.startswith("physionet") else None)


@pytest.mark.parametrize("length", LENGTHS)
def test_stress_tasks_have_their_length(length: int) -> None:
    copy = compose_config([f"experiment=copy_memory_{length}_ckcnn_2_10"])
    data = instantiate(copy.data.module, _convert_="all").open_test()
    assert data.shape == (1, length + 20) == (copy.data.in_channels, *copy.data.shape)
    assert copy.task.objective.last == 10 and copy.model.pool is None
    adding = compose_config([f"experiment=adding_{length}_ckcnn_2_25"])
    data = instantiate(adding.data.module, _convert_="all").open_test()
    assert data.shape == (2, length) == (adding.data.in_channels, *adding.data.shape)


@pytest.mark.parametrize("name", [n for n in SERIES if not n.endswith(("ckcnn_2_10", "ckcnn_2_25"))])
def test_channels_and_scores_follow_the_data(name: str) -> None:
    c = compose_config([f"experiment={name}"])
    wanted = 41 if name.endswith("no_counts") else 75
    assert c.model.in_channels == c.data.in_channels
    if name.startswith("physionet"):
        assert (c.data.in_channels, c.data.counts + c.data.indicators) == (wanted, wanted == 75)
    scores = {
        "physionet2019": "val/auc",
        "ptb": "val/bits_per_character",
        "copy": "val/loss",
        "adding": "val/mse",
    }
    assert c.callbacks.checkpoints.monitor == scores.get(name.split("_")[0], "val/accuracy")


#: Experiments of ours whose kernels should be smooth: all but that of copy memory, which wants single samples back.
SMOOTH = [n for n in SERIES if n.endswith(("tiny", "tiny_irregular")) and n != "copy_memory_tiny"]


@pytest.mark.parametrize("name", SMOOTH)
@unscaled()
def test_our_kernels_start_below_the_nyquist_frequency(name: str) -> None:
    torch.manual_seed(0)
    c = compose_config([f"experiment={name}"])
    model = instantiate(c.model, _convert_="all")(out_channels=20)
    assert sum(p.numel() for p in model.parameters()) < 100_000
    for conv in model.convolutions():
        units = (conv.kernel.weight.detach().norm(dim=1) / (2 * torch.pi)).view(conv.kernel.num_filters, -1)
        assert float(units.mean(1).sum()) < nyquist_frequency(conv.spacing, conv.extent, conv.causal)


@pytest.mark.parametrize("data", ["chartraj", "physionet2019"])
@unscaled()
def test_peers_differ_from_ours_in_the_network_alone(data: str) -> None:
    pytest.importorskip("torchcde", reason="torchcde is in the `baselines` extra")
    ours = compose_config([f"experiment={data}_tiny" + ("_irregular" if data == "chartraj" else "")])
    outputs = ours.model.get("out_channels") or 20
    size = sum(p.numel() for p in instantiate(ours.model, _convert_="all")(out_channels=outputs).parameters())
    for peer in PEERS:
        theirs = compose_config([f"experiment={data}_{peer}"])
        assert theirs.data == ours.data and theirs.trainer == ours.trainer and theirs.model.name == peer
        model = instantiate(theirs.model, _convert_="all")(out_channels=outputs)
        assert 0.8 * size < sum(p.numel() for p in model.parameters()) < 1.2 * size


def steps(name: str, places: Path, folder: Path, *more: str) -> dict[str, Any]:
    """Two steps of an experiment on small files."""
    kind = name.split("_")[0]
    place = {"chartraj": "characters", "physionet2019": "hospital", "ptb": "text", "fsdd": "digits"}.get(kind)
    root = [] if place is None else [f"data.root={places / place}"]
    if kind == "ptb":
        root += ["data.in_channels=28", "data.length=100", "data.scored=80"]  # a short text of 28 letters
    return run_experiment(
        [
            f"experiment={name}",
            *root,
            f"runs={folder}",
            "data.batch_size=6",
            "trainer.accelerator=cpu",
            "trainer.max_epochs=1",
            "trainer.limit_train_batches=2",
            "trainer.limit_val_batches=1",
            "trainer.limit_test_batches=1",
            *more,
        ]
    )


#: Every kind of data, network and answer once; two more are trained by the tests below.
FAST = (
    *("chartraj_tiny", "physionet2019_tiny", "chartraj_ckcnn_2_30_drop30"),
    *("copy_memory_tiny", "adding_tiny", "fsdd_mfcc_tiny"),
    *(f"physionet2019_{peer}" for peer in PEERS if peer != "gru_d"),
)
#: Whose pictures are looked at: one of classes, one of numbers.
PICTURED = ("chartraj_tiny", "adding_tiny")


def marks_of(name: str) -> list[pytest.MarkDecorator]:
    return [pytest.mark.slow] * (name not in FAST) + [pytest.mark.pictures] * (name in PICTURED)


@pytest.mark.parametrize("name", [pytest.param(name, marks=marks_of(name)) for name in SERIES])
def test_two_steps(name: str, places: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if name.endswith(("ode_rnn", "ode_rnn_no_counts", "neural_cde", "neural_cde_no_counts")):
        pytest.importorskip("torchcde", reason="torchcde is in the `baselines` extra")
    fake_mfcc(monkeypatch)
    result = steps(name, places, tmp_path)
    folder, c = tmp_path / name / "latest", compose_config([f"experiment={name}"])
    assert json.loads((folder / "result.json").read_text()) == result
    assert result["experiment"] == name and result["data"] == c.data.name and result["n_test"] == 6
    (row,) = [row for row in read_rows(folder / "metrics.csv") if "val/loss" in row]
    score = c.callbacks.checkpoints.monitor.removeprefix("val/")
    assert result[f"val_{score}"] == pytest.approx(float(row[f"val/{score}"]), abs=1e-6)
    tested = "accuracy" if score == "loss" else score
    assert result[f"test_{tested}"] >= 0 and result["best_epoch"] == 1 and result["selected_on"] == "val"
    assert ("test_accuracy" in result) == (not name.startswith("adding"))
    stored = from_pretrained(folder / "model")
    wanted = instantiate(c.data.preprocessing, _convert_="all")
    assert stored.preprocessing == (wanted or None)  # tasks that are made on the spot have none
    assert stored.out_channels == (1 if score in ("auc", "mse") else len(stored.classes))
    if name in PICTURED:
        assert (folder / "confusion.png").exists() == (score != "mse") and (folder / "curves.png").exists()


@pytest.mark.parametrize("name", ["chartraj_tiny_irregular", "physionet2019_gru_d"])
def test_what_was_trained_can_be_evaluated(name: str, places: Path, tmp_path: Path) -> None:
    """`evaluate` on the files gives the number of the run's own test."""
    result = steps(name, places, tmp_path, "trainer.limit_test_batches=null")
    place = places / ("characters" if name.startswith("chartraj") else "hospital")
    found = evaluate_model(str(tmp_path / name / "latest/model"), place, batch_size=7)
    assert found["n"] == result["n_test"]
    for score in ("accuracy", "mean_class_accuracy", *(["auc"] if "test_auc" in result else [])):
        assert found[score] == pytest.approx(result[f"test_{score}"], abs=1e-6)
    assert ("auc" in found) == (name == "physionet2019_gru_d")


def test_what_has_no_class_per_item_is_not_evaluated(places: Path, tmp_path: Path) -> None:
    steps("copy_memory_100_ckcnn_2_10", places, tmp_path)
    model = from_pretrained(tmp_path / "copy_memory_100_ckcnn_2_10/latest/model")
    data = CopyMemory("test", blank=100, encoded=False, count=4)
    with pytest.raises(
        ValueError, match=r"one class per item \(got answers \[4, 10, 120\], targets \[4, 120\]"
    ):
        confusion_matrix(model, data, torch.arange(10), 10)


def test_a_longer_run_goes_on_as_if_it_had_not_stopped(places: Path, tmp_path: Path) -> None:
    name = "copy_memory_100_ckcnn_2_10"
    whole = steps(name, places, tmp_path / "whole", "trainer.max_epochs=2")
    steps(name, places, tmp_path / "parts")
    again = [f"experiment={name}", f"runs={tmp_path / 'parts'}", "resume=last", "trainer.max_epochs=2"]
    parts = run_experiment(again)
    assert {k: v for k, v in whole.items() if k.startswith(("test_", "val_"))} == {
        k: v for k, v in parts.items() if k.startswith(("test_", "val_"))
    }
