"""Pages of kinds of data: their blocks and commands run in order, on the files that they make."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest

from ccnn_pc._files import read_rows
from ccnn_pc.cli.app import main
from tests.test_readme import FENCE, ROOT

QUICK = ["trainer.max_epochs=1", "trainer.limit_train_batches=2", "trainer.accelerator=cpu"]


@pytest.mark.parametrize("page", ["clouds", "images", "sound", "volumes"])
def test_the_page_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("sklearn")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CCNN_PC_CACHE", str(tmp_path / "cache"))
    path = ROOT / "docs" / f"{page}.md"
    space: dict[str, Any] = {"__name__": "page"}
    for block in FENCE.finditer(path.read_text(encoding="utf-8")):
        if block["info"] == "python":
            exec(compile(block["code"], str(path), "exec"), space)
        for line in block["code"].splitlines() if block["info"] == "bash" else ():
            program, *words = shlex.split(line)
            with pytest.raises(SystemExit) as left:
                main([*words, *QUICK] if words[0] == "train" else words)
            assert program == "ccnn-pc" and left.value.code == 0, line
    if Path("answers.csv").exists():
        rows = read_rows(Path("answers.csv"))
        assert rows and all(row["class"] for row in rows)
