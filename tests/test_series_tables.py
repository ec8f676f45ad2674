"""Tables of the studies on series: means, deviations and ratios from small tables of known content."""

from __future__ import annotations

from pathlib import Path

import pytest

import scripts
from scripts.tables import update

HEAD = "setting,tested_on,weights,seed,parameters,test_accuracy,test_auc,seconds_per_epoch,limit_core_minutes"
HEAD += ",interpolation,epochs,max_epochs,n_train,n_val,n_test,machine"
TAIL = ",60,60,2000,429,429,a machine"


def line(
    setting: str,
    tested: str,
    weights: str,
    seed: int,
    score: float,
    seconds: float,
    limit: str = "",
    interpolation: str = "",
) -> str:
    accuracy, auc = ("", score) if tested == "test" else (score, "")
    return (
        f"{setting},{tested},{weights},{seed},21199,{accuracy},{auc},{seconds},{limit},{interpolation}{TAIL}"
    )


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(scripts, "ROOT", tmp_path)
    (tmp_path / "results").mkdir()
    return tmp_path


def test_character_trajectories(results: Path) -> None:
    names = ("results:chartraj", "results:chartraj_rates", "results:chartraj_cost")
    assert all("Not measured yet" in update.body(name) for name in names)
    rows = [
        line("drop0", "drop 0", "cell", seed, score, 4, interpolation="linear")
        for seed, score in enumerate((0.99, 0.995, 0.985))
    ]
    rows += [
        line("drop0", "rate 1/8", "cell", 0, score, 4, interpolation=how)
        for how, score in (("linear", 0.5), ("none", 0.25))
    ]
    rows += [line("drop70", "drop 70", "cell", 0, 0.75, 4)]
    for weights, score in (("cell", 0.8), ("constant", 0.3)):
        rows += [line("stamps", "drop 0", weights, seed, 0.9 + seed / 10, 2) for seed in (0, 1)]
        rows += [line("stamps", "drop 70", weights, 0, score, 2)]
    rows += [line("stamps", "drop 70", "", 0, 0.85, 2, interpolation="linear")]
    rows += [line("neural_cde", "drop 0", "", 0, 0.875, 25, "30.0")]
    (results / "results" / "chartraj.csv").write_text("\n".join([HEAD, *rows]) + "\n")
    drops, rates, cost = (update.body(name) for name in names)
    assert (
        "| ours on the grid, a network for each share | 21 199 | 99.00 ± 0.50 | – | – | 75.00 | 1 to 3 |"
        in drops
    )
    assert "trained on all samples | 21 199 | 95.00 ± 7.07 | – | – | 80.00 | 1 to 2 |" in drops
    assert "tested without weights | 21 199 | 95.00 ± 7.07 | – | – | 30.00 | 1 to 2 |" in drops
    assert "tested on straight lines | 21 199 | – | – | – | 85.00 | 1 |" in drops
    assert "| *CKCNN, published* | – | 99.53 | 99.3 | 98.83 | 98.14 | – |" in drops
    short = update.body("results:series")
    assert all(part in short for part in ("tested on straight lines", "a network for each share", "*NCDE"))
    assert "weight" not in short and "GRU" not in short
    assert "2 000 series train, 429 choose the epoch, 429 test" in drops and "mixed" not in drops
    assert "| ours on the grid | 21 199 | 99.00 ± 0.50 | – | – | 50.00 | 1 to 3 |" in rates
    published = "the same network, sums over samples as published"
    assert f"| {published} | 21 199 | 99.00 ± 0.50 | – | – | 25.00 | 1 to 3 |" in rates
    assert "| ours on stamps, weighted | 21 199 | 95.00 ± 7.07 | – | – | – | 2 |" in rates
    assert "| *CKCNN, published* | – | 99.53 | 99.3 | 99.3 | 95.8 | – |" in rates
    assert "| ours on stamps | 21 199 | 2.0 s | 1.0× | 60 of 60 | 95.00 ± 7.07 |" in cost
    assert "adjoint (torchcde's default) | 21 199 | 25.0 s | 12.5× | 60 of 60 | 87.50 |" in cost
    assert "(a machine); limited ones have one seed and at most 30 core minutes" in cost


def test_physionet(results: Path) -> None:
    rows = [line("tiny", "test", "cell", seed, 0.9 + seed / 100, 10) for seed in range(3)]
    rows += [line("tiny_no_counts", "test", "cell", 0, 0.8, 10), line("gru_d", "test", "", 0, 0.875, 20)]
    (results / "results" / "physionet2019.csv").write_text("\n".join([HEAD, *rows]) + "\n")
    found = update.body("results:physionet2019")
    assert "| ours | 21 199 / 21 199 | 0.910 ± 0.010 | 0.800 | 1 to 3 |" in found
    assert (
        "| GRU-D | 21 199 / – | 0.875 | – | 1 |" in found
        and "| *NCDE, published* | – | 0.880 | – | – |" in found
    )
    assert "| GRU-D | 21 199 | 20.0 s | 2.0× | 60 of 60 |" in found
    assert "limited" not in found


def test_stress_tasks_and_digits(results: Path) -> None:
    assert "Not measured yet" in update.body("results:stress_tasks")
    rows = [
        "copy_memory_100,1.0,,2,0.12,21195",
        "copy_memory_200_ckcnn,0.999999,,9,5,15526",
        "adding_100_ckcnn,,9.9e-05,2,3,70587",
    ]
    head = "setting,test_accuracy,test_mse,epochs,core_minutes,parameters"
    (results / "results" / "stress_tasks.csv").write_text("\n".join([head, *rows]) + "\n")
    found = update.body("results:stress_tasks")
    assert "| copy memory, 100 | ours | 21 195 | 100.00 % | yes | 2 | 0.1 |" in found
    assert "| copy memory, 200 | CKCNN as published | 15 526 | 100.00 % | no |" in found
    assert "| adding problem, 100 | CKCNN as published | 70 587 | MSE 9.9e-05 | yes | 2 | 3.0 |" in found
    rows = [line("raw", f"rate {rate}", "", seed, 0.8, 9) for rate in ("1", "1/2") for seed in (0, 1)]
    (results / "results" / "fsdd.csv").write_text("\n".join([HEAD, *rows]) + "\n")
    digits = update.body("results:fsdd")
    assert (
        "| 8 000 samples of sound | 21 199 | 80.00 ± 0.00 | 80.00 ± 0.00 | 2 |" in digits
        and "81 frames" not in digits
    )


def test_networks_on_pixels_have_a_row_per_seed(results: Path) -> None:
    head = "setting,tested_on,seed,test_accuracy,parameters,n_train,n_test,epochs,core_minutes"
    own = "smnist,pixels,0,0.99,20673,54000,10000,16,95.2"
    rows = [own, own.replace("pixels", "pixels:2").replace("0.99", "0.75"), own.replace(",0,", ",1,")]
    (results / "results" / "images.csv").write_text("\n".join([head, *rows]) + "\n")
    found = update.body("results:images")
    start = "| sequential MNIST | 20 673 | 54 000 | 10 000 | 99.00 % |"
    assert f"{start} 75.00 % | – | 16 | 95 | 0 |" in found and f"{start} – | – | 16 | 95 | 1 |" in found


def test_long_sequences_have_a_column_per_contender(results: Path) -> None:
    head = "what,length,channels,batch,contender,parameters,both_min_ms,peak_mb,threads,machine,torch,neural_ssm,date"
    end = "2,a processor,2.13.0,0.1,2026-11-21"
    rows = [
        f"layer,1024,256,1,global,1000,10.4,20.6,{end}",
        f"layer,16000,256,1,global,16000,100,200,{end}",
        f"layer,1024,256,1,local,70,1.2,3,{end}",
        f"layer,16000,256,1,local,70,9,30,{end}",
    ]
    (results / "results" / "bench_sequence_models.csv").write_text("\n".join([head, *rows]) + "\n")
    found = update.body("bench:sequence_models")
    assert "One layer of 256 channels, batches of 1:" in found and "classifier" not in found
    assert "| samples | global | local |" in found and "| 1 024 | 10 ms, 21 MB | 1 ms, 3 MB |" in found
    assert "| parameters | 1 000 to 16 000 | 70 |" in found and "neural-ssm 0.1, 2026-11-21" in found


def test_steps_of_training(results: Path) -> None:
    assert "Not measured yet" in update.body("bench:series_models")
    head = "date,machine,threads,torch,torchdiffeq,torchcde,"
    head += "what,contender,parameters,forward_min_ms,both_min_ms,peak_mb"
    row = "2026-01-01,a machine,1,2.13,0.2,0.3,sepsis,GRU-D,26151,12.4,30.2,46.3"
    (results / "results" / "bench_series_models.csv").write_text(f"{head}\n{row}\n")
    found = update.body("bench:series_models")
    assert "| 256 patients | GRU-D | 26 151 | 12 ms | 30 ms | 46 MB |" in found
    assert "1 thread (a machine, torch 2.13, torchdiffeq 0.2, torchcde 0.3, 2026-01-01)" in found
