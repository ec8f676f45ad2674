"""README.md and docs/: sentences and tables are made of the rows in results/."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import scripts
from scripts.package_model import ground_error
from scripts.tables import update

ROOT = Path(__file__).resolve().parents[1]


def test_numbers_come_from_the_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sentences and ratios from small tables of known content."""
    monkeypatch.setattr(scripts, "ROOT", tmp_path)
    (tmp_path / "results").mkdir()
    assert "Not measured yet" in update.body("bench:point_conv")
    head = "experiment,model,seed,test_accuracy,test_mean_class_accuracy,val_accuracy,best_epoch,epochs,parameters"
    rows = [
        "t,ccnn_tiny,0,0.5,0.4,0.99,3,9,23843,90,10,44,val,44.6,",
        "t,ccnn_tiny,7,0.75,0.7,0.95,5,9,23843,90,10,44,val,30,ccnn_tiny-modelnet10",
        "modelnet10_pointnet2,pointnet2,0,0.9,0.8,0.99,5,9,1468170,90,10,44,val,45,",
    ]
    table = "\n".join([head + ",n_train,n_val,n_test,selected_on,core_minutes,packaged", *rows]) + "\n"
    (tmp_path / "results/modelnet10.csv").write_text(table)
    trained = update.body("results:pretrained")
    for part in (
        "23 843 parameters",
        "**75.00 %** of 44",
        "70.00 %",
        "epoch 5 of 9",
        "10 validation",
        "seed 7",
        "30 core",
    ):
        assert part in trained
    assert (
        "| `modelnet10_pointnet2` | – | 1 468 170 | 90.00 % | 80.00 % | 44 | 9 | 45 | 0 | val |"
        in update.body("results:modelnet10")
    )
    rows = [
        "a,voxels,0.5,0,voxels,0.75,0.7,44",
        "a,voxels,0.5,0,points,0.5,0.5,44",
        "b,points,40,0,points,0.25,0.2,44",
    ]
    head = "model,trained_on,omega_0,seed,sampling,accuracy,mean_class_accuracy,n"
    (tmp_path / "results/transfer.csv").write_text("\n".join([head, *rows]) + "\n")
    transfer = update.body("results:transfer")
    assert "| sampling | `a`, ω₀ 0.5 | `b`, ω₀ 40 |" in transfer
    assert "| `points` | 50.00 % | **25.00 %** |\n| `voxels` | **75.00 %** | – |" in transfer
    common = "4,512,256,140,32,{},2,cpu,1.0,today,"
    times = [("2.0", "fused", "100,500,100,1e-7"), ("2.0", "released_repaired", "1000,3000,1500,1e-7"),
             ("2.0", "pyg_cfconv_our_kernel", "1000,1000,900,1e-7"), ("0.075", "fused", "100,100,50,2e-7")]  # fmt: skip
    lines = [common.format(width) + f"{contender},{figures}" for width, contender, figures in times]
    head = "clouds,points,k,channels,hidden,width,threads,machine,torch,date,contender,"
    head += "forward_min_ms,both_min_ms,peak_mb,max_error"
    (tmp_path / "results/bench_point_conv.csv").write_text("\n".join([head, *lines]) + "\n")
    row = "wide,100000,256,32,fused,12400,321"
    head = "part,points,k,channels,contender,both_min_ms,peak_mb"
    (tmp_path / "results/bench_large_clouds.csv").write_text(f"{head}\n{row}\n")
    speed = update.body("bench:point_conv")
    for part in (
        "6.0× faster",
        "15.0× less memory",
        "2.0× faster than PyG",
        "further 5.0× faster",
        "12 s and 321 MB",
        "2e-07",
    ):
        assert part in speed


CARDS = {
    card.parent.name: card.read_text(encoding="utf-8")
    for card in (ROOT / "ccnn_pc" / "models" / "pretrained").glob("*/README.md")
}
OF_SCENES = "ccnn_ground-isprs"


@pytest.mark.parametrize("name", sorted(set(CARDS) - {OF_SCENES}))
def test_the_model_card_has_the_readmes_accuracy(name: str) -> None:
    line = next(
        line for line in update.body("results:pretrained").splitlines() if line.startswith(f"`{name}` ")
    )
    accuracy = re.search(r"\*\*([\d.]+) %\*\*", line)
    assert accuracy is not None and f"**{accuracy[1]} %**" in CARDS[name]


def test_the_model_card_of_the_ground_has_the_error_of_its_table() -> None:
    """The packaged network saw every sample; those that were trained alike with a site left out are judged."""
    error = ground_error()
    assert re.fullmatch(r"[\d.]+ ± [\d.]+ %", error) and f"**{error}**" in CARDS[OF_SCENES]
