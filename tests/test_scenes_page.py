"""docs/scenes.md: its blocks and commands run in the order of the page, on the scans that it makes."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import laspy
import numpy as np
import pytest

from ccnn_pc._files import read_rows
from ccnn_pc.cli.app import main
from tests.test_readme import FENCE, ROOT

PAGE = ROOT / "docs" / "scenes.md"


def run_page(more: list[str]) -> None:
    """Every block; ``more`` words for the training."""
    space: dict[str, Any] = {"__name__": "page"}
    commands = []
    for block in FENCE.finditer(PAGE.read_text(encoding="utf-8")):
        if block["info"] == "python":
            exec(compile(block["code"], str(PAGE), "exec"), space)
            continue
        assert block["info"] == "bash"
        for line in block["code"].splitlines():
            program, *words = shlex.split(line)
            commands.append(words[0])
            with pytest.raises(SystemExit) as left:
                main([*words, *more] if words[0] == "train" else words)
            assert program == "ccnn-pc" and left.value.code == 0
    assert commands == ["train", "evaluate", "predict", "predict", "train", "evaluate", "predict"]
    before, after = laspy.read("new/e.laz"), laspy.read("labelled.laz")
    for name in before.point_format.dimension_names:
        assert name == "classification" or np.array_equal(before[name], after[name])
    assert set(np.unique(after.classification)) <= {2, 5, 6} and after.header.point_count == 6000
    assert {"p_ground", "p_building"} <= set(laspy.read("labelled/e.laz").point_format.dimension_names)
    heights = laspy.read("heights.laz")
    assert [*heights.point_format.dimension_names] == [*before.point_format.dimension_names, "above_ground"]
    assert np.array_equal(heights.X, before.X) and np.isfinite(heights.above_ground).all()
    assert len(read_rows("scores/test.csv")) == 1 == len(read_rows("scores/heights.csv"))
    made = [
        "labelled.png",
        "labelled.html",
        "labelled/e.png",
        "scores/test_d.png",
        "scores/test_confusion.csv",
    ]
    assert [file for file in made if not Path(file).is_file()] == []


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CCNN_PC_CACHE", str(tmp_path / "cache"))


def test_the_page_runs() -> None:
    run_page(
        ["trainer.max_epochs=1", "trainer.limit_train_batches=2", "trainer.accelerator=cpu", "data.cell=3"]
    )


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_page_comes_to_labels_that_are_right() -> None:
    """As it stands; the new scan is made as the others, with its classes left out."""
    run_page([])
    las = laspy.read("labelled.laz")
    x, y = np.asarray(las.x) - 500_000, np.asarray(las.y) - 5_400_000
    house = np.hypot((x + 28) % 30 - 15, (y + 20) % 30 - 15) < 5
    tree = ~house & (np.asarray(las.intensity) < 120)
    right = np.select([house, tree], [6, 5], 2) == las.classification
    assert right.mean() > 0.9, right.mean()
    (row,) = read_rows("scores/heights.csv")
    assert float(row["mae"]) < 0.4 and float(row["r2"]) > 0.9, row
