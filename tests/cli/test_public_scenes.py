"""Experiments on public sets with a class per point: two steps on small copies of their layouts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ccnn_pc.cli.train import run_experiment
from ccnn_pc.models import from_pretrained
from tests.datasets.clouds.test_shapenet_part import write_text
from tests.datasets.scenes.test_layouts import kitti, s3dis


def write_kitti(root: Path) -> None:
    kitti(root, tuple(f"{number:02d}" for number in range(11)))


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("name", "write", "classes"),
    [("s3dis", s3dis, 13), ("semantic_kitti", write_kitti, 19), ("shapenet_part", write_text, 50)],
)
def test_two_steps(
    name: str, write: Any, classes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CCNN_PC_CACHE", str(tmp_path / "cache"))
    write(tmp_path / "data")
    words = [f"experiment={name}", f"data.root={tmp_path / 'data'}", f"runs={tmp_path / 'runs'}", "threads=1"]
    few = [
        "trainer.max_epochs=1",
        "trainer.limit_train_batches=2",
        "trainer.accelerator=cpu",
        "data.batch_size=1",
    ]
    result = run_experiment([*words, *few])
    assert 4e5 < result["parameters"] < 6e5 and result["n_test"] > 0
    model = from_pretrained(tmp_path / "runs" / name / "latest/model")
    assert model.out_channels == len(model.classes) == classes
