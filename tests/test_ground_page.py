"""docs/ground.md: its blocks and its command run in the order of the page."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import laspy
import numpy as np
import pytest

from ccnn_pc.cli.app import main
from tests.test_readme import FENCE, ROOT

PAGE = ROOT / "docs" / "ground.md"


def test_the_page_comes_to_a_terrain_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CCNN_PC_CACHE", str(tmp_path / "cache"))
    space: dict[str, Any] = {"__name__": "page"}
    for block in FENCE.finditer(PAGE.read_text(encoding="utf-8")):
        if block["info"] == "python":
            exec(compile(block["code"], str(PAGE), "exec"), space)
            continue
        for line in block["code"].splitlines():
            program, *words = shlex.split(line)
            with pytest.raises(SystemExit) as left:
                main(words)
            assert program == "ccnn-pc" and left.value.code == 0
    before, after = laspy.read("scan.laz"), laspy.read("ground.laz")
    for name in before.point_format.dimension_names:
        assert name == "classification" or np.array_equal(before[name], after[name])
    truth = ~space["house"] & ~space["tree"]
    right = (np.asarray(after.classification) == 2) == truth
    assert set(np.unique(after.classification)) == {1, 2} and right.mean() > 0.9, right.mean()
    space["terrain_model"]("ground.laz", "terrain.npz")
    with np.load("terrain.npz") as terrain:
        heights, first = terrain["heights"], terrain["first"]
    columns, rows = np.meshgrid(*(np.arange(0.5, side) for side in reversed(heights.shape)))
    x, y = columns + first[0] - 500_000, rows + first[1] - 5_400_000
    off = np.abs(heights - (3 * np.sin(x / 25) + y / 20))
    assert np.nanquantile(off, 0.9) < 0.5 and np.isfinite(heights).mean() > 0.9
    assert Path("ground.png").is_file() and Path("ground.html").is_file()
